"""Frequent paragraphs: boilerplate that recurs over many pages of a host, or of many hosts.

A single paragraph that recurs is mostly none: a heading, a refrain, a brace of a program. So what
is counted is *runs* of three in a row, as uzushio cuts no fewer (`LargeFreqParagraphs`, count 3);
but where uzushio wants each of the three to be frequent, here the three are counted as one, which
leaves lists of common words alone. The beginning and the end of a text count as one paragraph each,
so that the two lines about the author under every post are a run too. A run without a kana or kanji
says nothing, and is not counted: a page of source code keeps its closing braces.

Pages are counted, not occurrences, and near-duplicates count once, as one cluster: a press release
that a thousand sites carry is a copy to be removed but for one, and no boilerplate to be cut from
all. A count ends at `PAGES_COUNTED`, so that what stands on every page of a huge site stays a few
rows in each pack.

    step          a task is   it reads              it sends on, and to what
    Runs          pack        documents, places     runs: the run's partition
    Recurring     partition   runs                  counts: the packs that have the run
    Groups        part        documents, counts     the marks in `groups`
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
from numpy.typing import NDArray

from pipeline import storage
from pipeline.dedup.buckets import in_company, mixed
from pipeline.dedup.exchange import receive
from pipeline.dedup.stages import PLACE, Pack, Part, Partition, Stage
from pipeline.tasks import Attempt
from pipeline.text import KANA_OR_KANJI
from schemas import FREQUENT_PARAGRAPHS, MARKED_ANYWHERE, MARKED_ON_HOST, PAGES_COUNTED

RUN = np.dtype([("key", "<u8"), ("host", "<u8"), ("page", "<u8"), ("pack", "<u4")])
"""A run on a page: what it is known by, the host, the page's cluster, the page's pack. A run of
nothing, which every page of the host has, stands for the host: its key is the host."""

COUNT = np.dtype([("run", "<u8"), ("on_host", "<u4"), ("anywhere", "<u4")])
"""A run on a host (both in one number), and on how many pages it stands there and anywhere."""

_EDGE = np.uint64(0)  # stands for the paragraph before the first, and for the one after the last
_SPREAD_1 = np.uint64(0x6A09E667F3BCC909)
_SPREAD_2 = np.uint64(0xBB67AE8584CAA73B)
_JAPANESE = re.compile(f"[{KANA_OR_KANJI}]")
_TEXTS = 1_000  # texts in memory at once

_Words = NDArray[np.uint64]
_Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Paragraphs:
    """The paragraphs of some texts, one after the other; each array has the shape (n,).

    Attributes:
        text: the row of the text that each is of, ascending.
        number: its place in that text, from 0.
        chars: its characters.
        hash: XXH3-64 of its UTF-8 bytes.
        run: the key of the three in a row of which it is the middle; 0 if these hold no Japanese.
    """

    text: _Rows
    number: _Rows
    chars: NDArray[np.int32]
    hash: _Words
    run: _Words


def paragraphs(texts: Sequence[str]) -> Paragraphs:
    r"""Takes texts apart.

    Args:
        texts: normalised texts, one paragraph a line; any number, of any length.

    >>> news = "新酒ができました。\n筆者：山田\n蔵元の三代目です。"
    >>> diary = "今日は雨だった。\n筆者：山田\n蔵元の三代目です。"
    >>> ours, theirs = paragraphs([news]).run, paragraphs([diary]).run
    >>> (ours == theirs).tolist()
    [False, False, True]
    """
    lines = [text.split("\n") for text in texts]
    counts = np.array([len(one) for one in lines], np.intp)
    flat = [line for one in lines for line in one]
    text = np.repeat(np.arange(len(lines)), counts)
    hashes = np.fromiter(map(_hash, flat), np.uint64, len(flat))
    japanese = np.fromiter((bool(_JAPANESE.search(line)) for line in flat), bool, len(flat))
    at = np.arange(len(flat)) + text + 1  # with an edge before each text, and one after the last
    every = np.full(len(flat) + len(lines) + 1, _EDGE)
    every[at] = hashes
    says = np.zeros(len(every), bool)
    says[at] = japanese
    run = mixed(mixed(every[at - 1] * _SPREAD_1 + every[at]) * _SPREAD_2 + every[at + 1])
    run[~(says[at - 1] | says[at] | says[at + 1])] = 0
    return Paragraphs(
        text=text,
        number=np.arange(len(flat)) - np.repeat(np.cumsum(counts) - counts, counts),
        chars=np.fromiter(map(len, flat), np.int32, len(flat)),
        hash=hashes,
        run=run,
    )


def counts_of(rows: NDArray[np.void]) -> NDArray[np.void]:
    """Counts the pages that each run stands on.

    Args:
        rows: `RUN` rows in any order; all rows of a run are here.

    Returns:
        `COUNT` rows, each with the `pack` that it is for: of runs that are to be marked, and of all
        hosts with more than one page.
    """
    rows = in_company(rows)
    rows = rows[np.lexsort((rows["page"], rows["host"], rows["key"]))]
    of_run = _numbered(_changes(rows["key"]))
    of_host = _numbered(_changes(rows["key"], rows["host"]))
    new_page = _changes(rows["key"], rows["host"], rows["page"])
    on_host = np.bincount(of_host, new_page)
    by_page = np.lexsort((rows["page"], rows["key"]))
    new_page = _changes(rows["key"][by_page], rows["page"][by_page])
    anywhere = np.bincount(of_run, new_page)
    counted = np.empty(len(rows), _COUNTED)
    counted["run"] = on_a_host(rows["key"], rows["host"])
    counted["on_host"] = np.minimum(on_host[of_host], PAGES_COUNTED)
    counted["anywhere"] = np.minimum(anywhere[of_run], PAGES_COUNTED)
    counted["pack"] = rows["pack"]
    is_marked = counted["on_host"] >= MARKED_ON_HOST
    is_marked |= counted["anywhere"] >= MARKED_ANYWHERE
    is_marked |= rows["key"] == rows["host"]
    distinct: NDArray[np.void] = np.unique(counted[is_marked])
    return distinct


def marks(
    found: Paragraphs, hosts: _Words, counts: NDArray[np.void]
) -> tuple[pa.ListArray, NDArray[np.int32]]:
    """Marks the paragraphs of texts that stand in a frequent run.

    Args:
        found: the paragraphs.
        hosts: `host_number` of each text's host; shape (m,).
        counts: `COUNT` rows, ascending by the run.

    Returns:
        For each text the list of its marked paragraphs, of the type `FREQUENT_PARAGRAPHS`, and the
        number of its host's pages; both of length m.
    """
    on_host, anywhere = _counted(counts, on_a_host(found.run, hosts[found.text]))
    pages, _ = _counted(counts, on_a_host(hosts, hosts))
    on_host, anywhere = _in_run(on_host, found.text), _in_run(anywhere, found.text)
    marked = np.flatnonzero(on_host + anywhere)
    values: dict[str, NDArray[Any]] = {
        "paragraph": found.number,
        "chars": found.chars,
        "hash": found.hash,
        "on_host": on_host,
        "anywhere": anywhere,
    }
    fields = list(FREQUENT_PARAGRAPHS.value_type)
    arrays = [pa.array(values[field.name][marked], field.type) for field in fields]
    offsets = np.zeros(len(hosts) + 1, np.int32)
    np.cumsum(np.bincount(found.text[marked], minlength=len(hosts)), out=offsets[1:])
    structs = pa.StructArray.from_arrays(arrays, fields=fields)
    lists = pa.ListArray.from_arrays(pa.array(offsets), structs, type=FREQUENT_PARAGRAPHS)
    return lists, np.maximum(pages, 1).astype(np.int32)


def host_numbers(hosts: Sequence[str]) -> _Words:
    """A number for each host's name; shape (len(hosts),)."""
    return np.fromiter(map(_hash, hosts), np.uint64, len(hosts))


