"""The shape of a text: its scripts, its sentences, its lines.

Prose runs in long lines that end on 。 and is full of hiragana; menus, listings and link indexes
are short lines of nouns in kanji, katakana and Latin letters. How much prose there is counts beside
its share: an article keeps its paragraphs under the longest of menus.
"""

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from classifiers.ngrams import ORDERS, excerpt
from pipeline.compiled import compiled

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

_SHARED: Final = np.array([kind for kind in range(len(_KINDS)) if kind not in {BREAK, OTHER}])
_AS_LOGARITHM: Final = np.flatnonzero(
    [name.startswith("log_") or name in {"mean_line", "longest_line"} for name in SHAPE]
)
_LONG_LINE: Final = 60
_SHORT_LINE: Final = 15


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


@cache
def _kind_table() -> NDArray[np.uint8]:
    return np.array([_kind_of(code) for code in range(0x10000)], dtype=np.uint8)


def kinds_of(codes: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Returns the kind of each folded code point: `HIRAGANA`, `KATAKANA`, `KANJI`, …."""
    return _kind_table().take(codes, mode="clip")


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
    counts = np.zeros(len(_KINDS), dtype=np.int64)
    n_lines, longest, chars_long, n_short, n_stopped, chars_stopped = _walk(kinds, counts)
    chars = max(1, len(kinds) - int(counts[BREAK]))
    stored_lines = [line for line in excerpt(text).split("\n") if line]
    measured = np.array(
        [
            len(text),
            *(counts[_SHARED] / chars).tolist(),
            len(stored_lines),
            chars / n_lines,
            longest,
            chars_long / chars,
            n_short / n_lines,
            n_stopped / n_lines,
            chars_stopped / chars,
            len(set(stored_lines)) / max(1, len(stored_lines)),
            distinct / (ORDERS * len(kinds)),
            int(counts[STOP]),
            n_stopped,
            chars_stopped,
            chars_long,
        ]
    )
    measured[_AS_LOGARITHM] = np.log1p(measured[_AS_LOGARITHM])
    return measured.astype(np.float32)


@compiled
def _walk(
    kinds: NDArray[np.uint8], counts: NDArray[np.int64]
) -> tuple[int, int, int, int, int, int]:
    """Walks from line to line, and counts the characters of each kind on the way.

    Returns:
        How many lines there are, characters of the longest, characters in long lines, how many
        lines are short, how many end on a stop, and the characters of these.
    """
    n_lines = longest = chars_long = n_short = n_stopped = chars_stopped = 0
    start = 0
    for end in range(len(kinds) + 1):
        if end < len(kinds):
            counts[kinds[end]] += 1
            if kinds[end] != BREAK:
                continue
        length = end - start
        n_lines += 1
        longest = max(longest, length)
        chars_long += length * (length >= _LONG_LINE)
        n_short += length < _SHORT_LINE
        if length and kinds[end - 1] == STOP:
            n_stopped += 1
            chars_stopped += length
        start = end + 1
    return n_lines, longest, chars_long, n_short, n_stopped, chars_stopped
