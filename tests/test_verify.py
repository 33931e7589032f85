"""Verify: one flipped byte, one missing file, one foreign file, one total that is off."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from pipeline.errors import RunError
from pipeline.run import Run
from pipeline.selection.recipe import Recipe, ShardSizes, load
from pipeline.verify import verify
from tests.made_run import BUNDLE, Page, make_run, selected

TEXT = "朝の市場では、漁から戻ったばかりの船が並び、競りの声が港じゅうに響いていた。"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with two selections, made once; each test harms a copy of its own."""
    folder = tmp_path_factory.mktemp("made") / "run"
    pages = [
        Page(f"{TEXT * 4}それは{n}日目の{n * n}回目のことだった。", f"u{n}", noise=n / 40)
        for n in range(40)
    ]
    run = make_run(folder, {"t1": pages[:25], "t2": pages[25:]})
    selected(run, Recipe("small", shards=ShardSizes(2000, 2000)), "small")
    selected(run, load("strict"), "strict")
    return folder


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Run:
    return Run(str(shutil.copytree(made, tmp_path / "run")))


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    value = orjson.loads(path.read_bytes())
    change(value)
    path.write_bytes(orjson.dumps(value))


def the(folder: str, pattern: str) -> Path:
    return sorted(Path(folder).glob(pattern))[0]


def test_a_run_as_it_was_made_is_sound(run: Run) -> None:
    found = verify(run.path)
    assert found.sound
    assert found.table().endswith("all of it holds.")
    assert {check.subject for check in found.checks} >= {"documents", "groups", "selected/small"}


def test_a_selection_is_sound_alone_wherever_it_was_moved(run: Run, tmp_path: Path) -> None:
    moved = shutil.copytree(run.selected("small"), tmp_path / "elsewhere")
    assert verify(str(moved)).sound


@pytest.mark.parametrize("place", [0, 100, -1])
@pytest.mark.parametrize(
    "where",
    [
        "documents/t1-*",
        f"scores/{BUNDLE}/t2-*",
        "groups/t1-*",
        "selected/small/decisions/t2-*",
        "selected/small/shard-00001*",
    ],
)
def test_one_flipped_byte_is_found_and_its_file_named(run: Run, where: str, place: int) -> None:
    harmed = the(run.path, where)
    flip(harmed, place)
    found = verify(run.path)
    assert not found.sound
    assert any(
        str(harmed) in problem and "bytes have changed" in problem for problem in found.problems
    )


def test_a_missing_part_and_a_missing_shard_are_found(run: Run) -> None:
    part, shard = the(run.groups, "t1-*"), the(run.selected("small"), "shard-00000*")
    part.unlink()
    shard.unlink()
    problems = verify(run.path).problems
    assert any(f"{part}: missing" in problem for problem in problems)
    assert any(f"{shard}: missing" in problem for problem in problems)


@pytest.mark.parametrize(
    "where",
    [
        "documents/t9-documents-00.parquet",
        "selected/small/shard-00999.parquet",
        "selected/small/decisions/notes.parquet",
    ],
)
def test_a_foreign_file_is_found(run: Run, where: str) -> None:
    foreign = Path(run.path, where)
    foreign.write_bytes(b"no such thing")
    assert any(str(foreign) in problem for problem in verify(run.path).problems)


def test_a_record_that_went_missing_from_the_books_is_found(run: Run) -> None:
    edit(Path(run.documents, "t1.json"), lambda said: said["counters"].update(records=27))
    assert any("do not add up" in problem for problem in verify(run.path).problems)


def test_totals_of_a_manifest_are_recounted(run: Run) -> None:
    path = Path(run.selected("strict"), "manifest.json")
    edit(path, lambda said: said["totals"].update(records=47))
    assert any("do not add up" in problem for problem in verify(run.path).problems)


def test_shards_of_other_documents_do_not_pass_for_the_kept_ones(run: Run) -> None:
    """The manifest may be true of its shards, and yet they are not what was decided."""
    other = Path(run.selected("strict"))
    shutil.copytree(Path(run.selected("small"), "decisions"), other / "d2")
    shutil.rmtree(other / "decisions")
    (other / "d2").rename(other / "decisions")
    assert any(
        "not those that the manifest lists" in problem for problem in verify(run.path).problems
    )


def test_a_task_that_was_never_extracted_is_named(run: Run) -> None:
    edit(Path(run.path, "run.json"), lambda said: said["plan"].update(tasks=["t1", "t2", "t3"]))
    assert any("extract is not finished" in problem for problem in verify(run.path).problems)


def test_an_unreadable_sidecar_is_named_and_the_rest_is_still_checked(run: Run) -> None:
    sidecar = Path(run.groups, "t1.json")
    sidecar.write_bytes(b"{")
    found = verify(run.path)
    assert any(str(sidecar) in problem for problem in found.problems)
    assert any(check.subject == "selected/strict" for check in found.checks)


def test_a_folder_that_holds_neither_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="neither a run"):
        verify(str(tmp_path))
