"""One parse of a page: its title, its visible lines with what their places tell, and its links.

To look at the tree's nodes one by one from Python costs more than the parse. So the parser writes
the tree out as HTML in a normal form, and a compiled walk reads that (`walk`). What it looks for
stands here: how tags are shown, and the names of places that are no main text, or just that.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from html import unescape

import numpy as np
from resiliparse.parse.html import HTMLTree

from pipeline.html import walk
from pipeline.html.limits import UnreadablePage
from pipeline.html.vocabulary import Vocabulary, vocabulary

_BLOCKS = (
    *("address", "article", "aside", "blockquote", "br", "center", "details", "dd", "dt", "div"),
    *("dl", "fieldset", "footer", "form", "header", "hgroup", "hr", "li", "main", "nav", "ol", "p"),
    *("section", "table", "ul"),
)
"""These start a line and end it, as do headings, rows and listings."""
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_NOT_TEXT = (
    *("head", "script", "style", "template", "noscript", "frameset", "iframe", "frame"),
    *("object", "embed", "video", "audio", "img", "area", "svg", "figure", "figcaption"),
    *("textarea", "input", "button", "select", "option", "label", "rt", "rp"),
)
"""What a reader does not read as text; readings (ruby) would stand doubled beside their words."""
_VOID = (
    *("area", "base", "basefont", "bgsound", "br", "col", "embed", "frame", "hr", "img", "input"),
    *("keygen", "link", "meta", "param", "source", "track", "wbr"),
)
_WITHOUT_MARKUP = ("script", "style", "xmp", "iframe", "noembed", "noframes", "plaintext")

_ASIDE_TAGS = ("nav", "footer", "aside")
_ASIDE_ROLES = ("navigation", "contentinfo", "complementary", "search", "banner")
_ASIDE_PARTS = (
    *("breadcrumb", "pankuzu", "topicpath", "sidebar", "footer", "navigation", "widget", "share"),
    *("sns", "social", "related", "pager", "pagination", "cookie", "copyright"),
)
"""Parts of class names and ids: `related` stands for related-posts, entry-related, …"""
_ASIDE_NAMES = ("side", "menu", "nav", "navi", "gnav", "navbar", "toc", "comments", "site-header")
"""Whole class names and ids; as parts they are found in wrappers of whole pages."""
_MAIN_TAGS = ("main", "article")
_MAIN_NAMES = (
    *("main", "content", "contents", "main-content", "article", "post", "entry"),
    *("entry-content", "post-content", "article-body", "post-body", "entry-body"),
)

_WHITE_SPACE = re.compile("[ \t\n\v\f\r]+")
_NOT_PLAIN = re.compile("[& \t\n\v\f\r]")


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

    text: list[str]
    chars: list[int]
    link_chars: list[int]
    is_heading: list[bool]
    aside: list[int]
    in_main: list[bool]

    def __len__(self) -> int:
        """How many lines there are."""
        return len(self.text)


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


def render(html: str) -> Rendered:
    """Parse a page that `limits.parseable` let through, and read what it shows.

    Raises:
        UnreadablePage: the parser broke off.
        MemoryError: memory ran out.
    """
    with _panics_told():
        tree = HTMLTree.parse(html)
        title = tree.title or ""
        written = tree.body.html if tree.body else ""
    codes = np.frombuffer(written.encode("utf-32-le"), np.int32)
    text, lines, links = walk.lines_of(codes, walk.happenings(codes, _names(), _values()))
    places = zip(links["start"].tolist(), links["end"].tolist(), strict=True)
    targets = [written[start:end] for start, end in places]
    return Rendered(
        title=" ".join(title.split()),
        lines=_lines(text.tobytes().decode("utf-32-le"), lines),
        links=[*filter(None, map(_target, targets))],
    )


@contextmanager
def _panics_told() -> Iterator[None]:
    """Tell a panic of the parser, which is Rust's: no `Exception`, it would end the worker."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # a class that no module gives out
            raise
        if "pointer is null" in str(error):  # where Python has no memory for a string
            raise MemoryError from error
        raise UnreadablePage("html_parser", f"the parser broke off: {error}") from error


def _lines(text: str, lines: walk.Records) -> Lines:
    places = zip(lines["start"].tolist(), lines["end"].tolist(), strict=True)
    texts = [text[start:end] for start, end in places]
    return Lines(
        text=texts,
        chars=[*map(len, texts)],
        link_chars=lines["link_chars"].tolist(),
        is_heading=lines["is_heading"].tolist(),
        aside=lines["aside"].tolist(),
        in_main=lines["in_main"].tolist(),
    )


def _target(written: str) -> str:
    if not _NOT_PLAIN.search(written):
        return written
    return _WHITE_SPACE.sub(" ", unescape(written)).strip(" ")


@cache
def _names() -> Vocabulary:
    """The tags and attributes that matter."""
    tags = (
        (walk.BREAK, _BLOCKS),
        (walk.HEADING, _HEADINGS),
        (walk.ROW, ("tr",)),
        (walk.CELL, ("td", "th")),
        (walk.PRE, ("pre",)),
        (walk.LINK, ("a",)),
        (walk.VOID, _VOID),
        (walk.RAW, _WITHOUT_MARKUP),
        (walk.SKIPPED, _NOT_TEXT),
        (walk.PAGE, ("html", "body")),
        (walk.ASIDE, _ASIDE_TAGS),
        (walk.MAIN, _MAIN_TAGS),
    )
    attributes = {
        "class": walk.ASIDE | walk.MAIN | walk.IN_WORDS,
        "id": walk.ASIDE | walk.MAIN,
        "role": walk.ASIDE_ROLE | walk.MAIN_ROLE,
        "itemprop": walk.MAIN_ITEM,
        "style": walk.NOT_DISPLAYED,
        "hidden": walk.HIDDEN,
        "href": walk.TARGET,
    }
    return vocabulary(
        [(f"<{tag}>", told) for told, names in tags for tag in names]
        + [(f" {name}=", told) for name, told in attributes.items()]
    )


@cache
def _values() -> Vocabulary:
    """The values of attributes that matter."""
    return vocabulary(
        [(part, walk.ASIDE) for part in _ASIDE_PARTS]
        + [*_whole(_ASIDE_NAMES, " =", walk.ASIDE), *_whole(_MAIN_NAMES, " =", walk.MAIN)]
        + [*_whole(_ASIDE_ROLES, "=", walk.ASIDE_ROLE), *_whole(("main",), "=", walk.MAIN_ROLE)]
        + [*_whole(("articleBody",), "=", walk.MAIN_ITEM)]
        + [("display:none", walk.NOT_DISPLAYED), ("display: none", walk.NOT_DISPLAYED)]
    )


def _whole(names: Iterable[str], edges: str, told: int) -> list[tuple[str, int]]:
    """Names as whole words of a value (with spaces) or as whole values (with equals signs)."""
    return [(f"{edge}{name}{edge}", told) for name in names for edge in edges]
