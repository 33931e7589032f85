"""Lines and sentences: how long they are, how they end, how often they come again."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pipeline.rules.characters import NEWLINE, Characters, Columns, members, share

SHORT_LINE = 10
"""A line of at most so many characters is short (HojiChar)."""

_STOP = members("。！？!?")
_CLOSING = members("」』）)】〉》”’\"'")
_KUTEN = ord("。")
_TRAILING = members("…‥⋯")
_DOT = members("・･.。、．,")

# Multiplication modulo 2**64 by an odd number can be undone, so the fingerprint of a segment is
# the difference of two prefix sums, shifted back to the segment's start.
_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 1 << 64)
_MIX = np.uint64(0xBF58476D1CE4E5B9)
_SHIFT = np.uint64(31)


@dataclass(frozen=True)
class Segments:
    """Stretches of the characters, in order and without overlap: codes[start:end]."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    @classmethod
    def between(cls, ends: NDArray[np.int64], marks: NDArray[np.int64]) -> "Segments":
        """Segments that end before or after their mark; empty ones are left out.

        Args:
            ends: where each ends.
            marks: the last position it takes up (a newline that it does not contain, or the
                closing mark that it does).
        """
        starts = np.concatenate(([0], marks[:-1] + 1))
        filled = ends > starts
        return cls(starts[filled], ends[filled])

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Characters of each."""
        return self.ends - self.starts


def lines(text: Characters) -> Segments:
    """The lines that are not empty."""
    newlines = np.flatnonzero(text.codes == NEWLINE)
    return Segments.between(newlines, newlines)


def sentences(text: Characters) -> Segments:
    """The sentences: up to a closing mark that none follows, or to the end of the line."""
    newline = text.codes == NEWLINE
    stop = _STOP[text.codes]
    closing = _CLOSING[text.codes]
    followed = np.append((stop | closing)[1:], False)
    marks = np.flatnonzero(newline | (stop & ~followed))
    return Segments.between(marks + ~newline[marks], marks)


def line_metrics(text: Characters) -> Columns:
    """Lengths, endings and repetition of the lines."""
    found = lines(text)
    count = text.per_document(found.starts)
    n_chars = text.per_document(found.starts, found.lengths)
    short = text.per_document(found.starts[found.lengths <= SHORT_LINE])
    punctuated = text.per_document(found.starts[_ends_sentence(text, found)])
    repeated, repeated_chars = _repetition(text, found, count, n_chars)
    return {
        "text_lines": count,
        "mean_line_chars": share(n_chars, count),
        "short_line_share": share(short, count),
        "punctuated_line_share": share(punctuated, count),
        "duplicate_line_share": repeated,
        "duplicate_line_char_share": repeated_chars,
    }


def sentence_metrics(text: Characters) -> Columns:
    """Lengths, endings and repetition of the sentences."""
    found = sentences(text)
    count = text.per_document(found.starts)
    n_chars = text.per_document(found.starts, found.lengths)
    trailing = text.per_document(found.starts[_trails_off(text, found)])
    kuten = text.per_document(np.flatnonzero(text.codes == _KUTEN))
    repeated, repeated_chars = _repetition(text, found, count, n_chars)
    return {
        "mean_sentence_chars": share(n_chars, count),
        "max_sentence_chars": text.maximum(found.starts, found.lengths),
        "chars_per_kuten": share(text.lengths, kuten),
        "ellipsis_share": share(trailing, count),
        "duplicate_sentence_share": repeated,
        "duplicate_sentence_char_share": repeated_chars,
    }


def _ends_sentence(text: Characters, found: Segments) -> NDArray[np.bool_]:
    """Whether the last character, or the one before closing brackets, ends a sentence."""
    last = _before(_CLOSING[text.codes])[found.ends - 1]
    return (_STOP | _TRAILING)[text.codes[last]] & (last >= found.starts)


def _trails_off(text: Characters, found: Segments) -> NDArray[np.bool_]:
    """Whether a segment ends in an ellipsis, its closing mark aside."""
    codes = text.codes
    trailing = _TRAILING[codes]
    thrice = (codes[2:] == codes[1:-1]) & (codes[1:-1] == codes[:-2]) & _DOT[codes[2:]]
    trailing[2:] |= thrice
    last = found.ends - 1
    unmarked = _before(_STOP[codes])[last]
    return trailing[last] | (trailing[unmarked] & (unmarked >= found.starts))


def _before(skipped: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each position the last one up to it that is not skipped."""
    position = np.arange(len(skipped))
    position[skipped] = 0
    return np.maximum.accumulate(position)


def _repetition(
    text: Characters,
    found: Segments,
    count: NDArray[np.float64],
    n_chars: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The shares of segments, and of their characters, that equal an earlier segment."""
    prints = _fingerprints(text, found)
    _, first = np.unique(prints, return_index=True)
    fresh = text.per_document(found.starts[first])
    fresh_chars = text.per_document(found.starts[first], found.lengths[first])
    return share(count - fresh, count), share(n_chars - fresh_chars, n_chars)


def _fingerprints(text: Characters, found: Segments) -> NDArray[np.uint64]:
    """64 bits that are equal for equal segments of one text and differ otherwise."""
    forward, back = _powers(1 << len(text.codes).bit_length())
    mixed = (text.codes + np.uint64(1)) * _MIX
    mixed ^= mixed >> _SHIFT
    mixed *= forward[: len(mixed)]
    sums = np.concatenate((np.zeros(1, np.uint64), np.cumsum(mixed)))
    prints = (sums[found.ends] - sums[found.starts]) * back[found.starts]
    return np.asarray(prints + text.document[found.starts].astype(np.uint64) * _MIX)


@cache
def _powers(count: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    forward, back = (np.full(count, base, np.uint64) for base in (_BASE, _INVERSE))
    forward[0] = back[0] = 1
    return np.cumprod(forward, dtype=np.uint64), np.cumprod(back, dtype=np.uint64)
