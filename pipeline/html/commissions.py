"""Commission links, by the versioned list `pipeline/data/affiliate_providers.tsv`."""

import csv
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Pattern:
    """One form of commission link.

    Attributes:
        provider: the short name that links are counted by.
        kind: `general`, `shopping` or `adult`.
        host: the host; hosts below it match too.
        contains: what the rest of the URL must contain; empty if the host says enough.
        source: where the form can be seen.
    """

    provider: str
    kind: str
    host: str
    contains: str
    source: str


@cache
def patterns() -> tuple[Pattern, ...]:
    """The list, in the file's order."""
    text = files("pipeline").joinpath("data", "affiliate_providers.tsv").read_text("utf-8")
    rows = [line for line in text.splitlines() if not line.startswith("#")]
    return tuple(Pattern(**row) for row in csv.DictReader(rows, delimiter="\t"))


def provider(host: str, rest: str) -> str | None:
    """The provider that pays for a link, or None.

    Args:
        host: the link's host, lower case.
        rest: what follows the host in the URL.

    >>> provider("www.amazon.co.jp", "/dp/4000000000?tag=example-22")
    'amazon'
    >>> provider("www.amazon.co.jp", "/dp/4000000000") is None
    True
    """
    for pattern in _candidates(host):
        if pattern.contains in rest:
            return pattern.provider
    return None


@lru_cache(maxsize=1 << 16)
def _candidates(host: str) -> tuple[Pattern, ...]:
    return tuple(
        pattern
        for pattern in patterns()
        if host == pattern.host or host.endswith("." + pattern.host)
    )
