"""Harm to processes and disks: after a rerun, all is as if nothing had happened.

A few of each kind; `make test-faults` kills fifty times, and fills real disks.
"""

import os
import random
import resource
import shutil
import signal
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline import storage
from pipeline.run import Run, sole_writer
from pipeline.verify import verify
from tests.faults.hostile_crawl import TEXTS, write_rows
from tests.faults.program import (
    STAGES,
    Clock,
    Victim,
    command,
    committed,
    digests,
    finish,
    kill,
    main_job,
    tiny_crawl,
    wait_until_gone,
)

SEED = 20241122
DAY = 86_400
YEAR = 365 * DAY
COMPILER = shutil.which("cc")


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_crawl(tmp_path_factory.mktemp("crawl") / "crawl.parquet")


@pytest.fixture(scope="module")
def undisturbed(crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing disturbed: what the others are held to."""
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    ended = finish(main_job(crawl, out))
    assert ended.returncode == 0, ended.stderr
    return out


def test_killed_in_every_stage_a_run_ends_as_if_undisturbed(
    crawl: Path, undisturbed: Path, tmp_path: Path
) -> None:
    """In each stage a worker dies, if it has one; the run survives that, but not its parent."""
    chance, out = random.Random(SEED), tmp_path / "run"
    before: dict[Path, int] = {}
    for stage in STAGES:
        victim = Victim(main_job(crawl, out))
        assert victim.wait_for(f"{stage}:")
        for worker in victim.workers_in(stage)[:1]:
            kill(worker)
        victim.end_within(chance.uniform(0, 0.3))
        orphans = victim.workers()
        kill(victim.pid)
        wait_until_gone(orphans)
        victim.ended()
        after = committed(out)
        assert {path: after[path] for path in before} == before, "done again"
        before = after
    ended = finish(main_job(crawl, out))
    assert ended.returncode == 0, ended.stderr
    assert digests(out) == digests(undisturbed)


if COMPILER:  # what moves the clock is in C; the clock of the machine is not ours to move

    def test_a_clock_that_jumps_in_every_stage_changes_nothing(
        crawl: Path, undisturbed: Path, tmp_path: Path
    ) -> None:
        """Ten years ahead, twenty back, to before the epoch, and home again."""
        clock, out = Clock(COMPILER, tmp_path), tmp_path / "run"
        victim = Victim(main_job(crawl, out, workers=2), clock.environment)
        for stage, seconds in zip(STAGES, (10 * YEAR, -10 * YEAR, -60 * YEAR, 0), strict=True):
            assert victim.wait_for(f"{stage}:")
            clock.move(seconds)
            assert abs(clock.told() - time.time() - seconds) < DAY, "the clock was really moved"
        code, printed = victim.ended()
        assert code == 0, printed
        assert digests(out) == digests(undisturbed)


@pytest.mark.parametrize(
    ("number", "whole_group"),
    [(signal.SIGINT, True), (signal.SIGTERM, False)],
    ids=["Ctrl-C", "TERM"],
)
def test_a_run_that_is_stopped_says_how_to_go_on(
    crawl: Path, tmp_path: Path, number: signal.Signals, whole_group: bool
) -> None:
    victim = Victim(main_job(crawl, tmp_path / "run", workers=2))
    assert victim.wait_for("extract:")
    workers = victim.first_workers()
    victim.signal(number, whole_group=whole_group)
    code, printed = victim.ended()
    assert code == 130
    assert "what was done is kept" in printed
    assert "Traceback" not in printed
    wait_until_gone(workers)


_INTERRUPTED_AT = """
import os, signal, sys
from pipeline import __main__ as program

library = sys.argv.pop()

class Interrupted:
    def find_spec(self, name, *_):
        if name == library:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupted())
