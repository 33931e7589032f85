"""Shards: cut to size and mixed from a plan, without the text going through a shuffle.

The plan is a list of slices, each some rows of one row group of one part. All row groups are put
in a seeded order, so that inputs are mixed, and the line of them is cut into shards of even size.
A shard is written window by window: the slices of a window are read, their kept rows are put in a
seeded order, and become one row group. So memory is bounded by a window, and the bytes of a shard
depend on the plan alone.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
from numpy.typing import NDArray

from pipeline import storage
from pipeline.dedup.joined import Renaming
from pipeline.selection import cutting, masking
from pipeline.selection.cutting import CutPolicy
from pipeline.selection.parts import Part, joined_groups
from pipeline.selection.recipe import Recipe, ShardSizes
from pipeline.tasks import Attempt
from pipeline.work import ReadsOwnFiles
from schemas import DOCUMENTS, GROUPS, SCORES, SHARDS

_BESIDE = [*SCORES.names[1:], *GROUPS.names[1:]]
_FROM_DOCUMENTS = [name for name in SHARDS.names if name in DOCUMENTS.names]
STRIPS_A_SHARD = 16
"""A shard is mixed from at least so many places; only row groups that are large beside a shard
have to be cut for that, and are then read more than once."""

_ROW_BYTES = 64
"""What a row costs beside its text, compressed: the id, the cluster, the scores."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Some rows of one row group of a documents part.

    Attributes:
        part: the part's place among the run's parts, sorted by task.
        row_group: the row group in the documents file.
        begin: the first row of the part.
        end: the row after the last.
    """

    part: int
    row_group: int
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Source:
    """The files that a part's kept rows are read from.

    Attributes:
        documents: the path of the documents.
        scores: the path of the scores.
        groups: the path of the groups.
        decisions: the path of the decisions.
        renamings: what newer runs say of the groups, in order.
    """

    documents: str
    scores: str
    groups: str
    decisions: str
    renamings: tuple[Renaming, ...] = ()


@dataclass(frozen=True, slots=True)
class ShardTask:
    """One shard to write.

    Attributes:
        number: its place in the selection.
        slices: what it holds, in order.
        sources: the files of each part that the slices name.
    """

    number: int
    slices: tuple[Slice, ...]
    sources: dict[int, Source]

    @property
    def id(self) -> str:
        """The shard's name, without its ending."""
        return f"shard-{self.number:05d}"

    def __str__(self) -> str:
        return f"{self.id} ({len(self.slices)} slices of {len(self.sources)} parts)"


def plan(
    parts: Sequence[Part],
    decisions: Sequence[str],
    sizes: ShardSizes,
    seed: int,
) -> list[ShardTask]:
    """Cut the kept rows of all parts into shards of even size.

    Args:
        parts: the run's parts, sorted by task.
        decisions: the path of each part's decisions, in the same order.
        sizes: the size aimed at.
        seed: of the order.

    Returns:
        The shards; none if nothing is kept.
    """
    pieces = [
        piece
        for number, (part, path) in enumerate(zip(parts, decisions, strict=True))
        for row_group in _row_groups(number, part, path)
        for piece in strips(row_group, sizes.size / STRIPS_A_SHARD)
    ]
    pieces.sort(key=lambda piece: _draw(seed, parts[piece.slice.part].id, piece.slice.begin))
    sources = [
        Source(
            part.paths["documents"],
            part.paths["scores"],
            part.paths["groups"],
            path,
            part.renamings,
        )
        for part, path in zip(parts, decisions, strict=True)
    ]
    return [
        ShardTask(number, slices, {piece.part: sources[piece.part] for piece in slices})
        for number, slices in enumerate(cut(pieces, sizes.size))
    ]


@dataclass(frozen=True, slots=True)
class Piece:
    """A slice with the weight of its kept rows.

    Attributes:
        slice: the rows.
        weights: estimated compressed bytes of each row, 0 for one that is not kept.
    """

    slice: Slice
    weights: NDArray[np.float64]


def strips(piece: Piece, weight: float) -> list[Piece]:
    """A piece cut into strips of equal rows, so that none is much heavier than `weight`."""
    count = max(1, math.ceil(float(piece.weights.sum()) / weight))
    bounds = np.linspace(0, len(piece.weights), count + 1).astype(np.int64).tolist()
    begin = piece.slice.begin
    return [
        Piece(
            replace(piece.slice, begin=begin + first, end=begin + last), piece.weights[first:last]
        )
        for first, last in itertools.pairwise(bounds)
    ]


