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

from classifiers.ngrams import ORDERS, code_points, rolling_hashes
from classifiers.shape import HIRAGANA, KANJI, KATAKANA, LATIN, kinds_of
from pipeline.rules.phrases import terms

LEXICON: Final = ("log_terms",)
"""The features of one text: different terms alone, for a lesson may repeat the one that it has."""

_SHORTEST_HIRAGANA: Final = 4
_BITS: Final = 16
_SHIFT: Final = np.uint32(32 - _BITS)
_JOINING: Final = (KATAKANA, KANJI, LATIN)


class Lexicon:
    """A list of words, indexed by the hashes of their first two, three or four characters."""

    def __init__(self, words: frozenset[str]) -> None:
        self._by_start: list[dict[int, list[bytes]]] = [{} for _ in range(ORDERS)]
        self._begins = np.zeros(2**_BITS, dtype=bool)
        for word in sorted(words):
            codes = code_points(word)
            kinds = kinds_of(codes)
            if len(codes) < 2 or (
                len(codes) < _SHORTEST_HIRAGANA and bool((kinds == HIRAGANA).all())
            ):
                continue
            hashes = rolling_hashes(codes)
            self._begins[hashes[1][0] >> _SHIFT] = True
            self._by_start[len(hashes) - 1].setdefault(int(hashes[-1][0]), []).append(
                codes.tobytes()
            )

    def find(
        self,
        codes: NDArray[np.uint32],
        kinds: NDArray[np.uint8],
        hashes: Sequence[NDArray[np.uint32]],
    ) -> list[tuple[int, int]]:
        """Returns the hits in a text, as `(first, end)` in code points, ascending.

        Args:
            codes: the text, as `code_points` gives it.
            kinds: the kind of each character, `kinds_of`.
            hashes: its `rolling_hashes`.
        """
        if len(hashes) < 2:
            return []
        hits = []
        begun = np.flatnonzero(self._begins[(hashes[1] >> _SHIFT).astype(np.intp)])
        for by_start, starts in zip(self._by_start[1:], hashes[1:], strict=False):
            places = begun[: np.searchsorted(begun, len(starts))]
            for first, start in zip(places.tolist(), starts[places].tolist(), strict=True):
                for word in by_start.get(start, ()):
                    end = first + len(word) // codes.itemsize
                    if codes[first:end].tobytes() == word and _stands_alone(kinds, first, end):
                        hits.append((first, end))
        return sorted(hits)


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


def _stands_alone(kinds: NDArray[np.uint8], first: int, end: int) -> bool:
    before = first == 0 or kinds[first - 1] != kinds[first] or kinds[first] not in _JOINING
    after = end == len(kinds) or kinds[end] != kinds[end - 1] or kinds[end - 1] not in _JOINING
    return bool(before and after)
