"""Frequent paragraphs: what a site puts under every post is marked, what authors write is not."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dedup import packs
from pipeline.dedup import paragraphs as frequent
from pipeline.dedup.paragraphs import RUN, counts_of, paragraphs
from pipeline.execution import Execution
from pipeline.jobs.group import InTexts, group
from pipeline.run import Run
from pipeline.tasks import commits, part_path
from tests.made_run import InProcess, Page, make_run
from tests.planted import article, edited, seeded

AUTHOR = "この記事を書いた人\n小林\n蔵めぐりを二十年続けています。"
CALL = (
    "お買い求めは楽天市場でどうぞ。\n価格や在庫は変わることがあります。\n本ページは広告を含みます。"
)


def own(number: int, lines: int = 4) -> str:
    return "\n".join(article(seeded(1_000 * number + line), 60) for line in range(lines))


def posts(count: int, below: str, host: str = "blog.example.jp", first: int = 0) -> list[Page]:
    """Posts of one site, each with something of its own above and the same below."""
    numbers = range(first, first + count)
    return [Page(f"{own(number)}\n{below}", f"https://{host}/{number}") for number in numbers]


def grouped(
    folder: Path, pages: Sequence[Page], parts: int = 1, **options: Any
) -> dict[str, dict[str, Any]]:
    run = make_run(folder, {f"t{part:02}": list(pages[part::parts]) for part in range(parts)})
    group(run, InProcess(), **options)
    rows = {row["id"]: row for row in groups(run).to_pylist()}
    return {page.url: rows[page.id] for page in pages}


def groups(run: Run) -> pa.Table:
    done = commits(run.groups).values()
    return pa.concat_tables(
        pq.read_table(part_path(run.groups, commit, "groups")) for commit in done
    )


def marked(page: Page, row: dict[str, Any]) -> list[str]:
    lines = page.text.split("\n")
    return [lines[mark["paragraph"]] for mark in row["frequent_paragraphs"]]


def test_what_stands_under_every_post_of_a_site_is_marked_with_its_pages(tmp_path: Path) -> None:
    pages = posts(6, AUTHOR)
    for page, row in zip(pages, grouped(tmp_path, pages).values(), strict=True):
        assert marked(page, row) == AUTHOR.split("\n")
        assert [mark["on_host"] for mark in row["frequent_paragraphs"]] == [6, 6, 6]
        assert row["host_pages"] == 6
        first = row["frequent_paragraphs"][0]
        assert first["chars"] == len("この記事を書いた人")
        assert first["hash"] == xxhash.xxh3_64_intdigest("この記事を書いた人".encode())


def test_two_lines_at_the_end_of_a_page_are_a_run_and_one_is_none(tmp_path: Path) -> None:
    """A sign-off of one line is the author's own: it stays, though it is on every page."""
    two = posts(6, "小林\n蔵元の三代目です。")
    one = posts(6, "また明日、蔵で会いましょう。", "diary.example.jp", first=50)
    found = grouped(tmp_path, [*two, *one])
    assert marked(two[0], found[two[0].url]) == ["小林", "蔵元の三代目です。"]
    assert marked(one[0], found[one[0].url]) == []


def test_headings_and_refrains_between_other_lines_stay(tmp_path: Path) -> None:
    pages = [
        Page(
            f"{own(n, 1)}\n材料\n{own(n + 100, 1)}\n作り方\n{own(n + 200, 1)}\n{own(n + 300, 1)}",
            f"https://kitchen.example.jp/{n}",
        )
        for n in range(8)
    ]
    assert all(row["frequent_paragraphs"] == [] for row in grouped(tmp_path, pages).values())


def test_a_clause_that_every_law_repeats_passes_for_boilerplate(tmp_path: Path) -> None:
    """An honest false positive: three lines to the letter, in the middle of texts of their own."""
    clause = "附則\n（施行期日）\nこの法律は、公布の日から起算して六月を超えない日から施行する。"
    pages = [
        Page(f"{own(n)}\n{clause}\n{own(n + 90)}", f"https://law.example.jp/{n}") for n in range(5)
    ]
    found = grouped(tmp_path, pages)
    assert marked(pages[0], found[pages[0].url]) == clause.split("\n")


def test_lines_without_a_word_of_japanese_are_no_boilerplate(tmp_path: Path) -> None:
    pages = [
        Page(f"{own(n)}\n    }}\n  }}\n}}\n{own(n + 90)}", f"https://code.example.jp/{n}")
        for n in range(6)
    ]
    assert all(row["frequent_paragraphs"] == [] for row in grouped(tmp_path, pages).values())


