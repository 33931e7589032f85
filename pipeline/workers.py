"""Local worker processes, watched over.

Beam's own multi-process runner hangs for ever when a worker is killed. Here the parent hands out
one task at a time, sees every death, starts a fresh worker in its place and tries the task again;
a task that kills its worker three times ends the run with an error that names it. Nothing else
passes between the processes but tasks and outcomes: the data goes to disk.
"""

import logging
import multiprocessing
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Any, ClassVar, Self, TypeAlias, cast

from pipeline.errors import WorkerError
from pipeline.loading import without_pandas
from pipeline.work import Outcome, Task, attempt

DEATHS_ALLOWED = 2
"""How often a worker may die on one task before the task is given up."""

_ENVIRONMENT = {
    # glibc hands large blocks back to the system at every free: keeping them spares 4 % of the
    # time that pages in other languages take.
    "MALLOC_TRIM_THRESHOLD_": "1000000000",
    "MALLOC_MMAP_THRESHOLD_": "1000000000",
    # One process a core is all the parallelism there is to have.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


_Order: TypeAlias = tuple[Callable[[Any], None], Task]
"""Some work, and what to do it with."""


@dataclass(slots=True)
class _Worker:
    process: SpawnProcess
    connection: Connection
    task: Task | None = None


class Pool:
    """Worker processes that live as long as a command does."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def run(self, work: Callable[[Any], None], tasks: Sequence[Task]) -> Iterator[Task]:
        """Do the tasks, in any order; each is given back once it is done.

        Raises:
            SeimaiError: as the work raised it.
            WorkerError: if the work failed otherwise, or its worker died three times.
        """
        try:
            yield from self._run(work, deque(tasks))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop the workers; what they have not committed is done again by the next run."""
        for worker in self._workers:
            worker.process.kill()  # an attempt cut short leaves nothing that anyone reads
        for worker in self._workers:
            worker.process.join()
            worker.connection.close()
        self._workers = []

    def _run(self, work: Callable[[Any], None], waiting: deque[Task]) -> Iterator[Task]:
        deaths: Counter[str] = Counter()
        self._start(min(self._size, len(waiting)))
        while waiting or any(worker.task for worker in self._workers):
            for worker in self._workers:
                if waiting and worker.task is None:
                    self._hand_over(worker, work, waiting.popleft())
            for worker in self._ready():
                task = cast("Task", worker.task)
                if self._received(worker, task):
                    yield task
                else:
                    deaths[task.id] += 1
                    self._replace(worker, task, deaths[task.id])
                    waiting.appendleft(task)

    def _start(self, count: int) -> None:
        while len(self._workers) < count:
            self._workers.append(_start_worker())

    def _hand_over(self, worker: _Worker, work: Callable[[Any], None], task: Task) -> None:
        worker.task = task
        try:
            worker.connection.send((work, task))
        except BrokenPipeError:
            return  # it died while idle: _ready sees that, and the task is tried again

    def _ready(self) -> list[_Worker]:
        busy = {worker.connection: worker for worker in self._workers if worker.task}
        return [busy[cast("Connection", connection)] for connection in wait(list(busy))]

    def _received(self, worker: _Worker, task: Task) -> bool:
        """Whether the worker finished its task; False if it died over it."""
        try:
            outcome = cast("Outcome", worker.connection.recv())
        except (EOFError, ConnectionResetError):
            return False
        worker.task = None
        outcome.tell(task)
        return True

    def _replace(self, worker: _Worker, task: Task, deaths: int) -> None:
        worker.process.join()
        worker.connection.close()
        self._workers.remove(worker)
        if deaths > DEATHS_ALLOWED:
            raise WorkerError(
                f"{task}: its worker died {deaths} times ({_cause(worker.process.exitcode)}). "
                "All other work is kept. Give the machine more memory or use fewer --workers, "
                "then run the same command again."
            )
        self._workers.append(_start_worker())


def _start_worker() -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # Whatever the user says: a parser in Rust that runs out of memory would take more for its
    # backtrace, fail again while it holds the backtrace's lock, and wait for it for ever.
    os.environ["RUST_BACKTRACE"] = "0"
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    with _interrupts_held():
        process.start()
    theirs.close()
    return _Worker(process, ours)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Start a process whole, and one that never sees Ctrl-C, which is the parent's to answer.

    A process inherits what is blocked from its first moment on. To us an interrupt comes when the
    block is over; a process that is half started would complain that its parent is gone.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals come to the main thread
        return
    came: list[int] = []
    usual = {
        number: signal.signal(number, lambda number, _: came.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    resource_tracker.ensure_running()  # it would unblock what is blocked when it starts
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        for number, handler in usual.items():
            signal.signal(number, handler)
    for interrupt in came:
        signal.raise_signal(interrupt)


def _cause(exitcode: int | None) -> str:
    if exitcode == -signal.SIGKILL:
        return "killed, as the system does when memory runs out"
    if exitcode is not None and exitcode < 0:
        return f"signal {signal.Signals(-exitcode).name}"
    return f"exit code {exitcode}"


class _Parent:
    """The parent, as the code that Beam runs in a worker finds it.

    Beam pickles what it runs, which a connection refuses; a class is pickled by its name.
    """

    connection: ClassVar[Connection]

    @classmethod
    def orders(cls) -> Iterator[_Order]:
        """What the parent hands over, one at a time, until it closes its end."""
        with suppress(EOFError):
            while True:
                yield cast("_Order", cls.connection.recv())

    @classmethod
    def answer(cls, order: _Order) -> None:
        """Do it and say how it went."""
        cls.connection.send(attempt(*order))


def _serve(connection: Connection) -> None:
    """A worker's life: take a task, do it, say how it went."""
    threading.Thread(target=_die_with_parent, daemon=True).start()
    without_pandas()
    # Beam takes a second to load. Workers cannot do without it; their parent can.
    from pipeline.graph import serve  # noqa: PLC0415

    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)  # the parent reports failures
    _Parent.connection = connection
    serve(_Parent.orders, _Parent.answer)


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)
