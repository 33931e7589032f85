"""Hosts and the registered domains above them, by the bundled Public Suffix List."""

from functools import cache, lru_cache
from urllib.parse import urlsplit

import xxhash
from publicsuffixlist import PublicSuffixList

VALIDATION_PERCENT = 1
"""Share of the registered domains whose documents are the validation split."""


@lru_cache(maxsize=1 << 12)  # a page's URL is asked for its facts, and again for its row
def host(url: str) -> str:
    """The host of a URL, lower case, without port; empty if there is none.

    >>> host("https://User@Blog.Example.JP:8080/日記")
    'blog.example.jp'
    """
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


@lru_cache(maxsize=1 << 16)
def registered_domain(host: str) -> str:
    """The domain that somebody registered; the host itself where it is not below a known suffix.

    >>> registered_domain("a.b.example.co.jp"), registered_domain("localhost")
    ('example.co.jp', 'localhost')
    """
    return _suffixes().privatesuffix(host) or host


def split(host: str) -> str:
    """`train` or `validation`, by a hash of the registered domain: no site is on both sides."""
    bucket = xxhash.xxh3_64_intdigest(registered_domain(host).encode("utf-8", "replace")) % 100
    return "validation" if bucket < VALIDATION_PERCENT else "train"


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()