def cut(pieces: Sequence[Piece], size: int) -> list[tuple[Slice, ...]]:
    """Cut a line of pieces into shards as near to equal as rows allow.

    A piece that lies across an edge is cut at the row where the edge falls.

    Args:
        pieces: in the order in which they are written.
        size: bytes aimed at; no shard is planned larger.

    Returns:
        The slices of each shard.
    """
    total = sum(float(piece.weights.sum()) for piece in pieces)
    if not total:
        return []
    count = int(-(-total // size))
    shards: list[list[Slice]] = [[] for _ in range(count)]
    before = 0.0
    for piece in pieces:
        # The shard of a row is the one that the middle of its weight falls into.
        middle = before + np.cumsum(piece.weights) - piece.weights / 2
        shard = np.minimum((middle * count / total).astype(np.int64), count - 1)
        edges = np.flatnonzero(np.diff(shard)) + 1
        bounds = [0, *edges.tolist(), len(shard)]
        for begin, end in itertools.pairwise(bounds):
            if piece.weights[begin:end].any():
                rows = piece.slice.begin
                part = Slice(piece.slice.part, piece.slice.row_group, rows + begin, rows + end)
                shards[int(shard[begin])].append(part)
        before += float(piece.weights.sum())
    return [tuple(slices) for slices in shards if slices]


def _row_groups(number: int, part: Part, decisions: str) -> Iterator[Piece]:
    """The row groups of one part, with what their kept rows will weigh in a shard."""
    kept = _column(decisions, "kept").to_numpy(zero_copy_only=False)
    characters = np.asarray(_column(part.paths["documents"], "n_chars"), np.float64)
    with storage.open_read(part.paths["documents"]) as file:
        metadata = pq.ParquetFile(file).metadata
    begin = 0
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        end = begin + row_group.num_rows
        chars = characters[begin:end] + 1
        weights = chars * (_text_bytes(row_group) / chars.sum()) + _ROW_BYTES
        yield Piece(Slice(number, group, begin, end), weights * kept[begin:end])
        begin = end


def _text_bytes(row_group: pq.RowGroupMetaData) -> int:
    """Compressed bytes of the columns of a row group that go into shards."""
    columns = (row_group.column(number) for number in range(row_group.num_columns))
    return sum(
        column.total_compressed_size
        for column in columns
        if column.path_in_schema.split(".", 1)[0] in _FROM_DOCUMENTS
    )


def _draw(seed: int, *key: object) -> int:
    """A number drawn for a key: the same for the same seed, whatever else there is."""
    return xxhash.xxh3_64_intdigest("/".join(str(item) for item in key).encode(), seed)


@dataclass(frozen=True, slots=True)
class WriteShard(ReadsOwnFiles):
    """Writes one shard and commits it.

    Attributes:
        folder: the selection's folder.
        settings: the digest of all that shapes the bytes.
        recipe: sizes, seed, and what is masked.
    """

    folder: str
    settings: str
    recipe: Recipe

    def __call__(self, task: ShardTask) -> None:
        """Do one shard."""
        target = self.recipe.shards.row_group
        with Attempt(self.folder, task.id, self.settings) as attempt:
            shard = attempt.table("documents", SHARDS.arrow, row_group_bytes=1)
            first_id = last_id = ""
            for number, window in enumerate(windows(task, target, self.recipe.paragraphs)):
                order = _order(window["id"].to_pylist(), self.recipe.seed, task.number, number)
                rows = window.take(order)
                rows, masked = masking.mask_table(rows, self.recipe.mask)
                for kind, count in masked.items():
                    attempt.count(f"masked.{kind}", count)
                shard.write(rows.combine_chunks())
                first_id = first_id or rows["id"][0].as_py()
                last_id = rows["id"][-1].as_py()
                attempt.count("row_groups")
                attempt.count("documents", rows.num_rows)
                attempt.count("characters", int(np.asarray(rows["n_chars"]).sum()))
                cut = np.asarray(rows["cut_chars"].fill_null(0))
                attempt.count("cut.characters", int(cut.sum()))
                attempt.count("cut.documents", int((cut > 0).sum()))
            attempt.note("first_id", first_id)
            attempt.note("last_id", last_id)
            attempt.commit()


def windows(task: ShardTask, size: int, policy: CutPolicy) -> Iterator[pa.Table]:
    """The kept rows of a shard, some slices at a time: at least `size` bytes, but for the last.

    Args:
        task: the shard.
        size: bytes of a window.
        policy: what becomes of frequent paragraphs.
    """
    waiting: list[pa.Table] = []
    waiting_bytes = 0
    for piece in task.slices:
        rows = _kept_rows(piece, task.sources[piece.part], policy)
        waiting.append(rows)
        waiting_bytes += rows.nbytes
        if waiting_bytes >= size:
            yield pa.concat_tables(waiting)
            waiting, waiting_bytes = [], 0
    if waiting:
        yield pa.concat_tables(waiting)


def _kept_rows(piece: Slice, source: Source, policy: CutPolicy) -> pa.Table:
    """The kept rows of a slice, by `schemas.SHARDS`, without what is cut of their texts."""
    beside = _beside(source).slice(piece.begin, piece.end - piece.begin)
    with storage.open_read(source.documents) as file:
        parquet = pq.ParquetFile(file)
        start = sum(
            parquet.metadata.row_group(number).num_rows for number in range(piece.row_group)
        )
        documents = parquet.read_row_group(
            piece.row_group, columns=_FROM_DOCUMENTS, use_threads=False
        )
    documents = documents.slice(piece.begin - start, piece.end - piece.begin)
    columns = [
        documents[name] if name in _FROM_DOCUMENTS else beside[name] for name in SHARDS.names
    ]
    rows = pa.table(columns, schema=SHARDS.arrow).filter(beside["kept"])
    if policy.frequent == "keep":
        return rows
    marks = [beside[name].filter(beside["kept"]).combine_chunks() for name in cutting.MARKS]
    return cutting.cut_table(rows, cutting.cuts(policy, *marks))


@lru_cache(maxsize=4)
def _beside(source: Source) -> pa.Table:
    """All that stands beside a part's documents: small, and asked for slice after slice."""
    groups = storage.read_table(source.groups, GROUPS.names[1:])
    tables = (
        storage.read_table(source.scores, SCORES.names[1:]),
        joined_groups(groups, source.renamings),
        storage.read_table(source.decisions, ["kept", *cutting.CUT]),
    )
    return pa.table({name: table[name] for table in tables for name in table.column_names})


def _order(ids: Sequence[str], seed: int, *window: int) -> pa.Array:
    draws = np.fromiter((_draw(seed, *window, name) for name in ids), np.uint64)
    return pa.array(np.argsort(draws, kind="stable"))


def _column(path: str, name: str) -> pa.ChunkedArray:
    return storage.read_table(path, [name])[name]
