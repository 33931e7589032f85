"""What a page may cost: the limits over which it is not parsed but counted by a reason.

The parser (lexbor) grows faster than its input on two forms of hostile HTML. Each is bounded on
the source by a test that is linear and that no page of the labelled crawl fails;
`docs/decisions/04-extraction.md` has the figures.
"""

import re
from collections import Counter

from pipeline.errors import SeimaiError
from pipeline.html.source import FORMATTING_TAGS, Source

LONGEST_PAGE = 5_000_000
"""Characters; Common Crawl itself cuts payloads at 5 MiB (1 MiB before March 2025)."""

MOST_ATTRIBUTES = 40_000
"""Attributes in one tag: lexbor compares each with all before it (40,000 take 3 s, 100,000 19)."""

MOST_REOPENED = 1_000_000
"""Formatting left open is opened again in every later block: 24 kB of `<b a=1><b a=2>…<p><p>…`
take 770 MB."""

MOST_CHOICES = 20_000
"""Choices (`option`) of a page: at each, the parser asks all before it in its `select` which one is
chosen (16,000 take 0.9 s, 33,000 4, 100,000 over a minute)."""

MOST_OPEN_LINKS = 50_000
"""Links left open: at each, the parser asks what stands open around it (80,000 times `<a><div>`
take 2.6 s, 250,000 take 20)."""

_FORMATTING = re.compile(rf"<(/?)({'|'.join(FORMATTING_TAGS)})(?=[\s/>])", re.IGNORECASE)
_NO_MARKUP_INSIDE = re.compile(
    r"<!--.*?(?:-->|\Z)|<(script|style|textarea|title|xmp)\b.*?(?:</\1|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_END_OF_LINK = re.compile("</a[\\s>]", re.IGNORECASE)
_GAP = re.compile(r"[\s/\"']+")
_QUOTED_TAG_END = re.compile(r"=\s*+(?:\"[^\">]*+|'[^'>]*+)>")
_OPEN_VALUE = re.compile(r"=\s*+(?:\"[^\"]*+|'[^']*+)\Z")
_QUOTE = re.compile("[\"']")
_NONCHARACTER = re.compile(b"\xef\xb7[\x90-\xaf]")  # in bytes: nine times as fast as in characters
_ESCAPED_NONCHARACTER = re.compile(
    rb"&#(?:x0*fd[de][0-9a-f]|0*(?:6497[6-9]|649[89][0-9]|6500[0-7]))(?![0-9a-f]);?", re.IGNORECASE
)


class UnreadablePage(SeimaiError):  # noqa: N818  the fate of a page, counted; not our failure
    """A page over a limit of time or memory, or at which the parser broke off.

    Attributes:
        reason: the short snake_case name that it is counted by.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def parseable(html: str) -> Source:
    """The page as the parser may have it: valid Unicode, no noncharacters, within the limits.

    Noncharacters (U+FDD0 to U+FDEF) mean nothing in a text.

    Raises:
        UnreadablePage: the page is over a limit; nothing was parsed.
    """
    if len(html) > LONGEST_PAGE:
        raise UnreadablePage(
            "html_too_long",
            f"the page has {len(html):,} characters of HTML; {LONGEST_PAGE:,} are read at most",
        )
    source = _valid(html)
    if _may_explode(source):
        # Measured is what is then parsed, so nothing can hide in a comment or a script.
        source = Source.of(_NO_MARKUP_INSIDE.sub("", source.html))
        if _may_explode(source):
            raise UnreadablePage(
                "html_explosive",
                f"a tag may have over {MOST_ATTRIBUTES:,} attributes, formatting left open would "
                f"be opened again over {MOST_REOPENED:,} times, or there are over "
                f"{MOST_CHOICES:,} choices or {MOST_OPEN_LINKS:,} open links; no parser reads "
                "that cheaply",
            )
    return source


def _valid(html: str) -> Source:
    try:
        source = Source.of(html)
    except UnicodeEncodeError:
        return _valid(html.encode("utf-8", "replace").decode())
    if not source.may_hold_noncharacters:
        return source
    clean = _ESCAPED_NONCHARACTER.sub(b"", _NONCHARACTER.sub(b"", source.encoded))
    return source if clean == source.encoded else Source.of(clean.decode())


def _may_explode(source: Source) -> bool:
    return (
        source.tags["option"] + source.tags["optgroup"] > MOST_CHOICES
        or _open_links(source) > MOST_OPEN_LINKS
        or _attributes_of_one_tag(source) > MOST_ATTRIBUTES
        or _reopened(source) > MOST_REOPENED
    )


def _open_links(source: Source) -> int:
    if source.tags["a"] <= MOST_OPEN_LINKS:
        return 0
    return source.tags["a"] - len(_END_OF_LINK.findall(source.html))


def _attributes_of_one_tag(source: Source) -> int:
    """An upper bound, without tokenising: a tag ends at the first `>` outside a quoted value."""
    if source.gaps <= MOST_ATTRIBUTES:  # in the whole page, as for nearly every one
        return source.gaps
    html = source.html
    pieces = html.split(">")
    if max(map(len, pieces)) // 2 * (1 + len(_QUOTED_TAG_END.findall(html))) <= MOST_ATTRIBUTES:
        return MOST_ATTRIBUTES
    most = run = 0
    in_value = False
    for piece in pieces:
        inside = piece if in_value else piece[piece.find("<") :] if "<" in piece else ""
        run += len(_GAP.findall(inside))
        most = max(most, run)
        in_value = bool(_OPEN_VALUE.search(piece)) or (in_value and not _QUOTE.search(piece))
        run = run if in_value else 0
    return most


def _reopened(source: Source) -> int:
    """An upper bound on formatting elements opened again: the deepest run, in every other tag."""
    formatting = sum(source.tags[name] for name in FORMATTING_TAGS)
    tags = source.starts
    if formatting * tags <= MOST_REOPENED or tags**2 <= 4 * MOST_REOPENED:
        return 0  # at worst, half of the tags stay open in the other half
    open_now: Counter[str] = Counter()
    depth = deepest = 0
    for closing, name in _FORMATTING.findall(source.html):
        if not closing:
            open_now[name.lower()] += 1
            depth += 1
            deepest = max(deepest, depth)
        elif open_now[name.lower()]:
            open_now[name.lower()] -= 1
            depth -= 1
    return deepest * tags
