"""The contest: who is kept of a run, or of several, decided over columns and never over texts.

Shares, survivors and caps need all documents at once. So the parts are gone through a few times,
one part's columns in memory at a time; what has to be held for all rows is a bit and a few
numbers, and the signatures of clusters are spilled to disk by partitions and compared one
partition at a time. `docs/scale.md` has the arithmetic.
"""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from numpy.typing import NDArray

from pipeline import hosts
from pipeline.dedup.joined import leading_bits
from pipeline.dedup.survivors import MEMBERS, KeepPolicy, remove_contained, remove_copies
from pipeline.selection import cutting, decisions
from pipeline.selection.decisions import Hits, Judge, Mask, Rows
from pipeline.selection.parts import Part
from pipeline.selection.recipe import CLASSIFIERS, Caps, Recipe
from pipeline.tasks import Attempt
from schemas import DECISIONS

ROWS_A_PARTITION = 1_000_000
"""Documents for each partition of spilled clusters: at most about 450 MB, if all are copies."""

_NO_ROWS: Rows = np.zeros(0, np.int64)
_ROW = pa.field("row", pa.int64(), nullable=False)
_SPILLED = pa.schema([*MEMBERS, _ROW])
_COMPETING = ["id", "cluster_id", "cluster_size", "exact_id", "n_chars", "crawl_time", "host"]


@dataclass(frozen=True, slots=True)
class _Lot:
    """A part, and its place among all.

    Attributes:
        part: the part.
        begin: the global row of its first document.
        repeated: which of its rows are documents that were read before, in this part or another.
    """

    part: Part
    begin: int
    repeated: Rows

    def eligible(self, columns: Mapping[str, pa.Array], judge: Judge) -> Mask:
        """Which rows pass all that does not depend on shares."""
        passing = judge.eligible(columns)
        passing[self.repeated] = False
        return passing

    def hits(
        self, columns: Mapping[str, pa.Array], judge: Judge, shares: Mapping[str, float]
    ) -> list[Hits]:
        """Every reason that each row has by itself."""
        repeated = [decisions.said(decisions.REPEATED, self.repeated)] if len(self.repeated) else []
        return [*repeated, *judge.hits(columns, shares)]


@dataclass(slots=True)
class _Removals:
    """The documents that a survivor stands for, by global row, ascending.

    A survivor is known by its id, and by its global row.
    """

    rows: Rows = field(default_factory=lambda: np.zeros(0, np.int64))
    survivors: pa.Array = field(default_factory=lambda: pa.array([], pa.string()))
    survivor_rows: Rows = field(default_factory=lambda: np.zeros(0, np.int64))
    similarities: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))

    def within(self, begin: int, count: int) -> "_Removals":
        """Those of one part, in the part's own rows."""
        first, last = np.searchsorted(self.rows, [begin, begin + count])
        return _Removals(
            self.rows[first:last] - begin,
            self.survivors.slice(first, last - first),
            self.survivor_rows[first:last],
            self.similarities[first:last],
        )

    @classmethod
    def joined(cls, several: Sequence["_Removals"]) -> "_Removals":
        """All of several, no document among two of them."""
        if not several:
            return cls()
        rows = np.concatenate([one.rows for one in several])
        order = np.argsort(rows)
        return cls(
            rows[order],
            pa.concat_arrays([one.survivors for one in several]).take(pa.array(order)),
            np.concatenate([one.survivor_rows for one in several])[order],
            np.concatenate([one.similarities for one in several])[order],
        )


@dataclass(frozen=True, slots=True)
class _Field:
    """Those who are left to compete for places, as columns; `rows` are global and ascending."""

    rows: Rows
    ids: NDArray[np.uint64]
    quality: NDArray[np.float32]
    hosts: NDArray[np.uint64]
    domains: NDArray[np.uint64]
    bands: Mapping[str, Mask]
    inner: _Removals
    """Those who stand in a longer document, as they would be removed if that one stays; where the
    longer one is, is not known yet."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What only the whole run could tell; `late` speaks of global rows."""

    shares: Mapping[str, float]
    removals: _Removals
    contained: _Removals
    late: Sequence[Hits]