def on_a_host(runs: _Words, hosts: _Words) -> _Words:
    """A number for each run on a host."""
    return mixed(runs * _SPREAD_1 ^ hosts)


class Runs(Stage[Pack]):
    """Sends each run of a pack to its partition, once for each page of a host that has it."""

    def fill(self, attempt: Attempt, task: Pack) -> None:
        """Write runs."""
        places = receive(task.places, PLACE)
        pages = places["cluster_id"][np.argsort(places["row"]), 0]
        ends = np.cumsum([part.rows for part in task.parts])
        each = np.split(pages, ends[:-1])
        found = [_of_part(part, own) for part, own in zip(task.parts, each, strict=True)]
        rows = _distinct(np.concatenate([np.empty(0, RUN), *found]))
        rows["pack"] = task.number
        self.send(attempt, "runs", rows, rows["key"])


class Recurring(Stage[Partition]):
    """Counts the pages of each run, and tells the packs that have a frequent one."""

    def fill(self, attempt: Attempt, task: Partition) -> None:
        """Write counts."""
        counted = counts_of(receive(task.boxes["runs"], RUN))
        counts = np.empty(len(counted), COUNT)
        for name in COUNT.names or ():
            counts[name] = counted[name]
        self.send_to_packs(attempt, "counts", counts, counted["pack"])


