"""Which lines of a page are its main text.

Shallow features of lines decide (Kohlschütter et al., Boilerplate Detection using Shallow Text
Features, WSDM 2010: link density and length), with two additions: places that HTML or a common
class name calls menu, footer, … (`render`), and Japanese punctuation, since a line with 。 or 、 is
prose at any length. Measured in `docs/decisions/04-extraction.md`.
"""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import groupby, takewhile
from typing import Literal

from pipeline.html.render import Line

_Kind = Literal["aside", "links", "reference", "prose", "short"]

_PUNCTUATION = re.compile("[。、！？，．]")
_FURNITURE_WORDS = re.compile("©|copyright|all rights reserved|powered by")
_FURNITURE_LINES = re.compile(
    r"シェア|ツイート|いいね|続きを読む|もっと見る|前の(?:ページ|記事).{0,4}"
    r"|次の(?:ページ|記事).{0,4}|(?:ページ)?(?:トップ|先頭)(?:へ|に)戻る|戻る"
    r"|コメントを残す|関連記事|この記事をシェア.*"
)
_FURNITURE_CHARS = 80
_PROSE_CHARS = 40
"""A line this long is prose without punctuation too, if it is not made of links."""
_LINK_DENSE = 0.5
_MENU_LINES = 3
"""So many link-dense lines in a row are a menu; fewer are references within a text."""
_MAIN_SHARE = 0.5
"""A main part is believed if it holds this share of the prose: a teaser's `article` does not."""
_ASIDE_SHARE = 0.8
"""An aside with more of the prose than this is a wrapper with an unlucky name."""


def main_lines(lines: Sequence[Line]) -> list[Line]:
    """The lines of the main text, in order.

    A page that shows anything has a main text: without prose it is whatever stands in no aside.
    """
    kinds = _references_told(_within_main(lines, _kinds(lines)))
    kept = _around_prose(lines, kinds) if "prose" in kinds else _where_not("aside", kinds)
    return [lines[place] for place in kept] or list(lines)


def _kinds(lines: Sequence[Line]) -> list[_Kind]:
    kinds = [_kind(line) for line in lines]
    prose: Counter[int] = Counter()
    for line, kind in zip(lines, kinds, strict=True):
        if kind == "prose":
            prose[line.aside] += line.chars
    limit = _ASIDE_SHARE * prose.total()
    return [
        "aside" if line.aside and prose[line.aside] <= limit else kind
        for line, kind in zip(lines, kinds, strict=True)
    ]


def _kind(line: Line) -> _Kind:
    if line.link_chars > _LINK_DENSE * line.chars:
        return "links"
    if line.chars < _FURNITURE_CHARS and _is_furniture(line.text):
        return "aside"
    if line.chars >= _PROSE_CHARS or _PUNCTUATION.search(line.text):
        return "prose"
    return "short"


def _is_furniture(text: str) -> bool:
    return bool(_FURNITURE_WORDS.search(text.lower()) or _FURNITURE_LINES.fullmatch(text))


def _within_main(lines: Sequence[Line], kinds: list[_Kind]) -> list[_Kind]:
    prose = [line for line, kind in zip(lines, kinds, strict=True) if kind == "prose"]
    inside = sum(line.chars for line in prose if line.in_main)
    if not inside or inside < _MAIN_SHARE * sum(line.chars for line in prose):
        return kinds
    return [kind if line.in_main else "aside" for line, kind in zip(lines, kinds, strict=True)]


def _references_told(kinds: list[_Kind]) -> list[_Kind]:
    """Link-dense lines that are no menu, but references; an aside between does not part a run."""
    told = list(kinds)
    for kind, run in groupby(_where_not("aside", kinds), key=lambda place: kinds[place]):
        members = list(run)
        if kind == "links" and len(members) < _MENU_LINES:
            for place in members:
                told[place] = "reference"
    return told


def _around_prose(lines: Sequence[Line], kinds: Sequence[_Kind]) -> list[int]:
    """Prose and what stands between; what leads up to it; short lines that follow it."""
    places = _where_not("aside", kinds)
    prose = [place for place in places if kinds[place] == "prose"]
    before = [place for place in places if place < prose[0]]
    between = [place for place in places if prose[0] <= place <= prose[-1]]
    after = [place for place in places if place > prose[-1]]

    def leads(place: int) -> bool:
        return kinds[place] != "links" or lines[place].is_heading

    return [
        *reversed([*takewhile(leads, reversed(before))]),
        *(place for place in between if kinds[place] != "links"),
        *takewhile(lambda place: kinds[place] == "short", after),
    ]


def _where_not(kind: _Kind, kinds: Sequence[_Kind]) -> list[int]:
    return [place for place, here in enumerate(kinds) if here != kind]
