"""What the user names becomes a sorted list of inputs: files, globs, folders, lists, object stores.

What is named and does not exist stops the command before any work. What is there and cannot be
read (empty, a FIFO, no permission, of no known kind in a folder) stays in the list: reading it
gives a `Problem`, so that one bad file of ten thousand is counted and listed, and stops nothing.
"""

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import fsspec

from pipeline import storage
from pipeline.errors import InputError
from pipeline.sources.compressed import inflated
from pipeline.sources.records import Format

PARQUET_MAGIC = b"PAR1"
LIST_SIGN = "@"

_COMPRESSED = (".gz", ".zst")
_SUFFIXES: dict[str, Format] = {
    ".warc": "warc",
    ".wet": "warc",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
KNOWN_FORMATS = (
    "WARC and WET (.warc, .wet), JSONL (.jsonl, .ndjson), each also with .gz or .zst; "
    "Parquet (.parquet, .pq)"
)
_SNIFFED = 512
_GLOB_SIGNS = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Input:
    """One file of a crawl.

    Attributes:
        path: an absolute local path, or a URL for anything else.
        format: what reads it; "unknown" for a file that a folder or glob held and nothing reads.
        size: bytes as stored; 0 also for what has no size, such as a FIFO.
    """

    path: str
    format: Format
    size: int


def resolve(inputs: Sequence[str]) -> list[Input]:
    """Every input that the arguments of a command name, once each, sorted by path.

    An argument is a local path, a glob, a folder (taken with all below it; names that begin with
    `.` or `_` are left out there, as Hadoop and Arrow do), an fsspec URL of any of these, or
    `@FILE`: a text file that names one such argument a line (`#` begins a comment; relative paths
    are relative to the working directory). A file named twice is taken once; two names of one
    file through links are two files.

    Args:
        inputs: arguments in any order.

    Returns:
        The inputs, sorted by path, so that the order of the arguments never matters.

    Raises:
        InputError: nothing is named, a name matches nothing, or a file that is named itself is of
            no known format.
    """
    found: dict[str, Input] = {}
    for argument in _expand_lists(inputs):
        for item in _matches(argument):
            found.setdefault(item.path, item)
    if not found:
        raise InputError(f"no input is named; expected files, globs or folders of {KNOWN_FORMATS}")
    return [found[path] for path in sorted(found)]


def unreadable(path: str) -> str | None:
    """Why a local path cannot be read as a file, in words; None if it can be tried.

    A FIFO, a socket or a device is never opened: that could block for ever.
    """
    if not storage.is_local(path):
        return None
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - one call, no object
    except OSError as error:
        return error.strerror or str(error)
    if not stat.S_ISREG(mode):
        return f"not a regular file ({stat.filemode(mode)})"
    return None if os.access(path, os.R_OK) else os.strerror(errno.EACCES)


def _expand_lists(arguments: Iterable[str]) -> Iterator[str]:
    for argument in arguments:
        if argument.startswith(LIST_SIGN):
            yield from _read_list(argument.removeprefix(LIST_SIGN))
        else:
            yield argument


def _read_list(path: str) -> Iterator[str]:
    try:
        text = storage.read_bytes(path).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"the list of inputs {path} cannot be read: {error}; expected UTF-8 text that names "
            f"one input a line"
        ) from error
    for number, line in enumerate(text.splitlines(), 1):
        name = line.strip()
        if name.startswith(LIST_SIGN):
            raise InputError(f"{path}:{number}: a list cannot name another list ({name})")
        if name and not name.startswith("#"):
            yield name


def _matches(argument: str) -> Iterator[Input]:
    """The inputs that one argument names; a file named itself must be of a known format."""
    filesystem = storage.filesystem(argument)
    inner = filesystem._strip_protocol(argument)
    local = storage.is_local(argument)
    if local:
        inner = str(Path(inner).absolute())
    filesystem.invalidate_cache()

    def named(path: str) -> str:
        return path if local else cast("str", filesystem.unstrip_protocol(path))

    if filesystem.isdir(inner):
        files = _below(filesystem, inner)
    elif filesystem.exists(inner):
        item = _input(named(inner), filesystem.info(inner))
        if item.format == "unknown":
            raise InputError(
                f"{argument}: {_what_it_begins_with(item.path)}; expected {KNOWN_FORMATS}"
            )
        yield item
        return
    elif _GLOB_SIGNS & set(argument):
        found = filesystem.glob(inner, detail=True)
        files = {path: info for path, info in found.items() if info["type"] != "directory"}
    else:
        raise InputError(f"{argument}: no such file or folder; expected {KNOWN_FORMATS}")
    if not files:
        raise InputError(f"{argument}: holds no file; expected {KNOWN_FORMATS}")
    for path, info in files.items():
        yield _input(named(path), info)


def _below(filesystem: fsspec.AbstractFileSystem, folder: str) -> dict[str, dict[str, object]]:
    """What a folder holds, at any depth, by path; hidden files and folders are left out."""
    try:
        found = filesystem.find(folder, detail=True, on_error="raise")
    except OSError as error:
        raise InputError(f"{folder}: cannot be listed: {error}") from error
    return {path: info for path, info in found.items() if not _is_hidden(path, folder)}


def _is_hidden(path: str, folder: str) -> bool:
    below = path[len(folder) :].strip("/").split("/")
    return any(part.startswith((".", "_")) for part in below)


def _input(path: str, info: dict[str, object]) -> Input:
    size = info.get("size")
    return Input(path, _format(path), size if isinstance(size, int) else 0)


def _format(path: str) -> Format:
    """By the name; by the first bytes where the name does not tell."""
    stem = path.lower()
    for suffix in _COMPRESSED:
        stem = stem.removesuffix(suffix)
    for suffix, known in _SUFFIXES.items():
        if stem.endswith(suffix):
            return known
    return _format_of_content(_beginning(path))


def _format_of_content(head: bytes) -> Format:
    if head.startswith(b"WARC/"):
        return "warc"
    if head.startswith(PARQUET_MAGIC):
        return "parquet"
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
        return "jsonl"
    return "unknown"


def _beginning(path: str) -> bytes:
    """The first bytes of the content; none where it cannot be read."""
    if unreadable(path) is not None:
        return b""
    try:
        with storage.open_read(path) as file:
            return inflated(file).read(_SNIFFED)
    except OSError:
        return b""


def _what_it_begins_with(path: str) -> str:
    reason = unreadable(path)
    if reason is not None:
        return reason
    head = _beginning(path)
    return f"of no known format (begins with {head[:16]!r})" if head else "empty, or unreadable"
