"""JSONL: a page a line, plain or compressed."""

import io
import json
from collections.abc import Iterator, Mapping, Sequence

import orjson

from pipeline import storage
from pipeline.sources.compressed import inflated, is_compressed
from pipeline.sources.fields import MAX_PAYLOAD
from pipeline.sources.records import Problem, Record, Skipped, Span
from pipeline.sources.tables import ColumnError, choose, column_names, page

MAX_LINE = 2 * MAX_PAYLOAD + (1 << 20)
"""Bytes of a line: escapes (`\\u3042` for three bytes of UTF-8) can double a payload."""

_STEP = 1 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def cut(path: str, size: int, target: int) -> list[int]:
    """Offsets that bound parts of about `target` bytes; compressed, there is one part."""
    with storage.open_read(path) as file:
        parts = 1 if is_compressed(file) else max(1, round(size / target))
    return [size * part // parts for part in range(parts + 1)]


def read(span: Span, columns: Mapping[str, str]) -> Iterator[Record | Skipped | Problem]:
    """The lines that begin in a span, in order; blank lines are nothing.

    Args:
        span: of bytes; of a compressed file, the whole.
        columns: as for `tables.column_names`.
    """
    columns_of = _Columns(column_names(columns))
    with storage.open_read(span.path) as file:
        end = None if is_compressed(file) else span.end
        lines = _Lines(inflated(file), span.start, span.end)
        try:
            while end is None or lines.position < end:
                position = lines.position
                line = lines.next()
                if not line:
                    return
                if not line.isspace():
                    yield _outcome(line, columns_of, span.path, position)
        except OSError as error:
            yield Problem(span.path, lines.position, None, "compressed_data", str(error))


class _Lines:
    """Lines with the offset of the next one; of a line over `MAX_LINE` only the beginning."""

    def __init__(self, content: io.BufferedReader, start: int, end: int) -> None:
        self._content = content
        self.position = start
        if start > 0:
            content.seek(start - 1)
            self.position -= 1
            self._pass_line(end)

    def next(self) -> bytes:
        """The next line; empty at the end."""
        line = self._content.readline(MAX_LINE)
        self.position += len(line)
        if len(line) == MAX_LINE and not line.endswith(b"\n"):
            self._pass_line(None)
        return line

    def _pass_line(self, end: int | None) -> None:
        """Pass the rest of a line, or so much of it that no other can begin before `end`."""
        rest = b" "
        while rest and not rest.endswith(b"\n") and (end is None or self.position < end):
            rest = self._content.readline(_STEP)
            self.position += len(rest)


class _Columns:
    """Which column is what: chosen anew where a line has others than the one before."""

    def __init__(self, names: Mapping[str, Sequence[str]]) -> None:
        self._names = names
        self._found: list[str] | None = None
        self._chosen: dict[str, str] = {}

    def __call__(self, row: Mapping[str, object]) -> dict[str, str]:
        found = list(row)
        if found != self._found:
            self._chosen, self._found = choose(found, self._names), found
        return self._chosen


def _outcome(
    line: bytes, columns_of: _Columns, path: str, position: int
) -> Record | Skipped | Problem:
    if len(line) == MAX_LINE and not line.endswith(b"\n"):
        return Problem(path, position, None, "line_too_long", f"over {MAX_LINE} bytes")
    if position == 0:
        line = line.removeprefix(_BYTE_ORDER_MARK)
    try:
        row = _parsed(line)
    except (ValueError, RecursionError) as error:
        return Problem(path, position, None, "json_broken", str(error))
    if not isinstance(row, dict):
        return Problem(path, position, None, "json_not_an_object", f"it is {type(row).__name__}")
    try:
        chosen = columns_of(row)
    except ColumnError as error:
        return Problem(path, position, None, error.reason, error.detail)
    return page({field: row[name] for field, name in chosen.items()}, path, position)


def _parsed(line: bytes) -> object:
    """JSON; the standard library reads what orjson refuses: half a surrogate pair, and NaN."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return json.loads(line)
