"""Labelled documents of a run: its committed parts, joined with labels by URL."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from classifiers.evaluate import Judged
from classifiers.facts import has_html
from classifiers.labels import CLASSES, Label
from pipeline import storage
from pipeline.errors import RunError
from pipeline.tasks import commits, part_path
from schemas import PAGE_FACTS

READ = ("id", "url", "title", "text", "page_text", *(fact.name for fact in PAGE_FACTS))
"""The columns of `documents` that classifiers read."""

_BATCH_ROWS = 256


def documents(run: str) -> Iterator[pa.RecordBatch]:
    """Yields the documents of a run, in batches, with the columns `READ`.

    Raises:
        RunError: the run has no committed documents.
    """
    for path in _parts(storage.join(run, "documents"), "documents").values():
        with storage.open_read(path) as file:
            yield from pq.ParquetFile(file).iter_batches(_BATCH_ROWS, columns=list(READ))


def labelled_documents(
    run: str, labels: Sequence[Label]
) -> Iterator[tuple[pa.RecordBatch, list[Label]]]:
    """Yields the documents of a run that have a label, in batches, each with its labels.

    Args:
        run: the run's folder.
        labels: labels; those of pages that are not in the run are passed over.

    Raises:
        RunError: the run has no committed documents.
    """
    by_url = {label.url: label for label in labels}
    for batch in documents(run):
        kept = batch.filter(pc.is_in(batch["url"], pa.array(by_url)))
        yield kept, [by_url[url] for url in kept["url"].to_pylist()]


def judged(run: str, bundle: str, labels: Sequence[Label]) -> tuple[Judged, list[str]]:
    """Joins a bundle's scores with labels.

    Args:
        run: the run's folder, scored with the bundle.
        bundle: the bundle's name, a folder below `RUN/scores`.
        labels: what people say.

    Returns:
        The scored pages with their labels, and the main text of each.

    Raises:
        RunError: the run has no such scores, or none of the labelled pages.
    """
    scored = _parts(storage.join(run, "scores", bundle), "scores")
    chances: dict[str, list[float]] = {}
    for path in scored.values():
        with storage.open_read(path) as file:
            table = pq.read_table(file, columns=["id", *CLASSES])
        columns = np.column_stack([table[name].to_numpy() for name in CLASSES])
        chances.update(zip(table["id"].to_pylist(), columns.tolist(), strict=True))
    found: list[Label] = []
    rows: list[list[float]] = []
    html: list[bool] = []
    texts: list[str] = []
    for batch, batch_labels in labelled_documents(run, labels):
        found += batch_labels
        rows += [chances[document] for document in batch["id"].to_pylist()]
        html += has_html(batch).tolist()
        texts += batch["text"].to_pylist()
    if not found:
        raise RunError(f"{run}: none of its documents has one of the {len(labels)} labels' URLs.")
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    return Judged(found, np.array(rows), np.array(html), lengths), texts


def _parts(folder: str, role: str) -> Mapping[str, str]:
    done = commits(folder)
    if not done:
        raise RunError(
            f"{folder}: nothing is committed here. Run `seimai extract` and `seimai score` first."
        )
    return {task: part_path(folder, commit, role) for task, commit in sorted(done.items())}
