"""Steps on local workers: every task done once, deaths survived, failures told."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline import graph
from pipeline.errors import InputError, OptionError, SeimaiError, WorkerError
from pipeline.execution import Execution, run_step
from pipeline.tasks import Attempt, commits
from pipeline.work import ReadsOwnFiles


@dataclass(frozen=True)
class Numbered:
    """A task that covers a number."""

    number: int

    @property
    def id(self) -> str:
        return f"task-{self.number}"


@dataclass(frozen=True)
class Work:
    """Commits the number; `mishap` befalls task 2 until the file `calm` is there."""

    folder: str
    settings: str = "s"
    mishap: str = ""
    calm: str = ""

    def __call__(self, task: Numbered) -> None:
        if task.number == 2 and not Path(self.calm or "/nowhere").exists():
            self._suffer()
        with Attempt(self.folder, task.id, self.settings) as attempt:
            attempt.count("number", task.number)
            attempt.note("process", os.getpid())
            attempt.commit()

    def _suffer(self) -> None:
        if self.mishap == "killed once":
            Path(self.calm).touch()
        if self.mishap.startswith("killed"):
            os.kill(os.getpid(), signal.SIGKILL)
        if self.mishap == "bad input":
            raise InputError("page.warc.gz: not a WARC file")
        if self.mishap == "defect":
            raise ZeroDivisionError("no words in 0 sentences")


class OwnWork(Work, ReadsOwnFiles):
    """Likewise, of nothing that could be its death."""


@pytest.fixture(scope="module")
def execution() -> Iterator[Execution]:
    with Execution(workers=2) as two:
        yield two


TASKS = [Numbered(n) for n in range(5)]


def step(work: Work, execution: Execution, tasks: list[Numbered] = TASKS) -> dict[str, int]:
    done = run_step("try", work, tasks, work.folder, work.settings, execution)
    return {task: commit.counters["number"] for task, commit in done.items()}


def test_every_task_is_committed(tmp_path: Path, execution: Execution) -> None:
    assert step(Work(str(tmp_path)), execution) == {f"task-{n}": n for n in range(5)}


def test_a_rerun_repeats_no_committed_task(tmp_path: Path, execution: Execution) -> None:
    work = Work(str(tmp_path))
    step(work, execution, TASKS[:3])
    before = {task: (tmp_path / f"{task}.json").stat().st_mtime_ns for task in commits(work.folder)}
    step(work, execution)
    after = {task: (tmp_path / f"{task}.json").stat().st_mtime_ns for task in before}
    assert len(before) == 3
    assert before == after


def test_other_settings_and_other_tasks_are_withdrawn(tmp_path: Path, execution: Execution) -> None:
    step(Work(str(tmp_path), "old"), execution, [*TASKS, Numbered(9)])
    step(Work(str(tmp_path), "new"), execution, TASKS)
    found = commits(str(tmp_path))
    assert set(found) == {task.id for task in TASKS}
    assert {commit.settings for commit in found.values()} == {"new"}


def test_a_killed_worker_is_replaced_and_its_task_done_again(
    tmp_path: Path, execution: Execution
) -> None:
    work = Work(str(tmp_path / "out"), mishap="killed once", calm=str(tmp_path / "calm"))
    assert len(step(work, execution)) == 5


def test_a_task_that_always_kills_its_worker_is_named(tmp_path: Path, execution: Execution) -> None:
    with pytest.raises(WorkerError, match=r"number=2.*died 3 times.*memory"):
        step(Work(str(tmp_path), mishap="killed always"), execution)
    assert "task-2" not in commits(str(tmp_path))


def test_an_error_of_ours_arrives_as_it_was_raised(tmp_path: Path, execution: Execution) -> None:
    with pytest.raises(InputError) as raised:
        step(Work(str(tmp_path), mishap="bad input"), execution)
    assert str(raised.value) == "page.warc.gz: not a WARC file"


def test_a_defect_is_told_with_its_trace(tmp_path: Path, execution: Execution) -> None:
    with pytest.raises(WorkerError, match="no words in 0 sentences"):
        step(Work(str(tmp_path), mishap="defect"), execution)


def test_after_a_failure_the_same_command_goes_on(tmp_path: Path, execution: Execution) -> None:
    with pytest.raises(WorkerError):
        step(Work(str(tmp_path), mishap="defect"), execution)
    assert len(step(Work(str(tmp_path)), execution)) == 5


def test_one_task_that_reads_our_own_files_needs_no_worker(
    tmp_path: Path, execution: Execution
) -> None:
    homes = {}
    for work, tasks in ((OwnWork, TASKS[:1]), (OwnWork, TASKS[:2]), (Work, TASKS[:1])):
        folder = str(tmp_path / f"{work.__name__}-{len(tasks)}")
        step(work(folder), execution, tasks)
        made = {commit.notes["process"] for commit in commits(folder).values()}
        homes[work, len(tasks)] = os.getpid() in made
    assert homes == {(OwnWork, 1): True, (OwnWork, 2): False, (Work, 1): False}


@pytest.mark.parametrize("mishap", ["bad input", "defect"])
def test_without_a_worker_a_failure_is_told_alike(
    mishap: str, tmp_path: Path, execution: Execution
) -> None:
    said = []
    for work in (Work, OwnWork):
        with pytest.raises(SeimaiError) as raised:
            step(work(str(tmp_path), mishap=mishap), execution, [Numbered(2)])
        said.append((raised.type, str(raised.value).splitlines()[0]))
    assert said[0] == said[1]


def test_a_beam_runner_that_is_named_is_used(tmp_path: Path) -> None:
    with Execution(beam_args=["--runner=BundleBasedDirectRunner"]) as in_this_process:
        step(Work(str(tmp_path)), in_this_process)
    processes = {commit.notes["process"] for commit in commits(str(tmp_path)).values()}
    assert processes == {os.getpid()}


@pytest.mark.parametrize(
    "beam_args", [["--runer=DirectRunner"], ["--direct_num_workers=two"], ["RUN"]]
)
def test_a_wrong_beam_option_stops_at_once(beam_args: list[str]) -> None:
    with pytest.raises(OptionError, match="behind `--`"):
        graph.check_options(beam_args)


def test_right_beam_options_pass() -> None:
    graph.check_options(["--runner=DirectRunner", "--direct_num_workers", "2"])
    assert graph.chosen_runner(["--runner=DirectRunner"]) == "DirectRunner"
    assert graph.chosen_runner([]) is None
