"""HTTP bodies: their transfer and content encodings removed, and a first look at what they are."""

import io
import zlib

import zstandard
from fastwarc.stream_io import BrotliReader

from pipeline.sources.fields import MAX_PAYLOAD, NOT_ENCODED, TOO_LARGE

_SNIFFED = 1024
_MAX_CODINGS = 3  # a longer chain of encodings is no page but an attack


class UndecodableError(Exception):
    """The body is not what its encoding headers say; reason and detail as for a `Problem`."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


_HTML_BEGINNINGS = (b"<!doctype html", b"<html", b"<head", b"<body", b"<!--", b"<title", b"<meta")
_CONTROLS = bytes(sorted({*range(32)} - {*b"\t\n\x0b\x0c\r\x1b"}))  # ESC is ISO-2022-JP


def looks_like_html(body: bytes) -> bool:
    """Whether a body of no declared type begins as HTML does."""
    head = body[:_SNIFFED].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return head.startswith(_HTML_BEGINNINGS) or b"<html" in head


def looks_like_text(body: bytes) -> bool:
    """Whether a body begins without a control character that text has not."""
    head = body[:_SNIFFED]
    return len(head.translate(None, _CONTROLS)) == len(head)


def without_codings(body: bytes, transfer: str, content: str) -> tuple[bytes, tuple[str, ...]]:
    """The body as the author wrote it, and remarks.

    Many crawlers store the body decoded and leave the headers as they came: a body that is not
    encoded as declared and reads as text is taken as it is.
    """
    codings = [name.strip().lower() for name in f"{content},{transfer}".split(",")]
    codings = [name for name in codings if name not in {"", "identity", "none"}]
    if len(codings) > _MAX_CODINGS:
        raise UndecodableError("content_encoding", f"{len(codings)} encodings over one another")
    remarks: tuple[str, ...] = ()
    for name in reversed(codings):
        try:
            body = _decoded(body, name)
        except (ValueError, OSError, zlib.error, zstandard.ZstdError) as error:
            if not looks_like_text(body):
                raise UndecodableError("content_encoding", f"not {name[:20]}: {error}") from error
            remarks = (NOT_ENCODED,)
        if len(body) > MAX_PAYLOAD:
            raise UndecodableError(TOO_LARGE, f"{name}: inflates to over {MAX_PAYLOAD} bytes")
    return body, remarks


def _decoded(body: bytes, coding: str) -> bytes:
    """A body without one coding, at most `MAX_PAYLOAD` + 1 bytes; raises if it has not that one."""
    most = MAX_PAYLOAD + 1
    match coding:
        case "chunked":
            return _dechunked(body)
        case "gzip" | "x-gzip":
            return _inflated(body, zlib.MAX_WBITS | 16)
        case "deflate":
            try:
                return _inflated(body, zlib.MAX_WBITS)
            except zlib.error:
                return _inflated(body, -zlib.MAX_WBITS)  # what some servers call deflate
        case "br":
            return bytes(BrotliReader(io.BytesIO(body)).read(most))
        case "zstd":
            return zstandard.ZstdDecompressor().stream_reader(body).read(most)
    raise ValueError("an unknown encoding")


def _inflated(body: bytes, window: int) -> bytes:
    stream = zlib.decompressobj(window)
    data = stream.decompress(body, MAX_PAYLOAD + 1)
    if not stream.eof and len(data) <= MAX_PAYLOAD:
        raise ValueError(f"ends early, after {len(data)} decoded bytes")
    return data


def _dechunked(body: bytes) -> bytes:
    """RFC 9112, 7.1; a body that was cut off keeps the chunks that are there."""
    parts: list[bytes] = []
    at = 0
    while at < len(body):
        line_end = body.find(b"\r\n", at, at + _SNIFFED)
        if line_end < 0:
            raise ValueError(f"no chunk size at byte {at}")
        size = int(body[at:line_end].partition(b";")[0], 16)
        if size < 0:
            raise ValueError(f"a chunk of {size} bytes at byte {at}")
        if size == 0:
            break
        at = line_end + 2
        parts.append(body[at : at + size])
        at += size + 2
    return b"".join(parts)
