"""Files on a local disk or an object store, through one small set of verbs (fsspec underneath).

A path is a local path or an fsspec URL such as `s3://bucket/run`. The one promise that the commit
protocol needs is here: `put` and `publish` make a whole file appear under its name, or nothing.
"""

import hashlib
import os
import re
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import fsspec
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem

from pipeline.errors import OptionError, RunError
from pipeline.url_secrets import holds_secret, without_secrets

SCRATCH_PREFIX = ".tmp-"
"""Names that begin so are being written; no reader looks at them."""

_SCRATCH = re.compile(re.escape(SCRATCH_PREFIX) + "[0-9a-f]{32}")

_BLOCK = 1 << 20
"""Bytes that are digested at a time."""


def filesystem(path: str) -> fsspec.AbstractFileSystem:
    """The file system that a path is on, as fsspec's configuration opens it.

    Raises:
        OptionError: if the path is a URL with a secret in it, or of no known kind of store.
    """
    if holds_secret(path):
        raise OptionError(
            f"{without_secrets(path)}: holds a secret, which would be written down with every "
            "document. Give it to fsspec by its configuration (environment variables such as "
            "FSSPEC_S3_KEY, or ~/.config/fsspec), or fetch the file first."
        )
    protocol = path.split("://", 1)[0] if "://" in path else "file"
    try:
        return fsspec.filesystem(protocol)
    except (ImportError, ValueError) as error:
        raise OptionError(
            f"{path}: cannot be reached ({error}). Expected a local path, or a URL of a store for "
            "which fsspec has a package here: `seimai[s3]` and `seimai[gcs]` bring two."
        ) from error


def is_local(path: str) -> bool:
    """Whether a path is on this machine's file system."""
    return isinstance(filesystem(path), LocalFileSystem)


def join(base: str, *parts: str) -> str:
    """A path below another.

    >>> join("s3://bucket/run/", "documents", "part.json")
    's3://bucket/run/documents/part.json'
    """
    return "/".join([base.rstrip("/"), *parts])


def exists(path: str) -> bool:
    """Whether there is a file or folder of that name."""
    return bool(filesystem(path).exists(path))


def names(folder: str) -> list[str]:
    """The names of the files in a folder, sorted; empty if there is no such folder."""
    return list(sizes(folder))


def sizes(folder: str) -> dict[str, int]:
    """The size in bytes of each file in a folder, by name in sorted order."""
    return {name: int(entry["size"]) for name, entry in _listed(folder, "file")}


def folders(folder: str) -> list[str]:
    """The names of the folders in a folder, sorted; empty if there is no such folder."""
    return [name for name, _ in _listed(folder, "directory")]


def _listed(folder: str, kind: str) -> list[tuple[str, dict[str, Any]]]:
    """What of a kind is in a folder, with its name, by name; nothing if there is no such folder."""
    store = filesystem(folder)
    store.invalidate_cache()
    try:
        entries = store.ls(folder, detail=True)
    except FileNotFoundError:
        return []
    named = {entry["name"].rstrip("/").rsplit("/", 1)[-1]: entry for entry in entries}
    return [(name, entry) for name, entry in sorted(named.items()) if entry["type"] == kind]


def size(path: str) -> int:
    """The size of a file in bytes."""
    return int(filesystem(path).size(path))


def open_read(path: str) -> BinaryIO:
    """A file, opened for reading.

    Local files are opened by Arrow: its threads then read them without Python, which they must not
    touch any more when the interpreter ends.
    """
    if is_local(path):
        return cast("BinaryIO", pa.OSFile(local(path)))
    return cast("BinaryIO", filesystem(path).open(path, "rb"))


def read_bytes(path: str) -> bytes:
    """The whole of a file."""
    with open_read(path) as file:
        return file.read()


def read_many(paths: list[str]) -> list[bytes]:
    """The whole of several small files, fetched together where the store can do so."""
    if not paths:
        return []
    if is_local(paths[0]):
        return [read_bytes(path) for path in paths]
    store = filesystem(paths[0])
    found = store.cat([store._strip_protocol(path) for path in paths])
    return [found[store._strip_protocol(path)] for path in paths]


def read_table(path: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Some columns of a Parquet file, in that order; all of them for None.

    `pq.read_table` would give the same, and load pyarrow's datasets and pandas for it.
    """
    with open_read(path) as file:
        table = pq.ParquetFile(file).read(columns and list(columns), use_threads=False)
    return table if columns is None else table.select(list(columns))


def sha256(path: str) -> str:
    """The digest of a file's bytes, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open_read(path) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def put(path: str, data: bytes) -> None:
    """Write a whole file in one atomic step, over any file of that name."""
    if is_local(path):
        scratch = scratch_beside(path)
        with Path(scratch).open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        publish(scratch, path)
    else:
        filesystem(path).pipe_file(path, data)


def scratch_beside(path: str) -> str:
    """A fresh local name to write to before `publish`: on the same disk where `path` is local."""
    name = SCRATCH_PREFIX + uuid.uuid4().hex
    if is_local(path):
        folder = Path(local(path)).parent
        folder.mkdir(parents=True, exist_ok=True)
        return str(folder / name)
    return str(Path(tempfile.gettempdir()) / name)


def is_scratch(name: str) -> bool:
    """Whether `scratch_beside` makes such names; a user's own `.tmp-notes` is none."""
    return _SCRATCH.fullmatch(name) is not None


def publish(scratch: str, path: str) -> None:
    """Give a finished local scratch file its name, in one atomic step."""
    if is_local(path):
        Path(scratch).replace(local(path))
    else:
        filesystem(path).put_file(scratch, path)
        Path(scratch).unlink()


def move(path: str, target: str) -> None:
    """Give a file of the same store another name, over any file of that name."""
    if is_local(target):
        Path(local(target)).parent.mkdir(parents=True, exist_ok=True)
        Path(local(path)).replace(local(target))
    else:
        filesystem(target).mv(path, target)


def remove(path: str) -> None:
    """Remove a file, if it is there."""
    try:
        filesystem(path).rm_file(path)
    except FileNotFoundError:
        return


def remove_folder(folder: str) -> None:
    """Remove a folder with all that is in it, if it is there."""
    store = filesystem(folder)
    if store.exists(folder):
        store.rm(folder, recursive=True)


def local(path: str) -> str:
    """The plain file-system path of a local path or `file://` URL, absolute."""
    return str(LocalFileSystem._strip_protocol(path))


def absolute(path: str) -> str:
    """A local path made absolute; a URL as it is."""
    return local(path) if is_local(path) else path


def canonical_json(value: object) -> bytes:
    """JSON with sorted keys: the same bytes for the same value."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY)


def digest(value: object) -> str:
    """16 hexadecimal digits that stand for a JSON-able value."""
    return hashlib.sha256(canonical_json(value)).hexdigest()[:16]


def put_json(path: str, value: object) -> None:
    """Write a value as indented JSON with sorted keys, atomically."""
    options = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    put(path, orjson.dumps(value, option=options))


@contextmanager
def failures_told(what: str) -> Iterator[None]:
    """Tell what the disk or the store refuses as an error for a person.

    Args:
        what: what the message begins with: the folder or the task that was worked on.

    Raises:
        RunError: in place of any OSError.
    """
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise RunError(
            f"{what}: {error.strerror or error}{where}. What was committed is kept: make sure that "
            "there is room, and that it can be read and written, then run the same command again."
        ) from error
