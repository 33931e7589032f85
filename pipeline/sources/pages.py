"""From a sound WARC record to a page, or to the reason why it is none."""

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from fastwarc.warc import HeaderMap, WarcRecord, WarcRecordType

from pipeline.sources.codings import (
    UndecodableError,
    looks_like_html,
    looks_like_text,
    without_codings,
)
from pipeline.sources.fields import (
    BAD_DATE,
    MAX_URL,
    checked,
    parse_time,
    without_credentials,
)
from pipeline.sources.records import Problem, Record, Skipped

_RESPONSE = WarcRecordType.response
_CONVERSION = WarcRecordType.conversion
_OK = 200
_MOST_DIGITS = 18  # of a length; more do not fit 64 bits
_TEXT = "text/plain"
_MAX_CHARSET = 40  # the longest registered name of a character set


class UnsoundError(Exception):
    """The record declares no usable length, or its body ends before it."""


def outcome(record: WarcRecord, path: str, position: int) -> Record | Skipped | Problem:
    """What one sound record is to the pipeline.

    `response` records with status 200 and an HTML or plain-text type are pages, `conversion`
    records with text (WET) are pages of text, all others are `Skipped` by kind.

    Args:
        record: with its HTTP headers parsed; its body is read here.
        path: the input that it stands in.
        position: its offset there.

    Raises:
        UnsoundError: the record has no usable length, or its body is shorter.
    """
    warc = header_fields(record.headers)
    length = warc.get("content-length", "")
    if not (length.isascii() and length.isdecimal() and len(length) <= _MOST_DIGITS):
        raise UnsoundError(f"Content-Length: {length[:80]!r}")
    http = http_fields(record)
    skipped = why_no_page(record, warc, http)
    if skipped is not None:
        return skipped
    if record.is_http_parsed and record.http_headers.status_code is None:
        return Problem(path, position, public_url(warc), "http_header", "no status line")
    body = _body(record)
    remarks: tuple[str, ...] = ()
    transfer, content = http.get("transfer-encoding", ""), http.get("content-encoding", "")
    if transfer or content:
        try:
            body, remarks = without_codings(body, transfer, content)
        except UndecodableError as error:
            return Problem(path, position, public_url(warc), error.reason, error.detail)
    is_html, charset = _kind(record, http, body)
    if is_html is None:
        return Skipped("media.undeclared_binary")
    crawl_time = parse_time(warc.get("warc-date", ""))
    if crawl_time is None:
        remarks = (*remarks, BAD_DATE)
    page = Record(
        path,
        position,
        url_of(warc),
        crawl_time,
        body,
        is_html,
        charset,
        language=http.get("content-language"),
        robots=http.get("x-robots-tag"),
        remarks=remarks,
    )
    return checked(page)


def http_fields(record: WarcRecord) -> dict[str, str]:
    """The fields of a record's HTTP header; none if it has no such header."""
    return header_fields(record.http_headers) if record.is_http_parsed else {}


def header_fields(headers: HeaderMap) -> dict[str, str]:
    """Header fields by lower-case name; repeated ones joined by commas (RFC 9110, 5.3)."""
    written = headers.to_tuples()
    fields = {name.lower(): value for name, value in written}
    if len(fields) < len(written):
        values = defaultdict(list)
        for name, value in written:
            values[name.lower()].append(value)
        fields = {name: ", ".join(given) for name, given in values.items()}
    return fields


def why_no_page(
    record: WarcRecord, warc: Mapping[str, str], http: Mapping[str, str]
) -> Skipped | None:
    """Why a record is no page, by its header fields alone; None if it is or may be one."""
    kind = record.record_type
    if kind == _CONVERSION and warc.get("content-type", _TEXT).startswith(_TEXT):
        return None
    if kind != _RESPONSE:
        return Skipped(f"warc.{kind}")
    if not record.is_http_parsed:
        return Skipped("warc.response_not_http")
    status = record.http_headers.status_code
    if status is not None and status != _OK:
        return Skipped(f"http.{status}" if 100 <= status < 600 else "http.other")
    return _content_type(http.get("content-type", "")).skipped


def url_of(warc: Mapping[str, str]) -> str:
    """The target URL as recorded, without the `<>` that some versions of wget write around it."""
    url = warc.get("warc-target-uri", "")
    return url[1:-1] if url.startswith("<") else url


def public_url(warc: Mapping[str, str]) -> str | None:
    """The target URL as a list of problems may show it; None if there is none."""
    return without_credentials(url_of(warc))[:MAX_URL] or None


def _body(record: WarcRecord) -> bytes:
    declared = record.content_length
    body: bytes = record.reader.read()
    if len(body) < declared:
        raise UnsoundError(f"{len(body)} of {declared} bytes")
    return body


def _kind(
    record: WarcRecord, http: Mapping[str, str], body: bytes
) -> tuple[bool | None, str | None]:
    """Whether a page is HTML or text (None: neither), and its declared charset."""
    if record.record_type == _CONVERSION:
        return False, "utf-8"
    declared = _content_type(http.get("content-type", ""))
    if declared.is_html is not None:
        return declared.is_html, declared.charset
    if looks_like_html(body):
        return True, declared.charset
    return False if looks_like_text(body) else None, declared.charset


class _ContentType(NamedTuple):
    skipped: Skipped | None
    is_html: bool | None  # None: to be told from the body
    charset: str | None


_PAGE_TYPES = {
    "text/html": True,
    "application/xhtml+xml": True,
    "application/vnd.wap.xhtml+xml": True,  # pages for Japanese feature phones
    _TEXT: False,
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
    media, _, parameters = header.partition(",")[0].partition(";")
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
