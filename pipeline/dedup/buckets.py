"""Candidates: texts whose sketches meet in a band, and look alike enough to be worth keeping.

A signature is cut into bands of a few slots; two texts meet where a band is equal. Meeting alone
says little (boilerplate makes strangers meet), so every pair in a bucket is compared by short
sketches that travel beside the bands, and only *confirmed* pairs link their texts. The links are
thus the edges of a graph that is defined by the texts alone, whatever the order, the splits and the
workers were; only a bucket over the cap is compared in part, and counted.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.dedup.components import forest_of
from pipeline.errors import OptionError
from schemas import SIGNATURE_SLOTS

SKETCH_BITS = 4
"""Bits of each slot that travel beside band rows: 64 bytes a text instead of 256.

Sketches differ in no more slots than the signatures do, so a pair that the whole signatures put
over the threshold is always confirmed. Two unequal slots agree in 4 bits once in 16, so a few
others are let in too: at a threshold of 0.75 those down to 0.73 or so. As an estimate of Jaccard,
`1 - unequal / 120` has a standard error of 0.040 at 0.75 (the whole signature: 0.038), and of 0.011
around what the whole signature says.
"""

BUCKET_CAP = 1_000
"""Different sketches in a bucket above which not all pairs are compared.

Below it a band row costs at most 500 comparisons of some 10 ns.
"""

HUBS = 64
"""Texts of an over-full bucket that the others are compared to, one after the other."""

_SKETCH_WORDS = SIGNATURE_SLOTS * SKETCH_BITS // 64
_ONE_A_SLOT = np.uint64(0x1111111111111111)
_PAIRS_AT_ONCE = 1 << 16

BAND_ROW = np.dtype([("key", "<u8"), ("node", "<u8")])
"""A text in a bucket: the bucket's key, the text's node."""

SKETCHED = np.dtype([("node", "<u8"), ("sketch", "<u8", (_SKETCH_WORDS,))])
"""A text and its sketch: it goes once to wherever the text has band rows."""

_Words = NDArray[np.uint64]
_Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class BandShape:
    """How signatures are cut into bands, and the similarity that this is made for.

    Attributes:
        bands: how many bands.
        rows: slots of a band; bands times rows is at most 128.
        threshold: the similarity from which texts are removed as copies, above 0 and up to 1.

    Raises:
        OptionError: if a value is out of its range.
    """

    bands: int
    rows: int
    threshold: float

    def __post_init__(self) -> None:
        if not (self.bands >= 1 <= self.rows and self.bands * self.rows <= SIGNATURE_SLOTS):
            raise OptionError(
                f"bands x rows: {self.bands}x{self.rows} found, two numbers from 1 expected whose "
                f"product is at most {SIGNATURE_SLOTS}, the slots of a signature."
            )
        if not 0 < self.threshold <= 1:
            raise OptionError(
                f"threshold: {self.threshold} found, a similarity above 0 and up to 1 expected."
            )

    def meets(self, similarity: float) -> float:
        """The probability that two texts of a similarity share a band.

        >>> round(SHAPES["default"].meets(0.75), 2), round(SHAPES["default"].meets(0.5), 2)
        (0.98, 0.28)
        """
        return float(1 - (1 - similarity**self.rows) ** self.bands)

    @property
    def unequal_allowed(self) -> int:
        """Unequal slots of two sketches up to which a pair is confirmed."""
        return int((1 - self.threshold) * SIGNATURE_SLOTS)


SHAPES = {
    "default": BandShape(21, 6, 0.75),
    "fineweb2": BandShape(14, 8, 0.75),
    "strict-copies": BandShape(12, 10, 0.9),
}
"""Named shapes. `default` meets 98 % of the pairs at its threshold, `strict-copies` 99 %;
`fineweb2` is FineWeb-2's 14x8 and meets 77 %."""

DEFAULT = SHAPES["default"]


@dataclass(frozen=True, slots=True)
class Links:
    """What the buckets say: pairs of nodes of one component each, and what was not compared.

    Attributes:
        nodes: each node that has a link to a smaller one, ascending, once.
        roots: the smallest node that it is linked to, directly or through others.
        buckets_over_cap: buckets in which not all pairs were compared.
        left_over: rows of these that were compared to hubs only, and to no avail.
    """

    nodes: _Words
    roots: _Words
    buckets_over_cap: int
    left_over: int


