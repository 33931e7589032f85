"""What the groups of an old run are called since a new run was joined to it.

A new document can join two old clusters, or be the smallest of one. The old run's files stay as
they are; what has changed of its groups stands in the new run, in `groups/joined`: a row a group,
with its old name, its name and its size among both. Runs that were joined one to the next, the
newest to all before it, are a *line*; reading the groups of one of them means to apply what each
newer one says, in order.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline import storage
from pipeline.errors import RunError
from pipeline.run import Run
from pipeline.tasks import Commit, commits, part_path

ROLES = {"exact": ("exact_id", "exact_size"), "clusters": ("cluster_id", "cluster_size")}
"""The two kinds of groups, and the columns of `groups` that tell a document's one of each."""

_Ids = NDArray[np.bytes_]


@dataclass(frozen=True, slots=True)
class Renaming:
    """The names that one join has changed.

    Attributes:
        folder: where they are committed.
        settings: the `Grouped.settings` of the newer run.
    """

    folder: str
    settings: str

    def apply(self, groups: pa.Table) -> pa.Table:
        """Columns of an old run's groups, in which names and sizes are those among both runs.

        Args:
            groups: some of the columns; where a size is among them, its name has to be too.
        """
        for role, (name, size) in ROLES.items():
            if name in groups.column_names:
                groups = _renamed(groups, name, size, _names(self.folder, self.settings, role))
        return groups


@dataclass(frozen=True, slots=True)
class Grouped:
    """A run that is grouped, as runs that are joined to it know it.

    Attributes:
        run: the run.
        settings: the digest of everything that shaped its groups.
        shape: how signatures were cut into bands.
        against: the `settings` of the run that it was joined to, None for none.
        parts: the commits of its groups, by task.
    """

    run: Run
    settings: str
    shape: Mapping[str, Any]
    against: str | None
    parts: Mapping[str, Commit] = field(repr=False)

    @property
    def renaming(self) -> Renaming:
        """What the groups of older runs are called since this one was joined to them."""
        return Renaming(folder_of(self.run), self.settings)


def folder_of(run: Run) -> str:
    """Where it stands what the groups of older runs are called since a run was joined to them."""
    return storage.join(run.groups, "joined")


def grouped(run: Run) -> Grouped:
    """What a run's groups say of themselves.

    Raises:
        RunError: if it is not grouped.
    """
    documents, done = run.extracted(), commits(run.groups)
    if missing := documents.keys() - done.keys():
        raise RunError(
            f"{run.groups}: {len(missing)} of {len(documents)} parts are not there. "
            f"Group this run first: seimai group {run.path}."
        )
    parts = {task: done[task] for task in documents}
    notes: Mapping[str, Any] = next((commit.notes for commit in parts.values()), {})
    settings = storage.digest(sorted({commit.settings for commit in parts.values()}))
    return Grouped(run, settings, notes.get("shape", {}), notes.get("against"), parts)


def in_line(newest: Grouped, others: Iterable[Grouped]) -> list[Grouped]:
    """Puts runs in the order in which each was joined to the next, the newest first.

    Raises:
        RunError: if one of them is in no such line with the others: it was never joined, or it was
            grouped anew since.
    """
    line, left = [newest], list(others)
    while found := [one for one in left if one.settings == line[-1].against]:
        line.append(found[0])
        left.remove(found[0])
    if left:
        oldest = line[-1].run.path
        raise RunError(
            f"{left[0].run.path}: {oldest} is not joined to this run, or this run was grouped anew "
            f"since. Join them: seimai group {oldest} --against {left[0].run.path}"
        )
    return line


def renamings(line: Sequence[Grouped]) -> Iterator[tuple[Renaming, ...]]:
    """For each run of a line, what to apply to its groups, in order: none to the newest's."""
    for place in range(len(line)):
        yield tuple(newer.renaming for newer in reversed(line[:place]))


def _renamed(groups: pa.Table, name: str, size: str, names: "_Names") -> pa.Table:
    ids = groups[name].combine_chunks()
    rows, at = names.find(packed(ids))
    is_renamed = np.zeros(len(ids), bool)
    is_renamed[rows] = True
    mask = pa.array(is_renamed)
    columns = {column: groups[column] for column in groups.column_names}
    columns[name] = pc.replace_with_mask(ids, mask, names.joined_ids.take(pa.array(at)))
    if size in columns:
        sizes = groups[size].combine_chunks()
        columns[size] = pc.replace_with_mask(sizes, mask, pa.array(names.sizes[at]))
    return pa.Table.from_arrays(list(columns.values()), schema=groups.schema)


@dataclass(frozen=True, slots=True)
class _Names:
    """Renamed groups of one kind, by their old names, which are sorted."""

    old: _Ids
    joined_ids: pa.StringArray
    sizes: NDArray[np.int64]

    def find(self, ids: _Ids) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The rows of ids that are renamed, and where they are here."""
        if not len(self.old):
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        at = np.minimum(np.searchsorted(self.old, ids), len(self.old) - 1)
        rows = np.flatnonzero(self.old[at] == ids)
        return rows, at[rows]


@lru_cache(maxsize=8)
def _names(folder: str, settings: str, role: str) -> _Names:
    """What one join has to say of one kind of groups.

    Raises:
        RunError: if it is not all there.
    """
    done = list(commits(folder).values())
    is_of_this_grouping = {storage.digest([one.settings]) for one in done} == {settings}
    if not is_of_this_grouping or {one.notes["partitions"] for one in done} != {len(done)}:
        raise RunError(
            f"{folder}: what was joined is not all there, or is of another grouping than the run. "
            "Group the run `--against` the old one again."
        )
    read = [storage.read_table(part_path(folder, one, role)) for one in done]
    table = pa.concat_tables(read).combine_chunks()
    old = packed(table["id"].combine_chunks())
    order = np.argsort(old)
    joined_ids = table["joined_id"].combine_chunks().take(pa.array(order))
    return _Names(old[order], joined_ids, np.asarray(table["size"], np.int64)[order])


def packed(ids: pa.Array) -> _Ids:
    """Hexadecimal ids as 16 bytes each, which sort as the ids do.

    >>> packed(pa.array(["ff" * 15 + "00"]))[0] == bytes([255] * 15)  # numpy strips what is zero
    True
    """
    return np.frombuffer(bytes.fromhex("".join(ids.to_pylist())), "S16")


def leading_bits(ids: pa.Array) -> NDArray[np.uint64]:
    """The first 64 bits of hexadecimal ids, which order them as the ids themselves.

    >>> leading_bits(pa.array(["00000000000000ff" + "0" * 16])).tolist()
    [255]
    """
    return packed(ids).view(">u8")[::2].astype(np.uint64)
