"""Contained texts: a page whose text stands in a longer page of the same site, as in a listing.

The Jaccard similarity of a post and of the archive page that holds it is small, so bands of MinHash
do not make them meet. What does is a sample that is taken by value: of the character 8-grams of a
dedup view, those whose hash is among the lowest sixteenth (FracMinHash; Broder 1997 calls it the
mod-m sketch). A text that holds another holds its sample too, so the share of the sample that is
found estimates containment without bias, at a standard error of `sqrt(c * (1 - c) / grams)`: 0.06
at 0.85 for a view of 500 characters.

Samples meet within one registered domain only. A listing and its posts are of one site; a stranger
who quotes a page is no reason to drop the original; and a phrase that everybody uses stays in
buckets as large as a site, not as the web.

    step          a task is   it reads       it sends on, and to what
    Fragments     pack        documents      fragments: the gram's partition
    Holders       partition   fragments      pairs: the inner text's partition
    Containers    partition   pairs          the best container: its own pack
    Named         pack        containers     its id: the inner document's pack
"""

from collections.abc import Sequence

import numpy as np
import pyarrow.parquet as pq
import xxhash
from numpy.typing import NDArray

from pipeline import storage
from pipeline.dedup.buckets import in_company, mixed
from pipeline.dedup.exchange import receive
from pipeline.dedup.signatures import batches
from pipeline.dedup.stages import HELD, Pack, Part, Partition, Stage, id_words
from pipeline.dedup.survivors import FLOOR
from pipeline.hosts import registered_domain
from pipeline.tasks import Attempt
from pipeline.text import dedup_view

GRAM_CHARS = 8
"""Characters of a gram: rarer than the 5-grams of signatures, so that fewer strangers meet."""

SAMPLED = 16
"""One gram in so many is sampled."""

MIN_GRAMS = 8
"""Grams of the smallest sample that is judged: about 130 characters of view."""

HOLDERS = 8
"""Of the texts that share a gram, the longest so many are looked at as containers."""

FRAGMENT = np.dtype(
    [
        ("key", "<u8"),
        ("id", "<u8"),
        ("pack", "<u4"),
        ("row", "<u4"),
        ("chars", "<u4"),
        ("grams", "<u4"),
    ]
)
"""A sampled gram of a document: its bucket, the first half of the document's id, where the document
is, the characters of its view and the size of its sample."""

PAIR = np.dtype(
    [
        ("inner", "<u8"),
        ("inner_at", "<u4", (2,)),
        ("grams", "<u4"),
        ("outer", "<u8"),
        ("outer_at", "<u4", (2,)),
        ("chars", "<u4"),
        ("shared", "<u4"),
    ]
)
"""A document and a longer one: their ids and places, the sample of the first and how much of it
they share, the characters of the second. The place is what tells documents apart, since a crawl
that was read twice holds an id twice."""

CONTAINER = np.dtype([("outer_at", "<u4", (2,)), ("inner_at", "<u4", (2,)), ("containment", "<f4")])
"""The best container of a document, still by its place."""

