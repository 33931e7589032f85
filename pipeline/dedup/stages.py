"""The steps of grouping, each a small pure move of rows; `pipeline.jobs.group` strings them up.

Documents are gathered in *packs* and contents in *partitions*, as many of one as of the other, each
as large as a worker's memory likes. A *content* is a distinct dedup view, known by its hash; its
*node* is the first 64 bits of that hash. Nothing here has a text: a document is its id, the hash
and the signature.

    step          a task is   it reads            it sends on, and to what
    Occurrences   pack        documents           occurrences, signatures: the content's partition
    Contents      partition   occurrences         contents; bands, sketches: the bucket's partition
    Linking       partition   bands, sketches     links: both ends' partitions
    components    (`OneWorker`, or `LargeStar` and `SmallStar` in turn)
    Members       partition   contents, links     members: the root's partition
    Clusters      partition   members             clusters: the node's partition
    Places        partition   all of a content    places: the occurrence's pack
    Sorted        pack        places              places: the document's part
    Groups        part        places              the part of `groups`
"""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline import storage
from pipeline.dedup.buckets import (
    BAND_ROW,
    SKETCHED,
    BandShape,
    band_keys,
    band_rows,
    link,
    sketched,
)
from pipeline.dedup.components import forest_of, large_star, small_star
from pipeline.dedup.exchange import Slice, by_address, receive, send
from pipeline.dedup.signatures import content_hashes, slots
from pipeline.errors import IntegrityError
from pipeline.tasks import Attempt
from schemas import SIGNATURE_SLOTS

_HASH = ("hash", "<u8", (2,))
_EXACT = [("exact_id", "<u8", (2,)), ("exact_size", "<i8")]
_CLUSTER = [("cluster_id", "<u8", (2,)), ("cluster_size", "<i8")]
_HELD = [("contained_in", "<u8", (2,)), ("containment", "<f4")]

OCCURRENCE = np.dtype([_HASH, ("id", "<u8", (2,)), ("pack", "<u4"), ("row", "<u4")])
"""A document of a content: its id, its pack, and its row in the pack."""

SIGNED = np.dtype([_HASH, ("signature", "<u2", (SIGNATURE_SLOTS,))])
"""A content's signature; a content too short to shingle has none."""

CONTENT = np.dtype([_HASH, *_EXACT])
"""A content: its smallest document, and how many there are."""

KNOWN = np.dtype([_HASH, *_EXACT, *_CLUSTER])
"""A content of an old run, with its place there."""

LINK = np.dtype([("ours", "<u8"), ("theirs", "<u8")])
"""A link between two nodes, at the partition of the first; mostly sent from both ends."""

MEMBER = np.dtype([("root", "<u8"), ("node", "<u8"), *_EXACT])
"""A content in a component, at the partition of the component's root."""

CLUSTER = np.dtype([("node", "<u8"), *_CLUSTER])
"""The same content, told about its cluster."""

HELD = np.dtype([("row", "<u4"), *_HELD])
"""What a document learns of the longer one that contains it; known by its row in its pack."""

PLACE = np.dtype([("row", "<u4"), ("first", "?"), *_EXACT, *_CLUSTER, *_HELD])
"""What `groups` says of a document, which is known by its row in its pack; NaN if not contained.
Of the rows of a content's smallest id, which are several where a crawl was read twice, one is
`first`."""

