"""Hashed character n-grams: the cheap evidence that every model shares.

A text becomes folded code points once; rolling multiplicative hashes give all its 1- to 4-grams as
bucket numbers, without building a string. Japanese has no spaces between words, so character
n-grams stand in for words (`なので`, `ランキング`) and for their endings alike.
"""

import unicodedata
from functools import cache
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.compiled import compiled

ORDERS: Final = 4
"""The longest n-gram, in characters."""

BUCKET_BITS: Final = 20
"""Buckets of the hash, as a power of two."""

MAX_CHARS: Final = 4_000
"""Characters of a text that are read; a longer text shows its beginning and its end.

`Counter` has room for all its n-grams to be different: four a character are under 2^16.
"""

WEIGHT_UNIT: Final = 16
"""Term weights are whole multiples of 1/16, so that their sums are exact in any order."""

_PRIME: Final = np.uint32(0x9E3779B1)  # 2^32 / golden ratio, odd: Knuth's multiplicative hash
_SHIFT: Final = np.uint32(32 - BUCKET_BITS)
_COUNT_BITS: Final = 10
_LARGEST_COUNT: Final = 2**_COUNT_BITS - 1
_SLOT_BITS: Final = 16
_WEIGHT_OF_COUNT: Final = np.round(
    WEIGHT_UNIT * (1 + np.log(np.maximum(np.arange(_LARGEST_COUNT + 1), 1)))
).astype(np.int32)
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


@cache
def _fold_table() -> NDArray[np.uint32]:
    return np.array(
        [code if 0xD800 <= code < 0xE000 else _fold(code) for code in range(0x10000)], np.uint32
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
    return _folded(raw, _fold_table())


def buckets(codes: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Returns the bucket of every n-gram, below 2**BUCKET_BITS.

    The characters come first, then the 2-grams, and so on to `ORDERS`, each in the order of the
    text: `place_of` tells where one stands.
    """
    hashes = np.zeros(len(codes) + 1, np.uint32)
    found = [np.empty(0, np.uint32)]
    for order in range(min(ORDERS, len(codes))):
        hashes = (hashes[:-1] + codes[order:]) * _PRIME
        found.append(hashes >> _SHIFT)
    return np.concatenate(found)


def plain_code_points(text: str) -> NDArray[np.uint32]:
    """Returns `code_points`, slowly: for a few short texts, which are not worth loading numba."""
    raw = np.frombuffer(excerpt(text).encode("utf-32-le", "replace"), dtype="<u4")
    known, place = np.unique(raw, return_inverse=True)
    folded = [_fold(code) if code < 0x10000 else code for code in known.tolist()]
    codes = np.array(folded, np.uint32)[place]
    repeated = np.isin(codes, (_SPACE, _BREAK)) & (np.diff(codes, prepend=np.uint32(0)) == 0)
    return np.compress(~repeated, codes)


def plain_counts(ngrams: NDArray[np.uint32]) -> tuple[NDArray[np.uint32], NDArray[np.int32], float]:
    """Returns what `Counter` counts, likewise; of a text as `buckets` gives it."""
    distinct, first, counts = np.unique(ngrams, return_index=True, return_counts=True)
    order = np.argsort(first)
    weights = _WEIGHT_OF_COUNT[np.minimum(counts[order], _LARGEST_COUNT)]
    return distinct[order], weights, sqrt(int((weights**2).sum())) or 1.0


def place_of(ngram: int, length: int) -> tuple[int, int]:
    """Returns where an n-gram stands in a text, `(first, end)`.

    Args:
        ngram: the n-gram, as a place in `buckets`.
        length: characters of the text.

    >>> [place_of(ngram, 3) for ngram in range(6)]
    [(0, 1), (1, 2), (2, 3), (0, 2), (1, 3), (0, 3)]
    """
    order = 1
    while ngram > length - order:
        ngram -= length - order + 1
        order += 1
    return ngram, ngram + order


class Counter:
    """Counts the n-grams of one text after another, on scratch memory that is kept between them.

    One counter serves one thread.
    """

    def __init__(self) -> None:
        self._slots = np.zeros(2**_SLOT_BITS, dtype=np.uint32)

    def count(
        self, codes: NDArray[np.uint32]
    ) -> tuple[NDArray[np.uint32], NDArray[np.int32], float]:
        """Counts the n-grams of a text.

        Args:
            codes: the text, as `code_points` gives it.

        Returns:
            The distinct buckets, in the order in which `buckets` has them first; the weight
            `1 + ln(count)` of each in whole sixteenths; the Euclidean length of the weights, 1
            for a text without n-grams.
        """
        distinct, weights, squares = _count(codes, self._slots, _WEIGHT_OF_COUNT)
        return distinct, weights, sqrt(squares) or 1.0


@compiled
def _folded(raw: NDArray[np.uint32], table: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Folds each code point by the table, and a run of one blank or break into one."""
    codes = np.empty_like(raw)
    size = 0
    before = np.uint32(0)
    for code in raw:
        folded = table[code] if code < len(table) else code
        if folded != before or folded not in (_SPACE, _BREAK):
            codes[size] = before = folded
            size += 1
    return codes[:size]


@compiled
def _lengthen(hashes: NDArray[np.uint32], last: NDArray[np.uint32]) -> None:
    """Makes the hashes of n-grams those of the n-grams that are a character longer.

    Done for a whole text at a time, so that the processor hashes several n-grams at once.

    Args:
        hashes: the n-gram that begins at `i` is hashed at `i`, to 32 bits, of which the high ones
            are well mixed; 0 before the first character.
        last: the last characters of the longer n-grams, in order.
    """
    for first in range(len(last)):
        hashes[first] = np.uint32(hashes[first] + last[first]) * _PRIME


@compiled
def _count(
    codes: NDArray[np.uint32], slots: NDArray[np.uint32], weight_of: NDArray[np.int32]
) -> tuple[NDArray[np.uint32], NDArray[np.int32], int]:
    """Counts each bucket in a slot, as `bucket << 10 | count`, and leaves all slots at 0 again.

    A count for every bucket would not fit the processor's cache; the slots do, and few of them
    are taken: a bucket stands in the slot of its high bits, or in the next one that is free.

    Every slot is written down, but only one that is new moves the end of the list: half of them
    are new, and a branch would be guessed wrong each other time.

    Returns:
        The distinct buckets, their weights, and the sum of the weights' squares.
    """
    distinct = np.empty(ORDERS * len(codes), np.uint32)
    size = 0
    hashes = np.zeros_like(codes)
    for order in range(min(ORDERS, len(codes))):
        _lengthen(hashes, codes[order:])
        for first in range(len(codes) - order):
            bucket = hashes[first] >> _SHIFT
            slot = hashes[first] >> np.uint32(32 - _SLOT_BITS)
            while (slots[slot] != 0) & (slots[slot] >> np.uint32(_COUNT_BITS) != bucket):
                slot = (slot + np.uint32(1)) & np.uint32(2**_SLOT_BITS - 1)
            distinct[size] = slot
            size += slots[slot] == 0
            count = min((slots[slot] & np.uint32(_LARGEST_COUNT)) + 1, _LARGEST_COUNT)
            slots[slot] = bucket << np.uint32(_COUNT_BITS) | np.uint32(count)
    weights = np.empty(size, np.int32)
    squares = 0
    for place in range(size):
        slot = distinct[place]
        weight = weight_of[slots[slot] & np.uint32(_LARGEST_COUNT)]
        distinct[place] = slots[slot] >> np.uint32(_COUNT_BITS)
        slots[slot] = 0
        weights[place] = weight
        squares += weight * weight
    return distinct[:size], weights, squares