def band_keys(signatures: NDArray[np.uint16], shape: BandShape) -> _Words:
    """Hashes each band of each signature.

    Args:
        signatures: shape (n, 128).
        shape: how to cut them.

    Returns:
        The keys of the buckets, shape (n, shape.bands); a band's number is part of its key.
    """
    used = signatures[:, : shape.bands * shape.rows].reshape(-1, shape.bands, shape.rows)
    keys = np.tile(mixed(np.arange(1, shape.bands + 1, dtype=np.uint64)), (len(signatures), 1))
    for row in range(shape.rows):
        keys = mixed(keys ^ used[:, :, row])
    return keys


def sketches(signatures: NDArray[np.uint16]) -> _Words:
    """The lowest `SKETCH_BITS` of every slot; shape (n, 8) for signatures of shape (n, 128)."""
    low = (signatures & np.uint16(2**SKETCH_BITS - 1)).astype(np.uint8)
    pairs = low[:, 0::2] | (low[:, 1::2] << np.uint8(SKETCH_BITS))
    return np.asarray(pairs.view("<u8"), np.uint64)


def unequal_slots(ours: _Words, theirs: _Words) -> NDArray[np.int64]:
    """Counts the slots in which sketches differ, along the last axis of (..., 8)."""
    differ = ours ^ theirs
    differ |= differ >> np.uint64(2)
    differ |= differ >> np.uint64(1)
    return np.asarray(np.bitwise_count(differ & _ONE_A_SLOT).sum(axis=-1, dtype=np.int64))


def band_rows(nodes: _Words, keys: _Words) -> NDArray[np.void]:
    """The rows of `BAND_ROW` that put each text into its buckets; keys are of shape (n, bands)."""
    rows = np.empty(keys.shape, BAND_ROW)
    rows["key"] = keys
    rows["node"] = nodes[:, None]
    return rows.ravel()


def sketched(nodes: _Words, signatures: NDArray[np.uint16]) -> NDArray[np.void]:
    """A row of `SKETCHED` for each text."""
    rows = np.empty(len(nodes), SKETCHED)
    rows["node"] = nodes
    rows["sketch"] = sketches(signatures)
    return rows


def link(
    rows: NDArray[np.void], looks: NDArray[np.void], shape: BandShape, cap: int = BUCKET_CAP
) -> Links:
    """Compares the texts in each bucket and links those that look alike.

    Args:
        rows: `BAND_ROW` rows in any order; all rows of a bucket are here.
        looks: `SKETCHED` rows in any order, of all texts that have band rows here.
        shape: for its threshold.
        cap: different sketches in a bucket up to which all pairs are compared.

    Returns:
        A spanning forest of the confirmed pairs: what is connected by them is connected by it.
    """
    crowd = _Crowd(rows, looks, shape.unequal_allowed, cap)
    nodes, roots = forest_of(crowd.links())
    return Links(nodes, roots, crowd.buckets_over_cap, crowd.left_over)