_Words = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of `documents`.

    Attributes:
        id: the task that committed it.
        path: the file.
        rows: its rows.
        places: what `groups` has to say of it; empty until that is known.
        counts: how often the runs of paragraphs of its pack recur; empty until that is known.
    """

    id: str
    path: str
    rows: int
    places: tuple[Slice, ...] = field(default=(), repr=False)
    counts: tuple[Slice, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Pack:
    """Parts of `documents` that are read together.

    Attributes:
        id: the task's id.
        number: the pack's number.
        parts: its parts, in order.
        places: what `groups` has to say of their documents; empty until that is known.
        containers: those of its documents that contain others; empty until that is known.
        held: the containers of its documents; empty until that is known.
        counts: how often its runs of paragraphs recur; empty until that is known.
    """

    id: str
    number: int
    parts: tuple[Part, ...] = field(repr=False)
    places: tuple[Slice, ...] = field(default=(), repr=False)
    containers: tuple[Slice, ...] = field(default=(), repr=False)
    held: tuple[Slice, ...] = field(default=(), repr=False)
    counts: tuple[Slice, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Partition:
    """A share of the contents, nodes or buckets: a range of hashes.

    Attributes:
        id: the task's id.
        boxes: the rows sent here, by role.
    """

    id: str
    boxes: dict[str, tuple[Slice, ...]] = field(repr=False)


class _Task(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=_Task)


@dataclass(frozen=True, slots=True)
class Stage(Generic[T]):
    """A step's work on one of its tasks.

    Attributes:
        folder: where it is committed.
        settings: the digest of what shapes the result.
        partitions: how many there are.
    """

    folder: str
    settings: str
    partitions: int

    def __call__(self, task: T) -> None:
        """Do a task and commit it."""
        with Attempt(self.folder, task.id, self.settings) as attempt:
            self.fill(attempt, task)
            attempt.commit()

    @abstractmethod
    def fill(self, attempt: Attempt, task: T) -> None:
        """Write what the attempt at a task is to hold."""

    def send(self, attempt: Attempt, role: str, rows: NDArray[np.void], by: _Words) -> None:
        """Sends rows to the partitions of hashes or nodes."""
        send(attempt, role, rows, partition_of(by, self.partitions), self.partitions)

    def send_to_packs(
        self, attempt: Attempt, role: str, rows: NDArray[np.void], packs: NDArray[np.uint32]
    ) -> None:
        """Sends rows to packs, by number; there are as many of them as partitions."""
        send(attempt, role, rows, packs.astype(np.int64), self.partitions)

    def send_bands(
        self, attempt: Attempt, bands: NDArray[np.void], looks: NDArray[np.void]
    ) -> None:
        """Sends band rows to their buckets' partitions, and there once the sketch of each text.

        Args:
            attempt: the attempt that writes them.
            bands: `BAND_ROW` rows.
            looks: `SKETCHED` rows, ascending by node.
        """
        self.send(attempt, "bands", bands, bands["key"])
        look = np.searchsorted(looks["node"], bands["node"])
        partition = partition_of(bands["key"], self.partitions)
        order = by_address(partition, self.partitions)
        visits = _starts(np.column_stack([partition[order], look[order]]))
        order = order[visits]
        send(attempt, "sketches", looks[look[order]], partition[order], self.partitions)


class Occurrences(Stage[Pack]):
    """Sends each document of a pack to its content's partition, and each signature once."""

    def fill(self, attempt: Attempt, task: Pack) -> None:
        """Write occurrences and signatures."""
        columns = ["id", "content_hash", "signature"]
        documents = pa.concat_tables(storage.read_table(part.path, columns) for part in task.parts)
        rows = np.empty(documents.num_rows, OCCURRENCE)
        rows["id"] = id_words(documents["id"])
        rows["hash"] = hash_words(documents["content_hash"])
        nothing = empty_text(rows["hash"])
        rows["hash"][nothing] = rows["id"][nothing]  # no text is a copy of no text
        rows["pack"] = task.number
        rows["row"] = np.arange(len(rows))
        self.send(attempt, "occurrences", rows, rows["hash"][:, 0])
        signed = np.flatnonzero(documents["signature"].is_valid())
        signed = signed[first_of_each(rows["hash"][signed])]
        signatures = np.empty(len(signed), SIGNED)
        signatures["hash"] = rows["hash"][signed]
        signatures["signature"] = slots(documents["signature"].take(signed))
        self.send(attempt, "signatures", signatures, signatures["hash"][:, 0])


