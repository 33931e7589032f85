"""Texts as one array of code points, and the classes that the metrics count."""

import secrets
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray

Columns = dict[str, NDArray[np.number]]
"""Metrics by name: one value a text."""

SLICE_CHARACTERS = 1 << 18
"""Texts are measured together up to so many characters: 1 MB of code points."""


SECRET = np.uint64(secrets.randbits(64) | 1)
"""What keys of hash tables are multiplied by: new in each process, so that no page can be written
to fill one slot. Nothing that is counted depends on it."""


class Script(IntEnum):
    """What kind of character a code point is."""

    OTHER = 0
    SPACE = 1
    HIRAGANA = 2
    KATAKANA = 3
    KANJI = 4
    SPECIAL = 5


_RANGES = (
    (Script.HIRAGANA, 0x3041, 0x3096),
    (Script.HIRAGANA, 0x309D, 0x309F),
    (Script.KATAKANA, 0x30A1, 0x30FA),
    (Script.KATAKANA, 0x30FC, 0x30FF),
    (Script.KATAKANA, 0x31F0, 0x31FF),
    (Script.KATAKANA, 0xFF66, 0xFF9F),
    (Script.KANJI, 0x3005, 0x3007),
    (Script.KANJI, 0x3400, 0x4DBF),
    (Script.KANJI, 0x4E00, 0x9FFF),
    (Script.KANJI, 0xF900, 0xFAFF),
    (Script.KANJI, 0x20000, 0x323AF),
)


@cache
def scripts() -> NDArray[np.uint8]:
    """The `Script` of every code point."""
    table = np.zeros(0x110000, np.uint8)
    for code in range(0x20000):
        character = chr(code)
        if character.isspace():
            table[code] = Script.SPACE
        elif unicodedata.category(character)[0] in "NPSC":
            table[code] = Script.SPECIAL
    for script, first, last in _RANGES:
        table[first : last + 1] = script
    return table


@dataclass(frozen=True)
class Characters:
    """A few texts as one array; each text is followed by a newline.

    Attributes:
        texts: the texts.
        codes: their code points and newlines, shape (sum of lengths + texts,).
        ends: where each text ends in `codes`, at the newline after it, shape (texts,).
    """

    texts: Sequence[str]
    codes: NDArray[np.uint32]
    ends: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Characters":
        """Joins the texts."""
        joined = "\n".join([*texts, ""]).encode("utf-32-le", "surrogatepass")
        codes = np.frombuffer(joined, np.uint32)
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        return cls(texts, codes, np.cumsum(lengths + 1) - 1)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Characters of each text."""
        return np.diff(self.ends, prepend=-1) - 1


def slices(texts: Sequence[str]) -> Iterator[Characters]:
    """Cuts the texts into runs of about `SLICE_CHARACTERS`; a longer text stands alone."""
    first, held = 0, 0
    for index, text in enumerate(texts):
        if held and held + len(text) > SLICE_CHARACTERS:
            yield Characters.of(texts[first:index])
            first, held = index, 0
        held += len(text) + 1
    if held:
        yield Characters.of(texts[first:])


def share(part: NDArray[np.number], whole: NDArray[np.number]) -> NDArray[np.float64]:
    """Part by whole, 0 where the whole is 0."""
    return np.asarray(part / np.maximum(whole, 1), np.float64)
