"""One parse and one serialisation of a page: its visible lines, and what their places tell.

Looking at nodes one by one from Python costs more than the parse. So the places that matter are
found by one CSS query each and marked inside the tree with noncharacters, the C++ serialiser of
resiliparse writes the tree as minimal HTML with its links, and one walk over those lines reads
the marks back.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from html import unescape

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

from pipeline.html.source import Source

_ASIDE, _ASIDE_END, _MAIN, _MAIN_END = "\ufdd0\ufdd1\ufdd2\ufdd3"

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
_UNCLOSED = re.compile(r"<a [^>]*>(?=(?:[^<]++|<(?!/?a[ >]))*+(?:<a |\Z))")
"""resiliparse writes no `</a>` for a link with nothing inside."""
_HREF = re.compile('<a href="([^"]+)">')
_LINK, _NO_LINK, _LINK_END = '<a href="', '<a href="">', "</a>"
"""The second is an `<a name=…>`: a place, often never closed in old pages."""
_PIECE = re.compile(
    f"(?:<p>)?([^<\n{_ASIDE}-{_MAIN_END}]*+)(?:</p>)?(?:\n++|\\Z|([{_ASIDE}-{_MAIN_END}]|<[^>]*+>?))"
)
"""Some text, and the mark or tag that ends it; none at the end of a line. A `p` is whole lines."""
_CELLS = re.compile(r"\t[\t ]*")


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of the visible page, in order: one list a feature, all of the same length.

    Attributes:
        text: their texts, without white space around them; never empty.
        chars: characters of the text.
        link_chars: those of them inside links.
        is_heading: whether the line is in `h1` to `h6`.
        aside: the number of the menu, sidebar, footer or the like that it is in; 0 if in none.
        in_main: whether it is in an element that the page calls its main part.
    """

    text: list[str] = field(default_factory=list)
    chars: list[int] = field(default_factory=list)
    link_chars: list[int] = field(default_factory=list)
    is_heading: list[bool] = field(default_factory=list)
    aside: list[int] = field(default_factory=list)
    in_main: list[bool] = field(default_factory=list)

    def __len__(self) -> int:
        """How many lines there are."""
        return len(self.text)

    def add(self, text: str, link_chars: int, is_heading: bool, aside: int, in_main: bool) -> None:
        """Puts a line at the end."""
        self.text.append(text)
        self.chars.append(len(text))
        self.link_chars.append(link_chars)
        self.is_heading.append(is_heading)
        self.aside.append(aside)
        self.in_main.append(in_main)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A page as a reader sees it.

    Attributes:
        title: the `title` on one line; empty if none.
        lines: the visible lines, in order.
        links: the `href` of each link in the visible page, in order, as written.
    """

    title: str
    lines: Lines
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
    return Rendered(" ".join((tree.title or "").split()), _lines(written), links)


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


def _lines(written: str) -> Lines:
    """Reads the lines that show anything, each in the place of its last word."""
    if written.count("<a ") > written.count(_LINK_END):
        written = _UNCLOSED.sub("", written)
    lines, here = Lines(), _Place()
    pieces: list[str] = []
    last, link_chars, in_link = None, 0, False
    for piece, mark in _PIECE.findall(written):
        if piece:
            shown = _CELLS.sub("\t", unescape(piece)) if "\t" in piece else unescape(piece)
            pieces.append(shown)
            if chars := len(shown.strip()):
                last = here.aside, here.in_main, here.pres
                link_chars += chars if in_link else 0
        if not mark:
            if last:
                aside, in_main, pres = last
                text = "".join(pieces)
                text = text.rstrip() if pres else text.strip()
                lines.add(text, link_chars, here.in_heading, aside, in_main)
            pieces, last, link_chars, here.in_heading = [], None, 0, False
        elif mark == _LINK_END:
            in_link = False
        elif mark.startswith(_LINK):
            in_link = mark != _NO_LINK
        else:
            here.turn(mark)
    return lines


@dataclass(slots=True)
class _Place:
    """Where in the page a reader is."""

    aside: int = 0
    asides: int = 0
    in_main: bool = False
    in_heading: bool = False
    pres: int = 0  # one inside the other, where a listing's lines have a `pre` each

    def turn(self, mark: str) -> None:
        """Passes a mark or a tag; those that tell nothing are passed by."""
        if mark == _ASIDE:
            self.asides += 1
            self.aside = self.asides
        elif mark in _PRE_STEPS:
            self.pres += _PRE_STEPS[mark]
        elif mark in _TURNS:
            place, value = _TURNS[mark]
            setattr(self, place, value)


_PRE_STEPS = {"<pre>": 1, "</pre>": -1}
_TURNS = {
    _ASIDE_END: ("aside", 0),
    _MAIN: ("in_main", True),
    _MAIN_END: ("in_main", False),
} | {f"<h{level}>": ("in_heading", True) for level in range(1, 7)}