# As in `signatures`: odd 64-bit constants that spread the characters of a gram.
_SPREAD_1 = np.uint64(0x6A09E667F3BCC909)
_SPREAD_2 = np.uint64(0xBB67AE8584CAA73B)
_SPREAD_4 = np.uint64(0x3C6EF372FE94F82B)
_LOWEST = np.uint64(2**64 // SAMPLED)

_Words = NDArray[np.uint64]
_Rows = NDArray[np.intp]


def sample(views: Sequence[str]) -> tuple[_Words, _Rows]:
    """Samples the 8-grams of views, by value.

    Args:
        views: dedup views of texts, any number, of any length.

    Returns:
        The hashes of the sampled grams, each once a view, and the row of the view that each is of,
        ascending; both of shape (n,).

    >>> diary = "朝から雨だったので、縁側で父の将棋の本を読み、夕方に豆腐屋まで歩いた。" * 3
    >>> inner, outer = (set(sample([text])[0].tolist()) for text in (diary, "前書き" + diary))
    >>> len(inner) > 0 and inner <= outer
    True
    """
    found = [_sample(views[batch], batch.start) for batch in batches(views)]
    if not found:
        return np.empty(0, np.uint64), np.empty(0, np.intp)
    grams, owners = zip(*found, strict=True)
    return np.concatenate(grams), np.concatenate(owners)


def pairs_of(fragments: NDArray[np.void]) -> NDArray[np.void]:
    """Counts the grams that documents share with longer ones.

    Args:
        fragments: `FRAGMENT` rows in any order; all rows of a bucket are here.

    Returns:
        A row of `PAIR` for each document and each longer one that is among the longest in a bucket
        of both, ascending by their places; `shared` counts the buckets that are here.
    """
    rows = in_company(fragments)
    at = _number_of_place(rows["pack"], rows["row"])
    longest_first = np.lexsort((at, rows["id"], ~rows["chars"], rows["key"]))
    rows = rows[longest_first]
    _, first, number = np.unique(at[longest_first], return_index=True, return_inverse=True)
    begins = np.ones(len(rows), bool)
    begins[1:] = rows["key"][1:] != rows["key"][:-1]
    start = np.maximum.accumulate(np.where(begins, np.arange(len(rows)), 0))
    place = np.arange(len(rows)) - start
    counted = [_with_holder(rows, number, start, place, holder) for holder in range(HOLDERS)]
    names, counts = (np.concatenate(column) for column in zip(*counted, strict=True))
    names, pair = np.unique(names, return_inverse=True)
    inner, outer = rows[first[names // len(first)]], rows[first[names % len(first)]]
    pairs = np.empty(len(names), PAIR)
    pairs["inner"], pairs["outer"] = inner["id"], outer["id"]
    pairs["inner_at"] = np.column_stack([inner["pack"], inner["row"]])
    pairs["outer_at"] = np.column_stack([outer["pack"], outer["row"]])
    pairs["grams"], pairs["chars"] = inner["grams"], outer["chars"]
    pairs["shared"] = np.bincount(pair, counts, len(names))
    return pairs


def containers(pairs: NDArray[np.void]) -> NDArray[np.void]:
    """Chooses for each document the text that holds most of it.

    Args:
        pairs: `PAIR` rows in any order; all of an inner document are here, of a pair perhaps
            several, whose counts add up.

    Returns:
        `CONTAINER` rows, ascending by the inner document's place, for documents with a sample of
        `MIN_GRAMS` of which at least `FLOOR` is in one longer document; of several that hold as
        much, it is the longest, and then the one with the smallest id.
    """
    pairs = pairs[pairs["grams"] >= MIN_GRAMS]
    inner, outer = (_number_of_place(*pairs[name].T) for name in ("inner_at", "outer_at"))
    order = np.lexsort((outer, inner))
    pairs, inner, outer = pairs[order], inner[order], outer[order]
    begins = np.ones(len(pairs), bool)
    begins[1:] = (inner[1:] != inner[:-1]) | (outer[1:] != outer[:-1])
    starts = np.flatnonzero(begins)
    if not len(starts):
        return np.empty(0, CONTAINER)
    shared = np.add.reduceat(pairs["shared"].astype(np.int64), starts)
    pairs, inner, outer = pairs[starts], inner[starts], outer[starts]
    containment = (shared / pairs["grams"]).astype(np.float32)
    order = np.lexsort((outer, pairs["outer"], ~pairs["chars"], -containment, inner))
    inner = inner[order]
    best = order[np.append(True, inner[1:] != inner[:-1])]
    best = best[containment[best] >= FLOOR]
    chosen = np.empty(len(best), CONTAINER)
    for name in ("inner_at", "outer_at"):
        chosen[name] = pairs[name][best]
    chosen["containment"] = containment[best]
    return chosen


class Fragments(Stage[Pack]):
    """Samples the texts of a pack; of a text only the hashes of sampled grams go on."""

    def fill(self, attempt: Attempt, task: Pack) -> None:
        """Write fragments."""
        before = np.cumsum([0, *(part.rows for part in task.parts)])
        found = [_of_part(part, int(row)) for part, row in zip(task.parts, before, strict=False)]
        rows = np.concatenate([np.empty(0, FRAGMENT), *found])
        rows["pack"] = task.number
        self.send(attempt, "fragments", rows, rows["key"])


class Holders(Stage[Partition]):
    """Counts the grams that documents share with longer ones of their site."""

    def fill(self, attempt: Attempt, task: Partition) -> None:
        """Write pairs."""
        pairs = pairs_of(receive(task.boxes["fragments"], FRAGMENT))
        self.send(attempt, "pairs", pairs, pairs["inner"])


class Containers(Stage[Partition]):
    """Chooses each document's container."""

    def fill(self, attempt: Attempt, task: Partition) -> None:
        """Write containers."""
        chosen = containers(receive(task.boxes["pairs"], PAIR))
        self.send_to_packs(attempt, "containers", chosen, chosen["outer_at"][:, 0])


class Named(Stage[Pack]):
    """Names the containers that are in a pack, and tells whom they hold."""

    def fill(self, attempt: Attempt, task: Pack) -> None:
        """Write what each document learns of its container."""
        chosen = receive(task.containers, CONTAINER)
        columns = [storage.read_table(part.path, ["id"])["id"] for part in task.parts]
        ids = np.concatenate([id_words(column) for column in columns])
        held = np.empty(len(chosen), HELD)
        held["row"] = chosen["inner_at"][:, 1]
        held["contained_in"] = ids[chosen["outer_at"][:, 1]]
        held["containment"] = chosen["containment"]
        self.send_to_packs(attempt, "held", held, chosen["inner_at"][:, 0])


def _sample(views: Sequence[str], first: int) -> tuple[_Words, _Rows]:
    """Samples a batch of views, which begins at a row."""
    chars = np.frombuffer("".join(views).encode("utf-32-le", "surrogatepass"), "<u4")
    if len(chars) < GRAM_CHARS:
        return np.empty(0, np.uint64), np.empty(0, np.intp)
    singles = chars.astype(np.uint64)
    pairs = singles[:-1] * _SPREAD_1 + singles[1:]
    fours = pairs[:-2] * _SPREAD_2 + pairs[2:]
    grams = mixed(fours[:-4] * _SPREAD_4 + fours[4:])
    at = np.flatnonzero(grams < _LOWEST)
    ends = np.cumsum([len(view) for view in views])
    owner = np.searchsorted(ends, at, "right")
    whole = at + GRAM_CHARS <= ends[owner]  # the others reach into the next view
    grams, owner = grams[at[whole]], owner[whole]
    order = np.lexsort((grams, owner))
    grams, owner = grams[order], owner[order]
    once = np.ones(len(order), bool)
    once[1:] = (grams[1:] != grams[:-1]) | (owner[1:] != owner[:-1])
    return grams[once], owner[once] + first


def _of_part(part: Part, before: int) -> NDArray[np.void]:
    """The fragments of a part's documents, whose first is some row of its pack."""
    found = [np.empty(0, FRAGMENT)]
    with storage.open_read(part.path) as file:
        for batch in pq.ParquetFile(file).iter_batches(_TEXTS, columns=["id", "host", "text"]):
            views = [dedup_view(text) for text in batch["text"].to_pylist()]
            grams, owner = sample(views)
            rows = np.empty(len(grams), FRAGMENT)
            rows["key"] = mixed(grams ^ _sites(batch["host"].to_pylist())[owner])
            rows["id"] = id_words(batch["id"])[owner, 0]
            rows["row"] = owner + before
            rows["chars"] = np.array([len(view) for view in views], np.uint32)[owner]
            rows["grams"] = np.bincount(owner, minlength=len(views))[owner]
            found.append(rows)
            before += len(views)
    return np.concatenate(found)


def _sites(hosts: Sequence[str]) -> _Words:
    """A number for the registered domain of each host."""
    domains = (registered_domain(host).encode() for host in hosts)
    return np.fromiter((xxhash.xxh3_64_intdigest(domain) for domain in domains), np.uint64)


def _number_of_place(packs: NDArray[np.uint32], rows: NDArray[np.uint32]) -> _Words:
    """A number for each place, in the order of the places."""
    return packs.astype(np.uint64) << np.uint64(32) | rows


def _with_holder(
    rows: NDArray[np.void], number: _Rows, start: _Rows, place: _Rows, holder: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs the rows of each bucket with its holder of some rank: pairs of numbers, and counts."""
    inner = np.flatnonzero(place > holder)
    outer = start[inner] + holder
    longer = rows["chars"][outer] > rows["chars"][inner]
    texts = int(number.max(initial=-1)) + 1
    names = number[inner[longer]] * texts + number[outer[longer]]
    names, counts = np.unique(names, return_counts=True)
    return names, counts


_TEXTS = 1_000  # texts in memory at once