class _Crowd:
    """The rows of buckets with at least two texts in them, in order, and their comparison."""

    def __init__(
        self, rows: NDArray[np.void], looks: NDArray[np.void], unequal_allowed: int, cap: int
    ) -> None:
        self._unequal_allowed = unequal_allowed
        self._cap = cap
        rows = in_company(rows)
        looks = looks[np.argsort(looks["node"], kind="stable")]
        look = np.searchsorted(looks["node"], rows["node"])
        rank = np.empty(len(looks), np.intp)
        rank[np.lexsort((looks["node"], _mixed_words(looks["sketch"])))] = np.arange(len(looks))
        bucket = np.cumsum(np.diff(rows["key"], prepend=np.uint64(0)) > 0)
        order = np.argsort(bucket * len(looks) + rank[look])  # by key, sketch and node
        self._key = rows["key"][order]
        self._node = rows["node"][order]
        self._sketch = looks["sketch"][look[order]]
        self.buckets_over_cap = 0
        self.left_over = 0

    def links(self) -> Iterator[tuple[_Words, _Words]]:
        """Pairs of nodes that look alike, in blocks."""
        yield self._link_equal_sketches()
        starts, sizes = _runs(self._key)
        for size in np.unique(sizes[(sizes > 1) & (sizes <= self._cap)]):
            yield from self._all_pairs(starts[sizes == size], int(size))
        for bucket in np.flatnonzero(sizes > self._cap):
            yield from self._hubs(starts[bucket], sizes[bucket])

    def _link_equal_sketches(self) -> tuple[_Words, _Words]:
        """Links texts of one sketch to the first of them, who alone goes on."""
        same = (self._key[1:] == self._key[:-1]) & (self._sketch[1:] == self._sketch[:-1]).all(1)
        is_first = np.concatenate([np.ones(min(1, len(self._key)), bool), ~same])
        firsts = np.flatnonzero(is_first)
        first = np.repeat(firsts, np.diff(firsts, append=len(is_first)))
        links = self._node[~is_first], self._node[first[~is_first]]
        self._key, self._node = self._key[is_first], self._node[is_first]
        self._sketch = self._sketch[is_first]
        return links

    def _all_pairs(self, starts: _Rows, size: int) -> Iterator[tuple[_Words, _Words]]:
        """Compares everyone with everyone, in all buckets of one size."""
        left, right = np.triu_indices(size, 1)
        step = max(1, _PAIRS_AT_ONCE // len(left))
        for block in range(0, len(starts), step):
            origins = starts[block : block + step, None]
            yield self._confirmed((origins + left).ravel(), (origins + right).ravel())

    def _hubs(self, start: np.intp, size: np.intp) -> Iterator[tuple[_Words, _Words]]:
        """Compares an over-full bucket with one hub after the other, each the smallest node left.

        Who is linked to a hub is done; once few enough are left, they are compared in pairs.
        """
        self.buckets_over_cap += 1
        left = start + np.argsort(self._node[start : start + size])
        for _ in range(HUBS):
            if len(left) <= self._cap:
                break
            hub, others = left[0], left[1:]
            alike = unequal_slots(self._sketch[others], self._sketch[hub]) <= self._unequal_allowed
            yield self._node[others[alike]], np.full(alike.sum(), self._node[hub])
            left = others[~alike]
        if len(left) > self._cap:
            self.left_over += len(left)
            return
        ours, theirs = np.triu_indices(len(left), 1)
        for block in range(0, len(ours), _PAIRS_AT_ONCE):
            pairs = slice(block, block + _PAIRS_AT_ONCE)
            yield self._confirmed(left[ours[pairs]], left[theirs[pairs]])

    def _confirmed(self, left: _Rows, right: _Rows) -> tuple[_Words, _Words]:
        alike = unequal_slots(self._sketch[left], self._sketch[right]) <= self._unequal_allowed
        return self._node[left[alike]], self._node[right[alike]]


def in_company(rows: NDArray[np.void]) -> NDArray[np.void]:
    """The rows whose bucket holds another row, ascending by key.

    Most texts are alone in nearly all their bands.
    """
    key = rows["key"].copy()
    order = np.argsort(key)
    key = key[order]
    twin = key[1:] == key[:-1]
    accompanied = np.zeros(len(key), bool)
    accompanied[1:] |= twin
    accompanied[:-1] |= twin
    return rows[order[accompanied]]


def _runs(values: _Words) -> tuple[_Rows, _Rows]:
    """Where each run of equal values starts, and how long it is."""
    if not len(values):
        return np.empty(0, np.intp), np.empty(0, np.intp)
    starts = np.concatenate([[0], np.flatnonzero(values[1:] != values[:-1]) + 1])
    return starts, np.diff(starts, append=len(values))


def mixed(values: _Words) -> _Words:
    """Spreads 64-bit values evenly, one to one (the finisher of SplitMix64)."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _mixed_words(words: _Words) -> _Words:
    """One number for each row of words."""
    numbers = np.zeros(len(words), np.uint64)
    for column in words.T:
        numbers = mixed(numbers ^ column)
    return numbers
