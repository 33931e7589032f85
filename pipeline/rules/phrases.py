"""Word lists found in texts: which terms occur where, each at its longest, none inside a word.

Japanese has no spaces to bound a word, so a plain search for アス finds アスパラガス. A term that
begins or ends in katakana must not be continued by katakana there, Latin letters and digits
likewise, and a term all in hiragana stands between other scripts only.
"""

from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from pipeline.rules.characters import Characters, Columns, Script, scripts, share
from pipeline.text import fold, folding

LISTS = ("adult", "ad", "bbs")
"""The lists, each `pipeline/data/NAME_terms.txt`: a term a line, comments after #."""

_KANA = frozenset((int(Script.HIRAGANA), int(Script.KATAKANA)))
_BUCKETS = 1 << 18
_FACTOR = np.uint32(0x9E3779B1)


def phrase_metrics(text: Characters) -> Columns:
    """Characters in adult terms and different ones of them; ad and BBS phrases by length."""
    count = len(text.texts)
    adult_chars = np.zeros(count)
    adult_terms: list[set[str]] = [set() for _ in range(count)]
    hits = {name: np.zeros(count) for name in LISTS}
    for document, term, name in lexicon().occurrences(text):
        hits[name][document] += 1
        if name == "adult":
            adult_chars[document] += len(term)
            adult_terms[document].add(term)
    return {
        "adult_char_share": share(adult_chars, text.lengths),
        "adult_terms": np.fromiter(map(len, adult_terms), np.int64, count),
        "ad_phrases": 1000 * share(hits["ad"], text.lengths),
        "bbs_phrases": 1000 * share(hits["bbs"], text.lengths),
    }


@dataclass(frozen=True)
class Lexicon:
    """Terms of several lists, to be found in one pass.

    Attributes:
        lists: the list that each term is of.
        by_start: the terms by their first three characters, longest first; terms of two
            characters by themselves.
        starts: for 2 and 3 characters, whether some key of `by_start` falls into a bucket. It
            tells at once where in a text no term begins, which is nearly everywhere.
    """

    lists: dict[str, str]
    by_start: dict[str, list[str]]
    starts: dict[int, NDArray[np.bool_]]

    @classmethod
    def of(cls, lists: dict[str, str]) -> "Lexicon":
        """Builds the index; the terms are folded already and have at least two characters."""
        by_start: dict[str, list[str]] = {}
        for term in sorted(lists, key=len, reverse=True):
            by_start.setdefault(term[:3], []).append(term)
        starts = {n: np.zeros(_BUCKETS, np.bool_) for n in (2, 3)}
        for start in by_start:
            starts[len(start)][_buckets(_code_points(start), len(start))] = True
        return cls(lists, by_start, starts)

    def occurrences(self, text: Characters) -> list[tuple[int, str, str]]:
        """Every term found, from left to right without overlap: text, term, list."""
        codes = folding()[0][text.codes]
        candidates = self._candidates(codes)
        if not len(candidates):
            return []
        folded = codes.tobytes().decode("utf-32-le", "surrogatepass")
        found = []
        end = 0
        for position in candidates.tolist():
            term = self._at(folded, position) if position >= end else None
            if term is not None:
                end = position + len(term)
                found.append((int(text.document[position]), term, self.lists[term]))
        return found

    def _candidates(self, codes: NDArray[np.uint32]) -> NDArray[np.int64]:
        begins = self.starts[2][_buckets(codes, 2)]
        begins[:-1] |= self.starts[3][_buckets(codes, 3)]
        return np.flatnonzero(begins)

    def _at(self, folded: str, position: int) -> str | None:
        """The longest term at the position."""
        for n in (3, 2):
            for term in self.by_start.get(folded[position : position + n], ()):
                if folded.startswith(term, position) and _stands_alone(folded, position, term):
                    return term
        return None


def _code_points(term: str) -> NDArray[np.uint32]:
    return np.frombuffer(term.encode("utf-32-le"), np.uint32)


def _buckets(codes: NDArray[np.uint32], n: int) -> NDArray[np.uint32]:
    """A bucket for each n characters in a row."""
    mixed = codes[: len(codes) - n + 1].copy()
    for offset in range(1, n):
        mixed *= _FACTOR
        mixed ^= codes[offset : len(codes) - n + 1 + offset]
    return mixed * _FACTOR >> np.uint32(14)


def _stands_alone(folded: str, position: int, term: str) -> bool:
    before = folded[position - 1] if position else "\n"
    after = folded[position + len(term)]  # there is always the newline after the text
    return not (_joins(before, term[0], term) or _joins(after, term[-1], term))


def _joins(neighbour: str, edge: str, term: str) -> bool:
    """Whether the neighbour continues the word that the term's edge belongs to."""
    if edge.isascii():
        return neighbour.isascii() and neighbour.isalnum()
    script = _script(edge)
    if script == Script.HIRAGANA and not _all_hiragana(term):
        return False
    return script in _KANA and _script(neighbour) == script


@lru_cache(maxsize=1 << 14)
def _script(character: str) -> int:
    return int(scripts()[ord(character)])


@cache
def _all_hiragana(term: str) -> bool:
    return all(_script(character) == Script.HIRAGANA for character in term)


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
