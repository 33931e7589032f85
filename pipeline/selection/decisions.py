"""Decisions: from a document's columns to every reason against it, as pure functions.

A recipe judges in two steps. First each document by itself (`Judge`): takedown, robots, time,
flags, ranges and scores, all of them, so that a document names every reason and not only the first.
Then what is left competes (`remove_copies`, `over_caps`, `outside_sample`), and a document that
loses has that one reason more. Kept is what no reason stands against.

In a notebook, on any table that has the columns:

    judge = Judge(load("default"))
    reasons(judge.hits(columns, {}), len(documents))
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from numpy.typing import NDArray

from pipeline.rules import RULES, Rule
from pipeline.selection import cutting, takedown
from pipeline.selection.recipe import CLASSIFIERS, Band, Cut, Recipe
from schemas import DECISIONS

ERASED = "erased"
"""Reason of a document whose text is gone for good, and the flag by which it is known."""

REPEATED = "repeated"
"""Reason of a document that was read twice, in one run or in two: it is judged at its first."""

TAKEDOWN_HOST = "takedown.host"
TAKEDOWN_URL = "takedown.url"
BEFORE = "crawl_time.from"
AFTER = "crawl_time.until"
UNDATED = "crawl_time.undated"
CUT_SHORT = "paragraphs.left"
DUPLICATE = "duplicate"
CONTAINED = "contained"
CAP_HOST = "cap.host"
CAP_DOMAIN = "cap.domain"
SAMPLE = "sample"

_REASONS = DECISIONS.arrow.field("reasons").type

Rows = NDArray[np.int64]
Codes = NDArray[np.int64] | NDArray[np.uint64]
Mask = NDArray[np.bool_]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Hits:
    """One rule and the rows that it speaks against.

    Attributes:
        rule: the reason's name: a versioned flag, `COLUMN.min`, `noise.keep_below`, `duplicate`.
        rows: the rows, ascending.
        values: the value of each row that broke the rule; NaN where there is none.
        threshold: what it was held against; NaN where there is none.
    """

    rule: str
    rows: Rows
    values: Numbers
    threshold: float = np.nan


class Judge:
    """What a recipe says of a document by itself.

    Args:
        recipe: the recipe; its list files are read when they are first needed.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe

    @property
    def columns(self) -> list[str]:
        """The columns that have to be read, sorted: never the text."""
        recipe = self.recipe
        wanted = {"id", "flags", *recipe.ranges, *recipe.scores}
        if recipe.takedown.hosts:
            wanted.add("host")
        if recipe.takedown.urls:
            wanted.add("url")
        if recipe.robots:
            wanted.add("robots")
        if recipe.crawl_time.begin is not None or recipe.crawl_time.until is not None:
            wanted.add("crawl_time")
        if recipe.paragraphs.frequent == "cut":
            wanted |= {"n_chars", *cutting.MARKS}
        wanted.update(rule.metric for rule in self._flag_rules)
        return sorted(wanted)

    def eligible(self, columns: Mapping[str, pa.Array]) -> Mask:
        """Which rows pass all that does not depend on shares: what shares are shares of."""
        return passed(self._before_scores(columns), len(columns["id"]))

    def hits(self, columns: Mapping[str, pa.Array], shares: Mapping[str, float]) -> list[Hits]:
        """Every reason that each row has by itself, in the fixed order.

        Args:
            columns: arrays of equal length by name, as `columns` asks for.
            shares: the probabilities that the recipe's shares come to, from `share_thresholds`.
        """
        return [
            *self._before_scores(columns),
            *self._scores(columns, shares),
            *self._cut_short(columns),
        ]

    def _before_scores(self, columns: Mapping[str, pa.Array]) -> list[Hits]:
        found = [
            *_erased(columns["flags"]),
            *self._taken_down(columns),
            *self._opted_out(columns),
            *self._outside_time(columns),
            *self._flagged(columns),
            *self._outside_ranges(columns),
        ]
        return [hits for hits in found if len(hits.rows)]

    def _taken_down(self, columns: Mapping[str, pa.Array]) -> Iterable[Hits]:
        if self.recipe.takedown.hosts:
            listed = takedown.match_hosts(columns["host"], self._hosts)
            yield _valueless(TAKEDOWN_HOST, listed)
        if self.recipe.takedown.urls:
            yield _valueless(TAKEDOWN_URL, takedown.match_urls(columns["url"], self._urls))

    def _opted_out(self, columns: Mapping[str, pa.Array]) -> Iterable[Hits]:
        rows = _rows_by_name(columns["robots"]) if self.recipe.robots else {}
        for directive in self.recipe.robots:
            yield said(f"robots.{directive}", rows.get(directive, np.zeros(0, np.int64)))

    def _outside_time(self, columns: Mapping[str, pa.Array]) -> Iterable[Hits]:
        window = self.recipe.crawl_time
        if window.begin is None and window.until is None:
            return
        times = numbers(columns["crawl_time"].cast(pa.int64()))
        yield _valueless(UNDATED, np.isnan(times))
        if window.begin is not None:
            yield _broken(BEFORE, times, times < window.begin, window.begin)
        if window.until is not None:
            yield _broken(AFTER, times, times >= window.until, window.until)

    def _flagged(self, columns: Mapping[str, pa.Array]) -> Iterable[Hits]:
        flagged = _rows_by_name(columns["flags"]) if self._flag_rules else {}
        for rule in self._flag_rules:
            rows = flagged.get(rule.name, np.zeros(0, np.int64))
            values = numbers(columns[rule.metric].take(pa.array(rows)))
            yield Hits(rule.name, rows, values, rule.threshold)

    def _outside_ranges(self, columns: Mapping[str, pa.Array]) -> Iterable[Hits]:
        for name, kept in self.recipe.ranges.items():
            values = numbers(columns[name])
            if kept.minimum is not None:
                low = _as_stored(kept.minimum, columns[name].type)
                yield _broken(f"{name}.min", values, values < low, kept.minimum)
            if kept.maximum is not None:
                high = _as_stored(kept.maximum, columns[name].type)
                yield _broken(f"{name}.max", values, values > high, kept.maximum)

    def _scores(
        self, columns: Mapping[str, pa.Array], shares: Mapping[str, float]
    ) -> Iterable[Hits]:
        for name, cut in self.recipe.scores.items():
            values = numbers(columns[name])
            if cut.keep_below is not None:
                rule, threshold = f"{name}.keep_below", cut.keep_below
                hits = _broken(
                    rule, values, values >= _as_stored(threshold, pa.float32()), threshold
                )
            else:
                rule, threshold = f"{name}.drop_worst", shares[name]
                hits = _broken(rule, values, values > threshold, threshold)
            if len(hits.rows):
                yield hits

    def _cut_short(self, columns: Mapping[str, pa.Array]) -> Iterable[Hits]:
        """Texts of which next to nothing is left without their frequent paragraphs."""
        policy = self.recipe.paragraphs
        if policy.frequent == "cut":
            cut = cutting.cuts(policy, *(columns[name] for name in cutting.MARKS))
            left = cutting.chars_left(np.asarray(columns["n_chars"], np.int64), cut)
            is_cut = np.asarray(pc.list_value_length(cut)) > 0
            yield _broken(
                CUT_SHORT, left.astype(np.float64), is_cut & (left < policy.left), policy.left
            )

    @cached_property
    def _flag_rules(self) -> list[Rule]:
        wanted = set(self.recipe.flags)
        return [rule for rule in RULES if rule.name in wanted]

    @cached_property
    def _hosts(self) -> takedown.Entries:
        return takedown.read_hosts(self.recipe.takedown.hosts)

    @cached_property
    def _urls(self) -> takedown.Entries:
        return takedown.read_urls(self.recipe.takedown.urls)


