"""Labelled documents of a run: its committed parts, joined with labels by URL."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from classifiers.bundle import Bundle
from classifiers.evaluate import Judged
from classifiers.facts import has_html
from classifiers.kinds import KINDS_READ, kinds
from classifiers.labels import CLASSES, Label
from pipeline import storage
from pipeline.errors import RunError
from pipeline.tasks import commits, part_path
from schemas import PAGE_FACTS

READ = ("id", "url", "title", "text", "page_text", *(fact.name for fact in PAGE_FACTS))
"""The columns of `documents` that classifiers read."""

_JUDGED: Final = tuple(dict.fromkeys((*READ, *KINDS_READ)))
_BATCH_ROWS: Final = 256
_CHECKED: Final = 32  # documents that are scored again to tell two bundles apart
_SAME: Final = 1e-3  # chances are stored in 32 bits, and machines may differ in the last of them


def documents(run: str, columns: Sequence[str] = READ) -> Iterator[pa.RecordBatch]:
    """Yields the documents of a run, in batches, with some of their columns.

    Raises:
        RunError: the run has no committed documents.
    """
    for path in _parts(storage.join(run, "documents"), "documents").values():
        yield from _batches(path, columns)


def document_at(run: str, url: str) -> pa.RecordBatch:
    """Returns the document of a run that was read at a URL, the first if there are several.

    Raises:
        RunError: the run has no committed documents, or none of that URL.
    """
    for batch in documents(run):
        found = batch.filter(_has_url(batch, {url: None}))
        if len(found):
            return found.slice(0, 1)
    raise RunError(
        f"{run}: there is no document of the URL {url}; only Japanese pages become documents."
    )


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
    for batch in documents(run, _JUDGED):
        kept = batch.filter(_has_url(batch, by_url))
        yield kept, [by_url[url] for url in kept["url"].to_pylist()]


def judged(run: str, bundle: str, labels: Sequence[Label]) -> tuple[Judged, list[str]]:
    """Joins a bundle's stored scores with labels.

    Args:
        run: the run's folder, scored with the bundle.
        bundle: the bundle's name, a folder below `RUN/scores`.
        labels: what people say; those of pages that are not in the run are passed over.

    Returns:
        The scored pages with their labels, and the main text of each.

    Raises:
        RunError: the run has no such scores, or scores of other documents, or none of the labelled
            pages.
    """
    return _joined(run, _scored_documents(run, bundle), labels)


def judged_now(
    run: str, bundle: Bundle, labels: Sequence[Label], text_only: bool = False
) -> tuple[Judged, list[str]]:
    """Asks a bundle about the labelled documents of a run, which need not be scored with it.

    Args:
        run: the run's folder.
        bundle: the bundle.
        labels: what people say.
        text_only: whether to ask as if no HTML had been read: by the whole page's text, its title
            and its address.

    Returns:
        As `judged`, whose errors these are too.
    """
    by_url = {label.url: label for label in labels}

    def asked() -> Iterator[tuple[pa.RecordBatch, NDArray[np.float64]]]:
        for batch in documents(run, _JUDGED):
            kept = batch.filter(_has_url(batch, by_url))
            kept = text_alone(kept, "page_text") if text_only else kept
            yield kept, bundle.chances(kept).astype(np.float64)

    return _joined(run, asked(), labels)


def text_alone(batch: pa.RecordBatch, name: str) -> pa.RecordBatch:
    """Returns documents as an input without HTML holds them: one text, and title and address.

    Args:
        batch: documents.
        name: the column that becomes `text`: `text` or `page_text`.
    """
    read = batch[name] if name == "text" else pc.coalesce(batch[name], batch["text"])
    names = batch.schema.names
    alone = batch.set_column(names.index("text"), "text", read)
    nothing = pa.nulls(len(batch), pa.string())
    return alone.set_column(names.index("page_text"), "page_text", nothing)


def _joined(
    run: str,
    scored_documents: Iterable[tuple[pa.RecordBatch, NDArray[np.float64]]],
    labels: Sequence[Label],
) -> tuple[Judged, list[str]]:
    by_url = {label.url: label for label in labels}
    found: list[Label] = []
    chances: list[NDArray[np.float64]] = []
    html: list[bool] = []
    texts: list[str] = []
    of_kind: dict[str, list[str]] = {}
    for batch, scored in scored_documents:
        wanted = _has_url(batch, by_url)
        kept = batch.filter(wanted)
        found += [by_url[url] for url in kept["url"].to_pylist()]
        chances.append(scored[wanted.to_numpy(zero_copy_only=False)])
        html += has_html(kept).tolist()
        texts += kept["text"].to_pylist()
        for way, kind in kinds(kept).items():
            of_kind.setdefault(way, []).extend(kind.tolist())
    if not found:
        raise RunError(f"{run}: none of its documents has one of the {len(by_url)} labels' URLs.")
    pages = Judged(
        labels=found,
        chances=np.concatenate(chances),
        with_html=np.array(html),
        n_chars=np.array([len(text) for text in texts], dtype=np.int64),
        kinds={way: np.array(kind) for way, kind in of_kind.items()},
    )
    return pages, texts


def check_scored_by(run: str, bundle: Bundle) -> None:
    """Makes sure that a run's scores under a bundle's name are that bundle's.

    A few documents are scored again: two bundles of one name are told apart by what they say.

    Raises:
        RunError: the run has no scores of that name, or another bundle's.
    """
    for batch, scored in _scored_documents(run, bundle.name):
        first = batch.slice(0, _CHECKED)
        furthest = float(np.abs(bundle.chances(first) - scored[:_CHECKED]).max(initial=0))
        if furthest > _SAME:
            raise RunError(
                f"{storage.join(run, 'scores', bundle.name)} was written by another bundle of this "
                f"name, or by another version of it: chances differ by {furthest:.3f}. Remove that "
                f"folder and score the run again (`seimai score {run}`, with --bundle for a bundle "
                "of your own), or name the folder of the bundle that it was scored with."
            )
        return


def _scored_documents(
    run: str, bundle: str
) -> Iterator[tuple[pa.RecordBatch, NDArray[np.float64]]]:
    """Yields the documents of a run in batches, each with its chances, `(documents, classes)`."""
    folder = storage.join(run, "scores", bundle)
    scores = _parts(folder, "scores")
    for task, path in _parts(storage.join(run, "documents"), "documents").items():
        table = _scores(scores[task]) if task in scores else None
        first = 0
        for batch in _batches(path, _JUDGED):
            rows = None if table is None else table.slice(first, len(batch))
            first += len(batch)
            if rows is None or not rows["id"].combine_chunks().equals(batch["id"]):
                raise RunError(
                    f"{folder}: holds no scores of the documents of {path}: they were extracted "
                    "since. Run `seimai score` again."
                )
            yield batch, np.column_stack([rows[name].to_numpy() for name in CLASSES])


def _has_url(batch: pa.RecordBatch, urls: Mapping[str, object]) -> pa.BooleanArray:
    return pc.is_in(batch["url"], pa.array(urls, pa.string()))


def _batches(path: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    with storage.open_read(path) as file:
        yield from pq.ParquetFile(file).iter_batches(_BATCH_ROWS, columns=list(columns))


def _scores(path: str) -> pa.Table:
    return storage.read_table(path, ["id", *CLASSES])


def _parts(folder: str, role: str) -> Mapping[str, str]:
    done = commits(folder)
    if not done:
        raise RunError(
            f"{folder}: nothing is committed here. Run `seimai extract` and `seimai score` first."
        )
    return {task: part_path(folder, commit, role) for task, commit in sorted(done.items())}
