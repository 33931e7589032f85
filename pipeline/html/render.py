"""One parse and one serialisation of a page: its visible lines, and what their places tell.

Looking at nodes one by one from Python costs more than the parse. So the places that matter are
found by one CSS query each and marked inside the tree with noncharacters, the C++ serialiser of
resiliparse writes the tree as minimal HTML with its links, and one walk over those lines reads
the marks back.
"""

import re
from dataclasses import dataclass
from html import unescape

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

_ASIDE, _ASIDE_END, _MAIN, _MAIN_END, _LINK, _LINK_END, _HEADING, _PRE, _PRE_END = map(
    chr, range(0xFDD0, 0xFDD9)
)
_MARKS = re.compile(f"([{_ASIDE}-{_PRE_END}])")

_STEPS = {
    _ASIDE: ("aside", 1),
    _ASIDE_END: ("aside", -1),
    _MAIN: ("main", 1),
    _MAIN_END: ("main", -1),
    _LINK: ("link", 1),
    _LINK_END: ("link", -1),
    _PRE: ("pre", 1),
    _PRE_END: ("pre", -1),
}

_ASIDE_TAGS = (
    "nav,footer,aside,[role=navigation],[role=contentinfo],[role=complementary],[role=search],"
    "[role=banner]"
)
_ASIDE_PARTS = (
    *("breadcrumb", "pankuzu", "topicpath", "sidebar", "footer", "navigation", "widget", "share"),
    *("sns", "social", "related", "pager", "pagination", "cookie", "copyright"),
)
"""Parts of class names and ids: `related` stands for related-posts, entryRelated, …"""
_ASIDE_NAMES = frozenset(
    ("side", "menu", "nav", "navi", "gnav", "navbar", "toc", "comments", "site-header")
)
"""Whole class names and ids; as parts they are found in wrappers of whole pages."""
_MAIN_TAGS = "main,article,[role=main],[itemprop=articleBody]"
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
_HIDDEN_ELEMENTS = ["[hidden]", '[style*="display:none"]', '[style*="display: none"]']
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


def render(html: str) -> Rendered:
    """Parse and serialise a page that `limits.parseable` let through."""
    tree = HTMLTree.parse(html)
    _mark_places(tree, html)
    written = extract_plain_text(
        tree,
        preserve_formatting="minimal_html",
        list_bullets=False,
        alt_texts=False,
        links=True,
        skip_elements=_skipped(html),
    )
    links = [unescape(link) for link in _HREF.findall(written)]
    return Rendered(" ".join((tree.title or "").split()), _lines(written), links)


def _skipped(html: str) -> list[str]:
    """What a reader does not see; readings (ruby) would stand doubled beside their words."""
    skipped = ["rt", "rp"] if "<rt" in html else []
    return skipped + _HIDDEN_ELEMENTS if "hidden" in html or "none" in html else skipped


def _mark_places(tree: HTMLTree, html: str) -> None:
    names = " ".join({*_CLASSES.findall(html), *_IDS.findall(html)})
    words = set(names.split())
    parts = [f'[class*="{part}"],[id*="{part}"]' for part in _ASIDE_PARTS if part in names]
    asides = [f".{name},#{name}" for name in sorted(_ASIDE_NAMES & words)]
    mains = [f".{name},#{name}" for name in sorted(_MAIN_NAMES & words)]
    _mark(tree, ",".join([_ASIDE_TAGS, *parts, *asides]), _ASIDE, _ASIDE_END)
    _mark(tree, ",".join([_MAIN_TAGS, *mains]), _MAIN, _MAIN_END)


def _mark(tree: HTMLTree, selectors: str, start: str, end: str) -> None:
    document = tree.document
    if document is None:
        return
    for element in document.query_selector_all(selectors).values()[:_MOST_MARKED]:
        if element.tag not in {"html", "body"}:
            element.prepend(document.create_text_node(start))
            element.append(document.create_text_node(end))


def _lines(written: str) -> list[Line]:
    text = written
    if text.count("<a ") > text.count("</a>"):
        text = _UNCLOSED.sub("", text)
    if '<a href="">' in text:  # `<a name=…>`, often never closed in old pages: a place, no link
        text = _ANCHOR.sub(r"\1", text)
    text = _LINK_TAG.sub(_LINK, text).replace("</a>", _LINK_END)
    text = _HEADING_TAG.sub(_HEADING, text)
    text = text.replace("<pre>", _PRE).replace("</pre>", _PRE_END)
    text = _CELLS.sub("\t", unescape(_ANY_TAG.sub("", text)))
    reader = _Reader()
    return [line for raw in text.split("\n") if (line := reader.read(raw)) is not None]


class _Reader:
    """Reads the lines in order, and remembers which places are open."""

    def __init__(self) -> None:
        self._open = dict.fromkeys(["aside", "main", "link", "pre"], 0)
        self._asides = 0

    def read(self, raw: str) -> Line | None:
        """The line with its place, that of its last word; None if it shows nothing."""
        if not raw or raw.isspace():
            return None
        place = None
        link_chars = 0
        pieces = _MARKS.split(raw)
        for index, piece in enumerate(pieces):
            if index % 2:
                self._pass(piece)
            elif chars := len(piece.strip()):
                link_chars += chars if self._open["link"] else 0
                place = (self._open["aside"], self._open["main"], self._open["pre"])
        if place is None:
            return None
        aside, main, pre = place
        text = "".join(pieces[::2])
        text = text.rstrip() if pre else text.strip()
        is_heading = _HEADING in raw
        return Line(text, len(text), link_chars, is_heading, self._asides if aside else 0, main > 0)

    def _pass(self, mark: str) -> None:
        place, step = _STEPS.get(mark, ("", 0))
        if step:
            self._open[place] += step
            self._asides += mark == _ASIDE and self._open["aside"] == 1
