"""Why a text scores as it does: the n-grams and features that speak for and against each class."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from classifiers.bundle import Bundle
from classifiers.features import DENSE, as_document
from classifiers.heads import over_cuts
from classifiers.labels import CLASSES
from classifiers.ngrams import buckets, code_points, rolling_hashes

_SHOWN: Final = 8


@dataclass(frozen=True, slots=True)
class Vote:
    """What one piece of evidence adds to a class's log-odds.

    Attributes:
        evidence: the n-gram as folded, or the feature's name.
        span: where the n-gram first stands, `(first, end)` in the folded text; None for a feature.
        value: log-odds added, after calibration.
    """

    evidence: str
    span: tuple[int, int] | None
    value: float


def votes(bundle: Bundle, text: str, place: int, most: int = 200) -> list[Vote]:
    """Returns what speaks in a text for and against a class, the weightiest first.

    Args:
        bundle: loaded classifiers; their text head is asked.
        text: the document's text.
        place: the class, as a place in `CLASSES`.
        most: how many n-grams to name at most.
    """
    head = bundle.heads["text"]
    codes, view = code_points(text), as_document(text).views[0]
    slope = head.calibration[0, place]
    weights = head.views[0]
    said = view.weights * weights.weights[view.buckets, place] / view.length
    said *= weights.scale[place] * slope
    steps = np.where(over_cuts(view.dense, head.cuts), head.steps[..., place], 0.0).sum(1) * slope
    weighty = np.argsort(-np.abs(said), kind="stable")[:most]
    heard = [
        Vote(*_first_occurrence(codes, int(view.buckets[row])), float(said[row]))
        for row in weighty.tolist()
        if said[row]
    ]
    heard += [
        Vote(name, None, float(value))
        for name, value in zip(DENSE["text"], steps, strict=True)
        if value
    ]
    return sorted(heard, key=lambda vote: -abs(vote.value))


def explain(bundle: Bundle, text: str) -> Iterator[str]:
    """Writes the weightiest votes for and against each class, a line each."""
    log_odds = bundle.heads["text"].log_odds(as_document(text))
    for place, name in enumerate(CLASSES):
        yield f"{name}: {1 / (1 + np.exp(-log_odds[place])):.3f}"
        heard = votes(bundle, text, place)
        for title, side in (("for", 1), ("against", -1)):
            for vote in [vote for vote in heard if vote.value * side > 0][:_SHOWN]:
                where = f" at {vote.span[0]}–{vote.span[1]}" if vote.span else ""
                yield f"  {title:8}{vote.value:+.2f}  {vote.evidence!r}{where}"


def _first_occurrence(codes: NDArray[np.uint32], bucket: int) -> tuple[str, tuple[int, int] | None]:
    for order, hashes in enumerate(rolling_hashes(codes), start=1):
        found = np.flatnonzero(buckets([hashes]) == bucket)
        if len(found):
            first = int(found[0])
            ngram = "".join(map(chr, codes[first : first + order].tolist()))
            return ngram, (first, first + order)
    raise AssertionError(f"bucket {bucket} is of no n-gram of the text that it was counted in")
