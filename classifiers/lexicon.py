"""Adult words by list, found only where a word may begin and end.

Bare substrings trap: SM stands in every SMS, アナル in アナルイズ. A hit is counted only where the
script changes at both its ends, which is where Japanese words mostly begin and end; a word of
hiragana alone must be four characters long. What a hit weighs, the models learn.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from classifiers.ngrams import code_points
from classifiers.shape import HIRAGANA, KANJI, KATAKANA, LATIN, kinds_of
from pipeline.compiled import compiled
from pipeline.rules.phrases import terms

LEXICON: Final = ("log_terms",)
"""The features of one text: different terms alone, for a lesson may repeat the one that it has."""

_SHORTEST_HIRAGANA: Final = 4
_PRIME: Final = np.uint32(0x9E3779B1)
_SLOT_BITS: Final = 14
_SHIFT: Final = np.uint32(32 - _SLOT_BITS)
_JOINING: Final = np.isin(np.arange(256), (KATAKANA, KANJI, LATIN))


class Lexicon:
    """A list of words, in slots by the first two characters.

    The words stand one after another in one array of code points; word `n` from `starts[n]` to
    `starts[n + 1]`, the words of slot `s` from `slots[s]` to `slots[s + 1]`, the shortest first.
    """

    def __init__(self, words: frozenset[str]) -> None:
        kept = {codes.tobytes(): codes for codes in map(code_points, words) if _is_found(codes)}
        slotted = sorted(
            (int(_slot(codes[0], codes[1])), len(codes), codes.tolist()) for codes in kept.values()
        )
        lengths = [length for _, length, _ in slotted]
        self._words = np.array([code for *_, word in slotted for code in word], dtype=np.uint32)
        self._starts = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
        self._slots = np.searchsorted(
            [slot for slot, *_ in slotted], np.arange(2**_SLOT_BITS + 1)
        ).astype(np.int32)

    def find(self, codes: NDArray[np.uint32], kinds: NDArray[np.uint8]) -> list[tuple[int, int]]:
        """Returns the hits in a text, as `(first, end)` in code points, ascending.

        Args:
            codes: the text, as `code_points` gives it.
            kinds: the kind of each character, `kinds_of`.
        """
        return _find(codes, kinds, _JOINING, self._words, self._starts, self._slots)


def lexicon_features(
    codes: NDArray[np.uint32], hits: Sequence[tuple[int, int]]
) -> NDArray[np.float32]:
    """Returns the features `LEXICON` of one text with the hits that `Lexicon.find` found."""
    found = {codes[first:end].tobytes() for first, end in hits}
    return np.array([np.log1p(len(found))], dtype=np.float32)


@lru_cache(maxsize=1)
def adult_lexicon() -> Lexicon:
    """The adult terms that the rules read too (`pipeline/data/adult_terms.txt`)."""
    return Lexicon(frozenset(terms("adult")))


def _is_found(word: NDArray[np.uint32]) -> bool:
    of_hiragana = bool((kinds_of(word) == HIRAGANA).all())
    return len(word) >= (_SHORTEST_HIRAGANA if of_hiragana else 2)


@compiled
def _slot(first: np.uint32, second: np.uint32) -> np.uint32:
    return np.uint32((first * _PRIME + second) * _PRIME) >> _SHIFT


@compiled
def _find(
    codes: NDArray[np.uint32],
    kinds: NDArray[np.uint8],
    joining: NDArray[np.bool_],
    words: NDArray[np.uint32],
    starts: NDArray[np.int32],
    slots: NDArray[np.int32],
) -> list[tuple[int, int]]:
    """Tries at each place the words of its slot, of which most have none."""
    hits = []
    for first in range(len(codes) - 1):
        slot = _slot(codes[first], codes[first + 1])
        for word in range(slots[slot], slots[slot + 1]):
            end = first + starts[word + 1] - starts[word]
            if (
                end <= len(codes)
                and _same(codes, first, words, starts[word], end - first)
                and (first == 0 or _parts(kinds[first - 1], kinds[first], joining))
                and (end == len(codes) or _parts(kinds[end], kinds[end - 1], joining))
            ):
                hits.append((first, end))
    return hits


@compiled
def _same(
    codes: NDArray[np.uint32], first: int, words: NDArray[np.uint32], start: int, length: int
) -> bool:
    same = 0
    while same < length and codes[first + same] == words[start + same]:
        same += 1
    return same == length


@compiled
def _parts(outside: int, inside: int, joining: NDArray[np.bool_]) -> bool:
    """Whether a word may begin or end between two characters of these kinds."""
    return outside != inside or not joining[inside]
