"""What becomes of the sample crawl's pages, against what was written beside each of them.

A page says what a reader would do with it. The recipe `default` must keep every page that says yes
and leave out every page made to sell; of noise it leaves out only what it is very sure of, so there
the promise is a share.
"""

import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest

from pipeline.dedup.signatures import signatures, similarity, slots
from pipeline.dedup.survivors import KeepPolicy
from pipeline.text import dedup_view
from tests.sample_crawl import DOCUMENT, Page, build, families, pages

Decision = Mapping[str, Any]
Decisions = Mapping[tuple[str, datetime], Decision]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def decisions(tmp_path_factory: pytest.TempPathFactory) -> Decisions:
    """The decision on every document of the sample crawl, and its text, by URL and crawl time."""
    folder = tmp_path_factory.mktemp("fates")
    command = [sys.executable, "-m", "pipeline.cli", "run", *map(str, build(folder / "crawl"))]
    subprocess.run([*command, "--out", str(folder / "run"), "--workers", "1"], check=True)
    found = {row["id"]: row for row in _rows(folder / "run/selected/default/decisions")}
    return {
        (row["url"], row["crawl_time"]): found[row["id"]] | {"text": row["text"]}
        for row in _rows(folder / "run/documents", ["id", "url", "crawl_time", "text"])
    }


def _rows(folder: Path, columns: list[str] | None = None) -> list[dict[str, Any]]:
    role = "decisions" if columns is None else "documents"
    parts = sorted(str(path) for path in folder.glob(f"*-{role}-*.parquet"))
    rows: list[dict[str, Any]] = ds.dataset(parts).to_table(columns=columns).to_pylist()
    return rows


def _documents() -> list[Page]:
    return [page for page in pages() if page.fate.exit == DOCUMENT]


def _kept(decisions: Decisions, wanted: Iterable[Page]) -> list[str]:
    return [page.url for page in wanted if decisions[page.url, page.time]["kept"]]


def _reasons(decision: Decision) -> set[str]:
    """The families of the reasons: `rule`, `duplicate`, or the classifier's name."""
    rules = {reason["rule"] for reason in decision["reasons"]}
    return {"rule" if rule.endswith("_v1") else rule.partition(".")[0] for rule in rules}


def test_pages_worth_reading_are_kept(decisions: Decisions) -> None:
    lost = {
        page.url: decisions[page.url, page.time]["reasons"]
        for page in _documents()
        if page.fate.kept and not decisions[page.url, page.time]["kept"]
    }
    assert lost == {}


@pytest.mark.parametrize("kind", ["affiliate", "adult"])
def test_pages_made_to_sell_are_left_out(decisions: Decisions, kind: str) -> None:
    selling = [page for page in _documents() if kind in page.fate.classes]
    assert len(selling) >= 4
    assert _kept(decisions, selling) == []


def test_what_looks_like_them_is_kept(decisions: Decisions) -> None:
    """Sex education, medicine, law, honest reviews, a page about affiliate marketing."""
    lookalikes = [page for page in _documents() if page.kind == "hard-negative"]
    assert len(_kept(decisions, lookalikes)) == len(lookalikes)


def test_most_noise_is_left_out(decisions: Decisions) -> None:
    noise = [page for page in _documents() if "noise" in page.fate.classes and not page.fate.kept]
    assert len(_kept(decisions, noise)) < len(noise) / 2


def test_pages_are_left_out_for_reasons_that_their_author_foresaw(decisions: Decisions) -> None:
    """A classifier may surprise once or twice, on pages that are no loss."""
    surprising = {}
    copied = {page.url for family in families() for page in family}
    for page in _documents():
        foreseen = {*page.fate.because, *(["duplicate"] if page.url in copied else [])}
        reasons = _reasons(decisions[page.url, page.time])
        if reasons and not reasons & foreseen:
            surprising[page.url] = reasons
    assert len(surprising) <= 2, surprising


def test_of_copies_one_survives_and_no_two_that_are_alike(decisions: Decisions) -> None:
    """Two papers that each rewrote a press release may both stay: they are less alike."""
    for family in families():
        survivors = [page for page in family if _kept(decisions, [page])]
        assert survivors or any(page.fate.because for page in family)
        for one, other in combinations(survivors, 2):
            texts = [decisions[page.url, page.time]["text"] for page in (one, other)]
            alike = similarity(*slots(signatures([dedup_view(text) for text in texts])))
            assert alike < KeepPolicy().threshold, (one.url, other.url)
