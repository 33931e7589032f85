"""The one door: HTML in, a page out."""

from dataclasses import dataclass

from pipeline.html import facts
from pipeline.html.limits import parseable
from pipeline.html.main_text import main_lines
from pipeline.html.render import Line, render


@dataclass(frozen=True, slots=True)
class Page:
    """What is kept of an HTML page; its strings are not normalised yet.

    Attributes:
        title: the page's title on one line; empty if none.
        text: the main text: paragraphs, one a line.
        page_text: the whole visible page, menus and footers included, one block a line.
        facts: the page facts, by the names of `schemas.PAGE_FACTS` that HTML can tell.
    """

    title: str
    text: str
    page_text: str
    facts: dict[str, object]


def extract(html: str, url: str, robots: str | None = None) -> Page:
    r"""Read a page: nothing is fetched, opened or run.

    Args:
        html: the decoded page; anything at all, lone surrogates and NUL included.
        url: where it was fetched, which tells inner from outer links; may be empty.
        robots: the X-Robots-Tag header, or None.

    Raises:
        UnreadablePage: the page is over one of the limits of `pipeline.html.limits`.

    >>> page = extract("<title>柿</title><nav><a href=/>表紙</a></nav><p>柿を干しました。", "")
    >>> page.title, page.text, page.page_text
    ('柿', '柿を干しました。', '表紙\n柿を干しました。')
    """
    source = parseable(html)
    rendered = render(source)
    return Page(
        title=rendered.title,
        text=_joined(main_lines(rendered.lines)),
        page_text=_joined(rendered.lines),
        facts=facts.of_page(source, rendered, url, robots),
    )


def _joined(lines: list[Line]) -> str:
    return "\n".join([line.text for line in lines])
