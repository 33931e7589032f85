"""One parse and one serialisation of a page: its visible lines, and what their places tell.

Looking at nodes one by one from Python costs more than the parse. So the places that matter are
found by one CSS query each and marked inside the tree with noncharacters, the C++ serialiser of
resiliparse writes the tree as minimal HTML with its links, and one walk over those lines reads
the marks back.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from html import unescape

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

from pipeline.html.source import Source

_ASIDE, _ASIDE_END, _MAIN, _MAIN_END, _LINK, _LINK_END, _PRE, _PRE_END, _HEADING = map(
    chr, range(0xFDD0, 0xFDD9)
)
_STEPS = {
    _ASIDE: (_ASIDE, 1),
    _ASIDE_END: (_ASIDE, -1),
    _MAIN: (_MAIN, 1),
    _MAIN_END: (_MAIN, -1),
    _LINK: (_LINK, 1),
    _LINK_END: (_LINK, -1),
    _PRE: (_PRE, 1),
    _PRE_END: (_PRE, -1),
}
"""Which place a mark opens or closes."""
_PIECE = re.compile(f"([^\n{_ASIDE}-{_HEADING}]*)(\n|[{_ASIDE}-{_HEADING}])")

_ASIDE_TAGS = ("nav", "footer", "aside")
_ASIDE_ROLES = frozenset(("navigation", "contentinfo", "complementary", "search", "banner"))
_ASIDE_PARTS = (
    *("breadcrumb", "pankuzu", "topicpath", "sidebar", "footer", "navigation", "widget", "share"),
    *("sns", "social", "related", "pager", "pagination", "cookie", "copyright"),
)
"""Parts of class names and ids: `related` stands for related-posts, entryRelated, …"""
_ASIDE_NAMES = frozenset(
    ("side", "menu", "nav", "navi", "gnav", "navbar", "toc", "comments", "site-header")
)
"""Whole class names and ids; as parts they are found in wrappers of whole pages."""
_MAIN_TAGS = ("main", "article")
_MAIN_ROLES = frozenset(("main",))
_MAIN_ITEM = "[itemprop=articleBody]"
_MAIN_NAMES = frozenset(
    {
        *("main", "content", "contents", "main-content", "article", "post", "entry"),
        *("entry-content", "post-content", "article-body", "post-body", "entry-body"),
    }
)
_MOST_MARKED = 2000
"""Elements marked a page; a page with more is not made of regions."""

_CLASSES = re.compile("class=[\"']?([^\"'>]{1,300})")
_IDS = re.compile("id=[\"']?([^\"'>]{1,300})")
_ROLES = re.compile("role=[\"']?([^\"'>]{1,300})")
_NOT_SHOWN = ("rt", "rp", "[hidden]", '[style*="display:none"]', '[style*="display: none"]')
"""What a reader does not see; readings (ruby) would stand doubled beside their words."""
_HREF = re.compile(r'<a href="([^"]+)">')
_UNCLOSED = re.compile(r"<a [^>]*>(?=(?:[^<]++|<(?!/?a[ >]))*+(?:<a |\Z))")
"""resiliparse writes no `</a>` for a link with nothing inside."""
_ANCHOR = re.compile('<a href="">(.*?)</a>', re.DOTALL)
_LINK_TAG = re.compile(r"<a [^>]*>")
_HEADING_TAG = re.compile(r"<h[1-6]>")
_ANY_TAG = re.compile(r"<[^>]*>")
_CELLS = re.compile(r"\t[\t ]*")


@dataclass(slots=True)
class Line:
    """A line of the visible page.

    Attributes:
        text: its text, without white space around it; never empty.
        chars: characters of the text.
        link_chars: those of them inside links.
        is_heading: whether it is in `h1` to `h6`.
        aside: the number of the menu, sidebar, footer or the like that it is in; 0 if in none.
        in_main: whether it is in an element that the page calls its main part.
    """

    text: str
    chars: int
    link_chars: int
    is_heading: bool
    aside: int
    in_main: bool


@dataclass(frozen=True, slots=True)
class Rendered:
    """A page as a reader sees it.

    Attributes:
        title: the `title` on one line; empty if none.
        lines: the visible lines, in order.
        links: the `href` of each link in the visible page, in order, as written.
    """

    title: str
    lines: list[Line]
    links: list[str]


def render(source: Source) -> Rendered:
    """Parse and serialise a page that `limits.parseable` let through."""
    tree = HTMLTree.parse(source.html)
    _mark_places(tree, source)
    written = extract_plain_text(
        tree,
        preserve_formatting="minimal_html",
        list_bullets=False,
        alt_texts=False,
        links=True,
        skip_elements=_NOT_SHOWN,
    )
    links = [unescape(link) for link in _HREF.findall(written)]
    return Rendered(" ".join((tree.title or "").split()), list(_lines(_marked(written))), links)


def _mark_places(tree: HTMLTree, source: Source) -> None:
    """Marks the asides and the main parts; each selector takes time, so none asks in vain."""
    classes, ids, roles = (_words(found, source.html) for found in (_CLASSES, _IDS, _ROLES))
    asides = [
        *(tag for tag in _ASIDE_TAGS if source.tags[tag]),
        *(f"[role={role}]" for role in sorted(_ASIDE_ROLES & roles)),
        *(f'[class*="{part}"]' for part in _aside_parts(classes)),
        *(f'[id*="{part}"]' for part in _aside_parts(ids)),
        *(f".{name}" for name in sorted(_ASIDE_NAMES & classes)),
        *(f"#{name}" for name in sorted(_ASIDE_NAMES & ids)),
    ]
    mains = [
        *(tag for tag in _MAIN_TAGS if source.tags[tag]),
        *(f"[role={role}]" for role in sorted(_MAIN_ROLES & roles)),
        _MAIN_ITEM,
        *(f".{name}" for name in sorted(_MAIN_NAMES & classes)),
        *(f"#{name}" for name in sorted(_MAIN_NAMES & ids)),
    ]
    _mark(tree, asides, _ASIDE, _ASIDE_END)
    _mark(tree, mains, _MAIN, _MAIN_END)


def _words(attribute: re.Pattern[str], html: str) -> set[str]:
    return set(" ".join(attribute.findall(html)).split())


def _aside_parts(words: set[str]) -> list[str]:
    return sorted(set().union(*map(_parts_of, words)))


@lru_cache(maxsize=1 << 16)
def _parts_of(word: str) -> tuple[str, ...]:
    """The parts of asides' names in a class name or id; pages use the same words over and over."""
    return tuple(part for part in _ASIDE_PARTS if part in word)


