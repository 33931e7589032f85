"""The commit protocol: how a unit of work becomes visible, once and whole.

An attempt writes its tables under scratch names. To commit, each file gets a final name that holds
the digest of its own content, and last of all a small sidecar `TASK.json` is put in one atomic
step. The sidecar is the commit: readers and reruns know only sidecars, so an attempt that dies
leaves nothing that anyone reads, and two racing attempts at a task write the same bytes under the
same names.
"""

import hashlib
import io
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from typing_extensions import Buffer

from pipeline import storage
from pipeline.errors import IntegrityError

ROW_GROUP_BYTES = 16 << 20
"""Uncompressed bytes at which a part's row group is closed: the unit of mixing in `select`."""

_SUFFIX = ".json"

_LONG_OR_UNIQUE = frozenset(
    ["id", "url", "title", "text", "page_text", "signature", "content_hash", "survivor_id"]
)


@dataclass(frozen=True, slots=True)
class CommittedFile:
    """One file of a commit: its name in the folder, and what it must hold."""

    name: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Commit:
    """The sidecar of a task: what it wrote, what it counted, under which settings.

    Attributes:
        task: the task's id.
        settings: the digest of all settings that shaped the bytes.
        files: the committed files by role, such as `documents` and `problems`.
        counters: what was counted, by name.
        notes: further facts of the task, JSON-able and the same for every attempt.
    """

    task: str
    settings: str
    files: dict[str, CommittedFile]
    counters: dict[str, int]
    notes: dict[str, object]

    def to_json(self) -> bytes:
        """The sidecar's bytes: the same for every attempt at the task."""
        value = {"schema": "seimai.commit/1", **asdict(self)}
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2)

    @classmethod
    def from_json(cls, data: bytes, path: str) -> Self:
        """Read a sidecar.

        Raises:
            IntegrityError: if the bytes are not a sidecar of this version.
        """
        try:
            value = orjson.loads(data)
            if value["schema"] != "seimai.commit/1":
                raise IntegrityError(
                    f"{path}: schema {value['schema']!r} found, 'seimai.commit/1' expected; "
                    "it was written by another version of seimai."
                )
            files = {role: CommittedFile(**file) for role, file in value["files"].items()}
            if any("/" in file.name for file in files.values()):
                raise IntegrityError(f"{path}: names a file outside its folder.")
            return cls(value["task"], value["settings"], files, *_kept(value))
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise IntegrityError(
                f"{path}: not a commit sidecar ({error}). "
                "Delete this file and run the same command again: the task is then redone."
            ) from error


def _kept(value: dict[str, Any]) -> tuple[dict[str, int], dict[str, object]]:
    """The counters and the notes of a sidecar.

    Raises:
        TypeError: if they are none.
    """
    counters, notes = value["counters"], value["notes"]
    if not (isinstance(counters, dict) and all(isinstance(n, int) for n in counters.values())):
        raise TypeError("its counters are no numbers by name")
    if not isinstance(notes, dict):
        raise TypeError("its notes are no facts by name")
    return counters, notes


class PartWriter:
    """Writes one Parquet file of an attempt, in row groups of about `ROW_GROUP_BYTES`."""

    def __init__(self, folder: str, schema: pa.Schema, row_group_bytes: int) -> None:
        self._folder = folder
        self._row_group_bytes = row_group_bytes
        self.scratch = storage.scratch_beside(storage.join(folder, "part"))
        self._sink = _HashingFile(self.scratch)
        self._schema = schema
        self._writer = pq.ParquetWriter(self._sink, schema, **parquet_options(schema))
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_bytes = 0
        self.rows = 0

    def write(self, rows: pa.RecordBatch | pa.Table) -> None:
        """Add rows; they are written once they fill a row group."""
        batches = rows.to_batches() if isinstance(rows, pa.Table) else [rows]
        self._waiting.extend(batches)
        self._waiting_bytes += sum(batch.nbytes for batch in batches)
        self.rows += rows.num_rows
        if self._waiting_bytes >= self._row_group_bytes:
            self._write_row_group()

    def publish(self, task: str, role: str) -> CommittedFile:
        """Finish the file and give it its final name, which holds its digest."""
        self._write_row_group()
        self._writer.close()
        self._sink.close()
        sha256 = self._sink.sha256.hexdigest()
        name = f"{task}-{role}-{sha256[:16]}.parquet"
        storage.publish(self.scratch, storage.join(self._folder, name))
        return CommittedFile(name, self.rows, self._sink.written, sha256)

    def discard(self) -> None:
        """Drop the unfinished file."""
        with suppress(OSError):  # a full disk is no reason not to tidy up
            self._writer.close()
        self._sink.close()
        Path(self.scratch).unlink(missing_ok=True)

    def _write_row_group(self) -> None:
        if self._waiting:
            table = pa.Table.from_batches(self._waiting, self._schema)
            if table.num_rows:
                self._writer.write_table(table, row_group_size=table.num_rows)
            self._waiting, self._waiting_bytes = [], 0


