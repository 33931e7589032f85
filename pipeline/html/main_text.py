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

from pipeline.html.render import Lines

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


def main_lines(lines: Lines) -> list[int]:
    """Which lines are the main text, in order.

    A page that shows anything has a main text: without prose it is whatever stands in no aside.
    """
    kinds = _references_told(_within_main(lines, _kinds(lines)))
    kept = _around_prose(lines, kinds) if "prose" in kinds else _where_not("aside", kinds)
    return kept or list(range(len(lines)))


def _kinds(lines: Lines) -> list[_Kind]:
    kinds = list(map(_kind, lines.text, lines.chars, lines.link_chars))
    prose: Counter[int] = Counter()
    for kind, aside, chars in zip(kinds, lines.aside, lines.chars, strict=True):
        if kind == "prose":
            prose[aside] += chars
    limit = _ASIDE_SHARE * prose.total()
    lost = {aside for aside in {*lines.aside} if aside and prose[aside] <= limit}
    return ["aside" if a in lost else kind for a, kind in zip(lines.aside, kinds, strict=True)]


def _kind(text: str, chars: int, link_chars: int) -> _Kind:
    if link_chars > _LINK_DENSE * chars:
        return "links"
    if chars < _FURNITURE_CHARS and _is_furniture(text):
        return "aside"
    if chars >= _PROSE_CHARS or _PUNCTUATION.search(text):
        return "prose"
    return "short"


def _is_furniture(text: str) -> bool:
    return bool(_FURNITURE_WORDS.search(text.lower()) or _FURNITURE_LINES.fullmatch(text))


def _within_main(lines: Lines, kinds: list[_Kind]) -> list[_Kind]:
    if True not in lines.in_main:
        return kinds
    prose = [place for place, kind in enumerate(kinds) if kind == "prose"]
    inside = sum([lines.chars[place] for place in prose if lines.in_main[place]])
    if not inside or inside < _MAIN_SHARE * sum([lines.chars[place] for place in prose]):
        return kinds
    return [kind if inside else "aside" for kind, inside in zip(kinds, lines.in_main, strict=True)]


def _references_told(kinds: list[_Kind]) -> list[_Kind]:
    """Link-dense lines that are no menu, but references; an aside between does not part a run."""
    told = list(kinds)
    for kind, run in groupby(_where_not("aside", kinds), key=kinds.__getitem__):
        if kind == "links" and len(members := list(run)) < _MENU_LINES:
            for place in members:
                told[place] = "reference"
    return told


def _around_prose(lines: Lines, kinds: Sequence[_Kind]) -> list[int]:
    """Prose and what stands between; what leads up to it; short lines that follow it."""
    places = _where_not("aside", kinds)
    of_prose = [number for number, place in enumerate(places) if kinds[place] == "prose"]
    first, last = of_prose[0], of_prose[-1]

    def leads(place: int) -> bool:
        return kinds[place] != "links" or lines.is_heading[place]

    return [
        *reversed([*takewhile(leads, places[:first][::-1])]),
        *(place for place in places[first : last + 1] if kinds[place] != "links"),
        *takewhile(lambda place: kinds[place] == "short", places[last + 1 :]),
    ]


def _where_not(kind: _Kind, kinds: Sequence[_Kind]) -> list[int]:
    return [place for place, here in enumerate(kinds) if here != kind]
