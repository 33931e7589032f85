"""The HTML of a page as it is parsed, and what one scan over its bytes tells of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pipeline.compiled import compiled
from pipeline.html.vocabulary import Vocabulary, vocabulary

FORMATTING_TAGS = (
    *("b", "big", "code", "em", "font", "i", "nobr"),
    *("s", "small", "strike", "strong", "tt", "u"),
)
"""What the parser opens again where it was left open."""

TELLING_TAGS = (
    *("p", "div", "span", "br", "li", "ul", "ol", "dl", "table", "tr", "td", "h1", "h2", "h3"),
    *("h4", "a", "img", "form", "input", "button", "select", "textarea", "iframe", "script"),
    *("style", "video", "audio", "article", "section", "nav", "aside", "footer", "header"),
    *("main", "pre", "code", "blockquote", "ruby", "font", "center"),
)
"""Tags that tell what kind of page it is, when counted."""

_COUNTED = sorted({*FORMATTING_TAGS, *TELLING_TAGS, "option", "optgroup", "time"})

_AND, _HASH, _LESS, _MORE = 0x26, 0x23, 0x3C, 0x3E
_0, _6, _9, _A, _X, _Z = 0x30, 0x36, 0x39, 0x61, 0x78, 0x7A
_GAPS = (0x09, 0x0A, 0x0C, 0x0D, 0x20, 0x22, 0x27, 0x2F)  # white space, quotes, slash
_LOWER = 0x20  # the bit that small letters have and capitals lack


@dataclass(frozen=True, slots=True)
class Source:
    """A page's HTML, wherever it came from.

    Attributes:
        html: the HTML.
        encoded: the same in UTF-8, in which it is quicker to look for what is hardly ever there.
        tags: how often each tag is opened in it, of those that are counted, by lower-case name.
            Counted are letters after `<`, those in comments and scripts too, so a tag without a
            count is nowhere in the page.
        starts: how often `<` stands in it.
        gaps: how often something that may stand before an attribute: white space, `/` and quotes.
        may_hold_noncharacters: False if neither one of U+FDD0 to U+FDEF stands in it, nor a
            number for one (`&#xfdd0;`).
    """

    html: str
    encoded: bytes
    tags: Mapping[str, int]
    starts: int
    gaps: int
    may_hold_noncharacters: bool

    @classmethod
    def of(cls, html: str) -> "Source":
        """Scans a page, which holds no lone surrogates."""
        encoded = html.encode()
        codes = np.frombuffer(encoded, np.uint8)
        counts = np.zeros(len(_COUNTED) + 1, np.int64)
        starts, gaps = _scan(codes, _names(), counts)
        tags = dict(zip(_COUNTED, counts[1:].tolist(), strict=True))
        return cls(html, encoded, tags, starts, gaps, _may_hold_noncharacters(codes))


@cache
def _names() -> Vocabulary:
    return vocabulary((f"<{tag}>", number) for number, tag in enumerate(_COUNTED, 1))


@compiled
def _scan(
    codes: NDArray[np.uint8], names: Vocabulary, counts: NDArray[np.int64]
) -> tuple[int, int]:
    """Counts, into `counts`, each tag by its number in `names`; gives all `<` and gaps."""
    gaps = 0
    for gap in _GAPS:  # one after the other: the machine compares 32 bytes at once
        for code in codes:
            gaps += code == gap
    starts = at = 0
    while at < len(codes):
        if codes[at] == _LESS:
            starts += 1
            number, at = _tag(codes, at + 1, names)
            counts[number] += 1
        else:
            at += 1
    return starts, gaps


@compiled
def _may_hold_noncharacters(codes: NDArray[np.uint8]) -> bool:
    """Whether there is the beginning of one in UTF-8, or a number that may begin as one's does."""
    found = 0
    for at in range(len(codes) - 2):
        first, second, third = codes[at], codes[at + 1], codes[at + 2]
        found += (first == 0xEF) & (second == 0xB7)
        is_number = (first == _AND) & (second == _HASH)
        found += is_number & ((third | _LOWER == _X) | (third == _0) | (third == _6))
    return found > 0


@compiled
def _tag(codes: NDArray[np.uint8], at: int, names: Vocabulary) -> tuple[int, int]:
    """The number of the tag whose name starts here, 0 if none, and where the name is over."""
    state = names.steps[0, _LESS]
    end = at
    while end < len(codes) and (
        _A <= codes[end] | _LOWER <= _Z or (end > at and _0 <= codes[end] <= _9)
    ):
        state = names.steps[state, codes[end] | _LOWER]
        end += 1
    return int(names.told[names.steps[state, _MORE]]), end
