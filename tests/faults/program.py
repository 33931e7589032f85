"""The program as a process that is started, watched by what it prints, and harmed."""

import hashlib
import os
import select
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.faults.hostile_crawl import TEXTS

Digests = dict[str, str]

STAGES = ("extract", "score", "group", "select")
BY_THE_PARENT = "select"
"""The stage that needs no worker here: one task, and nothing in it that a page could harm."""

SECONDS_AT_MOST = 300.0
"""After so long, a process that should end or die is taken to hang."""


def tiny_crawl(path: Path, copies: int = 3) -> Path:
    """A Parquet file of a few Japanese documents, in so many row groups: as many tasks."""
    rows = [
        {"url": f"https://kome{number}.example/{place}", "text": f"{text}その{number}。"}
        for number in range(copies)
        for place, text in enumerate(TEXTS)
    ]
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=len(TEXTS))
    return path


def command(*arguments: object) -> list[str]:
    """The command line of the program."""
    return [sys.executable, "-m", "pipeline.cli", *map(str, arguments)]


def main_job(crawl: Path, out: Path, workers: int = 1) -> list[str]:
    """The command line that takes a crawl to shards, a task a row group."""
    return command("run", crawl, "--out", out, "--task-size", 1, "--workers", workers)


def finish(
    arguments: Sequence[str], limits: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end.

    Args:
        arguments: the command line.
        limits: called in the new process, to set resource limits that its workers inherit.
    """
    return subprocess.run(
        arguments,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limits,
        timeout=SECONDS_AT_MOST,
    )


class Clock:
    """A time of day that can be moved under the programs that live in its environment."""

    def __init__(self, compiler: str, folder: Path) -> None:
        self._shift = folder / "shift"
        self.move(0)
        library, source = folder / "clock.so", Path(__file__).parent / "clock.c"
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_SHIFT": str(self._shift)}

    def move(self, seconds: int) -> None:
        """Set it so many seconds ahead of the true time."""
        with self._shift.open("r+b" if self._shift.exists() else "wb") as file:
            file.write(struct.pack("q", seconds))

    def told(self) -> float:
        """The time of day that a program is told."""
        ended = subprocess.run(
            [sys.executable, "-c", "import time; print(time.time())"],
            env={**os.environ, **self.environment},
            capture_output=True,
            check=True,
        )
        return float(ended.stdout)


class Victim:
    """A command in a session of its own, to be killed at a moment of its progress."""

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        # As in a terminal, also where the tests themselves were started with Ctrl-C ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._process = subprocess.Popen(
            arguments,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )
        self._seen = b""

    def wait_for(self, sign: str) -> bool:
        """Read what it prints until a sign shows; False if it ended before."""
        while sign.encode() not in self._seen:
            if not self._read():
                return False
        return True

    def first_workers(self) -> list[int]:
        """The ids of its worker processes, as soon as there are any; none if it ends before."""
        while not (found := self.workers()) and not self.end_within(0.01):
            pass
        return found

    def workers_in(self, stage: str) -> list[int]:
        """The ids of the worker processes that a stage has, waited for where it needs them."""
        return self.workers() if stage == BY_THE_PARENT else self.first_workers()

    def workers(self) -> list[int]:
        """The ids of its worker processes that are alive now."""
        try:
            children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        except OSError:
            return []
        return [child for child in map(int, children.split()) if _is_worker(child)]

    def end_within(self, seconds: float) -> bool:
        """Let it go on for a moment; whether it has ended by itself."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def signal(self, number: signal.Signals, *, whole_group: bool = False) -> None:
        """Send it a signal; to its workers too if asked, as a terminal does."""
        (os.killpg if whole_group else os.kill)(self.pid, number)

    def ended(self) -> tuple[int, str]:
        """Wait for its end: the exit code and all that it printed to stderr."""
        while self._read():
            pass
        return self._process.wait(SECONDS_AT_MOST), self._seen.decode()

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    def _read(self) -> bytes:
        assert self._process.stderr is not None
        ready, _, _ = select.select([self._process.stderr], [], [], SECONDS_AT_MOST)
        assert ready, f"hangs; it printed: {self._seen.decode()}"
        piece = os.read(self._process.stderr.fileno(), 4096)
        self._seen += piece
        return piece


def kill(pid: int) -> None:
    """SIGKILL a process, if it is still there."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def wait_until_gone(pids: Sequence[int]) -> None:
    """Wait until processes that are not our children have ended."""
    for pid in pids:
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        ended, _, _ = select.select([handle], [], [], SECONDS_AT_MOST)
        os.close(handle)
        assert ended, f"process {pid} outlives its parent"


def _is_worker(pid: int) -> bool:
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def digests(folder: Path) -> Digests:
    """The SHA-256 of every file of a run but its lock, by path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def committed(folder: Path) -> dict[Path, int]:
    """The commits of extract and score, the dear stages, with the moment each was made."""
    sidecars = [*folder.glob("documents/*.json"), *folder.glob("scores/*/*.json")]
    return {path: path.stat().st_mtime_ns for path in sidecars}