def test_a_press_release_on_many_pages_is_a_copy_and_no_boilerplate(tmp_path: Path) -> None:
    release = own(1, 12)
    pages = [
        Page(edited(seeded(n), release, 0.002), f"https://news.example.jp/{n}") for n in range(12)
    ]
    found = grouped(tmp_path, pages)
    assert {row["cluster_size"] for row in found.values()} == {12}
    assert all(row["frequent_paragraphs"] == [] for row in found.values())
    assert {row["host_pages"] for row in found.values()} == {1}


def test_pages_of_many_hosts_are_counted_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frequent, "MARKED_ANYWHERE", 8)
    pages = [page for n in range(8) for page in posts(1, CALL, f"shop{n}.example.jp", n)]
    for row in grouped(tmp_path, pages).values():
        counts = {(mark["on_host"], mark["anywhere"]) for mark in row["frequent_paragraphs"]}
        assert counts == {(1, 8)}


def site() -> list[Page]:
    pages = [*posts(9, AUTHOR), *posts(7, CALL, "shop.example.jp", 20)]
    return [*pages, *posts(5, AUTHOR, "blog.example.jp", 40), *posts(3, CALL, "x.example.jp", 60)]


@pytest.mark.parametrize(("parts", "pack"), [(4, 10_000), (6, 4)])
def test_marks_do_not_depend_on_splits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: int, pack: int
) -> None:
    expected = grouped(tmp_path / "whole", site())
    monkeypatch.setattr(packs, "PACK_DOCUMENTS", pack)
    found = grouped(tmp_path / "split", site(), parts)
    assert found == expected
    assert found["https://blog.example.jp/0"]["frequent_paragraphs"][0]["on_host"] == 14


def test_two_workers_commit_the_same_bytes(tmp_path: Path) -> None:
    here, there = (
        make_run(tmp_path / name, {f"t{part}": site()[part::3] for part in range(3)})
        for name in ("here", "there")
    )
    group(here, InProcess())
    with Execution(2) as execution:
        group(there, execution)
    assert commits(here.groups) == commits(there.groups)


def test_it_can_be_left_out(tmp_path: Path) -> None:
    found = grouped(tmp_path, posts(6, AUTHOR), in_texts=InTexts(paragraphs=False))
    assert {(row["frequent_paragraphs"], row["host_pages"]) for row in found.values()} == {
        (None, None)
    }


def test_a_count_ends_where_no_recipe_asks_for_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a line on every page of a huge site is a few rows in each pack, and not millions."""
    monkeypatch.setattr(frequent, "PAGES_COUNTED", 7)
    monkeypatch.setattr(packs, "PACK_DOCUMENTS", 10)
    found = grouped(tmp_path, posts(30, AUTHOR), parts=3)
    assert {row["host_pages"] for row in found.values()} == {7}
    counted = {m["on_host"] for row in found.values() for m in row["frequent_paragraphs"]}
    assert counted == {7}


@given(st.lists(st.text("あ〇ア漢a1。}\n", max_size=30), max_size=8))
def test_paragraphs_are_taken_apart_each_text_by_itself(texts: list[str]) -> None:
    found = paragraphs(texts)
    lines = [text.split("\n") for text in texts]
    assert found.chars.tolist() == [len(line) for one in lines for line in one]
    for row, text in enumerate(texts):
        alone, ours = paragraphs([text]), found.text == row
        assert found.number[ours].tolist() == list(range(len(lines[row])))
        for name in ("chars", "hash", "run"):
            assert np.array_equal(getattr(found, name)[ours], getattr(alone, name))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 400), st.integers(1, 4))
def test_counts_are_those_of_counting_sets(seed: int, size: int, keys: int) -> None:
    chance = np.random.default_rng(seed)
    rows = np.zeros(size, RUN)
    rows["key"], rows["host"] = chance.integers(10, 10 + keys, size), chance.integers(1, 4, size)
    rows["page"], rows["pack"] = chance.integers(0, 40, size), chance.integers(0, 3, size)
    counted = counts_of(rows)
    told = {}
    for key, host, pack in {tuple(row) for row in rows[["key", "host", "pack"]].tolist()}:
        of_key = rows[rows["key"] == key]
        here = len(set(of_key["page"][of_key["host"] == host].tolist()))
        anywhere = len(set(of_key["page"].tolist()))
        if len(of_key) > 1 and here >= frequent.MARKED_ON_HOST:
            pair = np.array([key], np.uint64), np.array([host], np.uint64)
            told[int(frequent.on_a_host(*pair)[0]), pack] = (here, anywhere)
    names = ["run", "pack", "on_host", "anywhere"]
    assert {(run, pack): (a, b) for run, pack, a, b in counted[names].tolist()} == told
    assert np.array_equal(counts_of(chance.permutation(rows)), counted)
