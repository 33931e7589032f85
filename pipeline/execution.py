"""How a step's tasks are run: by local processes, or by the Beam runner that the user names.

Either way the tasks go through Beam (`pipeline.graph`) and are committed in the same way, so both
give the same bytes, and a run can be begun by one and finished by the other.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any, Self, TypeVar

from tqdm import tqdm

from pipeline.errors import RunError
from pipeline.tasks import Commit, commits, intact, sweep, withdraw
from pipeline.work import ReadsOwnFiles, Task, attempt
from pipeline.workers import Pool

_SECONDS_BETWEEN_LOOKS = 2.0

T = TypeVar("T", bound=Task)


class Execution:
    """Where the work is done.

    Attributes:
        workers: local worker processes, where Beam's options name no runner.
        beam_args: Beam's own options, as on a command line.
        progress: whether to draw a progress line on stderr.
    """

    def __init__(
        self,
        workers: int | None = None,
        beam_args: Sequence[str] = (),
        *,
        progress: bool = False,
    ) -> None:
        self.workers = workers or os.cpu_count() or 1
        self.beam_args = tuple(beam_args)
        self.progress = progress
        self._pool = Pool(self.workers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.close()

    def run(self, name: str, work: Callable[[T], None], tasks: Sequence[T], folder: str) -> None:
        """Do all the tasks; each commits its result in `folder`.

        Raises:
            SeimaiError: as the work raised it; what was committed before stays.
        """
        if self.beam_args and _graph().chosen_runner(self.beam_args):
            with _watched(folder, tasks, self._bar(name, tasks)):
                _graph().run_on(self.beam_args, name, work, tasks)
        else:
            with self._bar(name, tasks) as bar:
                for _ in self._done_locally(work, tasks):
                    bar.update()

    def _done_locally(self, work: Callable[[T], None], tasks: Sequence[T]) -> Iterator[Task]:
        """The tasks as they are done: by workers, if one is worth its start of a second."""
        if len(tasks) == 1 and isinstance(work, ReadsOwnFiles):
            attempt(work, tasks[0]).tell(tasks[0])
            yield tasks[0]
        else:
            yield from self._pool.run(work, tasks)

    def _bar(self, name: str, tasks: Sequence[T]) -> "tqdm[Any]":
        return tqdm(total=len(tasks), desc=name, unit="task", disable=not self.progress)


def run_step(
    name: str,
    work: Callable[[T], None],
    tasks: Sequence[T],
    folder: str,
    settings: str,
    execution: Execution,
) -> dict[str, Commit]:
    """Bring a folder to where exactly these tasks are committed under these settings.

    Tasks that are so already are not done again; commits of other tasks or other settings are
    withdrawn first, so that no reader ever sees a mixture, and so are those that have lost a file.

    Args:
        name: what the step is called in the progress line and the Beam graph.
        work: makes an `Attempt(folder, task.id, settings)` of a task and commits it; picklable.
        tasks: the units of work.
        folder: where they are committed.
        settings: the digest of everything, beside the task, that shapes the bytes.
        execution: where the work is done.

    Returns:
        The commit of each task, by task id.

    Raises:
        SeimaiError: as the work raised it; what was committed before stays.
    """
    wanted = {task.id for task in tasks}
    whole = intact(folder)
    for task in commits(folder):
        if task not in wanted or task not in whole or whole[task].settings != settings:
            withdraw(folder, task)
    sweep(folder)
    done = commits(folder)
    left = [task for task in tasks if task.id not in done]
    if left:
        execution.run(name, work, left, folder)
        done = commits(folder)
    if missing := wanted - done.keys():
        raise RunError(
            f"{folder}: {name} ended without an error, but {len(missing)} of {len(wanted)} tasks "
            f"are not committed, {min(missing)} first. Run the same command again to do them."
        )
    return done


def _graph() -> ModuleType:
    """`pipeline.graph`, and Beam with it: loaded late, as that takes longer than most commands."""
    return import_module("pipeline.graph")


@contextmanager
def _watched(folder: str, tasks: Sequence[Task], bar: "tqdm[Any]") -> Iterator[None]:
    """Move the bar by what is committed: the one sign of progress that every runner gives."""
    finished = threading.Event()
    wanted = {task.id for task in tasks}

    def look() -> None:
        while not finished.wait(_SECONDS_BETWEEN_LOOKS):
            bar.update(len(wanted & commits(folder).keys()) - bar.n)

    watcher = threading.Thread(target=look, daemon=True)
    with bar:
        if not bar.disable:
            watcher.start()
        try:
            yield
        finally:
            finished.set()
            if watcher.is_alive():
                watcher.join()
