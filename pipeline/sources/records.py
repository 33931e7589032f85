"""What a source gives: records, and the two ways in which something is not a record."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

Format = Literal["warc", "jsonl", "parquet", "unknown"]
"""What reads an input; "unknown" is read by nothing and ends as one `Problem`."""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of one input that a task covers.

    Attributes:
        path: a local path or an fsspec URL.
        format: the reader that understands it.
        start: the first unit: a byte (WARC, WET, JSONL) or a row group (Parquet).
        end: the unit after the last; a record belongs to the span that holds its first byte.
        size: bytes of the whole input, part of the task's identity.
    """

    path: str
    format: Format
    start: int
    end: int
    size: int


class Record(NamedTuple):
    """One page as the crawl holds it: HTML or text in bytes, undecoded.

    A named tuple, since one is made of every page of the crawl, and a frozen dataclass takes three
    times as long to make.

    Attributes:
        input: the path of the input.
        position: where in it, as `documents.source.record` says.
        url: the page's URL; empty if the input has none.
        crawl_time: milliseconds since 1970 UTC, or None where the input does not say.
        payload: the body, with transfer and content encodings removed.
        is_html: whether the payload is HTML; else it is text.
        charset: what the HTTP header declares ("utf-8" for text from tables), or None.
        language: the Content-Language header, or None.
        robots: the X-Robots-Tag header, or None.
        title: the title that a table gives, or None.
        remarks: oddities that did not stop the record, by counted name.
    """

    input: str
    position: int
    url: str
    crawl_time: int | None
    payload: bytes
    is_html: bool
    charset: str | None = None
    language: str | None = None
    robots: str | None = None
    title: str | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """A sound record that is no page: counted under `reason`, never listed."""

    reason: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Damage: a record, or the rest of an input, that could not be read. Counted and listed.

    Attributes:
        input: the path of the input.
        position: where in it, or None if the whole input is meant.
        url: the record's URL where it was readable.
        reason: a short snake_case name, counted.
        detail: what was found, for a person.
    """

    input: str
    position: int | None
    url: str | None
    reason: str
    detail: str
