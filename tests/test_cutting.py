"""Cutting frequent paragraphs: out of the shards' text, written down, and never to a stump."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import OptionError, RecipeError, RunError
from pipeline.explain import explain, explain_text
from pipeline.jobs.group import InTexts, group
from pipeline.run import Run
from pipeline.selection.cutting import CutPolicy, chars_left, cut_columns, cut_table, cuts, without
from pipeline.selection.recipe import Recipe, from_text, load, restored
from schemas import FREQUENT_PARAGRAPHS, GROUPS
from tests.made_run import InProcess, Page, make_run, selected
from tests.planted import article, seeded

BOX = ["この記事を書いた人", "小林", "蔵めぐりを二十年続けています。連絡は kura@example.jp まで。"]
CUT = "paragraphs: {frequent: cut}"


def post(number: int, chars: int = 200) -> str:
    return article(seeded(number), chars)


def pages(count: int) -> list[Page]:
    """A blog with the same box under every post, and a page of another site."""
    texts = ["\n".join([post(n), *BOX]) for n in range(count)]
    blog = [Page(text, f"https://blog.example.jp/{n}") for n, text in enumerate(texts)]
    return [*blog, Page(post(500), "https://other.example.jp/")]


def run_of(folder: Path, found: list[Page], in_texts: InTexts | None = None) -> Run:
    run = make_run(folder, {"t1": found[::2], "t2": found[1::2]})
    group(run, InProcess(), in_texts=in_texts or InTexts())
    return run


def rows(run: Run, files: str) -> dict[str, dict[str, Any]]:
    paths = [str(path) for path in Path(run.selected("trial")).glob(files)]
    return {row["id"]: row for row in ds.dataset(paths).to_table().to_pylist()}


def test_the_box_under_every_post_goes_and_is_written_down(tmp_path: Path) -> None:
    found = pages(12)
    run = run_of(tmp_path, found)
    manifest = selected(run, from_text(CUT))
    shards, decisions = rows(run, "shard-*.parquet"), rows(run, "decisions/*.parquet")
    hashes = b"".join(xxhash.xxh3_64_intdigest(line.encode()).to_bytes(8, "little") for line in BOX)
    for number, page in enumerate(found[:-1]):
        row = shards[page.id]
        assert row["text"] == post(number)
        assert row["n_chars"] == len(post(number))
        assert row["cut_chars"] == sum(map(len, BOX))
        assert row["cut_hash"] == xxhash.xxh3_128_digest(hashes)
    other = shards[found[-1].id]
    assert (other["text"], other["cut_chars"], other["cut_hash"]) == (found[-1].text, 0, None)
    for name, row in shards.items():
        assert (row["cut_chars"], row["cut_hash"]) == tuple(
            decisions[name][column] for column in ("cut_chars", "cut_hash")
        )
    assert manifest["totals"]["cut"] == {"characters": 12 * sum(map(len, BOX)), "documents": 12}
    assert manifest["totals"]["kept_characters"] == sum(row["n_chars"] for row in shards.values())
    assert restored(manifest["recipe"]).paragraphs == CutPolicy("cut")


def test_nothing_is_cut_unless_a_recipe_says_so(tmp_path: Path) -> None:
    found = pages(12)
    run = run_of(tmp_path, found)
    assert selected(run, Recipe("r"))["totals"]["cut"] == {}
    shards = rows(run, "shard-*.parquet")
    assert all(BOX[0] in shards[page.id]["text"] for page in found[:-1])
    assert {(row["cut_chars"], row["cut_hash"]) for row in shards.values()} == {(None, None)}
    assert load("default").paragraphs.frequent == "keep"
    assert load("strict").paragraphs == CutPolicy("cut", 10, 0.1, 1_000)


def test_what_is_cut_is_not_masked_any_more(tmp_path: Path) -> None:
    run = run_of(tmp_path, pages(12))
    assert selected(run, from_text("mask: [email]"))["totals"]["masked"] == {"email": 12}
    assert selected(run, from_text(f"mask: [email]\n{CUT}"))["totals"]["masked"] == {}


def test_a_box_on_fewer_pages_than_the_recipe_asks_for_stays(tmp_path: Path) -> None:
    run = run_of(tmp_path, pages(9))
    assert selected(run, from_text(CUT))["totals"]["cut"] == {}
    lower = selected(run, from_text("paragraphs: {frequent: cut, pages: 9}"))
    assert lower["totals"]["cut"]["documents"] == 9


def test_a_page_of_which_a_stump_is_left_is_left_out_and_says_so(tmp_path: Path) -> None:
    found = [*pages(12), Page("\n".join(["近況です。", *BOX]), "https://blog.example.jp/stub")]
    run = run_of(tmp_path, found)
    manifest = selected(run, from_text(CUT))
    reasons = rows(run, "decisions/*.parquet")[found[-1].id]["reasons"]
    assert reasons == [{"rule": "paragraphs.left", "value": 5.0, "threshold": 50.0}]
    assert manifest["totals"]["left_out_by_first_reason"] == {"paragraphs.left": 1}
    told = explain(run.path, found[-1].id, None, "trial")
    assert "without its frequent paragraphs 5 characters are left; 50 is the least" in told
    assert "3 of its paragraphs" in told
    assert "on up to 13 of the 13 of its host" in told


def test_a_run_whose_paragraphs_were_not_counted_is_refused(tmp_path: Path) -> None:
    run = run_of(tmp_path, pages(3), InTexts(paragraphs=False))
    assert selected(run, Recipe("r"))["totals"]["kept"] == 4
    with pytest.raises(RunError, match="without --no-paragraphs"):
        selected(run, from_text(CUT))


def test_a_text_by_itself_has_no_frequent_paragraphs() -> None:
    assert "Nothing in the recipe" in explain_text(post(1), from_text(CUT))


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("{frequent: remove}", "one of keep, cut"),
        ("{frequent: cut, pages: 4}", "a whole number from 5"),
        ("{frequent: cut, anywhere: 20000}", "a whole number from 100 to 10000"),
        ("{frequent: cut, share: 110%}", "a share such as 10%"),
        ("{frequent: cut, left: 0}", "a whole number from 1"),
        ("{rows: 3}", "rows"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_is_expected(written: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        from_text(f"paragraphs: {written}")


@pytest.mark.parametrize(
    "wrong", [{"frequent": "x"}, {"pages": 1}, {"anywhere": 99}, {"share": 2}, {"left": 0}]
)
def test_a_wrong_policy_is_refused(wrong: Any) -> None:
    with pytest.raises(OptionError, match="expected"):
        CutPolicy(**wrong)


MARK = st.tuples(st.integers(0, 20), st.integers(1, 40), st.integers(100, 2_000))


@given(
    st.lists(st.tuples(st.lists(MARK, max_size=6), st.integers(1, 200)), min_size=1, max_size=8),
    st.integers(5, 40),
    st.floats(0, 1),
)
def test_a_mark_is_cut_by_its_own_counts_alone(
    drawn: list[tuple[list[tuple[int, int, int]], int]], pages: int, share: float
) -> None:
    lists = [
        [
            {"paragraph": n, "chars": c, "hash": n, "on_host": c, "anywhere": a}
            for n, (_, c, a) in enumerate(marks)
        ]
        for marks, _ in drawn
    ]
    host_pages = [host for _, host in drawn]
    policy = CutPolicy("cut", pages, share, 1_000)
    cut = cuts(policy, pa.array(lists, FREQUENT_PARAGRAPHS), pa.array(host_pages, pa.int32()))
    expected = [
        [
            mark
            for mark in marks
            if (mark["on_host"] >= pages and mark["on_host"] >= share * host)
            or mark["anywhere"] >= 1_000
        ]
        for marks, host in zip(lists, host_pages, strict=True)
    ]
    assert cut.to_pylist() == expected
    chars, hashes = (column.to_pylist() for column in cut_columns(cut))
    assert chars == [sum(mark["chars"] for mark in marks) for marks in expected]
    assert [value is None for value in hashes] == [not marks for marks in expected]


@given(st.lists(st.text("あ亜。", max_size=5), min_size=1, max_size=8), st.data())
def test_what_is_left_is_the_other_paragraphs_in_order(
    lines: list[str], data: st.DataObject
) -> None:
    gone = sorted(data.draw(st.sets(st.integers(0, len(lines) - 1))))
    left = [line for number, line in enumerate(lines) if number not in gone]
    assert without("\n".join(lines), gone) == "\n".join(left)
    marks = [
        {"paragraph": n, "chars": len(lines[n]), "hash": n, "on_host": 9, "anywhere": 9}
        for n in gone
    ]
    cut = pa.array([marks], FREQUENT_PARAGRAPHS)
    text = "\n".join(lines)
    table = pa.table({"text": [text], "n_chars": pa.array([len(text)], pa.int32())})
    after = cut_table(table, cut)
    assert after["text"].to_pylist() == ["\n".join(left)]
    assert after["n_chars"].to_pylist() == chars_left(np.array([len(text)]), cut).tolist()


def test_the_marks_are_a_column_of_groups_and_never_of_a_range() -> None:
    assert GROUPS.arrow.field("frequent_paragraphs").type == FREQUENT_PARAGRAPHS
    with pytest.raises(RecipeError, match="frequent_paragraphs"):
        from_text("ranges: {frequent_paragraphs: {max: 3}}")
    assert from_text("ranges: {host_pages: {min: 2}}").ranges["host_pages"].minimum == 2
