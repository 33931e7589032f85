"""The one door: HTML in, a page out."""

from dataclasses import dataclass

from pipeline.html import facts
from pipeline.html.limits import parseable
from pipeline.html.main_text import main_lines
from pipeline.html.render import render


@dataclass(frozen=True, slots=True)
class Page:
    """What is kept of an HTML page; its strings are not normalised yet.

    Attributes:
        title: the page's title on one line; empty if none.
        lines: the whole visible page, menus and footers included, one block a line.
        main: which of the lines are the main text, in order.
        facts: the page facts, by the names of `schemas.PAGE_FACTS` that HTML can tell.
    """

    title: str
    lines: list[str]
    main: list[int]
    facts: dict[str, object]

    @property
    def text(self) -> str:
        """The main text: paragraphs, one a line."""
        return "\n".join([self.lines[number] for number in self.main])

    @property
    def page_text(self) -> str:
        """The whole visible page, one block a line."""
        return "\n".join(self.lines)


def extract(html: str, url: str, robots: str | None = None) -> Page:
    r"""Read a page: nothing is fetched, opened or run.

    Args:
        html: the decoded page; anything at all, lone surrogates and NUL included.
        url: where it was fetched, which tells inner from outer links; may be empty.
        robots: the X-Robots-Tag header, or None.

    Raises:
        UnreadablePage: the page is over one of the limits of `pipeline.html.limits`, or the parser
            broke off.

    >>> page = extract("<title>柿</title><nav><a href=/>表紙</a></nav><p>柿を干しました。", "")
    >>> page.title, page.text, page.page_text
    ('柿', '柿を干しました。', '表紙\n柿を干しました。')
    """
    source = parseable(html)
    rendered = render(source.html)
    return Page(
        title=rendered.title,
        lines=rendered.lines.text,
        main=main_lines(rendered.lines),
        facts=facts.of_page(source, rendered, url, robots),
    )
