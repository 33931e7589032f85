"""Parquet: a page a row, read by row groups in small batches."""

from collections.abc import Collection, Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import storage
from pipeline.sources.fields import MAX_PAYLOAD
from pipeline.sources.records import Problem, Record, Skipped, Span
from pipeline.sources.tables import ColumnError, Oversized, choose, column_names, page

_BATCH_BYTES = 32 << 20
_BATCH_MOST = 256 << 20
_BATCH_ROWS = 256
_READ_AHEAD = 1 << 20
_TELLING_AGAIN = frozenset({"PLAIN_DICTIONARY", "RLE_DICTIONARY", "DELTA_BYTE_ARRAY"})
_UTF8 = "utf-8"


def cut(path: str, target: int) -> list[int]:
    """Row groups that bound parts of about `target` stored bytes, from 0 to their number."""
    with storage.open_read(path) as file:
        metadata = _opened(file).metadata
        bounds, size = [0], 0
        for group in range(metadata.num_row_groups):
            if size >= target:
                bounds.append(group)
                size = 0
            size += _stored_bytes(metadata.row_group(group))
        return [*bounds, metadata.num_row_groups]


def read(span: Span, columns: Mapping[str, str]) -> Iterator[Record | Skipped | Problem]:
    """The rows of some row groups; where one is damaged, reading goes on with the next.

    Args:
        span: of row groups.
        columns: as for `tables.column_names`.
    """
    names = column_names(columns)
    with storage.open_read(span.path) as file:
        table = _opened(file)
        try:
            chosen = choose(table.schema_arrow.names, names)
            _check_types(table.schema_arrow, chosen)
        except ColumnError as error:
            if span.start == 0:  # once a file
                yield Problem(span.path, None, None, error.reason, error.detail)
            return
        row = sum(table.metadata.row_group(group).num_rows for group in range(span.start))
        for group in range(span.start, span.end):
            yield from _read_row_group(table, group, chosen, span.path, row)
            row += table.metadata.row_group(group).num_rows


def _opened(file: object) -> pq.ParquetFile:
    """A Parquet file that holds no more than a page of each column in memory.

    Raises:
        OSError: it is none, or damaged.
    """
    try:
        return pq.ParquetFile(file, pre_buffer=False, buffer_size=_READ_AHEAD)
    except pa.ArrowException as error:
        raise OSError(f"no sound Parquet file: {error}") from error


def _stored_bytes(group: pq.RowGroupMetaData) -> int:
    return sum(group.column(i).total_compressed_size for i in range(group.num_columns))


def _check_types(schema: pa.Schema, chosen: Mapping[str, str]) -> None:
    for field, name in chosen.items():
        kind = schema.field(name).type
        if not (_is_string(kind) or (field == "crawl_time" and _is_time(kind))):
            raise ColumnError("column_type", f"the column {name}, taken as {field}, holds {kind}")


def _is_string(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return _is_unicode(kind) or kind in {pa.binary(), pa.large_binary(), pa.null()}


def _is_unicode(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return kind in {pa.string(), pa.large_string(), pa.string_view()}


def _is_time(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_timestamp(kind)
        or pa.types.is_date(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
    )


def _read_row_group(
    table: pq.ParquetFile, group: int, chosen: Mapping[str, str], path: str, row: int
) -> Iterator[Record | Skipped | Problem]:
    wanted = set(chosen.values())
    batches = table.iter_batches(
        batch_size=_batch_rows(table.metadata.row_group(group), wanted),
        row_groups=[group],
        columns=sorted(wanted),
        use_threads=False,
    )
    try:
        for batch in batches:
            columns = {field: _values(field, batch.column(name)) for field, name in chosen.items()}
            if "html" in chosen and _is_unicode(batch.column(chosen["html"]).type):
                columns["charset"] = [_UTF8] * batch.num_rows
            for number, values in enumerate(zip(*columns.values(), strict=True), row):
                yield page(dict(zip(columns, values, strict=True)), path, number)
            row += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        yield Problem(path, row, None, "row_group_damaged", f"row group {group}: {error}")


def _batch_rows(group: pq.RowGroupMetaData, wanted: Collection[str]) -> int:
    """So many rows that a batch stays within memory, whatever a file's values are.

    Where values are stored once and told again, as in a dictionary, two kilobytes can stand for a
    terabyte; and in a large column the long values may all stand together. There each row is taken
    to hold as much as its whole column does.
    """
    columns = [group.column(number) for number in range(group.num_columns)]
    read = [column for column in columns if column.path_in_schema in wanted]
    sizes = [column.total_uncompressed_size for column in read]
    if any(_TELLING_AGAIN & set(column.encodings) for column in read) or sum(sizes) > _BATCH_MOST:
        row_bytes = max(sizes)
    else:
        row_bytes = sum(sizes) // max(1, group.num_rows)
    return int(max(1, min(_BATCH_ROWS, _BATCH_BYTES // max(1, row_bytes))))


def _values(field: str, column: pa.Array) -> list[object]:
    """A column as `tables.page` takes it."""
    if field == "crawl_time" and _is_time(column.type):
        return _times(column)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    binary = column.cast(pa.large_binary())
    if field in {"html", "text"}:
        return _bodies(binary)
    # Parquet does not check that a string is UTF-8; reading it as bytes does not stumble.
    return [
        value if value is None else value.decode(_UTF8, "replace") for value in binary.to_pylist()
    ]


def _times(column: pa.Array) -> list[object]:
    if not (pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)):
        return list(column.to_pylist())
    return list(column.cast(pa.timestamp("ms"), safe=False).cast(pa.int64()).to_pylist())


def _bodies(column: pa.Array) -> list[object]:
    """Values as bytes, but for those that are too large to be copied."""
    sizes = pc.binary_length(column)
    if (pc.max(sizes).as_py() or 0) <= MAX_PAYLOAD:
        return list(column.to_pylist())
    return [
        Oversized(size) if size is not None and size > MAX_PAYLOAD else column[i].as_py()
        for i, size in enumerate(sizes.to_pylist())
    ]
