"""Repetition of character n-grams, exactly, from 2 to 10 at once.

What occurs once is not part of anything longer that occurs twice. So each length looks only at
what was repeated at the length before, and the work falls off quickly: in running text about a
tenth of the 5-grams come again. N-grams are named by rank, not by hash, so none are confused.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.rules.characters import Characters, Columns, share

TOP = range(2, 5)
"""Lengths whose commonest n-gram is measured (Gopher's, counted in characters by Swallow)."""

DUPLICATE = range(5, 11)
"""Lengths whose repeated n-grams are measured (Gopher's, counted in characters by Swallow)."""

_CODE_BITS = 21
_BEYOND_UNICODE = 0x110000


def ngram_metrics(text: Characters) -> Columns:
    """The shares of the commonest n-gram, and of all n-grams that come again.

    Counted are occurrences, as in Swallow's paper: of the five 2-grams of `abcabc`, ab and bc
    occur twice, so the commonest has 2/5 and the repeated ones 4/5.
    """
    columns: Columns = {}
    codes = _told_apart(text)
    where = np.arange(max(len(codes) - 1, 0))
    names = (text.document[:-1] << _CODE_BITS | codes[:-1]) << _CODE_BITS | codes[1:]
    for n in range(TOP.start, DUPLICATE.stop):
        total = np.maximum(text.lengths - n + 1, 0)
        where, names, occurrences = _repeated(where, names)
        if n in TOP:
            most = np.maximum(text.maximum(where, occurrences), total > 0)
            columns[f"top_{n}gram_share"] = share(most, total)
        if n in DUPLICATE:
            columns[f"duplicate_{n}gram_share"] = share(text.per_document(where), total)
        names = names << _CODE_BITS | codes[where + n]
    return columns


def _told_apart(text: Characters) -> NDArray[np.int64]:
    """The code points, with each text's last newline unlike any other: nothing repeats across."""
    codes = text.codes.astype(np.int64)
    codes[text.starts + text.lengths] = _BEYOND_UNICODE + np.arange(len(text.texts))
    return codes


def _repeated(
    where: NDArray[np.int64], names: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Of named n-grams those that occur twice or more.

    Args:
        where: position of each n-gram.
        names: equal for equal n-grams of one text, and only for those.

    Returns:
        Of each that is left: its position, its name as a rank, how often it occurs.
    """
    order = np.argsort(names)
    names = names[order]
    fresh = np.concatenate(([True], names[1:] != names[:-1])) if len(names) else names > 0
    rank = np.cumsum(fresh) - 1
    occurrences = np.bincount(rank)[rank] if len(rank) else rank
    again = occurrences > 1
    return where[order][again], rank[again], occurrences[again]
