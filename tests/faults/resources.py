"""A disk that fills, a disk that is read-only, and too little memory.

    pytest tests/faults/resources.py

The disks are small tmpfs mounts, which only root can make; without them the limits of a process
stand in, as in the short tests.
"""

import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.hostile_crawl import write_warc
from tests.faults.program import command, digests, finish, main_job, tiny_crawl

MOUNT, UMOUNT = (shutil.which(name) or name for name in ("mount", "umount"))

SHARES = [0.2, 0.5, 0.8]
"""Of the room that the run needs: the disk is full in another stage each time."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A mount point; what a test mounts on it is unmounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    yield folder
    subprocess.run([UMOUNT, folder], check=True)


def mount(folder: Path, options: str) -> None:
    subprocess.run([MOUNT, "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)


@pytest.mark.parametrize("share", SHARES)
def test_a_full_disk_is_told_and_with_room_the_run_goes_on(
    share: float, disk: Path, tmp_path: Path
) -> None:
    crawl = tiny_crawl(tmp_path / "crawl.parquet")
    assert finish(main_job(crawl, tmp_path / "undisturbed")).returncode == 0
    needed = sum(path.stat().st_size for path in (tmp_path / "undisturbed").rglob("*"))
    mount(disk, f"size={int(share * needed)}")
    ended = finish(main_job(crawl, disk / "run"))
    assert ended.returncode == 2
    assert "No space left on device" in ended.stderr
    assert "Traceback" not in ended.stderr
    mount(disk, "remount,size=100m")
    ended = finish(main_job(crawl, disk / "run"))
    assert ended.returncode == 0, ended.stderr
    assert digests(disk / "run") == digests(tmp_path / "undisturbed")


def test_a_disk_that_is_read_only_is_told(disk: Path, tmp_path: Path) -> None:
    crawl = tiny_crawl(tmp_path / "crawl.parquet")
    mount(disk, "ro,size=1m")
    ended = finish(main_job(crawl, disk / "run"))
    assert ended.returncode == 2
    assert "Read-only file system" in ended.stderr
    assert "Traceback" not in ended.stderr


LIMITS = [
    *((resource.RLIMIT_AS, megabytes) for megabytes in (700, 1000, 1300)),
    (resource.RLIMIT_DATA, 500),
]
"""Too little address space to start with, or too little memory for what the pages need."""


@pytest.mark.parametrize(("limit", "megabytes"), LIMITS)
def test_too_little_memory_ends_the_run_with_a_reason_and_never_hangs(
    limit: int, megabytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Rust's parsers hung over their backtraces, where a machine asks for these.
    monkeypatch.setenv("RUST_BACKTRACE", "1")
    write_warc(tmp_path / "crawl.warc.gz")
    to_run = ("run", tmp_path / "crawl.warc.gz", "--out", tmp_path / "run", "--workers", 1)
    job = command(*to_run, "--max-unreadable", 0.2)

    def less_memory() -> None:
        resource.setrlimit(limit, (megabytes << 20, megabytes << 20))

    ended = finish(job, less_memory)
    assert ended.returncode in {1, 2}
    assert ended.stderr.strip()
    if limit == resource.RLIMIT_DATA:
        told = ended.stderr.rpartition("seimai: ")[2]  # before it the parser may have had its say
        assert "memory ran out" in told
        assert "Traceback" not in told
    ended = finish(job)
    assert ended.returncode == 0, ended.stderr
    assert finish(command("verify", tmp_path / "run")).returncode == 0
