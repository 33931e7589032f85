"""Two bundles on one set of labelled pages: which is better, how surely, and where they differ."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from classifiers.evaluate import Judged
from classifiers.labels import CLASSES, groups
from classifiers.metrics import Chances, Truth, average_precision, interval_over_groups

_DOUBTFUL: Final = "low"


@dataclass(frozen=True, slots=True)
class Difference:
    """How two bundles differ on one class.

    Attributes:
        name: the class.
        first: average precision of the first bundle.
        second: average precision of the second.
        interval: of `second - first`, 95 % of bootstrap samples of sites, both bundles judged on
            the same samples; the second is surely better or worse if 0 lies outside.
        rows: the pages whose chances differ most, by row, the largest difference first.
    """

    name: str
    first: float
    second: float
    interval: tuple[float, float]
    rows: tuple[int, ...]


def compare(first: Judged, second: Judged, most: int = 10) -> Iterator[Difference]:
    """Compares two bundles by class, on pages whose label is not of low confidence.

    Args:
        first: pages scored by one bundle.
        second: the same pages, in the same order, scored by another.
        most: how many differing pages to name.
    """
    sure = [row for row, label in enumerate(first.labels) if label.confidence != _DOUBTFUL]
    group = groups(first.labels)[sure]
    for place, name in enumerate(CLASSES):
        truth = np.array([first.labels[row].truth[place] for row in sure], dtype=bool)
        one, other = first.chances[sure, place], second.chances[sure, place]

        order = np.argsort(-np.abs(other - one), kind="stable")[:most]
        yield Difference(
            name,
            average_precision(truth, one),
            average_precision(truth, other),
            interval_over_groups(partial(_gain, truth, one, other), group),
            tuple(sure[row] for row in order.tolist() if one[row] != other[row]),
        )


def _gain(truth: Truth, one: Chances, other: Chances, rows: NDArray[np.intp]) -> float:
    return average_precision(truth[rows], other[rows]) - average_precision(truth[rows], one[rows])