@dataclass(frozen=True, slots=True)
class Contents(Stage[Partition]):
    """Makes one content of all its occurrences, and puts it into its buckets.

    Attributes:
        shape: how its signature is cut.
    """

    shape: BandShape

    def fill(self, attempt: Attempt, task: Partition) -> None:
        """Write contents, sorted by hash, and band rows."""
        occurrences = receive(task.boxes["occurrences"], OCCURRENCE)
        order = np.lexsort([*_keys(occurrences["id"]), *_keys(occurrences["hash"])])
        starts = _starts(occurrences["hash"][order])
        contents = np.empty(len(starts), CONTENT)
        contents["hash"] = occurrences["hash"][order[starts]]
        contents["exact_id"] = occurrences["id"][order[starts]]
        contents["exact_size"] = np.diff(starts, append=len(order))
        self.send(attempt, "contents", contents, contents["hash"][:, 0])
        signed = receive(task.boxes["signatures"], SIGNED)
        signed = signed[first_of_each(signed["hash"])]
        nodes = signed["hash"][:, 0]
        bands = band_rows(nodes, band_keys(signed["signature"], self.shape))
        self.send_bands(attempt, bands, sketched(nodes, signed["signature"]))


@dataclass(frozen=True, slots=True)
class Linking(Stage[Partition]):
    """Compares the contents of each bucket, and links those that look alike.

    Attributes:
        shape: for its threshold.
    """

    shape: BandShape

    def fill(self, attempt: Attempt, task: Partition) -> None:
        """Write links, from both ends."""
        bands = receive(task.boxes["bands"], BAND_ROW)
        links = link(bands, receive(task.boxes["sketches"], SKETCHED), self.shape)
        attempt.count("links", len(links.nodes))
        attempt.count("buckets_over_cap", links.buckets_over_cap)
        attempt.count("rows_left_over", links.left_over)
        found = both_ways(links.nodes, links.roots)
        self.send(attempt, "links", found, found["ours"])


class OneWorker(Stage[Partition]):
    """Finds the components of all links in one go: the one task has every partition's."""

    def fill(self, attempt: Attempt, task: Partition) -> None:
        """Write each node's link to its root, from both ends."""
        links = both_ways(*forest_of(_larger_first(task)))
        self.send(attempt, "links", links, links["ours"])


class LargeStar(Stage[Partition]):
    """The first half of a round: needs each node's links to all its neighbours."""

    def fill(self, attempt: Attempt, task: Partition) -> None:
        """Write links, from their larger ends."""
        links = receive(task.boxes["links"], LINK)
        nodes, roots, moved = large_star(links["ours"], links["theirs"])
        attempt.count("moved", moved)
        self.send(attempt, "links", _links(nodes, roots), nodes)


class SmallStar(Stage[Partition]):
    """The second half of a round: needs each node's links to its smaller neighbours."""

    def fill(self, attempt: Attempt, task: Partition) -> None:
        """Write links, from both ends."""
        links = receive(task.boxes["links"], LINK)
        nodes, roots, moved = small_star(links["ours"], links["theirs"])
        attempt.count("moved", moved)
        stars = both_ways(nodes, roots)
        self.send(attempt, "links", stars, stars["ours"])


class Members(Stage[Partition]):
    """Sends each content in a component to its root's partition."""

    def fill(self, attempt: Attempt, task: Partition) -> None:
        """Write members."""
        contents = receive([*task.boxes["contents"], *task.boxes["elders"]], CONTENT)
        contents = contents[first_of_each(contents["hash"])]  # an old cluster may come twice
        links = receive(task.boxes["links"], LINK)
        nodes, first = np.unique(links["ours"], return_index=True)
        roots = np.minimum(links["ours"], links["theirs"])[first]
        found, at = look_up(contents["hash"][:, 0], nodes)
        members = np.empty(len(found), MEMBER)
        members["root"] = roots[at]
        members["node"] = nodes[at]
        members["exact_id"] = contents["exact_id"][found]
        members["exact_size"] = contents["exact_size"][found]
        self.send(attempt, "members", members, members["root"])


