"""Valid runs made without reading a page: parts of documents, scores and groups, as stages do."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline import hosts
from pipeline.dedup.signatures import content_hashes, signatures
from pipeline.execution import Execution
from pipeline.jobs.select import select
from pipeline.run import Run
from pipeline.selection.manifest import Manifest
from pipeline.selection.recipe import CLASSIFIERS, Recipe
from pipeline.tasks import Attempt
from pipeline.text import dedup_view
from schemas import DOCUMENTS, GROUPS, PAGE_FACTS, PROBLEMS, SCORES, Table

BUNDLE = "made"
BY_HAND = "made-by-hand"


@dataclass(frozen=True)
class Page:
    """One document to be made; what is not said here is unremarkable."""

    text: str
    url: str = ""
    crawl_time: int | None = 1_700_000_000_000
    noise: float = 0.1
    affiliate: float = 0.1
    adult: float = 0.1
    flags: tuple[str, ...] = ()
    cluster: str = ""
    columns: Mapping[str, object] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return hashlib.blake2b(f"{self.url}{self.text}".encode(), digest_size=16).hexdigest()


class InProcess(Execution):
    """Does the tasks here and now, without workers."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def run(
        self,
        name: str,  # noqa: ARG002 - the signature of an execution
        work: Callable[[Any], None],
        tasks: Sequence[Any],
        folder: str,  # noqa: ARG002
    ) -> None:
        for task in tasks:
            work(task)
            self.done.append(task.id)


def selected(run: Run, recipe: Recipe, name: str = "trial") -> Manifest:
    """A selection of a made run."""
    return select(run, recipe, name, InProcess(), BUNDLE)


def make_run(folder: Path | str, tasks: Mapping[str, Sequence[Page]], left_out: int = 3) -> Run:
    """A run of the given tasks; pages of one `cluster` are near-duplicate candidates."""
    run = Run(str(folder))
    clusters: dict[str, list[str]] = {}
    exact: dict[str, list[str]] = {}
    for page in (page for pages in tasks.values() for page in pages):
        clusters.setdefault(page.cluster or page.id, []).append(page.id)
        exact.setdefault(page.text, []).append(page.id)
    for task, pages in tasks.items():
        _put_documents(run, task, pages, left_out)
        put(run.scores(BUNDLE), task, SCORES, scores_of(pages))
        put(run.groups, task, GROUPS, _groups_of(pages, clusters, exact))
    run.write(
        {
            "schema": "seimai.run/1",
            "settings": {"made": BY_HAND},
            "plan": {"tasks": sorted(tasks)},
            "inputs": [{"path": "made.warc.gz", "size": 1, "sha256": "0" * 64}],
        }
    )
    return run


def put(folder: str, task: str, table: Table, rows: pa.Table) -> None:
    """Commit one part as a stage would."""
    with Attempt(folder, task, BY_HAND) as attempt:
        attempt.table(table.name, table.arrow).write(rows)
        attempt.commit()


def _put_documents(run: Run, task: str, pages: Sequence[Page], left_out: int) -> None:
    """As extract does: documents, problems and the books. The last of those left out is damage."""
    damage = {"input": "made.warc.gz", "record": 7, "url": None, "reason": "cut", "detail": "切断"}
    with Attempt(run.documents, task, BY_HAND) as attempt:
        attempt.table("documents", DOCUMENTS.arrow).write(documents_of(pages, task))
        problems = attempt.table("problems", PROBLEMS.arrow)
        attempt.count("records", len(pages) + left_out)
        attempt.count("documents", len(pages))
        if left_out:
            problems.write(pa.Table.from_pylist([damage], PROBLEMS.arrow))
            attempt.count("problem.cut")
            attempt.count("left_out.not_japanese.bytes", left_out - 1)
        attempt.commit()


def documents_of(pages: Sequence[Page], task: str) -> pa.Table:
    texts = [page.text for page in pages]
    views = [dedup_view(text) for text in texts]
    names = [hosts.host(page.url) for page in pages]
    known: dict[str, Any] = {
        "id": [page.id for page in pages],
        "url": [page.url for page in pages],
        "host": names,
        "crawl_time": [page.crawl_time for page in pages],
        "source": [{"input": task, "record": number} for number in range(len(pages))],
        "split": [hosts.split(name) for name in names],
        "title": ["" for _ in pages],
        "text": texts,
        "page_text": [None for _ in pages],
        "n_chars": [len(text) for text in texts],
        "ja_score": [1.0 for _ in pages],
        "flags": [list(page.flags) for page in pages],
        **{fact.name: [None for _ in pages] for fact in PAGE_FACTS},
        "content_hash": content_hashes(views),
        "signature": signatures(views),
    }
    for row, page in enumerate(pages):
        for name, value in page.columns.items():
            known.setdefault(name, [0] * len(pages))[row] = value
    return _table(DOCUMENTS, known, len(pages))


def scores_of(pages: Sequence[Page]) -> pa.Table:
    columns = {name: [getattr(page, name) for page in pages] for name in ("id", *CLASSIFIERS)}
    return _table(SCORES, columns, len(pages))


def _groups_of(
    pages: Sequence[Page], clusters: Mapping[str, list[str]], exact: Mapping[str, list[str]]
) -> pa.Table:
    near = [clusters[page.cluster or page.id] for page in pages]
    same = [exact[page.text] for page in pages]
    columns = {
        "id": [page.id for page in pages],
        "exact_id": [min(ids) for ids in same],
        "exact_size": [len(ids) for ids in same],
        "cluster_id": [min(ids) for ids in near],
        "cluster_size": [len(ids) for ids in near],
        "frequent_paragraphs": [[] for _ in pages],
        "host_pages": [1 for _ in pages],
    }
    return _table(GROUPS, columns, len(pages))


def _table(table: Table, columns: Mapping[str, Any], rows: int) -> pa.Table:
    """The columns in the table's types; those that nobody named are zero, false or null."""
    arrays = []
    for column in table.columns:
        blank = [None] * rows if column.nullable else np.zeros(rows)
        values = columns.get(column.name, blank)
        is_array = isinstance(values, pa.Array)
        arrays.append(values if is_array else pa.array(values, column.type))
    return pa.Table.from_arrays(arrays, schema=table.arrow)
