"""A reader of shards for training: it knows the manifest, and nothing else of the program.

    documents = Documents("RUN/selected/default", columns=["text"])
    for document in documents:
        ...

Several consumers (ranks, or workers of a loader) share the documents without talking to each other:
each takes a stretch of its own of all rows, so that together they see each document exactly once an
epoch. The shards are mixed already, so a stretch is a fair part of the whole. A reader's state is
small; one that is restored goes on with the very next document.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

MANIFEST = "manifest.json"
SCHEMA = "seimai.manifest/1"
BATCH_ROWS = 256


class ManifestError(ValueError):
    """A folder holds no manifest that this reader understands, or a state is not of this one."""


class Documents:
    """The documents of a selection, or one consumer's stretch of them; each pass is an epoch.

    Args:
        folder: the selection's folder, local or an fsspec URL.
        columns: the columns to read; None for all.
        consumer: which of the consumers this is, from 0.
        consumers: how many there are: ranks times workers.

    Raises:
        ManifestError: if there is no manifest in the folder, or not one of this version.
        ValueError: if there is no such consumer.
    """

    def __init__(
        self,
        folder: str,
        columns: Sequence[str] | None = None,
        consumer: int = 0,
        consumers: int = 1,
    ) -> None:
        if not 0 <= consumer < consumers:
            raise ValueError(f"consumer {consumer} of {consumers}: 0 to {consumers - 1} expected.")
        self._folder = folder.rstrip("/")
        self._columns = list(columns) if columns is not None else None
        self._consumer, self._consumers = consumer, consumers
        manifest = _manifest(self._folder)
        self._settings: str = manifest["origin"]["settings"]
        self._shards = [(shard["name"], shard["rows"]) for shard in manifest["shards"]]
        rows: int = sum(count for _, count in self._shards)
        self._begin = rows * consumer // consumers
        self._end = rows * (consumer + 1) // consumers
        self._read = 0

    def __len__(self) -> int:
        """The documents that this consumer reads in an epoch."""
        return self._end - self._begin

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The documents from where the state stands; at the end the state stands at the start."""
        for rows in self._batches(self._begin + self._read):
            for document in rows.to_pylist():
                self._read += 1
                yield document
        self._read = 0

    def state(self) -> dict[str, Any]:
        """Where this consumer stands, JSON-able: after the last document that it gave out."""
        return {
            "settings": self._settings,
            "consumer": self._consumer,
            "consumers": self._consumers,
            "read": self._read,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where a state was taken: nothing is repeated, nothing left out.

        Raises:
            ManifestError: if the state is of another selection or of another consumer.
        """
        wanted = {**self.state(), "read": state.get("read")}
        if state != wanted:
            raise ManifestError(
                f"{self._folder}: the state {state} is not one of consumer {self._consumer} of "
                f"{self._consumers} of this selection ({self._settings})."
            )
        self._read = int(state["read"])

    def _batches(self, first: int) -> Iterator[pa.RecordBatch]:
        """The rows from a global row on to the end of the stretch, a few hundred at a time."""
        before = 0
        for name, rows in self._shards:
            begin, end = max(first - before, 0), min(self._end - before, rows)
            if begin < end:
                yield from self._rows(name, begin, end)
            before += rows

    def _rows(self, shard: str, begin: int, end: int) -> Iterator[pa.RecordBatch]:
        """Some rows of one shard; only the row groups that hold them are read."""
        with fsspec.open(f"{self._folder}/{shard}", "rb") as opened:
            file = pq.ParquetFile(opened)
            before = 0
            for group in range(file.num_row_groups):
                rows = file.metadata.row_group(group).num_rows
                low, high = max(begin - before, 0), min(end - before, rows)
                if low < high:
                    table = file.read_row_group(group, columns=self._columns)
                    yield from table.slice(low, high - low).to_batches(BATCH_ROWS)
                before += rows


def _manifest(folder: str) -> dict[str, Any]:
    path = f"{folder}/{MANIFEST}"
    try:
        with fsspec.open(path, "rb") as file:
            manifest: dict[str, Any] = json.load(file)
    except FileNotFoundError as error:
        raise ManifestError(
            f"{path}: missing; a selection without one is not finished, and must not be read."
        ) from error
    if manifest.get("schema") != SCHEMA:
        raise ManifestError(f"{path}: {manifest.get('schema')!r} found, {SCHEMA!r} expected.")
    return manifest
