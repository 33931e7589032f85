"""A new crawl, joined to the groups of an old one at the cost of the new crawl plus a join.

The band keys and hashes of the new contents go into a Bloom filter. Old documents are held against
it, from their stored signatures: only those that may meet a new one send band rows, and an old
cluster comes in as one node that stands for all its members. No text is read, no pair of old
documents is compared again (but where both meet a new one), and the components are those of
grouping both crawls together, where no bucket passed the cap. The old run's files stay as they
are; what has changed of its groups is written beside the new ones (`pipeline.dedup.joined`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline import storage
from pipeline.dedup.buckets import BAND_ROW, BandShape, band_keys, band_rows, sketched
from pipeline.dedup.exchange import Slice, receive, send
from pipeline.dedup.joined import Renaming
from pipeline.dedup.signatures import slots
from pipeline.dedup.stages import (
    CLUSTER,
    CONTENT,
    KNOWN,
    Part,
    Partition,
    Stage,
    add_known,
    both_ways,
    empty_text,
    first_of_each,
    hash_words,
    id_column,
    id_words,
    look_up,
    partition_of,
    same_contents,
)
from pipeline.tasks import Attempt
from schemas import JOINED

BITS_A_KEY = 16
"""Bits of the filter for each key: with two hashes, one key in 70 is let in by mistake."""

FILTER_WORD = np.dtype([("word", "<u8")])
"""64 bits of the filter of one partition."""

_Words = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class OldPart:
    """A part of an old run.

    Attributes:
        documents: its part of `documents`.
        groups: its part of `groups`.
        renamings: what newer ones of the old runs say of its groups, in order.
    """

    documents: Part
    groups: Part
    renamings: tuple[Renaming, ...] = ()

    def places(self) -> pa.Table:
        """What is known of each document's groups."""
        places = storage.read_table(self.groups.path, list(_PLACE))
        for renaming in self.renamings:
            places = renaming.apply(places)
        return places


@dataclass(frozen=True, slots=True)
class OldPack:
    """Parts of old runs that are read together.

    Attributes:
        id: the task's id.
        parts: these parts.
    """

    id: str
    parts: tuple[OldPart, ...] = field(repr=False)


