"""Lines and sentences: how long they are, how they end, how often they come again."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from pipeline.compiled import compiled
from pipeline.rules.characters import SECRET, Characters, Columns, share

SHORT_LINE = 10
"""A line of at most so many characters is short (HojiChar)."""

_STOP, _CLOSING, _TRAILING, _DOT = 1, 2, 4, 8
_MARKS = {
    _STOP: "。！？!?",
    _CLOSING: "」』）)】〉》”’\"'",
    _TRAILING: "…‥⋯",
    _DOT: "・･.。、．,",
}
_NEWLINE = ord("\n")
_KUTEN = ord("。")
_HASH = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)
_ONE = np.uint64(1)


@cache
def _marks() -> NDArray[np.uint8]:
    """What each code point marks: the sum of its `_MARKS`."""
    table = np.zeros(0x110000, np.uint8)
    for mark, characters in _MARKS.items():
        table[[ord(character) for character in characters]] |= mark
    return table


def line_metrics(text: Characters) -> Columns:
    """Lengths, endings and repetition of the lines."""
    count, n_chars, short, punctuated, fresh, fresh_chars = _lines(
        text.codes, text.ends, _marks(), SECRET
    )
    return {
        "text_lines": count,
        "mean_line_chars": share(n_chars, count),
        "short_line_share": share(short, count),
        "punctuated_line_share": share(punctuated, count),
        "duplicate_line_share": share(count - fresh, count),
        "duplicate_line_char_share": share(n_chars - fresh_chars, n_chars),
    }


def sentence_metrics(text: Characters) -> Columns:
    """Lengths, endings and repetition of the sentences."""
    counts = _sentences(text.codes, text.ends, _marks(), SECRET)
    count, n_chars, longest, trailing, kuten, fresh, fresh_chars = counts
    return {
        "mean_sentence_chars": share(n_chars, count),
        "max_sentence_chars": longest,
        "chars_per_kuten": share(text.lengths, kuten),
        "ellipsis_share": share(trailing, count),
        "duplicate_sentence_share": share(count - fresh, count),
        "duplicate_sentence_char_share": share(n_chars - fresh_chars, n_chars),
    }


@compiled
def _lines(
    codes: NDArray[np.uint32],
    ends: NDArray[np.int64],
    marks: NDArray[np.uint8],
    secret: np.uint64,
) -> NDArray[np.int64]:
    """Counts by text the lines that are not empty.

    Returns:
        Lines, their characters, short ones, punctuated ones, different ones and the characters
        of these; shape (6, texts).
    """
    counts = np.zeros((6, len(ends)), np.int64)
    start = 0
    for text in range(len(ends)):
        chars = ends[text] - start
        lengths, prints = np.empty(chars, np.int64), np.empty(chars, np.uint64)
        found = 0
        for at in range(start, ends[text] + 1):
            if codes[at] == _NEWLINE:
                if at > start:
                    lengths[found], prints[found] = at - start, _fingerprint(codes, start, at)
                    counts[1, text] += lengths[found]
                    counts[2, text] += lengths[found] <= SHORT_LINE
                    counts[3, text] += _ends_sentence(codes, start, at, marks)
                    found += 1
                start = at + 1
        counts[0, text] = found
        counts[4, text], counts[5, text] = _different(lengths[:found], prints, secret)
    return counts


@compiled
def _sentences(
    codes: NDArray[np.uint32],
    ends: NDArray[np.int64],
    marks: NDArray[np.uint8],
    secret: np.uint64,
) -> NDArray[np.int64]:
    """Counts by text the sentences: up to a closing mark that none follows, or the line's end.

    Returns:
        Sentences, their characters, those of the longest, sentences that trail off, 。, different
        sentences and the characters of these; shape (7, texts).
    """
    counts = np.zeros((7, len(ends)), np.int64)
    start = 0
    for text in range(len(ends)):
        chars = ends[text] - start
        lengths, prints = np.empty(chars, np.int64), np.empty(chars, np.uint64)
        found = 0
        for at in range(start, ends[text] + 1):
            newline = codes[at] == _NEWLINE
            stop = marks[codes[at]] & _STOP and not marks[codes[at + 1]] & (_STOP | _CLOSING)
            counts[4, text] += codes[at] == _KUTEN
            if newline or stop:
                end = at if newline else at + 1
                if end > start:
                    lengths[found], prints[found] = end - start, _fingerprint(codes, start, end)
                    counts[1, text] += lengths[found]
                    counts[2, text] = max(counts[2, text], lengths[found])
                    counts[3, text] += _trails_off(codes, start, end, marks)
                    found += 1
                start = at + 1
        counts[0, text] = found
        counts[5, text], counts[6, text] = _different(lengths[:found], prints, secret)
    return counts


@compiled
def _ends_sentence(
    codes: NDArray[np.uint32], start: int, end: int, marks: NDArray[np.uint8]
) -> bool:
    """Whether the last character, or the one before closing brackets, ends a sentence."""
    last = end - 1
    while last > start and marks[codes[last]] & _CLOSING:
        last -= 1
    return bool(marks[codes[last]] & (_STOP | _TRAILING))


@compiled
def _trails_off(codes: NDArray[np.uint32], start: int, end: int, marks: NDArray[np.uint8]) -> bool:
    """Whether a sentence ends in an ellipsis, its closing mark aside."""
    if _is_ellipsis(codes, start, end - 1, marks):
        return True
    last = end - 1
    while last > start and marks[codes[last]] & _STOP:
        last -= 1
    return _is_ellipsis(codes, start, last, marks)


@compiled
def _is_ellipsis(codes: NDArray[np.uint32], start: int, at: int, marks: NDArray[np.uint8]) -> bool:
    """Whether an ellipsis or the third of three equal dots stands there."""
    mark = marks[codes[at]]
    thrice = at - start >= 2 and codes[at] == codes[at - 1] == codes[at - 2]
    return bool(mark & _TRAILING or (mark & _DOT and thrice))


@compiled
def _fingerprint(codes: NDArray[np.uint32], start: int, end: int) -> np.uint64:
    """64 bits that are equal for equal characters and differ otherwise; never 0."""
    mixed = _HASH
    for at in range(start, end):
        mixed = (mixed ^ np.uint64(codes[at])) * _HASH
        mixed ^= mixed >> _HALF
    return mixed | _ONE


@compiled
def _different(
    lengths: NDArray[np.int64], prints: NDArray[np.uint64], secret: np.uint64
) -> tuple[int, int]:
    """How many segments differ from every earlier one, and how long these are together."""
    bits = 2
    while 1 << bits < 2 * len(lengths):
        bits += 1
    table = np.zeros(1 << bits, np.uint64)
    count = n_chars = 0
    for segment in range(len(lengths)):
        slot = np.int64(prints[segment] * secret >> np.uint64(64 - bits))
        while table[slot] != 0 and table[slot] != prints[segment]:
            slot = (slot + 1) & (len(table) - 1)
        if table[slot] == 0:
            table[slot] = prints[segment]
            count += 1
            n_chars += lengths[segment]
    return count, n_chars
