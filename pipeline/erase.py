"""Erase: the texts of some documents leave a run for good, and the books stay true.

An erased document keeps its row, so that every stage stays aligned and every record accounted for;
what it said is gone: title, text, page text, and the hashes and signature made of them. It carries
the flag `erased`, and no recipe can keep it. Selections that hold it are stale until they are made
again; `verify` says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import storage
from pipeline.run import Run
from pipeline.selection import decisions, takedown
from pipeline.selection.decisions import Mask
from pipeline.selection.recipe import Takedown
from pipeline.selection.takedown import Entries
from pipeline.tasks import Attempt, Commit, part_path, sweep
from schemas import DOCUMENTS, PROBLEMS

BATCH_ROWS = 1024

_BLANK: Mapping[str, object] = {
    "title": "",
    "text": "",
    "page_text": None,
    "n_chars": 0,
    "outbound_hosts": None,
    "content_hash": bytes(16),
    "signature": None,
}
"""What stands in an erased document's columns."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased.

    Attributes:
        documents: how many documents lost their text now; those erased before do not count.
        stale: the shards that still hold one of them, as `NAME/shard-00000.parquet`.
        pages: the pages of the run that may show samples of what was erased now.
    """

    documents: int
    stale: tuple[str, ...]
    pages: tuple[str, ...]


def erase(run: Run, listed: Takedown) -> Erased:
    """Remove the texts of the documents on some lists from a run.

    It can be cut short and done again. Files of an erased text are removed once the new ones are
    committed; shards keep it until the selection is made again.

    Args:
        run: an extracted run.
        listed: files of hosts and of URLs, as in a recipe.

    Raises:
        RunError: if extract has not finished.
    """
    hosts, urls = takedown.read_hosts(listed.hosts), takedown.read_urls(listed.urls)
    erased: set[str] = set()
    for commit in run.extracted().values():
        erased |= _erase_part(run.documents, commit, hosts, urls)
    sweep(run.documents)
    pages = _pages(run) if erased else []
    return Erased(len(erased), tuple(_stale(run, hosts, urls)), tuple(pages))


def _erase_part(folder: str, commit: Commit, hosts: Entries, urls: Entries) -> set[str]:
    """Commit a part anew without the listed texts; the ids that lost theirs."""
    path = part_path(folder, commit, "documents")
    wanted = _wanted(storage.read_table(path, ["id", "host", "url", "flags"]), hosts, urls)
    if not wanted:
        return wanted
    with Attempt(folder, commit.task, commit.settings) as attempt:
        documents = attempt.table("documents", DOCUMENTS.arrow)
        ids = pa.array(sorted(wanted))
        with storage.open_read(path) as file:
            for batch in pq.ParquetFile(file).iter_batches(BATCH_ROWS):
                gone = pc.is_in(batch["id"], ids).to_numpy(zero_copy_only=False)
                documents.write(blanked(batch, gone))
        problems = storage.read_table(part_path(folder, commit, "problems"))
        attempt.table("problems", PROBLEMS.arrow).write(problems)
        for name, count in commit.counters.items():
            attempt.count(name, count)
        attempt.count("erased", len(wanted))
        for name, note in commit.notes.items():
            attempt.note(name, note)
        attempt.commit()
    return wanted


def _wanted(documents: pa.Table, hosts: Entries, urls: Entries) -> set[str]:
    """The ids of the listed documents that still have their text."""
    listed = _listed(documents, hosts, urls)
    chosen = documents.filter(pa.array(listed))
    rows = zip(chosen["id"].to_pylist(), chosen["flags"].to_pylist(), strict=True)
    return {name for name, flags in rows if decisions.ERASED not in flags}


def _listed(rows: pa.Table, hosts: Entries, urls: Entries) -> Mask:
    by_host = takedown.match_hosts(rows["host"].combine_chunks(), hosts)
    return by_host | takedown.match_urls(rows["url"].combine_chunks(), urls)


def blanked(batch: pa.RecordBatch, gone: Mask) -> pa.RecordBatch:
    """A batch of documents in which some say nothing any more."""
    if not gone.any():
        return batch
    mask = pa.array(gone)
    columns = {name: batch[name] for name in batch.schema.names}
    for name, blank in _BLANK.items():
        kind = batch.schema.field(name).type
        columns[name] = pc.if_else(mask, pa.scalar(blank, kind), columns[name])
    flags = [
        [*was, decisions.ERASED] if erased else was
        for was, erased in zip(batch["flags"].to_pylist(), gone, strict=True)
    ]
    columns["flags"] = pa.array(flags, batch.schema.field("flags").type)
    return pa.RecordBatch.from_arrays(list(columns.values()), schema=batch.schema)


def _stale(run: Run, hosts: Entries, urls: Entries) -> list[str]:
    """The shards of the run's selections that hold a listed document."""
    stale = []
    for name in storage.folders(storage.join(run.path, "selected")):
        folder = run.selected(name)
        for shard in storage.names(folder):
            if shard.startswith("shard-"):
                rows = storage.read_table(storage.join(folder, shard), ["host", "url"])
                if np.any(_listed(rows, hosts, urls)):
                    stale.append(f"{name}/{shard}")
    return stale


def _pages(run: Run) -> list[str]:
    """What shows samples of documents: also of those that no shard holds."""
    written = (("selected", "report.html"), ("compared", "comparison.html"))
    found = [
        storage.join(run.path, kind, name, page)
        for kind, page in written
        for name in storage.folders(storage.join(run.path, kind))
    ]
    return [path for path in found if storage.exists(path)]