def share_thresholds(
    scores: Mapping[str, Cut], eligible: Mapping[str, NDArray[np.float32]]
) -> dict[str, float]:
    """The probability over which a document is among the worst, for each cut by share.

    Args:
        scores: the recipe's cuts.
        eligible: the probabilities of all documents that are still eligible, by classifier.

    Returns:
        A threshold for each classifier cut by share: at most that share lies over it, and less
        where many have the same probability.
    """
    shares = {name: cut.drop_worst for name, cut in scores.items()}
    return {
        name: _over_which(eligible[name], share)
        for name, share in shares.items()
        if share is not None
    }


def quality(columns: Mapping[str, pa.Array]) -> Numbers:
    """How good a document is beside its copies and neighbours: the probability of no defect.

    The three defects are taken as independent, which is enough to put copies in an order.
    """
    kept = [1.0 - numbers(columns[name]) for name in CLASSIFIERS]
    return np.asarray(np.prod(kept, axis=0), np.float64)


def within_band(probabilities: pa.Array, band: Band) -> Mask:
    """Which documents lie in a band of a classifier's probability."""
    values = numbers(probabilities)
    inside = values >= _as_stored(band.begin, probabilities.type)
    if band.below is not None:
        inside &= values < _as_stored(band.below, probabilities.type)
    return inside


