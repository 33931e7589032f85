"""A page's HTML in, its title, main text, whole visible text and facts out."""

from dataclasses import dataclass

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

from pipeline.errors import SeimaiError
from schemas.tables import PAGE_FACTS

_NAMES = tuple(column.name for column in PAGE_FACTS if column.name not in {"charset", "html_bytes"})


class UnreadablePage(SeimaiError):
    """A page over a limit that bounds time and memory; `reason` is the name it is counted by."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Page:
    """What is kept of an HTML page.

    Attributes:
        title: the page's title on one line; empty if none.
        text: the main text: paragraphs, one a line.
        page_text: the whole visible page, menus and footers included, one block a line.
        facts: the page facts, by the names of `schemas.tables.PAGE_FACTS`.
    """

    title: str
    text: str
    page_text: str
    facts: dict[str, object]


def extract(html: str, url: str, robots: str | None = None) -> Page:
    """Read a page once."""
    tree = HTMLTree.parse(html.encode("utf-8", "replace").decode())
    text = extract_plain_text(tree, preserve_formatting=True, main_content=True)
    page_text = extract_plain_text(tree, preserve_formatting=True)
    facts: dict[str, object] = dict.fromkeys(_NAMES)
    return Page(" ".join((tree.title or "").split()), _lines(text), _lines(page_text), facts)


def _lines(text: str) -> str:
    return "\n".join(line for line in map(str.strip, text.splitlines()) if line)
