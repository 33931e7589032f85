"""From a sound WARC record to a page: what HTTP says about it, and its body without encodings."""

import io
import zlib
from functools import lru_cache
from typing import NamedTuple

import zstandard
from fastwarc.stream_io import BrotliReader
from fastwarc.warc import HeaderMap, WarcRecord, WarcRecordType

from pipeline.sources.fields import (
    BAD_DATE,
    MAX_PAYLOAD,
    MAX_URL,
    NOT_ENCODED,
    TOO_LARGE,
    checked,
    parse_time,
    without_credentials,
)
from pipeline.sources.records import Problem, Record, Skipped

_RESPONSE = WarcRecordType.response
_CONVERSION = WarcRecordType.conversion
_OK = 200
_SNIFFED = 1024
_MAX_CODINGS = 3  # a longer chain of encodings is no page but an attack
_MAX_CHARSET = 40  # the longest registered name of a character set


class IncompleteError(Exception):
    """The body ends before the length that the record declares."""


class _UndecodableError(Exception):
    """The body is not what its encoding headers say; reason and detail as for a `Problem`."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


def outcome(record: WarcRecord, path: str, position: int) -> Record | Skipped | Problem:
    """What one sound record is to the pipeline.

    `response` records with status 200 and an HTML or plain-text type are pages, `conversion`
    records with text (WET) are pages of text, all others are `Skipped` by kind.

    Args:
        record: with its HTTP headers parsed; its body is read here.
        path: the input that it stands in.
        position: its offset there.

    Raises:
        IncompleteError: the body is shorter than declared.
    """
    kind = record.record_type
    if kind == _RESPONSE:
        http = record.http_headers
        skipped = _why_no_page(http)
        if skipped is not None:
            return skipped
        return _response(record, http, path, position)
    if kind == _CONVERSION and _is_text(record):
        return _conversion(record, path, position)
    return Skipped(f"warc.{kind}")


def why_no_page(record: WarcRecord) -> Skipped | None:
    """Why a record is no page, by its headers alone; None if it is or may be one."""
    kind = record.record_type
    if kind == _RESPONSE:
        return _why_no_page(record.http_headers)
    return None if kind == _CONVERSION and _is_text(record) else Skipped(f"warc.{kind}")


def url_of(record: WarcRecord) -> str:
    """The target URL as recorded, without the `<>` that some versions of wget write around it."""
    url = record.headers.get("WARC-Target-URI") or ""
    return url[1:-1] if url.startswith("<") else url


class _ContentType(NamedTuple):
    skipped: Skipped | None
    is_html: bool | None  # None: to be told from the body
    charset: str | None


_PAGE_TYPES = {
    "text/html": True,
    "application/xhtml+xml": True,
    "application/vnd.wap.xhtml+xml": True,  # pages for Japanese feature phones
    "text/plain": False,
}
_NAMED_TYPES = {
    "application/pdf": "pdf",
    "application/json": "json",
    "application/ld+json": "json",
    "text/json": "json",
    "application/javascript": "script",
    "application/x-javascript": "script",
    "text/javascript": "script",
    "text/css": "style",
    "application/xml": "xml",
    "text/xml": "xml",
    "application/rss+xml": "feed",
    "application/atom+xml": "feed",
    "application/rdf+xml": "feed",
    "application/octet-stream": "binary",
}
_TOP_TYPES = frozenset({"image", "audio", "video", "font", "text", "application"})


@lru_cache(maxsize=4096)
def _content_type(header: str) -> _ContentType:
    """A Content-Type header; the names of skipped types are few, whatever servers invent."""
    media, _, parameters = header.partition(";")
    media = media.strip().lower()
    if media in _PAGE_TYPES:
        return _ContentType(None, _PAGE_TYPES[media], _charset(parameters))
    top, slash, _ = media.partition("/")
    if not slash:
        return _ContentType(None, None, _charset(parameters))
    name = _NAMED_TYPES.get(media) or (top if top in _TOP_TYPES else "other")
    return _ContentType(Skipped(f"media.{name}"), None, None)


def _charset(parameters: str) -> str | None:
    for parameter in parameters.split(";"):
        name, equals, value = parameter.partition("=")
        if equals and name.strip().lower() == "charset":
            return value.strip(" \t\"'")[:_MAX_CHARSET] or None
    return None


def _why_no_page(http: HeaderMap | None) -> Skipped | None:
    if http is None:
        return Skipped("warc.response_not_http")
    status = http.status_code
    if status != _OK:
        return Skipped(f"http.{status}" if status and 100 <= status < 600 else "http.no_status")
    return _content_type(http.get("Content-Type") or "").skipped


def _response(
    record: WarcRecord, http: HeaderMap, path: str, position: int
) -> Record | Skipped | Problem:
    declared = _content_type(http.get("Content-Type") or "")
    body = _body(record)
    remarks: tuple[str, ...] = ()
    transfer, content = http.get("Transfer-Encoding"), http.get("Content-Encoding")
    if transfer or content:
        try:
            body, remarks = _without_codings(body, transfer or "", content or "")
        except _UndecodableError as error:
            url = without_credentials(url_of(record))[:MAX_URL]
            return Problem(path, position, url, error.reason, error.detail)
    is_html = declared.is_html
    if is_html is None:
        is_html = _looks_like_html(body)
        if not is_html and not _looks_like_text(body):
            return Skipped("media.undeclared_binary")
    crawl_time, remarks = _crawl_time(record, remarks)
    page = Record(
        path,
        position,
        url_of(record),
        crawl_time,
        body,
        is_html,
        charset=declared.charset,
        language=http.get("Content-Language"),
        robots=", ".join(http.get_multiple("X-Robots-Tag")) or None,
        remarks=remarks,
    )
    return checked(page)


def _conversion(record: WarcRecord, path: str, position: int) -> Record | Skipped | Problem:
    body = _body(record)
    crawl_time, remarks = _crawl_time(record, ())
    page = Record(
        path, position, url_of(record), crawl_time, body, False, charset="utf-8", remarks=remarks
    )
    return checked(page)


def _crawl_time(record: WarcRecord, remarks: tuple[str, ...]) -> tuple[int | None, tuple[str, ...]]:
    crawl_time = parse_time(record.headers.get("WARC-Date") or "")
    return crawl_time, remarks if crawl_time is not None else (*remarks, BAD_DATE)


def _is_text(record: WarcRecord) -> bool:
    media = record.headers.get("Content-Type") or "text/plain"
    return media.startswith("text/plain")


def _body(record: WarcRecord) -> bytes:
    declared = record.content_length
    body: bytes = record.reader.read()
    if len(body) < declared:
        raise IncompleteError
    return body


_HTML_BEGINNINGS = (b"<!doctype html", b"<html", b"<head", b"<body", b"<!--", b"<title", b"<meta")
_CONTROLS = bytes(sorted({*range(32)} - {*b"\t\n\x0b\x0c\r\x1b"}))  # ESC is ISO-2022-JP


def _looks_like_html(body: bytes) -> bool:
    head = body[:_SNIFFED].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return head.startswith(_HTML_BEGINNINGS) or b"<html" in head


def _looks_like_text(body: bytes) -> bool:
    head = body[:_SNIFFED]
    return len(head.translate(None, _CONTROLS)) == len(head)


def _without_codings(body: bytes, transfer: str, content: str) -> tuple[bytes, tuple[str, ...]]:
    """The body as the author wrote it, and remarks.

    Many crawlers store the body decoded and leave the headers as they came: a body that is not
    encoded as declared and reads as text is taken as it is.
    """
    codings = [name.strip().lower() for name in f"{content},{transfer}".split(",")]
    codings = [name for name in codings if name not in {"", "identity", "none"}]
    if len(codings) > _MAX_CODINGS:
        raise _UndecodableError("content_encoding", f"{len(codings)} encodings over one another")
    remarks: tuple[str, ...] = ()
    for name in reversed(codings):
        try:
            body = _decoded(body, name)
        except (ValueError, OSError, zlib.error, zstandard.ZstdError) as error:
            if not _looks_like_text(body):
                raise _UndecodableError("content_encoding", f"not {name[:20]}: {error}") from error
            remarks = (NOT_ENCODED,)
        if len(body) > MAX_PAYLOAD:
            raise _UndecodableError(TOO_LARGE, f"{name}: inflates to over {MAX_PAYLOAD} bytes")
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
        if size <= 0:
            break
        at = line_end + 2
        parts.append(body[at : at + size])
        at += size + 2
    return b"".join(parts)
