"""How much of the job is Beam, and how much the tasks, the digests and Parquet.

    python -m bench.shares

The pages of `bench.inputs` in as many tasks as the program makes of them, extracted and scored in
this process as a worker does it: through one Beam pipeline. Clocks stand around the tasks, and
within them around the functions that do the work: reading the pages, `pipeline.documents` and the
bundle. What is outside of all tasks is Beam's share; what is in a task and outside of the functions
is that of tasks, digests and Parquet. All are parts of one processor time, so that what else the
machine does changes them little; the difference of two runs would drown in it. What starts once a
command (imports, models) is not in it: the first round warms up.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from tempfile import TemporaryDirectory
from typing import Any, ParamSpec, TypeVar
from unittest.mock import patch

from bench import inputs, results
from bench.measure import processor_seconds
from classifiers.bundle import Bundle
from pipeline import graph, sources
from pipeline.documents import is_worth_opening, open_documents
from pipeline.jobs import extract as jobs_extract
from pipeline.jobs.extract import ExtractTask
from pipeline.jobs.score import PartTask, ScoreTask
from pipeline.plan import InputTask, plan
from pipeline.tasks import commits, part_path
from pipeline.work import do

ROUNDS = 3

_Order = tuple[Callable[[Any], None], object]
_P = ParamSpec("_P")
_R = TypeVar("_R")

spent: dict[str, float] = defaultdict(float)
"""Processor seconds of a round, by whose they are."""

orders: list[Iterator[_Order]] = []
"""What is to be done, where the functions that Beam pickles find it."""


def main() -> None:
    """Measure and store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tasks", type=int, default=4, help="of the tasks, so many are done")
    asked = parser.parse_args()
    tasks = plan(sources.resolve([str(inputs.PAGES)]))[: asked.tasks]
    with (
        patch.object(sources, "read", each_on_account("functions", sources.read)),
        patch.object(jobs_extract, "is_worth_opening", on_account("functions", is_worth_opening)),
        patch.object(jobs_extract, "open_documents", on_account("functions", open_documents)),
        patch.object(Bundle, "score", on_account("functions", Bundle.score)),
    ):
        rounds = [job(tasks) for _ in range(ROUNDS + 1)][1:]
    results.forget("share.")
    results.add(
        {
            "share.tasks": len(tasks),
            "share.seconds_a_task": [one["whole"] / len(tasks) for one in rounds],
            "share.beam": [(one["whole"] - one["tasks"]) / one["whole"] for one in rounds],
            "share.beam_seconds": [one["whole"] - one["tasks"] for one in rounds],
            "share.tasks_hashing_parquet": [
                (one["tasks"] - one["functions"]) / one["whole"] for one in rounds
            ],
            "share.all": [(one["whole"] - one["functions"]) / one["whole"] for one in rounds],
            **results.describe_machine("share"),
        }
    )
    for key, value in results.read().items():
        if key.startswith("share."):
            print(f"{key:32} {value}")


def job(tasks: Sequence[InputTask]) -> dict[str, float]:
    """Extract and score as a worker does: seconds of the whole, within tasks, within functions."""
    spent.clear()
    with TemporaryDirectory() as folder:
        orders[:] = [all_of(tasks, folder)]
        whole = processor_seconds(lambda: graph.serve(receive, answer))
    return {"whole": whole, **spent}


def all_of(tasks: Sequence[InputTask], folder: str) -> Iterator[_Order]:
    """First all that is to be extracted, then all that is to be scored."""
    documents, scores = f"{folder}/documents", f"{folder}/scores"
    for task in tasks:
        yield ExtractTask(documents, "bench", {}), task
    for name, done in commits(documents).items():
        part = PartTask(name, part_path(documents, done, "documents"))
        yield ScoreTask(scores, "bench", None, "auto"), part


def receive() -> Iterator[_Order]:
    """The orders, as a worker has them of its parent."""
    yield from orders[0]


def answer(order: _Order) -> None:
    """Do one of them."""
    on_account("tasks", do)(*order)


def on_account(account: str, work: Callable[_P, _R]) -> Callable[_P, _R]:
    """The same work, its time put on an account."""

    def clocked(*arguments: _P.args, **options: _P.kwargs) -> _R:
        begun = time.process_time()
        try:
            return work(*arguments, **options)
        finally:
            spent[account] += time.process_time() - begun

    return clocked


def each_on_account(account: str, work: Callable[_P, Iterator[_R]]) -> Callable[_P, Iterator[_R]]:
    """The same for what gives one thing after the other: only the giving is timed."""

    def clocked(*arguments: _P.args, **options: _P.kwargs) -> Iterator[_R]:
        given = work(*arguments, **options)
        give = on_account(account, lambda: next(given, None))
        while (one := give()) is not None:
            yield one

    return clocked


if __name__ == "__main__":
    from bench import shares  # by its name, as Beam finds it, not as the main program

    shares.main()
