"""From inputs to spans, and from a span to its records: the door to every format."""

from collections.abc import Iterator, Mapping
from itertools import pairwise

from pipeline.sources import jsonl, parquet, warc
from pipeline.sources.inputs import KNOWN_FORMATS, Input, unreadable
from pipeline.sources.records import Problem, Record, Skipped, Span

DEFAULT_TARGET = 128 << 20
"""Bytes of a span that a large input is cut into; a Common Crawl WARC holds about 1 GiB."""

_UNKNOWN = f"it begins as none of {KNOWN_FORMATS}"
_NO_COLUMNS: Mapping[str, str] = {}


def spans(source: Input, target: int = DEFAULT_TARGET) -> list[Span]:
    """The parts of an input that can be read apart, in order; together they hold each record once.

    The cut depends on the input and the target only, never on workers or other inputs.

    Args:
        source: one input.
        target: bytes that a part should have; at least 1. A part is never smaller than one
            record, one row group (Parquet) or, if compressed as a whole, the input.

    Returns:
        At least one span, also for an input that cannot be read: reading it tells why.
    """
    try:
        bounds = _cut(source, target)
    except OSError:
        bounds = [0, source.size]
    return [
        Span(source.path, source.format, start, end, source.size) for start, end in pairwise(bounds)
    ]


def read(
    span: Span, columns: Mapping[str, str] = _NO_COLUMNS
) -> Iterator[Record | Skipped | Problem]:
    """The records of a span in order, each once, and the damage between them.

    Args:
        span: as `spans` makes them.
        columns: for tables: what the columns are called, as `{"text": "body"}`; keys are those
            of `tables.COLUMNS`.

    Yields:
        A `Record` for a page, `Skipped` for a sound record that is none, a `Problem` for damage.
        Damage never raises, and never ends the span where something can be read behind it.
    """
    reason = unreadable(span.path)
    if reason is not None:
        yield Problem(span.path, None, None, "input_unreadable", reason)
    elif span.size == 0:
        yield Problem(span.path, None, None, "input_empty", "holds no byte")
    else:
        try:
            yield from _records(span, columns)
        except OSError as error:
            yield Problem(span.path, None, None, "input_unreadable", str(error))


def _cut(source: Input, target: int) -> list[int]:
    """The bounds of the parts, in the format's own units."""
    if source.size == 0 or unreadable(source.path) is not None:
        return [0, source.size]
    match source.format:
        case "parquet":
            return parquet.cut(source.path, target)
        case "warc" if source.size > target:
            return warc.cut(source.path, source.size, target)
        case "jsonl" if source.size > target:
            return jsonl.cut(source.path, source.size, target)
    return [0, source.size]


def _records(span: Span, columns: Mapping[str, str]) -> Iterator[Record | Skipped | Problem]:
    match span.format:
        case "warc":
            return warc.read(span)
        case "parquet":
            return parquet.read(span, columns)
        case "jsonl":
            return jsonl.read(span, columns)
    return iter((Problem(span.path, None, None, "input_unknown_format", _UNKNOWN),))
