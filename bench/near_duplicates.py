"""T2 as seimai does it: texts in, near-duplicates found and removed, the others written.

The steps are the functions of the program, without what else `seimai extract` does with a text
(language, rules): sketch each text in tasks, group as `seimai group` does (without looking for
contained texts), decide as `seimai select` does, and write what stays in tasks.
"""

import hashlib
from dataclasses import dataclass
from itertools import islice
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
        pa.field("url", pa.string()),
        pa.field("text", pa.string()),
        pa.field("n_chars", pa.int64()),
        pa.field("content_hash", pa.binary(16)),
        pa.field("signature", pa.binary(2 * SIGNATURE_SLOTS)),
    ]
)
_BATCH = 256
_SETTINGS = "bench"


@dataclass(frozen=True, slots=True)
class Sketch:
    """Sketches the texts of one task."""

    folder: str

    def __call__(self, task: InputTask) -> None:
        """Do one task."""
        read = (item for span in task.spans for item in sources.read(span, {}))
        records = (item for item in read if isinstance(item, Record))
        with Attempt(self.folder, task.id, _SETTINGS) as attempt:
            table = attempt.table("documents", SKETCHED)
            while batch := list(islice(records, _BATCH)):
                table.write(_sketched(batch))
            attempt.commit()


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the documents, and the rows of it that stay.

    Attributes:
        id: the task that sketched it.
        documents: the file of its texts.
        stays: which of its rows are to be written.
    """

    id: str
    documents: str
    stays: pa.BooleanArray


@dataclass(frozen=True, slots=True)
class Write:
    """Writes what stays of one part."""

    folder: str

    def __call__(self, part: Part) -> None:
        """Do one task."""
        with Attempt(self.folder, part.id, _SETTINGS) as attempt:
            rows = pq.read_table(part.documents, columns=["url", "text"]).filter(part.stays)
            attempt.table("kept", rows.schema).write(rows)
            attempt.commit()


def remove_near_duplicates(
    source: Path, folder: Path, workers: int, policy: KeepPolicy
) -> list[str]:
    """Reads JSONL, writes what stays as Parquet in `folder/kept`; gives the paths of its parts."""
    run = Run(str(folder))
    kept = storage.join(run.path, "kept")
    with Execution(workers) as execution:
        tasks = plan(sources.resolve([str(source)]))
        run.write(
            {"schema": SCHEMA, "settings": {}, "plan": {"tasks": [task.id for task in tasks]}}
        )
        run_step("sketch", Sketch(run.documents), tasks, run.documents, _SETTINGS, execution)
        group(run, execution, in_texts=InTexts(contained=False, paragraphs=False))
        run_step("write", Write(kept), _decided(run, policy), kept, _SETTINGS, execution)
    return [part_path(kept, commit, "kept") for commit in commits(kept).values()]


def _sketched(records: list[Record]) -> pa.RecordBatch:
    texts = [record.payload.decode() for record in records]
    views = [dedup_view(text) for text in texts]
    columns = [
        [hashlib.blake2b(r.url.encode(), digest_size=16).hexdigest() for r in records],
        [record.url for record in records],
        texts,
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


def _decided(run: Run, policy: KeepPolicy) -> list[Part]:
    """The parts, with what stays of them."""
    documents, groups = commits(run.documents), commits(run.groups)
    paths = [part_path(run.documents, commit, "documents") for commit in documents.values()]
    tables = [
        _rows(path, part_path(run.groups, groups[task], "groups"))
        for task, path in zip(documents, paths, strict=True)
    ]
    rows = pa.concat_tables(tables)
    clustered = rows.filter(pc.greater(rows["cluster_size"], 1))
    removed = remove_copies(clustered.select(MEMBERS.names), policy)["survivor_id"].is_valid()
    gone = clustered["id"].filter(removed).combine_chunks()
    return [
        Part(task, path, pc.invert(pc.is_in(table["id"].combine_chunks(), gone)))
        for task, path, table in zip(documents, paths, tables, strict=True)
    ]


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
