"""The path of a page's address, as a text to read: what the page is in the plan of its site.

`/tags/…`, `/archives/2021/04/` and `/page/3` are listings, `/2021/04/13/ame.html` is a post. The
host is never read: it would teach a model sites.
"""

import re
from typing import Final
from urllib.parse import unquote, urlsplit

_TO_COMMIT: Final = re.compile(r"^.*/[0-9a-f]{40}(?=/)")
"""On a host of source code, what comes before a commit names the owner: a host by another name."""


def path_of(url: str | None) -> str:
    """Returns the path of an address, decoded, with the names of its query's fields.

    Args:
        url: the address; None, and what is no address, has an empty path.

    >>> path_of("https://blog.example.jp/tag/%E7%8C%AB/?page=2&sort=new#top")
    '/tag/猫/?page&sort'
    >>> path_of(f"https://code.example.com/hanako/diary/blob/{'0a' * 20}/2021/ame.md")
    '/2021/ame.md'
    """
    try:
        parts = urlsplit(url or "")
    except ValueError:  # of a host in brackets that is no address of IPv6
        return ""
    path = _TO_COMMIT.sub("", unquote(parts.path))
    fields = "&".join(field.partition("=")[0] for field in parts.query.split("&"))
    return f"{path}?{fields}" if fields else path
