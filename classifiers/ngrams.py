"""Hashed character n-grams: the cheap evidence that every model shares.

A text becomes folded code points once; rolling multiplicative hashes give all its 1- to 4-grams as
bucket numbers, without building a string. Japanese has no spaces between words, so character
n-grams stand in for words (`なので`, `ランキング`) and for their endings alike.
"""

import unicodedata
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

ORDERS: Final = 4
"""The longest n-gram, in characters."""

BUCKET_BITS: Final = 20
"""Buckets of the hash, as a power of two."""

MAX_CHARS: Final = 4_000
"""Characters of a text that are read; a longer text shows its beginning and its end.

Four n-grams a character have to be numbered by 16 bits in `Counter`: it is under 2^14.
"""

WEIGHT_UNIT: Final = 16
"""Term weights are whole multiples of 1/16, so that their sums are exact in any order."""

_PRIME: Final = np.uint32(0x9E3779B1)  # 2^32 / golden ratio, odd: Knuth's multiplicative hash
_LARGEST_COUNT: Final = 1023
_WEIGHT_OF_COUNT: Final = np.round(
    WEIGHT_UNIT * (1 + np.log(np.maximum(np.arange(_LARGEST_COUNT + 1), 1)))
)
_SPACE: Final = ord(" ")
_BREAK: Final = ord("\n")


def _fold(code: int) -> int:
    """Folds one code point: NFKC, lower case, digits as 0, blanks as one blank."""
    character = chr(code)
    if character in "\n\r\v\f\x85\u2028\u2029":
        return _BREAK
    if character.isspace():
        return _SPACE
    folded = unicodedata.normalize("NFKC", character).lower()
    if len(folded) != 1:
        return code
    return ord("0") if folded.isdecimal() else ord(folded)


_FOLDED: Final = np.array(
    [code if 0xD800 <= code < 0xE000 else _fold(code) for code in range(0x10000)], dtype=np.uint32
)


def excerpt(text: str) -> str:
    """Returns what is read of a text: all, or its beginning and end, three parts to one.

    What a page is shows at both its ends; a longer excerpt costs time and tells little more.
    """
    if len(text) <= MAX_CHARS:
        return text
    return text[: MAX_CHARS * 3 // 4] + "\n" + text[-MAX_CHARS // 4 :]


def code_points(text: str) -> NDArray[np.uint32]:
    r"""Returns the text as the classifiers read it, one number a character.

    Full-width Latin, half-width kana and letter case are folded, every digit is 0, a run of blanks
    is one blank and a run of line breaks one break. Of a long text, its `excerpt` is read.

    >>> "".join(map(chr, code_points("価格は　 １２,８００円！\n\n詳しくはＣＬＩＣＫ")))
    '価格は 00,000円!\n詳しくはclick'
    """
    raw = np.frombuffer(excerpt(text).encode("utf-32-le", "replace"), dtype="<u4")
    codes = np.where(raw < len(_FOLDED), _FOLDED[np.minimum(raw, 0xFFFF)], raw)
    blank = (codes == _SPACE) | (codes == _BREAK)
    repeated = blank[1:] & (codes[1:] == codes[:-1])
    return codes[np.concatenate(([True], ~repeated))] if len(codes) else codes


def rolling_hashes(codes: NDArray[np.uint32]) -> list[NDArray[np.uint32]]:
    """Hashes every n-gram to 32 bits, of which the high ones are well mixed.

    Returns:
        An array an order, 1 to `ORDERS`; the n-gram that begins at `i` is hashed at `i`.
    """
    hashes = []
    rolling = np.zeros(len(codes) + 1, dtype=np.uint32)
    for order in range(min(ORDERS, len(codes))):
        rolling = (rolling[:-1] + codes[order:]) * _PRIME
        hashes.append(rolling)
    return hashes


def buckets(hashes: Sequence[NDArray[np.uint32]]) -> NDArray[np.intp]:
    """Returns the bucket of every n-gram, one order after the other, each below 2**BUCKET_BITS."""
    found = np.concatenate(hashes) if hashes else np.empty(0, dtype=np.uint32)
    return (found >> np.uint32(32 - BUCKET_BITS)).astype(np.intp)


class Counter:
    """Counts the n-grams of one text after another, on scratch memory that is kept between them.

    Every n-gram leaves its place in its bucket; the last one there stands for all of the bucket.
    That is five times as fast as sorting. One counter serves one thread.
    """

    def __init__(self) -> None:
        self._last = np.zeros(2**BUCKET_BITS, dtype=np.uint16)

    def count(
        self, hashes: Sequence[NDArray[np.uint32]]
    ) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Counts the n-grams of a text, given as `rolling_hashes`.

        Returns:
            The distinct buckets, and the weight `1 + ln(count)` of each in whole sixteenths; their
            order depends on the text alone.
        """
        found = buckets(hashes)
        places = np.arange(len(found), dtype=np.uint16)
        self._last[found] = places
        standing = self._last[found]
        stands = np.flatnonzero(standing == places)
        counts = np.bincount(standing, minlength=len(found))[stands]
        return found[stands], _WEIGHT_OF_COUNT[np.minimum(counts, _LARGEST_COUNT)]
