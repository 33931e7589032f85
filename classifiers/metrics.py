"""Measures of a classifier on labelled pages, with intervals over sites."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Truth = NDArray[np.bool_]
Chances = NDArray[np.float64]

BINS: Final = 10
"""Bins of the expected calibration error, of equal width."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """What each threshold flags, from the highest chance down; pages of one chance stand together.

    Attributes:
        thresholds: the chances that occur, falling, shape (n,).
        flagged: pages at or over each.
        hits: pages of the class among them.
        pages: all pages.
        positive: all pages of the class.
    """

    thresholds: Chances
    flagged: NDArray[np.int64]
    hits: NDArray[np.int64]
    pages: int
    positive: int

    @classmethod
    def of(cls, truth: Truth, chances: Chances) -> "Ranking":
        """Ranks pages by their chance."""
        order = np.argsort(-chances, kind="stable")
        falling = chances[order]
        last = np.flatnonzero(np.append(falling[1:] != falling[:-1], True)[: len(falling)])
        hits = np.cumsum(truth[order], dtype=np.int64)[last]
        return cls(falling[last], last + 1, hits, len(truth), int(truth.sum()))

    @property
    def precisions(self) -> NDArray[np.float64]:
        """The share of pages of the class among those flagged, at each threshold."""
        precisions: NDArray[np.float64] = self.hits / self.flagged
        return precisions

    @property
    def recalls(self) -> NDArray[np.float64]:
        """The share of the class's pages that are flagged, at each threshold; NaN without any."""
        return self.hits / self.positive if self.positive else np.full(len(self.hits), np.nan)

    @property
    def false_positive_rates(self) -> NDArray[np.float64]:
        """The share of other pages that are flagged, at each threshold; NaN without any."""
        others = self.pages - self.positive
        return (self.flagged - self.hits) / others if others else np.full(len(self.hits), np.nan)

    def average_precision(self) -> float:
        """Returns the area under the precision-recall curve, by steps; NaN without a positive."""
        if not self.positive:
            return float("nan")
        return float(np.diff(self.recalls, prepend=0.0) @ self.precisions)

    def threshold_at_precision(self, precision: float) -> tuple[float, float]:
        """Finds the threshold of the largest recall at a precision or better.

        Returns:
            The threshold (flag what is at or over it) and its recall; (1.0, 0.0) if none reaches
            it, (1.0, NaN) without a positive page.
        """
        if not self.positive:
            return 1.0, float("nan")
        reached = np.flatnonzero((self.precisions >= precision) & (self.hits > 0))
        if not len(reached):
            return 1.0, 0.0
        lowest = reached[-1]
        return float(self.thresholds[lowest]), float(self.recalls[lowest])


def average_precision(truth: Truth, chances: Chances) -> float:
    """Returns the area under the precision-recall curve, by steps; NaN without a positive page.

    >>> average_precision(np.array([True, False, True]), np.array([0.9, 0.5, 0.8]))
    1.0
    """
    return Ranking.of(truth, chances).average_precision()


def precision_recall_f1(truth: Truth, flagged: Truth) -> tuple[float, float, float]:
    """Returns precision, recall and F1 of a decision; NaN where there is nothing to divide by."""
    hits = float((truth & flagged).sum())
    precision = hits / flagged.sum() if flagged.any() else float("nan")
    recall = hits / truth.sum() if truth.any() else float("nan")
    f1 = 2 * hits / (flagged.sum() + truth.sum()) if (flagged | truth).any() else float("nan")
    return float(precision), float(recall), float(f1)


def threshold_at_precision(truth: Truth, chances: Chances, precision: float) -> tuple[float, float]:
    """Finds the threshold of the largest recall at a precision: `Ranking.threshold_at_precision`.

    >>> threshold_at_precision(np.array([True, True, False]), np.array([0.9, 0.6, 0.4]), 0.95)
    (0.6, 1.0)
    """
    return Ranking.of(truth, chances).threshold_at_precision(precision)


@dataclass(frozen=True, slots=True)
class Reliability:
    """What became of the pages of each bin of chances.

    Attributes:
        count: pages in each bin, shape (BINS,).
        said: the mean chance of each bin's pages, NaN where there is none.
        happened: the share of them that are of the class, NaN where there is none.
    """

    count: NDArray[np.int64]
    said: NDArray[np.float64]
    happened: NDArray[np.float64]


def reliability(truth: Truth, chances: Chances) -> Reliability:
    """Holds chances against what came true, by bins of equal width."""
    bins = np.minimum((chances * BINS).astype(int), BINS - 1)
    count = np.bincount(bins, minlength=BINS)
    with np.errstate(invalid="ignore"):
        said = np.bincount(bins, chances, minlength=BINS) / count
        happened = np.bincount(bins, truth, minlength=BINS) / count
    return Reliability(count, said, happened)


def calibration_error(truth: Truth, chances: Chances) -> float:
    """Returns the expected calibration error: the gap of chance and share, weighted by bin.

    After Naeini et al., AAAI 2015. NaN without a page. It is never 0 on few pages: chance alone
    moves the share of a bin by about the square root of its pages.
    """
    if not len(truth):
        return float("nan")
    found = reliability(truth, chances)
    gaps = np.abs(np.nan_to_num(found.said - found.happened))
    return float(gaps @ found.count / len(truth))


def brier(truth: Truth, chances: Chances) -> float:
    """Returns the mean squared distance of chance and truth."""
    return float(np.mean((chances - truth) ** 2)) if len(truth) else float("nan")


def interval_over_groups(
    measure: Callable[[NDArray[np.intp]], float],
    group: NDArray[np.intp],
    samples: int = 200,
) -> tuple[float, float]:
    """Bootstraps one measure over site groups: `intervals_over_groups`, with one name."""
    return intervals_over_groups(lambda rows: {"": measure(rows)}, group, samples)[""]


def intervals_over_groups(
    measures: Callable[[NDArray[np.intp]], Mapping[str, float]],
    group: NDArray[np.intp],
    samples: int = 200,
) -> dict[str, tuple[float, float]]:
    """Bootstraps measures over site groups, since pages of one site err together.

    Args:
        measures: takes row numbers, with repetition, and names what it measured; NaN samples are
            left out.
        group: a group number a row.
        samples: bootstrap samples; the seed is fixed.

    Returns:
        The 2.5th and 97.5th percentile by name; NaN twice where no sample could be measured, and
        where all rows are of one group, from which nothing can be said of others.
    """
    rows = [np.flatnonzero(group == number) for number in np.unique(group)]
    random = np.random.default_rng(0)
    if len(rows) < 2:
        return dict.fromkeys(measures(np.arange(len(group))), (float("nan"), float("nan")))
    drawn = [
        measures(
            np.concatenate([rows[place] for place in random.integers(0, len(rows), len(rows))])
        )
        for _ in range(samples)
    ]
    return {name: _middle([sample[name] for sample in drawn]) for name in drawn[0]}


def _middle(drawn: list[float]) -> tuple[float, float]:
    known = [value for value in drawn if not np.isnan(value)]
    if not known:
        return float("nan"), float("nan")
    low, high = np.percentile(known, (2.5, 97.5))
    return float(low), float(high)
