"""Repetition of character n-grams, exactly, from 2 to 10 at once.

What occurs once is not part of anything longer that occurs twice. So each length looks only at
what was repeated at the length before, and the work falls off quickly: in running text about a
third of the 5-grams come again.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.compiled import compiled
from pipeline.rules.characters import SECRET, Characters, Columns, share

TOP = range(2, 5)
"""Lengths whose commonest n-gram is measured (Gopher's, counted in characters by Swallow)."""

DUPLICATE = range(5, 11)
"""Lengths whose repeated n-grams are measured (Gopher's, counted in characters by Swallow)."""

_LENGTHS = range(TOP.start, DUPLICATE.stop)
_N_LENGTHS = len(_LENGTHS)
_CODE_BITS = np.uint64(21)
_ONE = np.uint64(1)


def ngram_metrics(text: Characters) -> Columns:
    """The shares of the commonest n-gram, and of the n-grams that come again.

    The commonest is counted by occurrences, the repeated ones by kinds, as Swallow's code does:
    of the five 2-grams of `abcabc` the commonest has 2/5, and of its three kinds ab, bc and ca
    two come again, 2/3. By occurrences the published thresholds would hit most clean web pages.
    """
    columns: Columns = {}
    for n, (most, kinds, again) in zip(
        _LENGTHS, _count(text.codes, text.ends, SECRET), strict=True
    ):
        total = np.maximum(text.lengths - n + 1, 0)
        if n in TOP:
            columns[f"top_{n}gram_share"] = share(np.maximum(most, total > 0), total)
        if n in DUPLICATE:
            columns[f"duplicate_{n}gram_share"] = share(kinds, total - again + kinds)
    return columns


@compiled
def _count(
    codes: NDArray[np.uint32], ends: NDArray[np.int64], secret: np.uint64
) -> NDArray[np.int64]:
    """Counts the n-grams of each text.

    Returns:
        For each n from 2 to 10: the occurrences of the commonest n-gram, the kinds that come
        again, and the occurrences of these; shape (9, 3, texts).
    """
    counts = np.zeros((_N_LENGTHS, 3, len(ends)), np.int64)
    start = 0
    for text in range(len(ends)):
        _count_text(codes[start : ends[text]], secret, counts[:, :, text])
        start = ends[text] + 1
    return counts


@compiled
def _count_text(codes: NDArray[np.uint32], secret: np.uint64, counts: NDArray[np.int64]) -> None:
    """Counts the n-grams of one text, as long as some come again.

    An n-gram is known by its key: the name of its first n - 1 characters, and its last. Its name
    is then its slot in the table of the n-grams of this length.
    """
    left = max(len(codes) - 1, 0)
    keys, names = np.empty(left, np.uint64), np.empty(left, np.uint32)
    ends = np.empty(left, np.int32)
    for k in range(left):
        keys[k] = _key(np.int64(codes[k]), codes[k + 1])
        ends[k] = k + 2
    for n in range(_N_LENGTHS):
        if left < 2:
            break
        occurrences = _name(keys[:left], names, secret)
        most = kinds = again = 0
        for slot in range(len(occurrences)):  # iterating over the array takes five times as long
            times = occurrences[slot]
            most = max(most, times)
            kinds += times > 1
            again += times * (times > 1)
        counts[n, 0], counts[n, 1], counts[n, 2] = most, kinds, again
        kept = 0
        for k in range(left):
            if ends[k] < len(codes):
                keys[kept] = _key(np.int64(names[k]), codes[ends[k]])
                ends[kept] = ends[k] + 1
                kept += occurrences[names[k]] > 1
        left = kept


@compiled
def _key(name: np.int64, code: np.uint32) -> np.uint64:
    """A key that is never 0, which marks a free slot."""
    return (np.uint64(name) + _ONE) << _CODE_BITS | np.uint64(code)


@compiled
def _name(
    keys: NDArray[np.uint64], names: NDArray[np.uint32], secret: np.uint64
) -> NDArray[np.int32]:
    """Gives equal keys the same slot of a hash table, and different keys different ones.

    A key whose slot is another's waits, and all that wait try the next slot in the next round.
    So there is no branch on what a slot holds, which cannot be foretold: it takes two thirds of
    the time of a loop that goes on until it finds a slot.

    Args:
        keys: none is 0.
        names: takes the slot of each.
        secret: `SECRET`.

    Returns:
        How many keys each slot has.
    """
    bits = 2
    while 1 << bits < 2 * len(keys):
        bits += 1
    table, occurrences = np.zeros(1 << bits, np.uint64), np.zeros(1 << bits, np.int32)
    waiting = np.empty(len(keys), np.int32)
    shift, last = np.uint64(64 - bits), np.uint64((1 << bits) - 1)
    still = 0
    for k in range(len(keys)):
        slot = keys[k] * secret >> shift
        names[k] = slot
        waiting[still] = k
        still += 1 - _take(keys[k], slot, table, occurrences)
    while still:
        tried, still = still, 0
        for j in range(tried):
            k = waiting[j]
            slot = (np.uint64(names[k]) + _ONE) & last
            names[k] = slot
            waiting[still] = k
            still += 1 - _take(keys[k], slot, table, occurrences)
    return occurrences


@compiled
def _take(
    key: np.uint64, slot: np.uint64, table: NDArray[np.uint64], occurrences: NDArray[np.int32]
) -> bool:
    """Counts the key in a slot that is free or its own; whether it was."""
    held = table[slot]
    free = held == 0
    own = free | (held == key)
    table[slot] = held + np.uint64(free) * key
    occurrences[slot] += own
    return bool(own)
