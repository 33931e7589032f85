"""One task, done in this process; what stops it is told as an error of ours.

Every way of running a step (`pipeline.execution`) does its tasks through this.
"""

import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from pipeline import storage
from pipeline.errors import SeimaiError, WorkerError


class Task(Protocol):
    """A unit of work, of retry and of resume; its id is the digest of what it covers."""

    @property
    def id(self) -> str:
        """The name under which the task is committed."""
        ...


class ReadsOwnFiles(ABC):
    """Work that reads nothing but what seimai wrote: no page of others, which could be its death.

    A single task of it needs no process of its own.
    """

    __slots__ = ()

    @abstractmethod
    def __call__(self, task: Any) -> None:  # noqa: ANN401 - a step may have tasks of any kind
        """Do one task."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a task ended.

    Attributes:
        error: what it failed with, or None.
    """

    error: Exception | None = None

    def tell(self, task: Task) -> None:
        """Raise what the task ended with, if it failed."""
        if isinstance(self.error, SeimaiError):
            raise self.error
        if self.error:
            raise WorkerError(
                f"{task}: the work failed, which is a defect of seimai: please report it with "
                f"this trace. All other work is kept.\n{self.error}"
            )


def attempt(work: Callable[[Any], None], task: Task) -> Outcome:
    """Do a task; whatever it raises becomes its outcome."""
    try:
        do(work, task)
    except SeimaiError as error:
        return Outcome(error)
    except Exception:  # noqa: BLE001 - whatever the work raises is the parent's to report
        return Outcome(RuntimeError(traceback.format_exc()))
    return Outcome()


def do(work: Callable[[Any], None], task: object) -> None:
    """Do a task; what the machine refuses is told as an error of ours.

    Raises:
        RunError: if something cannot be read or written.
        WorkerError: if memory runs out.
    """
    try:
        with storage.failures_told(str(task)):
            work(task)
    except MemoryError as error:
        raise WorkerError(
            f"{task}: memory ran out. All other work is kept. Give the machine more memory or "
            "use fewer --workers, then run the same command again."
        ) from error
