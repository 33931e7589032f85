"""Wall time, processor time and memory of a command and of all processes that it starts (Linux)."""

import os
import resource
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.memory import tree

_SECONDS_BETWEEN_LOOKS = 0.2


class CommandFailedError(Exception):
    """A measured command ended badly; the message holds the end of what it said."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a command took.

    Attributes:
        wall: seconds by the clock.
        processor: seconds of all cores together, of the command and all below it.
        memory: the most resident bytes at a time, of all processes together; pages that processes
            share are counted once for each.
    """

    wall: float
    processor: float
    memory: int


def take(
    arguments: Sequence[str], environment: Mapping[str, str] | None = None, limit: float = 500
) -> Taken:
    """Runs a command to its end and measures it.

    Args:
        arguments: the command.
        environment: variables beside those of this process.
        limit: seconds after which it is ended.

    Raises:
        CommandFailedError: if it ends with an error, or is not done in time.
    """
    begun, before = time.perf_counter(), spent_below()
    with subprocess.Popen(
        arguments,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        watch = _MemoryWatch(process.pid)
        try:
            said, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            said = b"not done after %d seconds" % limit
        wall = time.perf_counter() - begun
        memory = watch.end()
    if process.returncode:
        raise CommandFailedError(said.decode("utf-8", "replace")[-2_000:])
    return Taken(wall, spent_below() - before, memory)


def together(commands: Sequence[Sequence[str]]) -> Taken:
    """Runs commands at the same time; the wall time is that of the last to end.

    Raises:
        CommandFailedError: if one of them fails.
    """
    begun, before = time.perf_counter(), spent_below()
    processes = [subprocess.Popen(arguments) for arguments in commands]
    watches = [_MemoryWatch(process.pid) for process in processes]
    codes = [process.wait() for process in processes]
    wall = time.perf_counter() - begun
    memory = sum(watch.end() for watch in watches)
    if any(codes):
        raise CommandFailedError(f"exit codes {codes}")
    return Taken(wall, spent_below() - before, memory)


def spent_below() -> float:
    """Processor seconds of all processes that this one has started and that have ended."""
    return _spent(resource.RUSAGE_CHILDREN)


def spent_in_all() -> float:
    """Processor seconds of this process and of those that it has started and that have ended."""
    return _spent(resource.RUSAGE_SELF) + spent_below()


def processor_seconds(work: Callable[[], object]) -> float:
    """Processor seconds that a piece of work takes in this process."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _spent(whose: int) -> float:
    used = resource.getrusage(whose)
    return used.ru_utime + used.ru_stime


class _MemoryWatch:
    """Looks at the resident memory of a process and all below it until told to end."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._most = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def end(self) -> int:
        """Stop looking; gives the most bytes seen."""
        self._ended.set()
        self._thread.join()
        return self._most

    def _look(self) -> None:
        while not self._ended.wait(_SECONDS_BETWEEN_LOOKS):
            self._most = max(self._most, sum(map(_resident, tree(self._pid))))


def _resident(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):  # it has ended
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
