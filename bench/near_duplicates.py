"""T2 as seimai does it: texts in, near-duplicates found and removed, the others written.

The steps are the functions of the program, without what else `seimai extract` does with a text
(language, rules): sketch each text in tasks, group as `seimai group` does (without looking for
contained texts), decide as `seimai select` does, and write what stays in tasks.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, compress, islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import sources, storage
from pipeline.dedup.signatures import content_hashes, signatures
from pipeline.dedup.survivors import MEMBERS, KeepPolicy, remove_copies
from pipeline.execution import Execution, run_step
from pipeline.jobs.group import InTexts, group
from pipeline.plan import InputTask, plan
from pipeline.run import SCHEMA, Run
from pipeline.sources import Record
from pipeline.tasks import Attempt, commits, part_path
from pipeline.text import dedup_view
from schemas import SIGNATURE_SLOTS

SKETCHED = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("n_chars", pa.int64()),
        pa.field("content_hash", pa.binary(16)),
        pa.field("signature", pa.binary(2 * SIGNATURE_SLOTS)),
    ]
)
KEPT = pa.schema([pa.field("url", pa.string()), pa.field("text", pa.string())])
TASK_BYTES = 32 << 20
_BATCH = 256
_SETTINGS = "bench"


@dataclass(frozen=True, slots=True)
class Sketch:
    """Sketches the texts of one task."""

    folder: str

    def __call__(self, task: InputTask) -> None:
        """Do one task."""
        records = _records(task)
        with Attempt(self.folder, task.id, _SETTINGS) as attempt:
            table = attempt.table("documents", SKETCHED)
            while batch := list(islice(records, _BATCH)):
                table.write(_sketched(batch))
            attempt.commit()


@dataclass(frozen=True, slots=True)
class Sieve:
    """One task's texts, and which of them stay.

    Attributes:
        task: what is read.
        stays: of each of its texts, in order.
    """

    task: InputTask
    stays: pa.BooleanArray

    @property
    def id(self) -> str:
        """The task's."""
        return self.task.id


@dataclass(frozen=True, slots=True)
class Write:
    """Reads the texts of one task again, and writes those that stay."""

    folder: str

    def __call__(self, sieve: Sieve) -> None:
        """Do one task."""
        kept = compress(_records(sieve.task), sieve.stays.to_pylist())
        with Attempt(self.folder, sieve.id, _SETTINGS) as attempt:
            table = attempt.table("kept", KEPT)
            while batch := list(islice(kept, _BATCH)):
                urls = pa.array([record.url for record in batch], pa.string())
                texts = pa.array([record.payload for record in batch], pa.binary())
                table.write(pa.record_batch([urls, texts.cast(pa.string())], KEPT))
            attempt.commit()


def remove_near_duplicates(
    source: Path, folder: Path, workers: int, policy: KeepPolicy
) -> list[str]:
    """Reads JSONL, writes what stays as Parquet in `folder/kept`; gives the paths of its parts."""
    run = Run(str(folder))
    kept = storage.join(run.path, "kept")
    with Execution(workers) as execution:
        tasks = plan(sources.resolve([str(source)]), TASK_BYTES)
        run.write(
            {"schema": SCHEMA, "settings": {}, "plan": {"tasks": [task.id for task in tasks]}}
        )
        run_step("sketch", Sketch(run.documents), tasks, run.documents, _SETTINGS, execution)
        group(run, execution, in_texts=InTexts(contained=False, paragraphs=False))
        run_step("write", Write(kept), _sieves(run, tasks, policy), kept, _SETTINGS, execution)
    return [part_path(kept, commit, "kept") for commit in commits(kept).values()]


def _sketched(records: list[Record]) -> pa.RecordBatch:
    texts = [record.payload.decode() for record in records]
    views = [dedup_view(text) for text in texts]
    columns = [
        [hashlib.blake2b(r.url.encode(), digest_size=16).hexdigest() for r in records],
        [len(text) for text in texts],
        content_hashes(views),
        signatures(views),
    ]
    return pa.RecordBatch.from_arrays(
        [
            column if isinstance(column, pa.Array) else pa.array(column, field.type)
            for column, field in zip(columns, SKETCHED, strict=True)
        ],
        schema=SKETCHED,
    )


def _sieves(run: Run, tasks: Sequence[InputTask], policy: KeepPolicy) -> list[Sieve]:
    """Decides which texts stay, as `select` does."""
    documents, groups = commits(run.documents), commits(run.groups)
    tables = [
        _rows(
            part_path(run.documents, documents[task.id], "documents"),
            part_path(run.groups, groups[task.id], "groups"),
        )
        for task in tasks
    ]
    rows = pa.concat_tables(tables)
    clustered = rows.filter(pc.greater(rows["cluster_size"], 1))
    removed = remove_copies(clustered.select(MEMBERS.names), policy)["survivor_id"].is_valid()
    gone = clustered["id"].filter(removed).combine_chunks()
    stays = pc.invert(pc.is_in(rows["id"], gone)).combine_chunks()
    ends = accumulate(map(len, tables))
    return [
        Sieve(task, stays.slice(end - len(table), len(table)))
        for task, table, end in zip(tasks, tables, ends, strict=True)
    ]


def _records(task: InputTask) -> Iterator[Record]:
    items = chain.from_iterable(sources.read(span, {}) for span in task.spans)
    return (item for item in items if isinstance(item, Record))


def _rows(documents: str, groups: str) -> pa.Table:
    """The columns of one part that decide; signatures of clusters only."""
    table = pq.read_table(groups, columns=["id", "cluster_id", "exact_id", "cluster_size"])
    of_documents = pq.read_table(documents, columns=["signature", "n_chars"])
    alone = pc.equal(table["cluster_size"], 1)
    nothing = pa.scalar(None, of_documents.schema.field("signature").type)
    columns = {
        "signature": pc.if_else(alone, nothing, of_documents["signature"]),
        "n_chars": of_documents["n_chars"],
        "quality": pa.array([0.0] * len(table)),
        "crawl_time": pa.nulls(len(table), MEMBERS.field("crawl_time").type),
    }
    for name, column in columns.items():
        table = table.append_column(name, column)
    return table
