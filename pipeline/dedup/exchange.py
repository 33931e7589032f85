"""Rows between the steps of grouping: packed, sorted by where they go, a row group an address.

A step's task writes one file for all the addresses it has rows for, and the task of the next step
that works for an address reads its row group from each of these files. That is a shuffle through
the storage: on one machine it spills to disk, on a cluster it goes through the object store, and
in both places it has the commits, the resume and the retries that all else has. The rows are
packed records, since rows one at a time cost 16 to 18 times more in any shuffle.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline import storage
from pipeline.tasks import Attempt, Commit, part_path


@dataclass(frozen=True, slots=True)
class Slice:
    """The rows that one file holds for one address.

    Attributes:
        path: the file.
        row_group: which of its row groups.
    """

    path: str
    row_group: int


def send(
    attempt: Attempt, role: str, rows: NDArray[np.void], to: NDArray[np.int64], addresses: int
) -> None:
    """Writes rows as a file of an attempt, sorted by address.

    Args:
        attempt: the attempt that the file is part of.
        role: the file's role.
        rows: records, shape (n,).
        to: the address of each, from 0 to `addresses - 1`; shape (n,).
        addresses: how many addresses there are.
    """
    counts = np.bincount(to, minlength=addresses)
    if addresses > 1:
        rows = rows[by_address(to, addresses)]
    schema = pa.schema([pa.field("packed", pa.binary(rows.dtype.itemsize), nullable=False)])
    writer = attempt.table(role, schema, row_group_bytes=1)
    for start, count in zip(np.cumsum(counts) - counts, counts, strict=True):
        packed = pa.py_buffer(np.ascontiguousarray(rows[start : start + count]))
        column = pa.Array.from_buffers(schema.field(0).type, int(count), [None, packed])
        writer.write(pa.record_batch([column], schema))
    attempt.note(role, counts.tolist())


def by_address(to: NDArray[np.int64], addresses: int) -> NDArray[np.intp]:
    """The order of rows by where they go; rows with one address stay in order."""
    short = to.astype(np.min_scalar_type(addresses))  # which numpy sorts in one pass a byte
    return np.argsort(short, kind="stable")


def slices(folder: str, done: Mapping[str, Commit], role: str) -> list[tuple[Slice, ...]]:
    """What there is for each address in the files that a step has committed.

    Args:
        folder: where the step has committed.
        done: its commits.
        role: the role of the files.

    Returns:
        For each address, in order, the slices that hold its rows, in the order of the tasks.
    """
    boxes: list[list[Slice]] = []
    for _, commit in sorted(done.items()):
        path = part_path(folder, commit, role)
        counts = np.asarray(commit.notes[role], np.int64)
        row_groups = np.cumsum(counts > 0) - 1
        boxes.extend([] for _ in range(len(counts) - len(boxes)))
        for address in np.flatnonzero(counts):
            boxes[address].append(Slice(path, int(row_groups[address])))
    return [tuple(box) for box in boxes]


def receive(box: Sequence[Slice], dtype: np.dtype[np.void]) -> NDArray[np.void]:
    """Reads the rows of slices, one after the other; shape (n,)."""
    blocks = [block for piece in box for block in _read(piece, dtype)]
    return np.concatenate(blocks) if blocks else np.empty(0, dtype)


def _read(piece: Slice, dtype: np.dtype[np.void]) -> Iterator[NDArray[np.void]]:
    with storage.open_read(piece.path) as file:
        column = pq.ParquetFile(file).read_row_group(piece.row_group, use_threads=False)["packed"]
    for chunk in column.chunks:
        skipped = chunk.offset * dtype.itemsize
        yield np.frombuffer(chunk.buffers()[1], dtype, len(chunk), skipped)
