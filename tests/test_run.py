"""The main job on the sample crawl, from WARC to verified shards, by the command line.

Whatever is done to a run (more workers, other order, a kill in the middle, another runner), its
folder must hold the same bytes in the end.
"""

import hashlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from pipeline.accounts import Account
from pipeline.tasks import commits
from schemas import DOCUMENTS, METRICS
from tests.sample_crawl import DOCUMENT, build, build_texts, pages

TASK_BYTES = "40000"
"""Small, so that the sample crawl makes several tasks."""

Digests = dict[str, str]


def seimai(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the program in a process of its own."""
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, check=False, **options
    )


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "pipeline.cli", *map(str, arguments)]


def run(crawl: list[Path], out: Path, *options: object, beam: tuple[object, ...] = ()) -> Path:
    """The main job; it must end well."""
    beam_args = ("--", *beam) if beam else ()
    ended = seimai("run", *crawl, "--out", out, "--task-size", TASK_BYTES, *options, *beam_args)
    assert ended.returncode == 0, ended.stderr
    return out


def digests(folder: Path) -> Digests:
    """The SHA-256 of every file of a run but its lock, by path."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.name != ".lock"
    }


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return build(tmp_path_factory.mktemp("crawl"))


@pytest.fixture(scope="module")
def undisturbed(crawl: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run by one worker that nothing disturbed: what the others are held to."""
    return run(crawl, tmp_path_factory.mktemp("undisturbed") / "run", "--workers", 1)


@pytest.fixture(scope="module")
def expected(undisturbed: Path) -> Digests:
    found = digests(undisturbed)
    kinds = {path.split("/")[0] for path in found}
    assert {"run.json", "documents", "scores", "groups", "selected"} <= kinds
    return found


def test_the_run_verifies(undisturbed: Path) -> None:
    ended = seimai("verify", undisturbed)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_every_record_is_accounted_for(undisturbed: Path) -> None:
    counted = commits(str(undisturbed / "documents")).values()
    account = Account.of(counted)
    assert account.records > 100
    assert account.documents == table(undisturbed / "documents").num_rows
    listed = [pq.read_table(path) for path in (undisturbed / "documents").glob("*-problems-*")]
    assert sum(account.problems.values()) == sum(rows.num_rows for rows in listed) > 0


def test_pages_leave_by_the_exit_that_they_were_written_for(undisturbed: Path) -> None:
    found = set(table(undisturbed / "documents")["url"].to_pylist())
    expected = {page.url for page in pages() if page.fate.exit == DOCUMENT}
    assert found == expected


def test_two_workers_give_the_same_bytes(
    crawl: list[Path], expected: Digests, tmp_path: Path
) -> None:
    assert digests(run(crawl, tmp_path / "run", "--workers", 2)) == expected


def test_the_order_of_the_inputs_does_not_show(
    crawl: list[Path], expected: Digests, tmp_path: Path
) -> None:
    assert digests(run(crawl[::-1], tmp_path / "run")) == expected


def test_a_run_that_was_killed_goes_on_without_repeating_a_task(
    crawl: list[Path], expected: Digests, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    with subprocess.Popen(
        command("run", *crawl, "--out", out, "--task-size", TASK_BYTES, "--workers", 2),
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        _wait_for(process, rb"[1-9]\d*/\d")
        os.killpg(process.pid, signal.SIGKILL)
    before = _times(out / "documents")
    assert before
    run(crawl, out)
    after = _times(out / "documents")
    assert {name: after[name] for name in before} == before
    assert digests(out) == expected


def test_a_finished_run_given_again_does_nothing(
    crawl: list[Path], expected: Digests, undisturbed: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in undisturbed.rglob("*.parquet")}
    run(crawl, undisturbed)
    assert {path: path.stat().st_mtime_ns for path in undisturbed.rglob("*.parquet")} == before
    assert digests(undisturbed) == expected


def test_a_portable_runner_with_external_workers_gives_the_same_bytes(
    crawl: list[Path], expected: Digests, worker_pool: str, tmp_path: Path
) -> None:
    beam = (
        "--runner=PortableRunner",
        "--job_endpoint=embed",
        "--environment_type=EXTERNAL",
        f"--environment_config={worker_pool}",
    )
    assert digests(run(crawl, tmp_path / "run", beam=beam)) == expected


def test_a_second_command_into_the_same_run_is_refused(crawl: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "run"
    with subprocess.Popen(
        command("extract", *crawl, "--out", out, "--task-size", TASK_BYTES, "--workers", 1),
        stderr=subprocess.PIPE,
    ) as first:
        _wait_for(first, rb"0/\d")
        first.send_signal(signal.SIGSTOP)  # so that it cannot end before the second looks
        second = seimai("extract", *crawl, "--out", out, "--task-size", TASK_BYTES)
        first.kill()
    assert second.returncode == 2
    assert "another seimai command is writing" in second.stderr


def test_other_inputs_into_the_same_run_are_refused(crawl: list[Path], undisturbed: Path) -> None:
    ended = seimai("extract", crawl[0], "--out", undisturbed, "--task-size", TASK_BYTES)
    assert ended.returncode == 2
    assert "other inputs" in ended.stderr
    assert "--out" in ended.stderr
    ended = seimai("extract", *crawl, "--out", undisturbed, "--task-size", TASK_BYTES, "--limit", 9)
    assert "other limit." in ended.stderr


def test_a_text_that_is_not_utf8_is_explained_as_a_page_would_be_read(tmp_path: Path) -> None:
    diary = "今日は朝から雨だったので、家で古い手紙を整理した。"
    told = set()
    for charset in ("utf-8", "cp932", "euc-jp"):
        (tmp_path / charset).write_text(diary, encoding=charset)
        ended = seimai("explain", "--text", tmp_path / charset)
        assert ended.returncode == 0, ended.stderr
        told.add(ended.stdout)
    assert len(told) == 1


def test_explaining_takes_a_run_or_a_text_and_names_the_selections_there_are(
    undisturbed: Path, tmp_path: Path
) -> None:
    (tmp_path / "text").write_text("はい。", encoding="utf-8")
    for arguments, told in (
        ((undisturbed, "--text", tmp_path / "text"), "either a RUN or --text"),
        ((), "either a RUN or --text"),
        ((undisturbed, "0", "--recipe", "strict"), "--recipe is for --text"),
        ((undisturbed, "0", "--selection", "defualt"), "there are default"),
        ((tmp_path, "0"), "no run here"),
    ):
        ended = seimai("explain", *arguments)
        assert ended.returncode == 2
        assert told in ended.stderr


def test_who_stops_reading_what_is_printed_is_no_failure_of_the_run(
    undisturbed: Path, tmp_path: Path
) -> None:
    job = command("compare", undisturbed, "--recipes", "raw,light", "--out", tmp_path, "--quiet")
    with subprocess.Popen(job, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as ended:
        assert ended.stdout is not None
        ended.stdout.close()
        assert ended.stderr is not None
        assert "seimai:" not in ended.stderr.read()
    assert (tmp_path / "comparison.html").exists()


def test_a_file_that_cannot_be_written_is_told_without_a_traceback(
    undisturbed: Path, tmp_path: Path
) -> None:
    ended = seimai("classifiers", "label", undisturbed, "--out", tmp_path / "none/labels.jsonl")
    assert ended.returncode == 2
    assert ended.stderr == f"seimai: {tmp_path}/none/labels.jsonl: No such file or directory.\n"
    with Path("/dev/full").open("w") as full:
        verified = subprocess.run(
            command("verify", undisturbed),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert verified.returncode == 2
    assert verified.stderr == "seimai: the standard output: No space left on device.\n"


def test_scoring_again_reads_no_source_page(undisturbed: Path, crawl: list[Path]) -> None:
    hidden = [path.rename(path.with_suffix(".hidden")) for path in crawl]
    try:
        ended = seimai("score", undisturbed, "--morphology", "none")
        assert ended.returncode == 0, ended.stderr
        again = seimai("score", undisturbed)
        assert again.returncode == 0, again.stderr
    finally:
        for path, there in zip(hidden, crawl, strict=True):
            path.rename(there)


def test_the_form_of_the_input_does_not_show_in_what_is_told_of_a_text(tmp_path: Path) -> None:
    columns = ["url", "text", "n_chars", "ja_score", "flags", "content_hash", "signature"]
    columns += [metric.name for metric in METRICS]
    found = {}
    for form, path in build_texts(tmp_path / "texts").items():
        out = tmp_path / form
        ended = seimai("extract", path, "--out", out, "--workers", 1)
        assert ended.returncode == 0, ended.stderr
        found[form] = table(out / "documents").select(columns).sort_by("url")
    assert found["warc"].num_rows > 50
    assert all(rows.equals(found["warc"]) for rows in found.values())


def test_every_file_carries_the_name_and_version_of_its_schema(undisturbed: Path) -> None:
    for path in (undisturbed / "documents").glob("*-documents-*.parquet"):
        metadata = pq.read_schema(path).metadata
        assert metadata[b"seimai.schema"] == b"documents"
        assert metadata[b"seimai.version"] == DOCUMENTS.version.encode()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "no/such.warc.gz", "--out", "RUN"], "no/such.warc.gz"),
        (["score", "no-run"], "no run here"),
        (["run", "x.warc.gz", "--out", "RUN", "--recipe", "defualt"], "default"),
        (["extract", "x", "--out", "RUN", "--columns", "text"], "--columns"),
        (["extract", "x", "--out", "RUN", "--", "--runer=X"], "--runer"),
    ],
)
def test_a_wrong_option_stops_at_once_and_is_told(
    arguments: list[str], told: str, tmp_path: Path
) -> None:
    ended = seimai(*arguments, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(Path.cwd())})
    assert ended.returncode == 2
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "RUN" / "run.json").exists()
    assert not (tmp_path / "no-run").exists()


@pytest.fixture(scope="module")
def worker_pool() -> Iterator[str]:
    """The address of Beam's external worker pool, in processes of its own."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    bin_folder = str(Path(sys.executable).parent)
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "apache_beam.runners.worker.worker_pool_main"),
            f"--service_port={port}",
        ],
        stderr=subprocess.PIPE,
        env={**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}"},
        start_new_session=True,
    ) as pool:
        _wait_for(pool, rb"Started worker pool")
        yield f"localhost:{port}"
        os.killpg(pool.pid, signal.SIGKILL)


def table(folder: Path) -> "ds.Table":
    """The documents of a run."""
    return ds.dataset(sorted(map(str, folder.glob("*-documents-*.parquet")))).to_table()


def _times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.json")}


def _wait_for(process: subprocess.Popen[bytes], sign: bytes) -> None:
    """Read a process's stderr until it shows a sign (a regular expression)."""
    assert process.stderr is not None
    seen = b""
    while not re.search(sign, seen):
        read = process.stderr.read1(200)  # type: ignore[attr-defined]  # a BufferedReader
        assert read, seen.decode()
        seen += read
