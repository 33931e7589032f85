"""Erase: the text is gone from every file, and the books are still true."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.accounts import Account
from pipeline.erase import erase
from pipeline.explain import explain
from pipeline.run import Run
from pipeline.selection.recipe import Recipe, Takedown, from_text, load
from pipeline.verify import verify
from tests.made_run import Page, make_run, selected

TOLD = "隣の家の鍵は植木鉢の下に置いてあると、回覧板にうっかり書いてしまった。"
OTHER = "商店街の端にある豆腐屋は、夕方になると鈴を鳴らしながら町内を一回りする。"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    pages = [
        Page(TOLD * 5, "https://gone.example.jp/1", cluster="c"),
        Page(TOLD * 5 + "終", "https://copy.example.com/1", noise=0.5, cluster="c"),
        Page(OTHER * 5, "https://stays.example.jp/1"),
    ]
    run = make_run(tmp_path / "run", {"t": pages[:1], "u": pages[1:]})
    selected(run, load("raw"))
    return run


def listed(tmp_path: Path) -> Takedown:
    path = tmp_path / "hosts.txt"
    path.write_text("gone.example.jp\n", encoding="utf-8")
    return from_text(f"takedown: {{hosts: {path}}}").takedown


def texts(run: Run) -> list[str]:
    """Every text that any Parquet file of the run still holds."""
    found: list[str] = []
    for path in Path(run.path).rglob("*.parquet"):
        file = pq.ParquetFile(path)
        for name in {"text", "page_text", "title"} & set(file.schema_arrow.names):
            found += [text or "" for text in file.read(columns=[name])[name].to_pylist()]
    return found


def test_the_text_is_gone_and_the_books_are_true(run: Run, tmp_path: Path) -> None:
    before = Account.of(run.extracted().values())
    erased = erase(run, listed(tmp_path))
    assert erased.documents == 1
    assert erased.stale == ("trial/shard-00000.parquet",)
    assert Account.of(run.extracted().values()) == before
    documents = [text for text in texts(Run(run.path)) if text.startswith(TOLD)]
    assert sorted(len(text) for text in documents) == [len(TOLD) * 5, len(TOLD) * 5 + 1]
    stale = [problem for problem in verify(run.path).problems if "stale" in problem]
    assert stale


def test_selecting_again_brings_all_of_it_in_order(run: Run, tmp_path: Path) -> None:
    erase(run, listed(tmp_path))
    made = selected(run, load("raw"))
    assert made["totals"]["left_out_by_any_reason"] == {"erased": 1}
    assert made["totals"]["kept"] == 2  # the copy of the erased document takes its place
    assert TOLD * 5 not in texts(run)
    found = verify(run.path)
    assert found.sound, found.table()
    gone = Page(TOLD * 5, "https://gone.example.jp/1").id
    assert "erased from the run" in explain(run.path, gone, None, "trial")


def test_pages_that_may_show_an_erased_text_are_named(run: Run, tmp_path: Path) -> None:
    selected(run, Recipe("without", takedown=listed(tmp_path)), "without")
    report = Path(run.selected("without"), "report.html")
    assert TOLD in report.read_text(encoding="utf-8")  # as a sample of what is left out
    erased = erase(run, listed(tmp_path))
    assert "without/shard-00000.parquet" not in erased.stale
    assert str(report) in erased.pages
    assert erase(run, listed(tmp_path)).pages == ()


def test_erasing_twice_is_erasing_once(run: Run, tmp_path: Path) -> None:
    erase(run, listed(tmp_path))
    files = {path: path.read_bytes() for path in Path(run.documents).iterdir()}
    assert erase(run, listed(tmp_path)).documents == 0
    assert {path: path.read_bytes() for path in Path(run.documents).iterdir()} == files


def test_nothing_listed_changes_nothing(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "none.txt"
    path.write_text("elsewhere.example\n", encoding="utf-8")
    nothing = from_text(f"takedown: {{hosts: {path}}}").takedown
    assert erase(run, nothing).documents == 0
    assert verify(run.path).sound


def test_no_recipe_keeps_what_was_erased(run: Run, tmp_path: Path) -> None:
    erase(run, listed(tmp_path))
    made = selected(run, Recipe("everything", duplicates=None), "everything")
    assert made["totals"]["kept"] == 2
