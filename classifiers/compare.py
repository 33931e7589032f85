"""Two bundles on one set of labelled pages: which is better, how surely, and where they differ."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifiers.evaluate import Judged
from classifiers.labels import CLASSES, groups
from classifiers.metrics import Chances, Truth, average_precision, interval_over_groups


@dataclass(frozen=True, slots=True)
class Gain:
    """What the second bundle gains over the first, on some pages.

    Attributes:
        first: average precision of the first bundle.
        second: average precision of the second.
        interval: of `second - first`, 95 % of bootstrap samples of sites, both bundles judged on
            the same samples; the second is surely better or worse if 0 lies outside.
    """

    first: float
    second: float
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Difference:
    """How two bundles differ on one class.

    Attributes:
        name: the class.
        gains: by each of `evaluate.SELECTIONS`.
        rows: the pages, of confidence high and mid, whose chances differ most, by row, the largest
            difference first.
    """

    name: str
    gains: Mapping[str, Gain]
    rows: tuple[int, ...]


def compare(first: Judged, second: Judged, most: int = 10) -> Iterator[Difference]:
    """Compares two bundles by class, on the pages that have a label of it.

    Args:
        first: pages scored by one bundle.
        second: the same pages, in the same order, scored by another.
        most: how many differing pages to name.
    """
    group = groups(first.labels)
    for place, name in enumerate(CLASSES):
        truth, selections = first.truth(place), first.selections(place)
        one, other = first.chances[:, place], second.chances[:, place]
        gains = {
            pages: _gained(truth[rows], one[rows], other[rows], group[rows])
            for pages, rows in selections.items()
        }
        distance = np.abs(other - one) * selections["high_mid"]
        furthest = np.argsort(-distance, kind="stable")[:most].tolist()
        yield Difference(name, gains, tuple(row for row in furthest if distance[row] > 0))


def _gained(truth: Truth, one: Chances, other: Chances, group: NDArray[np.intp]) -> Gain:
    def gain(rows: NDArray[np.intp]) -> float:
        first = average_precision(truth[rows], one[rows])
        return average_precision(truth[rows], other[rows]) - first

    return Gain(
        average_precision(truth, one),
        average_precision(truth, other),
        interval_over_groups(gain, group),
    )