def decide(
    parts: Sequence[Part], recipe: Recipe, folder: str, settings: str, scratch: Path
) -> None:
    """Commit the decisions on every document, one row-aligned part for each of the runs' parts.

    Args:
        parts: the runs' parts, in order.
        recipe: what to keep.
        folder: where the decisions are committed.
        settings: the digest of all that shapes them.
        scratch: an empty folder on this machine, for the signatures of clusters.
    """
    judge = Judge(recipe)
    lots = _lots(parts)
    shares = _shares(lots, judge)
    spill = _Spill(scratch, 1 + sum(part.rows for part in parts) // ROWS_A_PARTITION)
    with spill:
        entered = [_enter(lot, judge, shares, spill) for lot in lots]
    removals = _remove(spill, recipe.duplicates)
    everyone = _joined(entered)
    contained = _contained(everyone, removals)
    late = _over_caps(everyone, _Removals.joined([removals, contained]), recipe)
    outcome = _Outcome(shares, removals, contained, late)
    for lot in lots:
        with Attempt(folder, lot.part.id, settings) as attempt:
            _write(lot, lots, judge, outcome, attempt)
            attempt.commit()


def _lots(parts: Sequence[Part]) -> list[_Lot]:
    """The parts with their places; a document that stands in several rows is judged at the first.

    Ids are told apart by their first 64 bits. Among 100 million documents the chance that two which
    are not the same are taken for it is one in 4,000.
    """
    *begins, count = itertools.accumulate((part.rows for part in parts), initial=0)
    ids = np.empty(count, np.uint64)
    for part, begin in zip(parts, begins, strict=True):
        ids[begin : begin + part.rows] = _ids(part)
    again = _more_than_once(ids)
    seen = np.zeros(len(again), bool)
    return [
        _Lot(part, begin, _seen_before(_ids(part), again, seen) if len(again) else _NO_ROWS)
        for part, begin in zip(parts, begins, strict=True)
    ]


def _more_than_once(ids: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The ids that stand in more than one row, ascending; sorts what it is given."""
    ids.sort()
    return np.unique(ids[1:][ids[1:] == ids[:-1]])


def _seen_before(ids: NDArray[np.uint64], again: NDArray[np.uint64], seen: Mask) -> Rows:
    """The rows of a part whose ids have been seen; `seen` learns of the others."""
    rows = np.flatnonzero(np.isin(ids, again))
    at = np.searchsorted(again, ids[rows])
    is_first = np.zeros(len(rows), bool)
    is_first[np.unique(at, return_index=True)[1]] = True
    before = rows[seen[at] | ~is_first]
    seen[at] = True
    return before


def _ids(part: Part) -> NDArray[np.uint64]:
    return leading_bits(part.read(["id"])["id"].combine_chunks())


def _shares(lots: Sequence[_Lot], judge: Judge) -> dict[str, float]:
    """The probabilities that the recipe's shares come to, over all that is still eligible."""
    cuts = judge.recipe.scores
    by_share = [name for name, cut in cuts.items() if cut.drop_worst is not None]
    if not by_share:
        return {}
    eligible: dict[str, list[NDArray[np.float32]]] = {name: [] for name in by_share}
    for lot in lots:
        columns = _columns(lot.part.read(judge.columns))
        passing = lot.eligible(columns, judge)
        for name in by_share:
            eligible[name].append(np.asarray(columns[name], np.float32)[passing])
    joined = {name: np.concatenate(values) for name, values in eligible.items()}
    return decisions.share_thresholds(cuts, joined)


def _enter(lot: _Lot, judge: Judge, shares: Mapping[str, float], spill: "_Spill") -> _Field:
    """Judge one part; spill the members of clusters, and return who is left if asked for."""
    lot.part.check()
    recipe = judge.recipe
    wanted = {*judge.columns, *CLASSIFIERS, *_COMPETING}
    wanted |= {"signature", "contained_in", "containment"} if recipe.duplicates else set()
    columns = _columns(lot.part.read(sorted(wanted)))
    left = np.flatnonzero(decisions.passed(lot.hits(columns, judge, shares), lot.part.rows))
    quality = decisions.quality(columns)
    if recipe.duplicates:
        clustered = np.asarray(columns["cluster_size"]) > 1
        rows = left[clustered[left]]
        spill.write(_members(columns, quality, rows, lot.begin))
    inner = _inner(columns, left, lot.begin, recipe.duplicates)
    if not _asks_for_everyone(recipe):
        left = left[:0]
    names = columns["host"].take(pa.array(left)).dictionary_encode()
    codes = np.asarray(names.indices)
    known = names.dictionary.to_pylist()
    domains = known  # as good as any other, where nobody asks for them
    if recipe.caps.domain is not None:
        domains = [hosts.registered_domain(name) for name in known]
    return _Field(
        rows=left + lot.begin,
        ids=leading_bits(columns["id"].take(pa.array(left))),
        quality=quality[left].astype(np.float32),
        hosts=_hashes(known)[codes],
        domains=_hashes(domains)[codes],
        bands={
            name: decisions.within_band(columns[name], band)[left]
            for name, band in recipe.caps.bands.items()
        },
        inner=inner,
    )


def _asks_for_everyone(recipe: Recipe) -> bool:
    """Whether caps, or containers, are looked for among all who are left."""
    removes_inner = recipe.duplicates is not None and recipe.duplicates.contained == "remove"
    return removes_inner or recipe.caps != Caps()


def _inner(
    columns: Mapping[str, pa.Array], left: Rows, begin: int, policy: KeepPolicy | None
) -> _Removals:
    """Of those who are left, the ones that a longer document contains, if a recipe minds."""
    if policy is None or policy.contained == "keep":
        return _Removals()
    containment = np.asarray(columns["containment"].fill_null(0), np.float32)
    rows = left[containment[left] >= np.float32(policy.containment)]
    outer = columns["contained_in"].take(pa.array(rows))
    return _Removals(rows + begin, outer, np.full(len(rows), -1), containment[rows])


def _members(
    columns: Mapping[str, pa.Array], quality: NDArray[np.float64], rows: Rows, begin: int
) -> pa.RecordBatch:
    chosen = pa.array(rows)
    taken = {
        **{name: columns[name].take(chosen) for name in MEMBERS.names if name in columns},
        "quality": pa.array(quality[rows]),
        "row": pa.array(rows + begin),
    }
    arrays = [taken[field.name].cast(field.type) for field in _SPILLED]
    return pa.RecordBatch.from_arrays(arrays, schema=_SPILLED)


class _Spill:
    """Members of clusters on disk, whole clusters in one partition."""

    def __init__(self, folder: Path, partitions: int) -> None:
        self._paths = [folder / f"{number}.arrow" for number in range(partitions)]
        self._stack = ExitStack()

    def __enter__(self) -> None:
        self._writers = [
            self._stack.enter_context(pa.ipc.new_stream(str(path), _SPILLED))
            for path in self._paths
        ]

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def write(self, members: pa.RecordBatch) -> None:
        """Put each member into the partition of its cluster."""
        partition = leading_bits(members["cluster_id"]) % np.uint64(len(self._paths))
        for number, writer in enumerate(self._writers):
            writer.write_batch(members.filter(pa.array(partition == number)))

    def read(self) -> Iterator[pa.Table]:
        """One partition after another."""
        for path in self._paths:
            with pa.ipc.open_stream(str(path)) as stream:
                yield stream.read_all()


def _remove(spill: _Spill, policy: KeepPolicy | None) -> _Removals:
    if policy is None:
        return _Removals()
    return _Removals.joined([_removed_of(members, policy) for members in spill.read()])


def _removed_of(members: pa.Table, policy: KeepPolicy) -> _Removals:
    """Who is removed of some whole clusters."""
    removal = remove_copies(members, policy)
    removed = removal["survivor_id"].is_valid()
    rows = np.asarray(members["row"], np.int64)
    survivors = removal["survivor_id"].filter(removed).combine_chunks()
    similarities = np.asarray(removal["similarity"].filter(removed), np.float32)
    at = np.asarray(pc.index_in(survivors, members["id"]), np.int64)
    return _Removals(rows[np.asarray(removed)], survivors, rows[at], similarities)


def _contained(field: _Field, removals: _Removals) -> _Removals:
    """Who goes because the longer document that contains it stays."""
    inner = field.inner
    if not len(inner.rows):
        return _Removals()
    by_id = np.argsort(field.ids)
    wanted = leading_bits(inner.survivors)
    at = np.minimum(np.searchsorted(field.ids, wanted, sorter=by_id), len(by_id) - 1)
    container = np.full(len(field.rows), -1)
    found = field.ids[by_id[at]] == wanted
    place = np.searchsorted(field.rows, inner.rows)
    container[place[found]] = by_id[at[found]]
    stays = ~np.isin(field.rows, removals.rows, assume_unique=True)
    goes = np.flatnonzero(remove_contained(container, stays)[place])
    return _Removals(
        inner.rows[goes],
        inner.survivors.take(pa.array(goes)),
        field.rows[container[place[goes]]],
        inner.similarities[goes],
    )


def _over_caps(field: _Field, removals: _Removals, recipe: Recipe) -> list[Hits]:
    """Who comes too late, in global rows: by host, of the rest by domain, then by score band."""
    left = ~np.isin(field.rows, removals.rows, assume_unique=True)
    best_first = np.lexsort((field.ids, -field.quality))
    everyone, as_one = np.ones(len(left), bool), np.zeros(len(left), np.uint64)
    caps = [
        (decisions.CAP_HOST, field.hosts, everyone, recipe.caps.host),
        (decisions.CAP_DOMAIN, field.domains, everyone, recipe.caps.domain),
        *(
            (f"cap.{name}", as_one, field.bands[name], band.documents)
            for name, band in recipe.caps.bands.items()
        ),
    ]
    late: list[Hits] = []
    for rule, sites, members, cap in caps:
        if cap is not None:
            competing = best_first[(left & members)[best_first]]
            hits = decisions.over_cap(rule, sites, competing, cap)
            left[hits.rows] = False
            late.append(Hits(rule, field.rows[hits.rows], hits.values, hits.threshold))
    return late


def _write(
    lot: _Lot, lots: Sequence[_Lot], judge: Judge, outcome: _Outcome, attempt: Attempt
) -> None:
    """Put all reasons of one part together, and write its decisions."""
    recipe, part = judge.recipe, lot.part
    copies = outcome.removals.within(lot.begin, part.rows)
    contained = outcome.contained.within(lot.begin, part.rows)
    removals = _Removals.joined([copies, contained])
    columns = _columns(part.read(sorted({*judge.columns, "n_chars"})))
    hits = lot.hits(columns, judge, outcome.shares)
    if recipe.duplicates:
        policy = recipe.duplicates
        hits.append(_removed(decisions.DUPLICATE, copies, policy.threshold))
        if policy.contained == "remove":
            hits.append(_removed(decisions.CONTAINED, contained, policy.containment))
    hits.extend(_within(cap, lot.begin, part.rows) for cap in outcome.late)
    if recipe.sample < 1:
        hits.append(_sampled_out(columns["id"], hits, recipe))
    kept = decisions.passed(hits, part.rows)
    stands_for = np.full(part.rows, -1)
    stands_for[removals.rows] = np.arange(len(removals.rows))
    survivor = pa.array(stands_for, mask=stands_for < 0)
    table = pa.table(
        [
            columns["id"],
            pa.array(kept),
            decisions.reasons(hits, part.rows),
            removals.survivors.take(survivor),
            pa.array(removals.similarities, pa.float32()).take(survivor),
            pa.array([part.run or None] * part.rows, pa.string()),
            _runs_at(lots, removals.survivor_rows).take(survivor),
            *cutting.said_of(columns, recipe.paragraphs, part.rows),
        ],
        schema=DECISIONS.arrow,
    )
    attempt.table("decisions", DECISIONS.arrow).write(table)
    for name, count in _counts(hits, kept, np.asarray(columns["n_chars"])).items():
        attempt.count(name, count)
    attempt.note("shares", dict(outcome.shares))


def _runs_at(lots: Sequence[_Lot], rows: Rows) -> pa.Array:
    """What the runs that hold some global rows are called; null where there is one run only."""
    part = np.searchsorted([lot.begin for lot in lots], rows, side="right") - 1
    return pa.array([lot.part.run or None for lot in lots], pa.string()).take(pa.array(part))


def _removed(rule: str, removals: _Removals, threshold: float) -> Hits:
    return Hits(rule, removals.rows, removals.similarities.astype(np.float64), threshold)


def _sampled_out(ids: pa.Array, hits: Sequence[Hits], recipe: Recipe) -> Hits:
    left = np.flatnonzero(decisions.passed(hits, len(ids)))
    drawn = decisions.outside_sample(
        ids.take(pa.array(left)).to_pylist(), recipe.sample, recipe.seed
    )
    return Hits(decisions.SAMPLE, left[drawn.rows], drawn.values, drawn.threshold)


def _counts(hits: Sequence[Hits], kept: Mask, characters: NDArray[np.int32]) -> Counter[str]:
    """The part's books: documents by first reason and by every reason."""
    counts = Counter(
        documents=len(kept),
        kept=int(kept.sum()),
        characters=int(characters.sum()),
        kept_characters=int(characters[kept].sum()),
    )
    named = np.zeros(len(kept), bool)
    for hit in hits:
        counts[f"any.{hit.rule}"] += len(hit.rows)
        counts[f"first.{hit.rule}"] += int((~named[hit.rows]).sum())
        named[hit.rows] = True
    return counts


def _within(hits: Hits, begin: int, rows: int) -> Hits:
    """The hits of global rows that fall into one part, in the part's own rows."""
    first, last = np.searchsorted(hits.rows, [begin, begin + rows])
    return Hits(hits.rule, hits.rows[first:last] - begin, hits.values[first:last], hits.threshold)


def _joined(fields: Sequence[_Field]) -> _Field:
    return _Field(
        rows=np.concatenate([field.rows for field in fields]),
        ids=np.concatenate([field.ids for field in fields]),
        quality=np.concatenate([field.quality for field in fields]),
        hosts=np.concatenate([field.hosts for field in fields]),
        domains=np.concatenate([field.domains for field in fields]),
        bands={
            name: np.concatenate([field.bands[name] for field in fields])
            for name in fields[0].bands
        },
        inner=_Removals.joined([field.inner for field in fields]),
    )


def _columns(table: pa.Table) -> dict[str, pa.Array]:
    return {
        name: table[name].combine_chunks() if table.num_rows else pa.array([], table[name].type)
        for name in table.column_names
    }


def _hashes(names: Sequence[str]) -> NDArray[np.uint64]:
    return np.fromiter((xxhash.xxh3_64_intdigest(name.encode()) for name in names), np.uint64)