class Sought(Stage[Partition]):
    """Makes the filter of all band keys and hashes in a partition of the new crawl."""

    def fill(self, attempt: Attempt, task: Partition) -> None:
        """Write the words of the filter."""
        bands = receive(task.boxes["bands"], BAND_ROW)
        contents = receive(task.boxes["contents"], CONTENT)
        keys = np.concatenate([bands["key"], contents["hash"][:, 0]])
        words = np.zeros(max(1, len(keys) * BITS_A_KEY // 64), FILTER_WORD)
        for bit in _bits(keys, np.full(len(keys), len(words) * 64, np.uint64)):
            np.bitwise_or.at(words["word"], bit >> np.uint64(6), _one(bit))
        send(attempt, "sought", words, np.zeros(len(words), np.int64), 1)


@dataclass(frozen=True, slots=True)
class Known(Stage[OldPack]):
    """Sends the band rows and the places of old contents that may meet a new one.

    Attributes:
        shape: how signatures are cut.
        sought: the filters, one a partition.
    """

    shape: BandShape
    sought: tuple[Slice, ...] = field(repr=False)

    def fill(self, attempt: Attempt, task: OldPack) -> None:
        """Write band rows and known contents."""
        columns = ["content_hash", "signature"]
        paths = [part.documents.path for part in task.parts]
        documents = pa.concat_tables(storage.read_table(path, columns) for path in paths)
        groups = pa.concat_tables(part.places() for part in task.parts)
        known = np.empty(documents.num_rows, KNOWN)
        known["hash"] = hash_words(documents["content_hash"])
        for name, read in _PLACE.items():
            known[name] = read(groups[name])
        rows = first_of_each(known["hash"])
        rows = rows[~empty_text(known["hash"][rows])]
        known = known[rows]
        signature = documents["signature"].take(rows)
        signed = np.flatnonzero(signature.is_valid())
        signatures = slots(signature.take(signed))
        filters = _Filters(self.sought)
        keys = band_keys(signatures, self.shape)
        met = filters.may_hold(keys.ravel()).reshape(keys.shape)
        wanted = filters.may_hold(known["hash"][:, 0])
        wanted[signed] |= met.any(axis=1)
        nodes = known["hash"][signed, 0]
        bands = band_rows(nodes, keys)[met.ravel()]
        self.send_bands(attempt, bands, sketched(nodes, signatures))
        self.send(attempt, "known", known[wanted], known["hash"][wanted, 0])


class Elders(Stage[Partition]):
    """Ties each known content to its old cluster, which is a node and a content of its own."""

    def fill(self, attempt: Attempt, task: Partition) -> None:
        """Write links, from both ends, and the clusters, each as a content."""
        known = receive(task.boxes["known"], KNOWN)
        links = both_ways(known["hash"][:, 0], known["cluster_id"][:, 0])
        self.send(attempt, "links", links, links["ours"])
        known = known[first_of_each(known["cluster_id"])]
        clusters = np.empty(len(known), CONTENT)
        clusters["hash"] = clusters["exact_id"] = known["cluster_id"]
        clusters["exact_size"] = known["cluster_size"]
        self.send(attempt, "elders", clusters, clusters["hash"][:, 0])


class Joined(Stage[Partition]):
    """Writes what the old groups that have grown or merged are called, and count, from now on."""

    def fill(self, attempt: Attempt, task: Partition) -> None:
        """Write a table of exact groups, and one of clusters."""
        contents = receive(task.boxes["contents"], CONTENT)
        known = receive(task.boxes["known"], KNOWN)
        known = known[first_of_each(known["hash"])]
        found, at = same_contents(contents["hash"], known["hash"])
        add_known(contents, contents["hash"], known)
        _write_names(attempt, "exact", known["exact_id"][at], contents[found], "exact")
        elders = receive(task.boxes["elders"], CONTENT)
        elders = elders[first_of_each(elders["hash"])]
        clusters = receive(task.boxes["clusters"], CLUSTER)
        clusters = clusters[np.argsort(clusters["node"])]
        found, at = look_up(elders["hash"][:, 0], clusters["node"])
        elders, clusters = elders[found], clusters[at]
        changed = (clusters["cluster_id"] != elders["hash"]).any(axis=1)
        changed |= clusters["cluster_size"] != elders["exact_size"]
        names = elders["hash"][changed]
        _write_names(attempt, "clusters", names, clusters[changed], "cluster")
        attempt.note("partitions", self.partitions)


def _write_names(
    attempt: Attempt, role: str, names: _Words, places: NDArray[np.void], kind: str
) -> None:
    """Write old names beside the names and sizes of today."""
    columns = [
        id_column(names),
        id_column(places[f"{kind}_id"]),
        pa.array(places[f"{kind}_size"], pa.int64()),
    ]
    attempt.table(role, JOINED.arrow).write(pa.table(columns, schema=JOINED.arrow))


class _Filters:
    """The filters of all partitions, in a row."""

    def __init__(self, sought: Sequence[Slice]) -> None:
        each = [receive([piece], FILTER_WORD)["word"] for piece in sought]
        self._words = np.concatenate(each)
        self._sizes = np.array([len(words) for words in each])
        self._starts = np.cumsum(self._sizes) - self._sizes

    def may_hold(self, keys: _Words) -> NDArray[np.bool_]:
        """Whether each key may be one of the new crawl's: certainly, if it is."""
        partition = partition_of(keys, len(self._sizes))
        start = self._starts[partition]
        held = np.ones(len(keys), bool)
        for bit in _bits(keys, self._sizes[partition].astype(np.uint64) * np.uint64(64)):
            word = self._words[start + (bit >> np.uint64(6)).astype(np.int64)]
            held &= (word & _one(bit)) != 0
        return held


def _bits(keys: _Words, size: _Words) -> tuple[_Words, _Words]:
    """The two bits of each key in a filter of so many bits."""
    other = (keys ^ (keys >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return (keys * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(7)) % size, (
        other >> np.uint64(7)
    ) % size


def _one(bit: _Words) -> _Words:
    return np.uint64(1) << (bit & np.uint64(63))


def _sizes(column: pa.ChunkedArray) -> NDArray[np.int64]:
    return np.asarray(column, np.int64)


_PLACE = {
    "exact_id": id_words,
    "exact_size": _sizes,
    "cluster_id": id_words,
    "cluster_size": _sizes,
}
