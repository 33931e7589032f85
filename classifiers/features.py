"""A document as its models see it, read in one pass over each of its texts.

A document with HTML is seen by its whole visible page, its main text and its page facts; one
without HTML by its text alone. The two are told apart by `facts.has_html`, and each has its own
head in a bundle, so that a missing fact is never taken for a small one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from classifiers.facts import FACTS, FACTS_READ, facts, has_html
from classifiers.lexicon import LEXICON, adult_lexicon, lexicon_features
from classifiers.ngrams import Counter, code_points
from classifiers.shape import SHAPE, kinds_of, shape

Head = Literal["html", "text"]
"""Which evidence a document offers."""

VIEWS: Final[dict[Head, tuple[str, ...]]] = {"html": ("page", "main"), "text": ("text",)}
"""The texts that each head reads n-grams of."""

_OF_TEXT: Final = (*SHAPE, *(f"lexicon_{name}" for name in LEXICON))

DENSE: Final[dict[Head, tuple[str, ...]]] = {
    "html": (*(f"{view}.{name}" for view in VIEWS["html"] for name in _OF_TEXT), *FACTS),
    "text": tuple(f"text.{name}" for name in _OF_TEXT),
}
"""The dense features of each head, in order: shape and lexicon of each view, then page facts."""


def family_of(name: str) -> str:
    """Returns the family of a dense feature: shape, lexicon or facts.

    >>> [family_of(name) for name in ("page.log_lines", "text.lexicon_log_hits", "link_share")]
    ['shape', 'lexicon', 'facts']
    """
    _, dot, of_text = name.rpartition(".")
    return "facts" if not dot else "lexicon" if of_text.startswith("lexicon_") else "shape"


@dataclass(frozen=True, slots=True)
class View:
    """One text of a document.

    Attributes:
        buckets: its distinct n-grams, `ngrams.Counter.count`.
        weights: the weight of each, in whole sixteenths.
        length: the Euclidean length of the weights; 1 for a text without n-grams.
        dense: its shape and lexicon features, float32.
    """

    buckets: NDArray[np.uint32]
    weights: NDArray[np.int32]
    length: float
    dense: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Features:
    """One document: its head, its views in the order of `VIEWS`, its dense features (`DENSE`)."""

    head: Head
    views: tuple[View, ...]
    dense: NDArray[np.float32]


def read(text: str, counter: Counter) -> View:
    """Reads one text: code points once, from which come n-grams, shape and lexicon hits."""
    codes = code_points(text)
    kinds = kinds_of(codes)
    buckets, weights, length = counter.count(codes)
    hits = adult_lexicon().find(codes, kinds)
    dense = np.concatenate((shape(text, kinds, len(buckets)), lexicon_features(codes, hits)))
    return View(buckets, weights, length, dense)


def features(batch: pa.RecordBatch) -> Iterator[Features]:
    """Reads the documents of a batch, in order.

    Args:
        batch: documents: the columns `text` and `page_text`, and where they are, the page facts.
    """
    counter, with_html = Counter(), has_html(batch)
    there = [name for name in ("text", "page_text", *FACTS_READ) if name in batch.schema.names]
    rows = batch.select(there).to_pylist()
    told = iter(facts([row for row, of_html in zip(rows, with_html, strict=True) if of_html]))
    for row, of_html in zip(rows, with_html, strict=True):
        if of_html:
            views = (read(row["page_text"], counter), read(row["text"] or "", counter))
            dense = np.concatenate([*(view.dense for view in views), next(told)])
            yield Features("html", views, dense)
        else:
            yield as_document(row["page_text"] or row["text"] or "", counter)


def by_page_text(document: Features) -> Features:
    """Returns a document as its whole page's text alone shows it; nothing is read again."""
    whole = document.views[0]
    return Features("text", (whole,), whole.dense)


def as_document(text: str, counter: Counter | None = None) -> Features:
    """Reads a text as a document without HTML."""
    view = read(text, counter or Counter())
    return Features("text", (view,), view.dense)