class Attempt:
    """One attempt at a task; leaving the context without `commit` leaves nothing behind.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Attempt(folder, "t1", "s") as attempt:
    ...     attempt.count("records", 3)
    ...     _ = attempt.commit()
    ...     commits(folder)["t1"].counters
    {'records': 3}
    """

    def __init__(self, folder: str, task: str, settings: str) -> None:
        self._folder = folder
        self._task = task
        self._settings = settings
        self._writers: dict[str, PartWriter] = {}
        self._published: set[str] = set()
        self._counters: Counter[str] = Counter()
        self._notes: dict[str, object] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for role, writer in self._writers.items():
            if role not in self._published:
                writer.discard()

    def table(
        self, role: str, schema: pa.Schema, row_group_bytes: int = ROW_GROUP_BYTES
    ) -> PartWriter:
        """A new table of this attempt; `role` names it in the commit."""
        self._writers[role] = PartWriter(self._folder, schema, row_group_bytes)
        return self._writers[role]

    def count(self, name: str, n: int = 1) -> None:
        """Add to a counter of the commit."""
        self._counters[name] += n

    def note(self, name: str, value: object) -> None:
        """Keep a JSON-able fact in the commit; it must be the same for every attempt."""
        self._notes[name] = value

    def commit(self) -> Commit:
        """Publish the data, then the sidecar: from here on the task is done."""
        files = {}
        for role, writer in sorted(self._writers.items()):
            files[role] = writer.publish(self._task, role)
            self._published.add(role)
        counters = dict(sorted(self._counters.items()))
        commit = Commit(self._task, self._settings, files, counters, self._notes)
        storage.put(storage.join(self._folder, self._task + _SUFFIX), commit.to_json())
        return commit


def commits(folder: str) -> dict[str, Commit]:
    """What is committed in a folder, by task id in sorted order.

    Raises:
        IntegrityError: if a sidecar is damaged; the message names it.
    """
    sidecars = [name for name in storage.names(folder) if _is_sidecar(name)]
    paths = [storage.join(folder, name) for name in sidecars]
    found = zip(paths, storage.read_many(paths), strict=True)
    read = [Commit.from_json(data, path) for path, data in found]
    return {commit.task: commit for commit in read}


def intact(folder: str) -> dict[str, Commit]:
    """The commits whose files are all there, none of them cut short, by task id in sorted order.

    Sizes are compared, which costs one listing; `seimai verify` compares the bytes.

    Raises:
        IntegrityError: if a sidecar is damaged; the message names it.
    """
    sizes = storage.sizes(folder)
    return {
        task: commit
        for task, commit in commits(folder).items()
        if all(sizes.get(file.name) == file.bytes for file in commit.files.values())
    }


def part_path(folder: str, commit: Commit, role: str) -> str:
    """The path of a committed file."""
    return storage.join(folder, commit.files[role].name)


def withdraw(folder: str, task: str) -> None:
    """Take a commit back: the task counts as not done."""
    storage.remove(storage.join(folder, task + _SUFFIX))


def sweep(folder: str) -> int:
    """Remove what no commit names: scratch files and parts of attempts that died.

    Only for the one driver of a run, while none of its workers is writing.

    Returns:
        How many files were removed.
    """
    wanted = {file.name for commit in commits(folder).values() for file in commit.files.values()}
    strays = [name for name in storage.names(folder) if _is_part(name) and name not in wanted]
    for name in strays:
        storage.remove(storage.join(folder, name))
    return len(strays)


def parquet_options(schema: pa.Schema) -> dict[str, object]:
    """How every Parquet file of the program is written.

    zstd level 3 takes a fifth less room than level 1, for 17 µs a document; dictionaries only where
    values repeat, since trying one on long texts costs time and brings nothing.
    """
    leaves = [path for field in schema for path in _leaves(field)]
    short = [path for path in leaves if path not in _LONG_OR_UNIQUE]
    return {
        "compression": "zstd",
        "compression_level": 3,
        "use_dictionary": short,
        "write_statistics": [*short, "id"],
        "write_page_index": True,
    }


def _leaves(field: pa.Field, prefix: str = "") -> Iterator[str]:
    """The Parquet paths of the columns that an Arrow field is stored in."""
    path = prefix + field.name
    if pa.types.is_list(field.type):
        yield from _leaves(field.type.value_field.with_name("element"), f"{path}.list.")
    elif pa.types.is_struct(field.type):
        for child in field.type.fields:
            yield from _leaves(child, f"{path}.")
    else:
        yield path


def _is_sidecar(name: str) -> bool:
    return name.endswith(_SUFFIX) and not name.startswith(storage.SCRATCH_PREFIX)


def _is_part(name: str) -> bool:
    return name.endswith(".parquet") or name.startswith(storage.SCRATCH_PREFIX)


class _HashingFile(io.FileIO):
    """A new file that is only ever appended to, and knows the digest of what went in."""

    def __init__(self, path: str) -> None:
        super().__init__(path, "xb")
        self.sha256 = hashlib.sha256()
        self.written = 0

    def write(self, data: Buffer) -> int:
        self.sha256.update(data)
        left = memoryview(data).cast("B")
        count = len(left)
        while left:  # a nearly full disk takes a part, then refuses the rest
            left = left[super().write(left) :]
        self.written += count
        return count

    def close(self) -> None:
        if not self.closed:
            os.fsync(self.fileno())
        super().close()