def _mark(tree: HTMLTree, selectors: list[str], start: str, end: str) -> None:
    """Marks the outermost elements: what is inside a marked one is in its place anyway."""
    document = tree.document
    if document is None or not selectors:
        return
    outer = None
    for element in document.query_selector_all(",".join(selectors)).values()[:_MOST_MARKED]:
        if (outer and outer.contains(element)) or element.tag in {"html", "body"}:
            continue
        outer = element
        element.prepend(document.create_text_node(start))
        element.append(document.create_text_node(end))


def _marked(written: str) -> str:
    """The text without tags, with marks for those that tell."""
    text = written
    if text.count("<a ") > text.count("</a>"):
        text = _UNCLOSED.sub("", text)
    if '<a href="">' in text:  # `<a name=…>`, often never closed in old pages: a place, no link
        text = _ANCHOR.sub(r"\1", text)
    text = _LINK_TAG.sub(_LINK, text).replace("</a>", _LINK_END)
    text = _HEADING_TAG.sub(_HEADING, text)
    text = text.replace("<pre>", _PRE).replace("</pre>", _PRE_END)
    return _CELLS.sub("\t", unescape(_ANY_TAG.sub("", text)))


def _lines(marked: str) -> Iterator[Line]:
    """Reads the lines that show anything, each with the place of its last word."""
    depth = dict.fromkeys((_ASIDE, _MAIN, _LINK, _PRE), 0)
    asides = 0
    pieces: list[str] = []
    link_chars, is_heading, place = 0, False, None
    for piece, mark in _PIECE.findall(marked + "\n"):
        if piece:
            pieces.append(piece)
            if chars := len(piece.strip()):
                link_chars += chars if depth[_LINK] else 0
                place = asides if depth[_ASIDE] else 0, depth[_MAIN] > 0, depth[_PRE] > 0
        if mark in _STEPS:
            opened, step = _STEPS[mark]
            depth[opened] += step
            asides += mark == _ASIDE and depth[_ASIDE] == 1
        elif mark == _HEADING:
            is_heading = True
        else:
            if place:
                aside, in_main, in_pre = place
                text = "".join(pieces)
                text = text.rstrip() if in_pre else text.strip()
                yield Line(text, len(text), link_chars, is_heading, aside, in_main)
            pieces, link_chars, is_heading, place = [], 0, False, None