def over_cap(rule: str, sites: Codes, best_first: Rows, cap: int) -> Hits:
    """The documents of each site that come after its best `cap`.

    Args:
        rule: the reason's name.
        sites: shape (n,), equal for documents of one site.
        best_first: shape (n,), the same rows, in the order in which they deserve a place.
        cap: how many of a site may stay.
    """
    ordered = sites[best_first]
    by_site = np.argsort(ordered, kind="stable")
    runs = ordered[by_site]
    begins = np.flatnonzero(np.append(True, runs[1:] != runs[:-1])[: len(runs)])
    place = np.arange(len(runs)) - np.repeat(begins, np.diff(begins, append=len(runs)))
    late = place >= cap
    rows = best_first[by_site[late]]
    order = np.argsort(rows)
    return Hits(rule, rows[order], (place[late][order] + 1).astype(np.float64), cap)


def outside_sample(ids: Sequence[str], share: float, seed: int) -> Hits:
    """The documents that a sample leaves out: drawn by id, so that it is the same in any order."""
    draws = np.fromiter((xxhash.xxh3_64_intdigest(name.encode(), seed) for name in ids), np.uint64)
    drawn = draws.astype(np.float64) / 2**64
    return _broken(SAMPLE, drawn, drawn >= share, share)


def passed(hits: Iterable[Hits], count: int) -> Mask:
    """Which of `count` rows no hit speaks against."""
    free = np.ones(count, bool)
    for hit in hits:
        free[hit.rows] = False
    return free


def reasons(hits: Sequence[Hits], count: int) -> pa.ListArray:
    """The reasons of each of `count` rows, in the order of the hits."""
    rows = np.concatenate([hit.rows for hit in hits]) if hits else np.zeros(0, np.int64)
    order = np.argsort(rows, kind="stable")
    sizes = [len(hit.rows) for hit in hits]
    values = np.concatenate([hit.values for hit in hits]) if hits else np.zeros(0)
    thresholds = np.repeat([hit.threshold for hit in hits], sizes)
    names = pa.array([hit.rule for hit in hits], pa.string())
    which = np.repeat(np.arange(len(hits)), sizes)[order]
    structs = pa.StructArray.from_arrays(
        [
            names.take(pa.array(which, pa.int64())),
            pa.array(values[order], pa.float64(), from_pandas=True),  # NaN becomes null
            pa.array(thresholds[order], pa.float64(), from_pandas=True),
        ],
        fields=list(_REASONS.value_type),
    )
    offsets = np.zeros(count + 1, np.int32)
    np.cumsum(np.bincount(rows, minlength=count), out=offsets[1:])
    return pa.ListArray.from_arrays(pa.array(offsets), structs, type=_REASONS)


def numbers(column: pa.Array) -> Numbers:
    """A column as numbers, NaN for null; counts by name are added up."""
    if pa.types.is_list(column.type):
        return _totals(column)
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)


def _erased(flags: pa.ListArray) -> Iterable[Hits]:
    rows = _rows_by_name(flags).get(ERASED)
    if rows is not None:
        yield said(ERASED, rows)


def _rows_by_name(lists: pa.ListArray) -> dict[str, Rows]:
    """The rows whose list holds a name, for each name; a null holds none."""
    row = np.asarray(pc.list_parent_indices(lists), np.int64)
    names = pc.list_flatten(lists).dictionary_encode()
    codes = np.asarray(names.indices)
    known = names.dictionary.to_pylist()
    return {name: row[codes == code] for code, name in enumerate(known)}


def _as_stored(threshold: float, kind: pa.DataType) -> float:
    """A threshold as the column would store it, so that a value equal to it compares so."""
    return float(np.float32(threshold)) if pa.types.is_float32(kind) else threshold


def _totals(column: pa.ListArray) -> Numbers:
    counts = np.asarray(pc.list_flatten(column).field("count"), np.float64)
    row = np.asarray(pc.list_parent_indices(column), np.int64)
    totals = np.bincount(row, counts, len(column)).astype(np.float64)
    totals[np.asarray(column.is_null())] = np.nan
    return totals


def _over_which(values: NDArray[np.float32], share: float) -> float:
    dropped = int(len(values) * share)
    if dropped >= len(values):
        return -np.inf if len(values) else np.inf
    place = len(values) - 1 - dropped
    return float(np.partition(values, place)[place])


def _broken(rule: str, values: Numbers, broken: Mask, threshold: float) -> Hits:
    rows = np.flatnonzero(broken)
    return Hits(rule, rows, values[rows], threshold)


def _valueless(rule: str, broken: Mask) -> Hits:
    return said(rule, np.flatnonzero(broken))


def said(rule: str, rows: Rows) -> Hits:
    """A rule that holds or not, without a value."""
    return Hits(rule, rows, np.full(len(rows), np.nan))
