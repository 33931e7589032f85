"""How much of the job is Beam, and how much the tasks, the digests and Parquet.

    python -m bench.shares

The pages of `bench.inputs`, as many tasks as the program makes of them, extracted and scored in one
process three ways, turn by turn: as the job does it, through a Beam pipeline for each task; the
same tasks called without Beam; and the bare functions over batches of records, which neither read
nor write Parquet, digest nothing and commit nothing. The differences are the shares, in processor
time. What starts once a command (imports, workers) is not in it.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from statistics import median
from tempfile import TemporaryDirectory

from bench import inputs, results
from bench.measure import processor_seconds
from classifiers.bundle import load
from pipeline import sources
from pipeline.documents import extract_documents
from pipeline.graph import run_in_process
from pipeline.jobs.extract import BATCH_RECORDS, ExtractTask
from pipeline.jobs.score import PartTask, ScoreTask
from pipeline.plan import InputTask, plan
from pipeline.sources import Record
from pipeline.tasks import commits, part_path

ROUNDS = 3
_Do = Callable[[Callable[..., None], object], None]


def main() -> None:
    """Measure and store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tasks", type=int, default=4, help="of the tasks, so many are done")
    asked = parser.parse_args()
    tasks = plan(sources.resolve([str(inputs.PAGES)]))[: asked.tasks]
    ways: dict[str, Callable[[], object]] = {
        "job": lambda: through(run_in_process, tasks),
        "tasks": lambda: through(lambda work, task: work(task), tasks),
        "functions": lambda: bare(tasks),
    }
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(ROUNDS + 1):  # the first warms up
        for way, work in ways.items():
            seconds = processor_seconds(work)
            if number:
                taken[way].append(seconds)
    whole, without_beam, functions = (median(taken[way]) for way in ways)
    results.forget("share.")
    results.add(
        {
            "share.tasks": len(tasks),
            "share.seconds_a_task": whole / len(tasks),
            "share.beam": (whole - without_beam) / whole,
            "share.beam_seconds_a_task": (whole - without_beam) / len(tasks) / 2,
            "share.tasks_hashing_parquet": (without_beam - functions) / whole,
            "share.all": (whole - functions) / whole,
            **{f"share.{way}_s": seconds for way, seconds in taken.items()},
            **results.describe_machine("share"),
        }
    )
    for key, value in results.read().items():
        if key.startswith("share."):
            print(f"{key:32} {value}")


def through(do: _Do, tasks: Sequence[InputTask]) -> None:
    """Extract and score as the job does, task by task."""
    with TemporaryDirectory() as folder:
        documents, scores = f"{folder}/documents", f"{folder}/scores"
        for task in tasks:
            do(ExtractTask(documents, "bench", {}), task)
        for name, done in commits(documents).items():
            part = PartTask(name, part_path(documents, done, "documents"))
            do(ScoreTask(scores, "bench", None, "auto"), part)


def bare(tasks: Sequence[InputTask]) -> None:
    """The same with nothing but the functions that look at a page."""
    bundle = load()
    for task in tasks:
        for batch in _batches(task):
            bundle.score(extract_documents(batch).documents, "auto")


def _batches(task: InputTask) -> Iterator[list[Record]]:
    items = chain.from_iterable(sources.read(span, {}) for span in task.spans)
    records = (item for item in items if isinstance(item, Record))
    while batch := list(islice(records, BATCH_RECORDS)):
        yield batch


if __name__ == "__main__":
    main()
