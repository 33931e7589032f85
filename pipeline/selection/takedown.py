"""Lists of hosts and URLs that must not be there: takedowns and opt-outs, of any size.

A list is held as a sorted array of 64-bit hashes, 8 bytes an entry, so that millions of entries
fit beside everything else; a false match is one in 10^12 for a list of ten million.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

from pipeline.selection.recipe import ListFile


class Entries:
    """A set of strings that can only be asked whether it holds one."""

    def __init__(self, entries: Iterable[str]) -> None:
        hashes = np.fromiter((_hash(entry) for entry in entries), np.uint64)
        self._hashes = np.unique(hashes)

    def __len__(self) -> int:
        return len(self._hashes)

    def holds(self, entries: Iterable[str]) -> NDArray[np.bool_]:
        """Whether each of some strings is in the set."""
        wanted = np.fromiter((_hash(entry) for entry in entries), np.uint64)
        if not len(self._hashes):
            return np.zeros(len(wanted), bool)
        place = np.searchsorted(self._hashes, wanted).clip(max=len(self._hashes) - 1)
        return np.asarray(self._hashes[place] == wanted)


def read_hosts(files: Sequence[ListFile]) -> Entries:
    """The hosts of some list files; `*.example.jp` and `.example.jp` mean `example.jp`."""
    return Entries(host_key(line) for file in files for line in _lines(file))


def read_urls(files: Sequence[ListFile]) -> Entries:
    """The URLs of some list files."""
    return Entries(url_key(line) for file in files for line in _lines(file))


def match_hosts(hosts: pa.Array, entries: Entries) -> NDArray[np.bool_]:
    """Which hosts are in the list, or lie below a domain that is.

    >>> below = Entries(["example.jp"])
    >>> match_hosts(pa.array(["blog.example.jp", "notexample.jp"]), below).tolist()
    [True, False]
    """
    encoded = hosts.dictionary_encode()
    chains = [list(_parents(name)) for name in encoded.dictionary.to_pylist()]
    host = np.repeat(np.arange(len(chains)), [len(chain) for chain in chains])
    listed = np.zeros(len(chains), bool)
    listed[host[entries.holds(itertools.chain.from_iterable(chains))]] = True
    return listed[np.asarray(encoded.indices, np.int64)]


def match_urls(urls: pa.Array, entries: Entries) -> NDArray[np.bool_]:
    """Which URLs are in the list."""
    return entries.holds(url_key(url) for url in urls.to_pylist())


def host_key(written: str) -> str:
    """A host as the lists compare it: lower case, punycode, without a leading `*.`.

    >>> host_key("*.例え.jp")
    'xn--r8jz45g.jp'
    """
    name = written.strip().lower().removeprefix("*").strip(".")
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return name


def url_key(url: str) -> str:
    """A URL as the lists compare it: without scheme, fragment and final slash.

    >>> url_key("https://Example.JP/a/#top") == url_key("http://example.jp/a")
    True
    """
    try:
        parts = urlsplit(url.strip() if "://" in url else f"//{url.strip()}")
    except ValueError:
        return url.strip()
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.netloc.lower()}{parts.path.rstrip('/')}{query}"


def _lines(file: ListFile) -> Iterator[str]:
    with Path(file.path).open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            entry = line.split(" #", 1)[0].strip()
            if entry and not entry.startswith("#"):
                yield entry


def _parents(host: str) -> Iterator[str]:
    """The host and every domain above it."""
    name = host_key(host)
    while name:
        yield name
        name = name.partition(".")[2]


def _hash(entry: str) -> int:
    return xxhash.xxh3_64_intdigest(entry.encode())
