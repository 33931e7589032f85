"""Repetition of character n-grams, exactly, from 2 to 10 at once.

What occurs once is not part of anything longer that occurs twice. So each length looks only at
what was repeated at the length before, and the work falls off quickly: in running text about a
third of the 5-grams come again.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.rules.characters import Characters, Columns, share

TOP = range(2, 5)
"""Lengths whose commonest n-gram is measured (Gopher's, counted in characters by Swallow)."""

DUPLICATE = range(5, 11)
"""Lengths whose repeated n-grams are measured (Gopher's, counted in characters by Swallow)."""

_CODE_BITS = np.uint64(21)
_BEYOND_UNICODE = 0x110000
_HASH = np.uint64(0x9E3779B97F4A7C15)
_BUCKETS_A_NAME = 3


def ngram_metrics(text: Characters) -> Columns:
    """The shares of the commonest n-gram, and of the n-grams that come again.

    The commonest is counted by occurrences, the repeated ones by kinds, as Swallow's code does:
    of the five 2-grams of `abcabc` the commonest has 2/5, and of its three kinds ab, bc and ca
    two come again, 2/3. By occurrences the published thresholds would hit most clean web pages.
    """
    columns: Columns = {}
    codes = _told_apart(text)
    documents = text.document.astype(np.uint64)
    where = np.arange(max(len(codes) - 1, 0))
    names = (documents[:-1] << _CODE_BITS | codes[:-1]) << _CODE_BITS | codes[1:]
    for n in range(TOP.start, DUPLICATE.stop):
        total = np.maximum(text.lengths - n + 1, 0)
        alike = _first_names(names)
        occurrences = np.bincount(alike, minlength=len(alike))  # at one position of each kind
        repeated = occurrences > 1
        kinds, again = np.flatnonzero(repeated), np.flatnonzero(repeated[alike])
        if n in TOP:
            most = text.maximum(where[kinds], occurrences[kinds])
            columns[f"top_{n}gram_share"] = share(np.maximum(most, total > 0), total)
        if n in DUPLICATE:
            n_kinds = text.per_document(where[kinds])
            n_once = total - text.per_document(where[again])
            columns[f"duplicate_{n}gram_share"] = share(n_kinds, n_once + n_kinds)
        where = where[again]
        names = alike[again].astype(np.uint64) << _CODE_BITS | codes[where + n]
    return columns


def _told_apart(text: Characters) -> NDArray[np.uint64]:
    """The code points, with each text's last newline unlike any other: nothing repeats across."""
    codes = text.codes.astype(np.uint64)
    codes[text.starts + text.lengths] = _BEYOND_UNICODE + np.arange(len(text.texts))
    return codes


def _first_names(names: NDArray[np.uint64]) -> NDArray[np.int32]:
    """For each name the position of one that equals it, the same for all that are equal.

    A hash table filled at one stroke: every name writes its position into its bucket, one of them
    stays, and all that equal it are done. The others of that bucket try again among themselves.
    Sorting the names instead takes two and a half times as long.
    """
    bits = (_BUCKETS_A_NAME * len(names) + 1).bit_length()
    bucket = (names * _HASH >> np.uint64(64 - bits)).astype(np.int64)
    table = np.empty(1 << bits, np.int32)
    table[bucket] = np.arange(len(names), dtype=np.int32)
    found = table[bucket]
    left = np.flatnonzero(names[found] != names)
    while len(left):
        table[bucket[left]] = left
        found[left] = table[bucket[left]]
        left = left[names[found[left]] != names[left]]
    return found
