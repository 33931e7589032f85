"""The shape of a text: its scripts, its sentences, its lines.

Prose runs in long lines that end on 。 and is full of hiragana; menus, listings and link indexes
are short lines of nouns in kanji, katakana and Latin letters. How much prose there is counts beside
its share: an article keeps its paragraphs under the longest of menus.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from classifiers.ngrams import ORDERS, excerpt

_KINDS: Final = (
    "hiragana",
    "katakana",
    "kanji",
    "latin",
    "digit",
    "blank",
    "break",
    "stop",
    "comma",
    "bracket",
    "other",
)
HIRAGANA, KATAKANA, KANJI, LATIN, DIGIT, BLANK, BREAK, STOP, COMMA, BRACKET, OTHER = range(
    len(_KINDS)
)

SHAPE: Final = (
    "log_chars",
    *(f"{kind}_share" for kind in _KINDS if kind not in {"break", "other"}),
    "log_lines",
    "mean_line",
    "longest_line",
    "long_line_chars",
    "short_lines",
    "stopped_lines",
    "stopped_chars",
    "distinct_lines",
    "distinct_ngrams",
    "log_stops",
    "log_stopped_lines",
    "log_stopped_chars",
    "log_long_line_chars",
)
"""The features of one text, in order."""


def _kind_of(code: int) -> int:
    character = chr(code)
    for kind, characters in (
        (BLANK, " "),
        (BREAK, "\n"),
        (STOP, "。．.!?！？…"),
        (COMMA, "、，,"),
        (BRACKET, "「」『』()（）[]【】<>〈〉《》"),
    ):
        if character in characters:
            return kind
    for kind, first, last in (
        (HIRAGANA, 0x3041, 0x309F),
        (KATAKANA, 0x30A0, 0x30FF),
        (KANJI, 0x3400, 0x9FFF),
        (LATIN, ord("a"), ord("z")),
        (DIGIT, ord("0"), ord("0")),
    ):
        if first <= code <= last:
            return kind
    return KANJI if character == "々" else OTHER


_KIND_OF: Final = np.array([_kind_of(code) for code in range(0x10000)], dtype=np.uint8)
_SHARED: Final = [kind for kind in range(len(_KINDS)) if kind not in {BREAK, OTHER}]
_LONG_LINE: Final = 60
_SHORT_LINE: Final = 15


def kinds_of(codes: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Returns the kind of each folded code point: `HIRAGANA`, `KATAKANA`, `KANJI`, …."""
    return _KIND_OF[np.minimum(codes, 0xFFFF)]


def shape(text: str, kinds: NDArray[np.uint8], distinct: int) -> NDArray[np.float32]:
    """Measures one text.

    Args:
        text: the text as it is stored.
        kinds: the kind of each character read of it, `kinds_of`.
        distinct: how many distinct n-grams it has.

    Returns:
        The features `SHAPE`. Shares are of the characters or lines read, 0 to 1; all are 0 for an
        empty text.
    """
    if not len(kinds):
        return np.zeros(len(SHAPE), dtype=np.float32)
    counts = np.bincount(kinds, minlength=len(_KINDS))
    ends = np.concatenate((np.flatnonzero(kinds == BREAK), [len(kinds)]))
    lengths = ends.copy()
    lengths[1:] -= ends[:-1] + 1
    stopped = kinds[np.maximum(ends - 1, 0)] == STOP
    n_stopped, chars_stopped = np.count_nonzero(stopped), lengths[stopped].sum()
    chars_long = lengths[lengths >= _LONG_LINE].sum()
    chars = max(1, int(lengths.sum()))
    lines = [line for line in excerpt(text).split("\n") if line]
    return np.array(
        [
            np.log1p(len(text)),
            *(counts[_SHARED] / chars).tolist(),
            np.log1p(len(lines)),
            np.log1p(chars / len(lengths)),
            np.log1p(lengths.max()),
            chars_long / chars,
            np.count_nonzero(lengths < _SHORT_LINE) / len(lengths),
            n_stopped / len(lengths),
            chars_stopped / chars,
            len(set(lines)) / max(1, len(lines)),
            distinct / (ORDERS * len(kinds)),
            *np.log1p([counts[STOP], n_stopped, chars_stopped, chars_long]).tolist(),
        ],
        dtype=np.float32,
    )