class Clusters(Stage[Partition]):
    """Names each component by its smallest document, counts it, and tells its members."""

    def fill(self, attempt: Attempt, task: Partition) -> None:
        """Write clusters."""
        members = receive(task.boxes["members"], MEMBER)
        members = members[np.lexsort([*_keys(members["exact_id"]), members["root"]])]
        starts = _starts(members["root"][:, None])
        sizes = np.diff(starts, append=len(members))
        clusters = np.empty(len(members), CLUSTER)
        clusters["node"] = members["node"]
        clusters["cluster_id"] = np.repeat(members["exact_id"][starts], sizes, axis=0)
        total = np.add.reduceat(members["exact_size"], starts) if len(starts) else sizes
        clusters["cluster_size"] = np.repeat(total, sizes)
        self.send(attempt, "clusters", clusters, clusters["node"])


class Places(Stage[Partition]):
    """Tells each document of a content what its content has learnt."""

    def fill(self, attempt: Attempt, task: Partition) -> None:
        """Write places."""
        contents = receive(task.boxes["contents"], CONTENT)
        learnt = np.zeros(len(contents), PLACE)
        learnt["containment"] = np.nan
        for name in ("exact_id", "exact_size"):
            learnt[name] = contents[name]
        known = receive(task.boxes["known"], KNOWN)
        add_known(learnt, contents["hash"], known[first_of_each(known["hash"])])
        learnt["cluster_id"], learnt["cluster_size"] = learnt["exact_id"], learnt["exact_size"]
        clusters = receive(task.boxes["clusters"], CLUSTER)
        clusters = clusters[np.argsort(clusters["node"])]
        found, at = look_up(contents["hash"][:, 0], clusters["node"])
        for name in ("cluster_id", "cluster_size"):
            learnt[name][found] = clusters[name][at]
        occurrences = receive(task.boxes["occurrences"], OCCURRENCE)
        place = occurrences["row"], occurrences["pack"]
        order = np.lexsort([*place, *_keys(occurrences["id"]), *_keys(occurrences["hash"])])
        places = np.empty(len(order), PLACE)
        places[order] = np.repeat(learnt, contents["exact_size"])
        places["row"] = occurrences["row"]
        places["first"][order] = _begins(occurrences["hash"][order])
        self.send_to_packs(attempt, "places", places, occurrences["pack"])


class Sorted(Stage[Pack]):
    """Puts the places of a pack into the order of its documents, part by part, with containers."""

    def fill(self, attempt: Attempt, task: Pack) -> None:
        """Write places."""
        places = receive(task.places, PLACE)
        places = places[np.argsort(places["row"])]
        part = np.repeat(np.arange(len(task.parts)), [part.rows for part in task.parts])
        if not np.array_equal(places["row"], np.arange(len(part))):
            raise IntegrityError(
                f"Grouping pack {task.number}: {len(places)} of {len(part)} documents found a "
                "place, all expected. Delete the run's `groups` folder and group it again."
            )
        held = receive(task.held, HELD)
        for name in ("contained_in", "containment"):
            places[name][held["row"]] = held[name]
        send(attempt, "places", places, part, len(task.parts))


def partition_of(hashes: _Words, partitions: int) -> NDArray[np.int64]:
    """The partition of hashes, nodes or keys: equal ranges of their upper 32 bits."""
    upper = hashes >> np.uint64(32)
    return ((upper * np.uint64(partitions)) >> np.uint64(32)).astype(np.int64)


