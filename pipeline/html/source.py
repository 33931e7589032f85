"""The HTML of a page as it is parsed, and which tags it opens: counted once for all who ask."""

import re
from collections import Counter
from dataclasses import dataclass

_OPENING = re.compile(r"<([a-zA-Z][a-zA-Z0-9]*)")


@dataclass(frozen=True, slots=True)
class Source:
    """A page's HTML, wherever it came from.

    Attributes:
        html: the HTML.
        tags: how often each tag is opened in it, by lower-case name. Counted are letters after `<`,
            those in comments and scripts too, so a tag without a count is nowhere in the page.
    """

    html: str
    tags: Counter[str]

    @classmethod
    def of(cls, html: str) -> "Source":
        """Counts the tags."""
        names = _OPENING.findall(html)
        tags = Counter(names)
        if not all(map(str.islower, tags)):  # as in old pages
            tags = Counter(map(str.lower, names))
        return cls(html, tags)
