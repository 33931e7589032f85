"""A head: one linear model a class over n-grams and dense features, with its calibration.

Every part of a document's log-odds is a sum over that document alone, in a fixed order, and the
n-grams' part is a sum of whole numbers: so scores are the same bits in any batch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from classifiers.features import VIEWS, Features, Head, View
from classifiers.labels import CLASSES
from classifiers.ngrams import BUCKET_BITS
from pipeline.compiled import compiled

BY_TEXT: Final = [CLASSES.index("adult")]
"""The classes that a page with HTML too is judged on by its whole text, with the text head.

Adult pages are few and of few owners: facts and page structure teach a model the templates of
those owners (`docs/decisions/06-classifiers.md`).
"""

_LANES: Final = 4


def as_chances(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turns log-odds into chances, of the same shape."""
    chances: NDArray[np.float64] = 1 / (1 + np.exp(-log_odds))
    return chances


@dataclass(frozen=True)
class ViewWeights:
    """What the n-grams of one view say.

    Attributes:
        weights: `(2**BUCKET_BITS, 4)`, int8, a class a lane, the last one empty: so the weights
            of an n-gram are one aligned word of memory, and reading them is four times as fast.
        scale: `(classes,)`: what one unit of a weight is worth.
    """

    weights: NDArray[np.int8]
    scale: NDArray[np.float64]

    @classmethod
    def of(
        cls, buckets: NDArray[np.intp], weights: NDArray[np.int8], scale: NDArray[np.float64]
    ) -> "ViewWeights":
        """Spreads the `(n, classes)` weights of some buckets; all others say nothing."""
        spread = np.zeros((2**BUCKET_BITS, _LANES), dtype=np.int8)
        spread[buckets, : len(CLASSES)] = weights
        return cls(spread, scale)

    def with_classes_of(self, other: "ViewWeights", places: list[int]) -> "ViewWeights":
        """Returns weights that say for some classes what the others say: two heads in one table."""
        weights, scale = self.weights.copy(), self.scale.copy()
        weights[:, places], scale[places] = other.weights[:, places], other.scale[places]
        return ViewWeights(weights, scale)

    def log_odds(self, view: View) -> NDArray[np.float64]:
        """Returns what the n-grams of a text, scaled to length 1, say for each class."""
        said = _say(view.buckets, view.weights, self.weights.view(np.uint32).ravel())
        log_odds: NDArray[np.float64] = said[: len(CLASSES)] / view.length * self.scale
        return log_odds


@dataclass(frozen=True)
class LinearHead:
    """The model of the documents with one kind of evidence.

    Attributes:
        name: the kind of evidence.
        views: the n-gram weights, a view each.
        cuts: `(features, cuts)`: where each dense feature is cut; NaN where it has fewer cuts.
        steps: `(features, cuts, classes)`: what it says that a feature is over a cut.
        offset: `(classes,)`: the log-odds where nothing speaks.
        calibration: `(2, classes)`: slope and offset by which log-odds become chances (Platt).
    """

    name: Head
    views: tuple[ViewWeights, ...]
    cuts: NDArray[np.float64]
    steps: NDArray[np.float64]
    offset: NDArray[np.float64]
    calibration: NDArray[np.float64]

    def log_odds(self, document: Features) -> NDArray[np.float64]:
        """Returns the calibrated log-odds of each class, `(classes,)`."""
        said = np.zeros(len(CLASSES))
        for weights, view in zip(self.views, document.views, strict=True):
            said += weights.log_odds(view)
        return self.calibrated(said, document.dense)

    def calibrated(
        self, said: NDArray[np.float64], dense: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """Adds to what a document's n-grams say what its dense features say, and calibrates."""
        steps = _add_steps(dense, self.cuts, self.steps)
        slope, offset = self.calibration
        log_odds: NDArray[np.float64] = (said + steps + self.offset) * slope + offset
        return log_odds

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The head as arrays to store; n-grams that say nothing are left out."""
        stored: dict[str, NDArray[Any]] = {
            "cuts": self.cuts,
            "steps": self.steps,
            "offset": self.offset,
            "calibration": self.calibration,
        }
        for view, weights in zip(VIEWS[self.name], self.views, strict=True):
            spoken = np.flatnonzero(weights.weights.any(1))
            stored[f"{view}_buckets"] = spoken.astype(np.uint32)
            stored[f"{view}_weights"] = weights.weights[spoken, : len(CLASSES)]
            stored[f"{view}_scale"] = weights.scale
        return stored

    @classmethod
    def of_arrays(cls, name: Head, stored: Mapping[str, NDArray[Any]]) -> "LinearHead":
        """The head that `arrays` described.

        Raises:
            KeyError: an array is missing.
        """
        views = [
            ViewWeights.of(
                stored[f"{view}_buckets"].astype(np.intp),
                stored[f"{view}_weights"],
                stored[f"{view}_scale"],
            )
            for view in VIEWS[name]
        ]
        plain = (  # of one layout and writable: the loop over them is compiled for that alone
            np.array(stored[part], order="C") for part in ("cuts", "steps", "offset", "calibration")
        )
        return cls(name, tuple(views), *plain)


def over_cuts(dense: NDArray[np.float32], cuts: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tells which cuts a document's dense features are over: `(…, features, cuts)`."""
    over: NDArray[np.bool_] = dense[..., None] > cuts
    return over


@compiled
def _say(
    buckets: NDArray[np.uint32], weights: NDArray[np.int32], words: NDArray[np.uint32]
) -> NDArray[np.int64]:
    """Sums the weights of n-grams, lane by lane, each times what the n-gram weighs in the text.

    The table is far larger than the caches. Its words are fetched before anything is made of them,
    so that the processor waits for many at a time.
    """
    fetched = np.empty_like(buckets)
    for place in range(len(buckets)):
        fetched[place] = words[buckets[place]]
    said = np.zeros(_LANES, np.int64)
    for lane in range(_LANES):
        shift = np.uint32(8 * lane)
        for place in range(len(weights)):
            said[lane] += weights[place] * np.int8(fetched[place] >> shift)
    return said


@compiled
def _add_steps(
    dense: NDArray[np.float32], cuts: NDArray[np.float64], steps: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Adds what it says for each class that features are over their cuts, in the cuts' order."""
    said = np.zeros(steps.shape[2])
    for feature in range(len(dense)):
        for cut in range(cuts.shape[1]):
            if dense[feature] > cuts[feature, cut]:
                for place in range(len(said)):
                    said[place] += steps[feature, cut, place]
    return said