def hash_words(column: pa.Array | pa.ChunkedArray) -> _Words:
    """Content hashes as pairs of numbers that sort as the bytes do; shape (n, 2)."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    data = np.frombuffer(column.buffers()[1], ">u8", 2 * len(column), 16 * column.offset)
    return data.astype(np.uint64).reshape(-1, 2)


def empty_text(hashes: _Words) -> NDArray[np.bool_]:
    """Whether content hashes, as pairs of numbers, are those of an empty view."""
    return np.asarray((hashes == hash_words(content_hashes([""]))).all(axis=1))


def id_words(column: pa.Array | pa.ChunkedArray) -> _Words:
    """Ids as pairs of numbers that sort as the digits do; shape (n, 2).

    Raises:
        IntegrityError: if a value is not 32 hexadecimal digits.
    """
    try:
        data = bytes.fromhex("".join(column.to_pylist()))
        return np.frombuffer(data, ">u8").astype(np.uint64).reshape(len(column), 2)
    except (TypeError, ValueError) as error:
        raise IntegrityError(
            f"documents.id: 32 hexadecimal digits expected in each row ({error}). "
            "These documents were not written by this version of seimai: extract them again."
        ) from error


def id_column(words: _Words) -> pa.Array:
    """The ids that `id_words` has read."""
    digits = words.astype(">u8").tobytes().hex().encode()
    ends = np.arange(len(words) + 1, dtype=np.int64) * 32
    column = pa.LargeStringArray.from_buffers(len(words), pa.py_buffer(ends), pa.py_buffer(digits))
    return column.cast(pa.string())


def _keys(words: _Words) -> tuple[_Words, _Words]:
    """Sort keys of pairs of numbers, in the order that `lexsort` wants them."""
    return words[:, 1], words[:, 0]


def _starts(sorted_rows: _Words) -> NDArray[np.intp]:
    """Where each run of equal rows starts."""
    return np.flatnonzero(_begins(sorted_rows))


def _begins(sorted_rows: _Words) -> NDArray[np.bool_]:
    """Whether each row is the first of a run of equal ones."""
    begins = np.ones(len(sorted_rows), bool)
    begins[1:] = (sorted_rows[1:] != sorted_rows[:-1]).any(axis=1)
    return begins


def first_of_each(hashes: _Words) -> NDArray[np.intp]:
    """One row of each distinct pair of numbers, in the order of the pairs; shape (m,)."""
    order = np.lexsort(_keys(hashes))
    return order[_starts(hashes[order])]


def look_up(wanted: _Words, among: _Words) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The rows of `wanted` that are among sorted numbers, and where they are there."""
    if not len(among):
        return np.empty(0, np.intp), np.empty(0, np.intp)
    at = np.minimum(np.searchsorted(among, wanted), len(among) - 1)
    found = np.flatnonzero(among[at] == wanted)
    return found, at[found]


def same_contents(hashes: _Words, known: _Words) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The rows of hashes that are among known ones, and where they are there; both sorted."""
    found, at = look_up(hashes[:, 0], known[:, 0])
    same = (hashes[found] == known[at]).all(axis=1)
    return found[same], at[same]


def add_known(places: NDArray[np.void], hashes: _Words, known: NDArray[np.void]) -> None:
    """Counts the exact copies that an old run knows; both are told by their hashes, sorted."""
    found, at = same_contents(hashes, known["hash"])
    places["exact_size"][found] += known["exact_size"][at]
    ours, theirs = places["exact_id"][found], known["exact_id"][at]
    older = (theirs[:, 0] < ours[:, 0]) | (
        (theirs[:, 0] == ours[:, 0]) & (theirs[:, 1] < ours[:, 1])
    )
    places["exact_id"][found[older]] = theirs[older]


def _larger_first(task: Partition) -> Iterator[tuple[_Words, _Words]]:
    """A task's links from their larger ends, slice by slice."""
    for piece in task.boxes["links"]:
        links = receive([piece], LINK)
        links = links[links["ours"] > links["theirs"]]
        yield links["ours"], links["theirs"]


def _links(ours: _Words, theirs: _Words) -> NDArray[np.void]:
    links = np.empty(len(ours), LINK)
    links["ours"], links["theirs"] = ours, theirs
    return links


def both_ways(ours: _Words, theirs: _Words) -> NDArray[np.void]:
    """Links from both of their ends."""
    return _links(np.concatenate([ours, theirs]), np.concatenate([theirs, ours]))