_COUNTED = np.dtype([*COUNT.descr, ("pack", "<u4")])


def _hash(text: str) -> int:
    return xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass"))


def _of_part(part: Part, pages: _Words) -> NDArray[np.void]:
    """The runs of a part's documents, whose clusters are given, and one of nothing for each."""
    found = []
    with storage.open_read(part.path) as file:
        for batch in pq.ParquetFile(file).iter_batches(_TEXTS, columns=["host", "text"]):
            taken_apart = paragraphs(batch["text"].to_pylist())
            hosts = host_numbers(batch["host"].to_pylist())
            is_run = taken_apart.run != 0
            text = np.concatenate([taken_apart.text[is_run], np.arange(len(hosts))])
            rows = np.zeros(len(text), RUN)
            rows["key"] = np.concatenate([taken_apart.run[is_run], hosts])
            rows["host"] = hosts[text]
            rows["page"] = pages[: len(hosts)][text]
            pages = pages[len(hosts) :]
            found.append(rows)
    return np.concatenate([np.empty(0, RUN), *found])


def _distinct(rows: NDArray[np.void]) -> NDArray[np.void]:
    """Each run once for each page of a host, and of the pages no more than are counted."""
    rows = rows[np.lexsort((rows["page"], rows["host"], rows["key"]))]
    rows = rows[_changes(rows["key"], rows["host"], rows["page"])]
    begins = _changes(rows["key"], rows["host"])
    start = np.maximum.accumulate(np.where(begins, np.arange(len(rows)), 0))
    return rows[np.arange(len(rows)) - start < PAGES_COUNTED]


def _changes(*columns: _Words) -> NDArray[np.bool_]:
    """Whether each of some sorted rows differs from the one before it."""
    differs = np.ones(len(columns[0]), bool)
    differs[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return differs


def _numbered(begins: NDArray[np.bool_]) -> _Rows:
    """The number of the group that each row is of, from 0."""
    return np.cumsum(begins) - 1


def _counted(counts: NDArray[np.void], runs: _Words) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The two counts of each run, 0 for one that is not there."""
    if not len(counts):
        return np.zeros(len(runs), np.int64), np.zeros(len(runs), np.int64)
    at = np.minimum(np.searchsorted(counts["run"], runs), len(counts) - 1)
    known = counts["run"][at] == runs
    on_host, anywhere = (counts[name][at].astype(np.int64) for name in ("on_host", "anywhere"))
    return on_host * known, anywhere * known


def _in_run(counts: NDArray[np.int64], text: _Rows) -> NDArray[np.int64]:
    """The highest count of the runs that each paragraph is in: as middle, as first, as last."""
    highest = counts.copy()
    same = text[1:] == text[:-1]
    np.maximum(highest[1:], counts[:-1] * same, out=highest[1:])
    np.maximum(highest[:-1], counts[1:] * same, out=highest[:-1])
    return highest
