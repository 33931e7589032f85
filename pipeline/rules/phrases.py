"""Word lists found in texts: which terms occur where, each at its longest, none inside a word.

Japanese has no spaces to bound a word, so a plain search for アス finds アスパラガス. A term that
begins or ends in katakana must not be continued by katakana there, Latin letters and digits
likewise, and a term all in hiragana stands between other scripts only.
"""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.compiled import compiled
from pipeline.rules.characters import Characters, Columns, Script, scripts, share
from pipeline.text import fold, folding

LISTS = ("adult", "ad", "bbs")
"""The lists, each `pipeline/data/NAME_terms.txt`: a term a line, comments after #."""

_OPEN, _LATIN, _HIRAGANA, _KATAKANA = range(4)
_N_LISTS = len(LISTS)
_BUCKET_BITS = 14
_HASH = np.uint32(0x9E3779B1)


def phrase_metrics(text: Characters) -> Columns:
    """Characters in adult terms and different ones of them; ad and BBS phrases by length."""
    hits, chars, different = _count(text.codes, text.ends, folding()[0], _kinds(), lexicon())
    adult, ad, bbs = range(_N_LISTS)
    return {
        "adult_char_share": share(chars[adult], text.lengths),
        "adult_terms": different[adult],
        "ad_phrases": 1000 * share(hits[ad], text.lengths),
        "bbs_phrases": 1000 * share(hits[bbs], text.lengths),
    }


class Lexicon(NamedTuple):
    """Terms of several lists, to be found in one pass.

    Terms whose first two characters fall into one bucket stand together, the longest first.

    Attributes:
        letters: the code points of the terms, one term after the other.
        starts: where each term begins in `letters`, and the end of all; shape (terms + 1,).
        lists: the list of each term, by its place in `LISTS`; shape (terms,).
        before: the kind of character that continues each term at its beginning, or `_OPEN`.
        after: the same at its end.
        buckets: the first term of each bucket, and the end of all; shape (buckets + 1,).
    """

    letters: NDArray[np.uint32]
    starts: NDArray[np.int64]
    lists: NDArray[np.uint8]
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    buckets: NDArray[np.int16]

    @classmethod
    def of(cls, lists: Mapping[str, str]) -> "Lexicon":
        """Builds the index of terms, folded and of two characters at least, by their lists."""
        bucket = {term: int(_bucket(*_code_points(term[:2]))) for term in lists}
        terms = sorted(lists, key=lambda term: (bucket[term], -len(term)))
        sizes = np.bincount([bucket[term] for term in terms], minlength=1 << _BUCKET_BITS)
        return cls(
            letters=_code_points("".join(terms)),
            starts=np.cumsum([0, *map(len, terms)]),
            lists=np.array([LISTS.index(lists[term]) for term in terms], np.uint8),
            before=np.array([_continued_by(term, 0) for term in terms], np.uint8),
            after=np.array([_continued_by(term, -1) for term in terms], np.uint8),
            buckets=np.cumsum([0, *sizes]).astype(np.int16),
        )


@compiled
def _count(
    codes: NDArray[np.uint32],
    ends: NDArray[np.int64],
    fold: NDArray[np.uint32],
    kinds: NDArray[np.uint8],
    terms: Lexicon,
) -> NDArray[np.int64]:
    """Counts the terms in each text, from left to right without overlap.

    Returns:
        Occurrences, their characters, and different terms, by list; shape (3, lists, texts).
    """
    counts = np.zeros((3, _N_LISTS, len(ends)), np.int64)
    last_text = np.full(len(terms.lists), -1)
    at = 0
    for text in range(len(ends)):
        before = _OPEN
        while at < ends[text]:
            term = _term_at(codes, at, before, fold, kinds, terms)
            length = 1
            if term >= 0:
                length = terms.starts[term + 1] - terms.starts[term]
                found = terms.lists[term]
                counts[0, found, text] += 1
                counts[1, found, text] += length
                counts[2, found, text] += last_text[term] != text
                last_text[term] = text
            at += length
            before = kinds[fold[codes[at - 1]]]
        at = ends[text] + 1
    return counts


@compiled
def _term_at(
    codes: NDArray[np.uint32],
    at: int,
    before: int,
    fold: NDArray[np.uint32],
    kinds: NDArray[np.uint8],
    terms: Lexicon,
) -> int:
    """The longest term that stands there, not inside a word; -1 without any."""
    bucket = _bucket(fold[codes[at]], fold[codes[at + 1]])
    for term in range(terms.buckets[bucket], terms.buckets[bucket + 1]):
        end = at
        for letter in range(terms.starts[term], terms.starts[term + 1]):
            if fold[codes[end]] != terms.letters[letter]:  # a newline is in no term
                break
            end += 1
        if (
            end - at == terms.starts[term + 1] - terms.starts[term]
            and not _joins(before, terms.before[term])
            and not _joins(kinds[fold[codes[end]]], terms.after[term])
        ):
            return term
    return -1


@compiled
def _bucket(first: np.uint32, second: np.uint32) -> np.uint32:
    """Where terms stand that begin with two characters."""
    mixed = np.uint32((np.uint32(first * _HASH) ^ second) * _HASH)
    return mixed >> np.uint32(32 - _BUCKET_BITS)


@compiled
def _joins(neighbour: int, edge: int) -> bool:
    """Whether a neighbour continues the word that the edge of a term belongs to."""
    return edge != _OPEN and neighbour == edge


def _continued_by(term: str, at: int) -> int:
    """What kind of character continues a term at its first or last character."""
    kinds = _kinds()[_code_points(term)]
    if term[at].isascii():
        return _LATIN
    return int(kinds[at]) if kinds[at] == _KATAKANA or (kinds == _HIRAGANA).all() else _OPEN


@cache
def _kinds() -> NDArray[np.uint8]:
    """The kind of every code point: Latin letter or digit, kana, or none of these."""
    table = np.full(0x110000, _OPEN, np.uint8)
    table[scripts() == Script.HIRAGANA] = _HIRAGANA
    table[scripts() == Script.KATAKANA] = _KATAKANA
    table[[code for code in range(128) if chr(code).isalnum()]] = _LATIN
    return table


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le"), np.uint32)


@cache
def terms(name: str) -> tuple[str, ...]:
    """The folded terms of one of `LISTS`, in the order of its file."""
    source = resources.files("pipeline").joinpath(f"data/{name}_terms.txt")
    lines = source.read_text("utf-8").splitlines()
    return tuple(fold(line) for line in lines if line and not line.startswith("#"))


@cache
def lexicon() -> Lexicon:
    """The terms of all lists that come with the program; the first list wins a shared term."""
    lists: dict[str, str] = {}
    for name in LISTS:
        for term in terms(name):
            lists.setdefault(term, name)
    return Lexicon.of(lists)
