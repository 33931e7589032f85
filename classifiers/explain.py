"""Why a page scores as it does: the n-grams and features that speak for and against each class."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from classifiers.bundle import Bundle
from classifiers.features import (
    DENSE,
    NO_NAMES,
    UNNAMED,
    VIEWS,
    Features,
    View,
    as_document,
    by_page_text,
    features,
    names_of,
)
from classifiers.heads import BY_TEXT, LinearHead, over_cuts
from classifiers.labels import CLASSES
from classifiers.ngrams import buckets, code_points, place_of, plain_code_points, plain_counts

_SHOWN: Final = 8


@dataclass(frozen=True, slots=True)
class Vote:
    """What one piece of evidence adds to a class's log-odds.

    Attributes:
        evidence: the n-gram as folded, or the feature's name.
        span: where the n-gram first stands, `(first, end)` in the folded text; None for a feature.
        value: log-odds added, after calibration.
        view: which text the n-gram stands in (`features.VIEWS`); empty for a feature.
    """

    evidence: str
    span: tuple[int, int] | None
    value: float
    view: str = ""


def votes(bundle: Bundle, text: str, place: int, most: int = 200) -> list[Vote]:
    """Returns what speaks in a text for and against a class, the weightiest first.

    Args:
        bundle: loaded classifiers; their text head is asked.
        text: the document's text.
        place: the class, as a place in `CLASSES`.
        most: how many n-grams to name at most.
    """
    return _votes(bundle, as_document(text), (text, *UNNAMED), place, most)


def ngram_votes(bundle: Bundle, text: str, place: int, most: int = 200) -> Iterator[Vote]:
    """Yields those of the `votes` that are n-grams: for a few samples, without a compiled loop.

    Args:
        bundle: loaded classifiers; their text head is asked.
        text: the document's text.
        place: the class, as a place in `CLASSES`.
        most: how many n-grams to name at most.
    """
    texts = [plain_code_points(read) for read in (text, *UNNAMED)]
    view = View(*plain_counts(buckets(texts[0])), dense=np.empty(0, np.float32))
    document = Features("text", (view, *NO_NAMES), view.dense)
    return _of_ngrams(bundle, document, texts, place, most)


def page_votes(bundle: Bundle, page: pa.RecordBatch, place: int, most: int = 200) -> list[Vote]:
    """Returns what speaks in a document of a run for and against a class, the weightiest first.

    The head is asked that judges the class in such a document: with HTML, facts of the page speak
    too.

    Args:
        bundle: loaded classifiers.
        page: one document.
        place: the class, as a place in `CLASSES`.
        most: how many n-grams of each text to name at most.
    """
    (document,) = features(page)
    (row,) = page.to_pylist()
    whole, main, names = row["page_text"], row["text"] or "", names_of(row)
    if document.head == "text":
        return _votes(bundle, document, (whole or main, *names), place, most)
    if place in BY_TEXT:
        return _votes(bundle, by_page_text(document), (whole, *names), place, most)
    return _votes(bundle, document, (whole, main, *names), place, most)


def explain(bundle: Bundle, text: str) -> Iterator[str]:
    """Writes the weightiest votes for and against each class in a text, a line each."""
    alone = pa.RecordBatch.from_pydict({"text": [text], "page_text": pa.nulls(1, pa.string())})
    return _lines(bundle, alone, lambda place: votes(bundle, text, place))


def explain_page(bundle: Bundle, page: pa.RecordBatch) -> Iterator[str]:
    """Writes the weightiest votes for and against each class in one document, a line each."""
    return _lines(bundle, page, lambda place: page_votes(bundle, page, place))


def _lines(
    bundle: Bundle, page: pa.RecordBatch, heard_of: Callable[[int], list[Vote]]
) -> Iterator[str]:
    for place, name in enumerate(CLASSES):
        yield f"{name}: {bundle.chances(page)[0, place]:.3f}"
        heard = heard_of(place)
        for title, side in (("for", 1), ("against", -1)):
            for vote in [vote for vote in heard if vote.value * side > 0][:_SHOWN]:
                where = f" at {vote.view} {vote.span[0]}–{vote.span[1]}" if vote.span else ""
                yield f"  {title:8}{vote.value:+.2f}  {vote.evidence!r}{where}"


def _votes(
    bundle: Bundle, document: Features, texts: Sequence[str], place: int, most: int
) -> list[Vote]:
    codes = [code_points(text) for text in texts]
    heard = [
        *_of_ngrams(bundle, document, codes, place, most),
        *_of_dense(bundle.heads[document.head], document, place),
    ]
    return sorted(heard, key=lambda vote: -abs(vote.value))


def _of_ngrams(
    bundle: Bundle,
    document: Features,
    texts: Sequence[NDArray[np.uint32]],
    place: int,
    most: int,
) -> Iterator[Vote]:
    """What the n-grams of each view say, given its text in code points; each the first one there.

    The weightiest of a view come first.
    """
    head = bundle.heads[document.head]
    views = zip(VIEWS[document.head], texts, document.views, head.views, strict=True)
    for name, codes, view, weights in views:
        said = view.weights * weights.weights[view.buckets, place] / view.length
        said *= weights.scale[place] * head.calibration[0, place]
        ngrams = buckets(codes)
        for row in np.argsort(-np.abs(said), kind="stable")[:most].tolist():
            if said[row]:
                where = _first_occurrence(codes, ngrams, view.buckets[row])
                yield Vote(*where, float(said[row]), name)


def _of_dense(head: LinearHead, document: Features, place: int) -> Iterator[Vote]:
    steps = np.where(over_cuts(document.dense, head.cuts), head.steps[..., place], 0.0).sum(1)
    said = steps * head.calibration[0, place]
    for name, value in zip(DENSE[document.head], said, strict=True):
        if value:
            yield Vote(name, None, float(value))


def _first_occurrence(
    codes: NDArray[np.uint32], ngrams: NDArray[np.uint32], bucket: np.uint32
) -> tuple[str, tuple[int, int]]:
    first, end = place_of(int(np.argmax(ngrams == bucket)), len(codes))
    return "".join(map(chr, codes[first:end].tolist())), (first, end)
