"""A document as its models see it, read in one pass over each of its texts.

A document with HTML is seen by its whole visible page, its main text and its page facts; one
without HTML by its text alone. The two are told apart by `facts.has_html`, and each has its own
head in a bundle, so that a missing fact is never taken for a small one. Both are seen by their
title and the path of their address too, where these are known.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from classifiers.address import path_of
from classifiers.facts import FACTS, FACTS_READ, facts, has_html
from classifiers.lexicon import LEXICON, adult_lexicon, lexicon_features
from classifiers.ngrams import Counter, code_points
from classifiers.shape import SHAPE, kinds_of, shape

Head = Literal["html", "text"]
"""Which evidence a document offers."""

TEXTS: Final[dict[Head, tuple[str, ...]]] = {"html": ("page", "main"), "text": ("text",)}
"""The texts that each head reads n-grams of, and measures."""

NAMES: Final = ("title", "path")
"""What a page is called, of which n-grams are read alone; empty where it is not known."""

VIEWS: Final[dict[Head, tuple[str, ...]]] = {
    head: (*texts, *NAMES) for head, texts in TEXTS.items()
}
"""All that each head reads n-grams of."""

_OF_TEXT: Final = (*SHAPE, *(f"lexicon_{name}" for name in LEXICON))

DENSE: Final[dict[Head, tuple[str, ...]]] = {
    "html": (*(f"{text}.{name}" for text in TEXTS["html"] for name in _OF_TEXT), *FACTS),
    "text": tuple(f"text.{name}" for name in _OF_TEXT),
}
"""The dense features of each head, in order: shape and lexicon of each text, then page facts."""


def family_of(name: str) -> str:
    """Returns the family of a dense feature: shape, lexicon or facts.

    >>> [family_of(name) for name in ("page.log_lines", "text.lexicon_log_hits", "link_share")]
    ['shape', 'lexicon', 'facts']
    """
    _, dot, of_text = name.rpartition(".")
    return "facts" if not dot else "lexicon" if of_text.startswith("lexicon_") else "shape"


@dataclass(frozen=True, slots=True)
class View:
    """One text of a document, or one of its names.

    Attributes:
        buckets: its distinct n-grams, `ngrams.Counter.count`.
        weights: the weight of each, in whole sixteenths.
        length: the Euclidean length of the weights; 1 for a text without n-grams.
        dense: its shape and lexicon features, float32; none of a name.
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


_READ: Final = ("title", "url", "text", "page_text", *FACTS_READ)
_UNMEASURED: Final = np.empty(0, np.float32)

UNNAMED: Final = ("",) * len(NAMES)
"""The names of a document of which none is known."""

NO_NAMES: Final = (View(np.empty(0, np.uint32), np.empty(0, np.int32), 1.0, _UNMEASURED),) * len(
    NAMES
)
"""The same, read."""


def read(text: str, counter: Counter) -> View:
    """Reads one text: code points once, from which come n-grams, shape and lexicon hits."""
    codes = code_points(text)
    kinds = kinds_of(codes)
    buckets, weights, length = counter.count(codes)
    hits = adult_lexicon().find(codes, kinds)
    dense = np.concatenate((shape(text, kinds, len(buckets)), lexicon_features(codes, hits)))
    return View(buckets, weights, length, dense)


def read_name(name: str, counter: Counter) -> View:
    """Reads what a page is called, of which n-grams are counted alone."""
    return View(*counter.count(code_points(name)), _UNMEASURED)


def features(batch: pa.RecordBatch) -> Iterator[Features]:
    """Reads the documents of a batch, in order.

    Args:
        batch: documents: the columns `text` and `page_text`, and where they are, `title`, `url`
            and the page facts.
    """
    counter, with_html = Counter(), has_html(batch)
    there = [name for name in _READ if name in batch.schema.names]
    rows = batch.select(there).to_pylist()
    told = iter(facts([row for row, of_html in zip(rows, with_html, strict=True) if of_html]))
    for row, of_html in zip(rows, with_html, strict=True):
        names = names_of(row)
        if of_html:
            texts = (read(row["page_text"], counter), read(row["text"] or "", counter))
            dense = np.concatenate([*(text.dense for text in texts), next(told)])
            yield Features("html", (*texts, *(read_name(name, counter) for name in names)), dense)
        else:
            yield as_document(row["page_text"] or row["text"] or "", names, counter)


def names_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns what a document is called (`NAMES`); empty what is not known."""
    return row.get("title") or "", path_of(row.get("url"))


def by_page_text(document: Features) -> Features:
    """Returns a document as its whole page's text alone shows it; nothing is read again."""
    page, _, *names = document.views
    return Features("text", (page, *names), page.dense)


def by_main_text(document: Features) -> Features:
    """Returns a document as its main text alone shows it; nothing is read again."""
    _, main, *names = document.views
    return Features("text", (main, *names), main.dense)


def nameless(document: Features) -> Features:
    """Returns a document as it is seen where neither its title nor its address is known."""
    texts = document.views[: len(TEXTS[document.head])]
    return replace(document, views=(*texts, *NO_NAMES))


def as_document(
    text: str, names: Sequence[str] = UNNAMED, counter: Counter | None = None
) -> Features:
    """Reads a text as a document without HTML.

    Args:
        text: the text.
        names: its title and its path (`NAMES`), empty if not known.
        counter: what counts its n-grams; one of its own if unset.
    """
    counter = counter or Counter()
    view = read(text, counter)
    return Features("text", (view, *(read_name(name, counter) for name in names)), view.dense)