program.main()
"""


@pytest.mark.parametrize("library", ["pipeline.cli", "numpy.linalg", "pyarrow.lib", "fsspec"])
def test_a_stop_while_the_libraries_load_takes_one_line(library: str) -> None:
    ended = finish([sys.executable, "-c", _INTERRUPTED_AT, "verify", "RUN", library])
    assert ended.returncode == 130
    assert ended.stderr == "seimai: stopped before anything was begun.\n"


@pytest.fixture
def harmed(undisturbed: Path, tmp_path: Path) -> Path:
    """A copy of the undisturbed run, to be harmed."""
    return Path(shutil.copytree(undisturbed, tmp_path / "harmed"))


def test_a_file_that_lost_its_end_is_made_again(
    crawl: Path, undisturbed: Path, harmed: Path
) -> None:
    """And nothing else is: the bytes are as before, so all that was made of them still holds."""
    for part in ("documents/*-documents-*", "scores/*/*", "selected/default/shard-*"):
        path = sorted(harmed.glob(f"{part}.parquet"))[0]
        path.write_bytes(path.read_bytes()[:-9])
    before = committed(harmed)
    assert len(verify(str(harmed)).problems) >= 3
    ended = finish(main_job(crawl, harmed))
    assert ended.returncode == 0, ended.stderr
    assert digests(harmed) == digests(undisturbed)
    after = committed(harmed)
    assert len([path for path in before if after[path] != before[path]]) == 2


def test_an_altered_byte_is_found_and_named_and_its_part_made_again(
    crawl: Path, undisturbed: Path, harmed: Path
) -> None:
    """Its size is as before, so that `verify` has to find it; its advice is followed here."""
    path = sorted(harmed.glob("documents/*-documents-*.parquet"))[0]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    told = next(problem for problem in verify(str(harmed)).problems if "sha256" in problem)
    assert str(path) in told
    assert "Remove it and the sidecar of its task" in told
    path.unlink()
    (path.parent / f"{path.name.split('-')[0]}.json").unlink()
    ended = finish(main_job(crawl, harmed))
    assert ended.returncode == 0, ended.stderr
    assert digests(harmed) == digests(undisturbed)


def test_a_disk_that_is_full_is_told_and_the_run_goes_on_when_there_is_room(
    crawl: Path, undisturbed: Path, tmp_path: Path
) -> None:
    def no_file_over_8_kb() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))

    ended = finish(main_job(crawl, tmp_path / "run"), no_file_over_8_kb)
    assert ended.returncode == 2
    assert "File too large" in ended.stderr
    assert "same command again" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not [path for path in (tmp_path / "run").rglob(".tmp-*") if path.is_file()]
    ended = finish(main_job(crawl, tmp_path / "run"))
    assert ended.returncode == 0, ended.stderr
    assert digests(tmp_path / "run") == digests(undisturbed)


def test_a_place_that_cannot_be_written_to_is_named(crawl: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = finish(main_job(crawl, tmp_path / "file" / "run"))
    assert ended.returncode == 2
    assert f"{tmp_path}/file/run: Not a directory" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_more_damage_than_is_tolerated_shows_in_the_exit_code_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    lines = [f'{{"url": "https://a.example/", "text": "{TEXTS[0]}"}}', "{", "{", '{"text": 3}']
    (tmp_path / "crawl.jsonl").write_text("\n".join(lines))
    strict = command("extract", tmp_path / "crawl.jsonl", "--out", tmp_path / "run")
    ended = finish([*strict, "--workers", "1"])
    assert ended.returncode == 2
    assert "3 of 4 records could not be read" in ended.stderr
    assert "*-problems-*.parquet" in ended.stdout
    lenient = finish([*strict, "--max-unreadable", "0.75"])
    assert lenient.returncode == 0, lenient.stderr
    assert len(committed(tmp_path / "run")) == 1


@pytest.mark.parametrize(("sound", "code"), [(3, 2), (9, 0)], ids=["1 of 4", "1 of 10"])
def test_an_input_that_cannot_be_read_weighs_as_an_input(
    sound: int, code: int, tmp_path: Path
) -> None:
    """It is one problem among a hundred records, and yet all that it holds is missing."""
    (tmp_path / "crawl").mkdir()
    for number in range(sound):
        rows = [{"url": f"https://{number}.example/{n}", "text": TEXTS[n % 4]} for n in range(40)]
        write_rows(tmp_path / f"crawl/{number}.jsonl", rows)
    (tmp_path / "crawl/lost.parquet").write_bytes(b"PAR1, and then nothing of the kind")
    ended = finish(command("extract", tmp_path / "crawl", "--out", tmp_path / "run", "--quiet"))
    assert ended.returncode == code, ended.stderr
    if code:
        assert f"1 of {sound + 1} inputs could not be read at all" in ended.stderr
        assert f"{tmp_path}/crawl/lost.parquet" in ended.stderr
    books = {Path(one["path"]).name: one for one in Run(str(tmp_path / "run")).record()["inputs"]}
    assert (books["lost.parquet"]["records"], books["lost.parquet"]["problems"]) == (1, 1)
    assert (books["0.jsonl"]["records"], books["0.jsonl"]["problems"]) == (40, 0)


# Root may read everything, unless it is denied that.
BOUND = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


def test_a_file_without_permission_is_a_problem_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "crawl").mkdir()
    rows: list[dict[str, object]] = [{"url": "https://a.example/", "text": TEXTS[0]}]
    for name in ("open.jsonl", "shut.jsonl", "shut.warc.gz", "shut.parquet"):
        path = write_rows(tmp_path / "crawl" / name, rows)
        path.chmod(0 if name.startswith("shut") else 0o644)
    job = command("extract", tmp_path / "crawl", "--out", tmp_path / "run", "--workers", 1)
    ended = finish([*BOUND, *job, "--max-unreadable", "0.75"])
    assert ended.returncode == 0, ended.stderr
    (listed,) = (tmp_path / "run/documents").glob("*-problems-*.parquet")
    told = {(Path(row["input"]).name, row["reason"]) for row in pq.read_table(listed).to_pylist()}
    assert told == {
        (f"shut.{form}", "input_unreadable") for form in ("jsonl", "warc.gz", "parquet")
    }


def test_what_was_only_begun_to_be_written_is_removed_and_nothing_of_the_users(
    tmp_path: Path,
) -> None:
    begun = tmp_path / "run/selected/default" / Path(storage.scratch_beside("x")).name
    begun.parent.mkdir(parents=True)
    (mine := tmp_path / "run/.tmp-notes").touch()
    begun.touch()
    with sole_writer(str(tmp_path / "run"), begins=True):
        assert mine.exists()
        assert not begun.exists()
        begun.touch()  # by a worker that is killed, while the run goes on without it
    assert mine.exists()
    assert not begun.exists()
