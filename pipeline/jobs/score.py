"""Score: documents → one bundle's noise, affiliate and adult probabilities, row for row."""

from dataclasses import dataclass
from functools import lru_cache

import pyarrow.parquet as pq

from classifiers.bundle import Bundle, Morphology, load
from pipeline import storage
from pipeline.execution import Execution, run_step
from pipeline.run import Run
from pipeline.tasks import Attempt, part_path
from schemas import DOCUMENTS, PAGE_FACTS, SCORES

BATCH_ROWS = 256

_READ = ["id", "url", "title", "text", "page_text", *(fact.name for fact in PAGE_FACTS)]


def score(run: Run, bundle: str | None, morphology: Morphology, execution: Execution) -> str:
    """Score a run's documents with a bundle; what is scored already is not scored again.

    Args:
        run: an extracted run; no source page is read.
        bundle: the bundle's folder, or None for the one that comes with the program.
        morphology: whether to analyse every document, none, or those the cascade asks for.
        execution: where the work is done.

    Returns:
        The bundle's name, which is the folder's below `RUN/scores`.

    Raises:
        BundleError: if the bundle is missing, incomplete or altered.
        RunError: if extract has not finished.
    """
    loaded = load(bundle)
    parts = run.extracted()
    folder = run.scores(loaded.name)
    settings = {
        "bundle": loaded.digest,
        "morphology": morphology,
        "documents": {task: part.files["documents"].sha256 for task, part in parts.items()},
        "versions": [DOCUMENTS.version, SCORES.version],
    }
    work = ScoreTask(folder, storage.digest(settings), bundle, morphology)
    tasks = [
        PartTask(task, part_path(run.documents, part, "documents")) for task, part in parts.items()
    ]
    run_step("score", work, tasks, folder, work.settings, execution)
    return loaded.name


@dataclass(frozen=True, slots=True)
class PartTask:
    """One part of the documents."""

    id: str
    path: str


@dataclass(frozen=True, slots=True)
class ScoreTask:
    """Scores one part of the documents and commits as many rows in the same order."""

    folder: str
    settings: str
    bundle: str | None
    morphology: Morphology

    def __call__(self, task: PartTask) -> None:
        """Do one task."""
        bundle = _loaded(self.bundle)
        with (
            Attempt(self.folder, task.id, self.settings) as attempt,
            storage.open_read(task.path) as file,
        ):
            scores = attempt.table("scores", SCORES.arrow)
            for batch in pq.ParquetFile(file).iter_batches(BATCH_ROWS, columns=_READ):
                scores.write(bundle.score(batch, self.morphology))
                attempt.count("documents", batch.num_rows)
            attempt.commit()


@lru_cache(maxsize=2)
def _loaded(bundle: str | None) -> Bundle:
    """A bundle is read once a process."""
    return load(bundle)
