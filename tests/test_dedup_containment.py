"""Contained texts: a post is found in the listing of its site that holds it, and nowhere else."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dedup import packs
from pipeline.dedup.containment import FRAGMENT, HOLDERS, PAIR, containers, pairs_of, sample
from pipeline.dedup.evaluation import evaluate, share_inside
from pipeline.dedup.survivors import FLOOR, KeepPolicy, remove_contained
from pipeline.errors import IntegrityError, OptionError, RecipeError
from pipeline.execution import Execution
from pipeline.jobs.group import InTexts, group
from pipeline.run import Run
from pipeline.selection.recipe import from_text, load
from pipeline.tasks import commits, part_path
from pipeline.text import dedup_view
from tests.made_run import InProcess, Page, make_run, selected
from tests.planted import article, seeded

POSTS = [article(seeded(seed), 400) for seed in range(40, 44)]
LISTING = "酒蔵だより　新着の記事\n" + "\n続きを読む\n".join(POSTS[:3])
NOTICE = article(seeded(70), 500)


def page(text: str, path: str, host: str = "blog.example.jp") -> Page:
    return Page(text, f"https://{host}/{path}")


def grouped(
    folder: Path, pages: Sequence[Page], parts: int = 1, **options: Any
) -> tuple[Run, dict[str, dict[str, Any]]]:
    run = make_run(folder, {f"t{part:02}": list(pages[part::parts]) for part in range(parts)})
    group(run, InProcess(), **options)
    done = commits(run.groups).values()
    tables = [pq.read_table(part_path(run.groups, commit, "groups")) for commit in done]
    rows = {row["id"]: row for row in pa.concat_tables(tables).to_pylist()}
    return run, {one.url: rows[one.id] for one in pages}


def test_a_post_is_found_in_the_listing_of_its_site(tmp_path: Path) -> None:
    listing = page(LISTING, "archive")
    pages = [listing, *(page(text, str(number)) for number, text in enumerate(POSTS))]
    _, found = grouped(tmp_path, pages)
    whole, *posts, elsewhere = found.values()
    assert [post["contained_in"] for post in posts] == [listing.id] * 3
    assert [post["containment"] for post in posts] == [1.0] * 3
    assert (whole["contained_in"], whole["containment"]) == (None, None)
    assert elsewhere["contained_in"] is None, "a post that the listing does not hold"
    assert {row["cluster_size"] for row in found.values()} == {1}, "none of this is near"


def test_a_site_is_a_registered_domain_and_strangers_who_quote_do_not_count(tmp_path: Path) -> None:
    listing = page(LISTING, "", "www.example.jp")
    pages = [listing, page(POSTS[0], "1"), page(POSTS[1], "1", "blog.example.com")]
    _, found = grouped(tmp_path, pages)
    _, ours, theirs = found.values()
    assert ours["contained_in"] == listing.id
    assert theirs["contained_in"] is None


def test_copies_do_not_contain_each_other_and_short_texts_are_not_judged(tmp_path: Path) -> None:
    pages = [page(POSTS[0], "a"), page(POSTS[0], "b"), page("", "c"), page(POSTS[0][:60], "d")]
    _, found = grouped(tmp_path, pages)
    assert [row["contained_in"] for row in found.values()] == [None] * 4


def test_a_page_of_little_but_boilerplate_passes_for_a_part_of_a_longer_one(tmp_path: Path) -> None:
    """An honest false positive: what the page says of its own is one sentence in twenty."""
    own = page("本日は臨時休業です。" + NOTICE, "closed")
    longer = page(POSTS[0] + NOTICE, "story")
    _, found = grouped(tmp_path, [own, longer])
    assert found[own.url]["contained_in"] == longer.id
    assert found[own.url]["containment"] >= 0.85
    assert (found[longer.url]["containment"] or 0) < FLOOR


def test_half_of_a_text_is_told_with_the_share(tmp_path: Path) -> None:
    half = page(article(seeded(50), 1_500) + article(seeded(51), 1_500), "half")
    longer = page(article(seeded(50), 1_500) + article(seeded(52), 4_000), "longer")
    _, found = grouped(tmp_path, [half, longer])
    exact = share_inside(dedup_view(half.text), dedup_view(longer.text), 8)
    assert found[half.url]["containment"] == pytest.approx(exact, abs=0.15)


def site_of(posts: int) -> list[Page]:
    """Posts, some twice under another address, and listings of five posts each."""
    texts = [article(seeded(60 + number), 300) for number in range(posts)]
    pages = [page(text, f"post/{number}") for number, text in enumerate(texts)]
    pages += [page(text, f"amp/{number}") for number, text in enumerate(texts[::7])]
    starts = range(0, posts, 5)
    return [*pages, *(page("\n".join(texts[start : start + 5]), f"{start}/") for start in starts)]


@pytest.mark.parametrize(("parts", "pack"), [(5, 20), (3, 10_000)])
def test_containers_do_not_depend_on_splits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: int, pack: int
) -> None:
    pages = site_of(40)
    _, expected = grouped(tmp_path / "whole", pages)
    monkeypatch.setattr(packs, "PACK_DOCUMENTS", pack)
    _, found = grouped(tmp_path / "split", pages, parts)
    assert found == expected
    assert sum(row["contained_in"] is not None for row in found.values()) >= 46


def test_pages_that_were_read_twice_are_as_contained_as_once(tmp_path: Path) -> None:
    pages = site_of(10)
    _, expected = grouped(tmp_path / "once", pages)
    run = make_run(tmp_path / "twice", {"t00": pages, "t01": pages})
    group(run, InProcess())
    for task in ("t00", "t01"):
        rows = pq.read_table(next(Path(run.groups).glob(f"{task}-groups-*"))).to_pylist()
        for page, row in zip(pages, rows, strict=True):
            for name in ("contained_in", "containment"):
                assert row[name] == expected[page.url][name]


def test_two_workers_commit_the_same_bytes(tmp_path: Path) -> None:
    pages = site_of(10)
    here, _ = grouped(tmp_path / "here", pages, 2)
    there = make_run(tmp_path / "there", {f"t{part:02}": list(pages[part::2]) for part in range(2)})
    with Execution(2) as execution:
        group(there, execution)
    assert commits(here.groups) == commits(there.groups)


def test_it_can_be_left_out_and_no_text_is_read(tmp_path: Path) -> None:
    execution = InProcess()
    pages = [page(LISTING, "archive"), page(POSTS[0], "1")]
    run = make_run(tmp_path, {"t00": pages})
    found = group(run, execution, in_texts=InTexts(contained=False, paragraphs=False))
    assert found.contained == 0
    assert len(execution.done) == 9, "a task for each of the other steps"
    assert group(run, InProcess()).contained == 1, "asked for, it is grouped again"


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(200, 3_000), st.floats(0, 1))
def test_a_sample_estimates_the_share_inside(seed: int, chars: int, share: float) -> None:
    chance = seeded(seed)
    inner = article(chance, chars)
    outer = article(chance, 500) + inner[: int(share * len(inner))]
    (ours, _), (theirs, _) = sample([dedup_view(inner)]), sample([dedup_view(outer)])
    exact = share_inside(dedup_view(inner), dedup_view(outer), 8)
    estimate = np.isin(ours, theirs).sum() / max(1, len(ours))
    assert abs(estimate - exact) < 5 * np.sqrt(0.25 / max(1, len(ours)))


@given(st.lists(st.text(max_size=200), max_size=20))
def test_a_sample_does_not_depend_on_neighbours(views: list[str]) -> None:
    grams, owners = sample(views)
    assert (np.diff(owners) >= 0).all()
    for row, view in enumerate(views):
        assert np.array_equal(grams[owners == row], sample([view])[0])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 25), st.integers(1, 30))
def test_pairs_are_those_of_comparing_everybody(seed: int, texts: int, grams: int) -> None:
    chance = np.random.default_rng(seed)
    rows = fragments_of(chance, min(texts, HOLDERS), grams)
    counted = {(row["inner"], row["outer"]): row["shared"] for row in pairs_of(rows)}
    expected = {
        (ours["id"], theirs["id"]): len(set(ours["keys"]) & set(theirs["keys"]))
        for ours in by_text(rows)
        for theirs in by_text(rows)
        if ours["chars"] < theirs["chars"] and set(ours["keys"]) & set(theirs["keys"])
    }
    assert counted == expected
    shuffled = pairs_of(chance.permutation(rows))
    assert np.array_equal(shuffled, pairs_of(rows))
    halves = np.concatenate([pairs_of(rows[rows["key"] % 2 == half]) for half in (0, 1)])
    assert np.array_equal(containers(halves), containers(shuffled))


def fragments_of(chance: np.random.Generator, texts: int, grams: int) -> np.ndarray:
    """Texts of different lengths with some of a few grams each; a few have the same length."""
    has = chance.random((texts, grams)) < 0.6
    text, key = np.nonzero(has)
    rows = np.zeros(len(text), FRAGMENT)
    rows["key"], rows["id"], rows["row"] = key, text, text
    rows["chars"] = chance.integers(1, 2 * texts + 1, texts)[text]
    rows["grams"] = has.sum(axis=1)[text]
    return rows


def by_text(rows: np.ndarray) -> list[dict[str, Any]]:
    return [
        {"id": name, "chars": own["chars"][0], "keys": own["key"].tolist()}
        for name in np.unique(rows["id"])
        for own in [rows[rows["id"] == name]]
    ]


def test_of_containers_that_hold_as_much_the_longest_is_named_then_the_smallest_id() -> None:
    pairs = np.zeros(4, PAIR)
    pairs["inner"], pairs["grams"] = 9, 10
    pairs["outer"] = pairs["outer_at"][:, 1] = [1, 2, 3, 4]
    pairs["chars"], pairs["shared"] = [900, 950, 950, 999], [9, 9, 9, 8]
    assert containers(pairs)["outer_at"][:, 1].tolist() == [2]
    assert len(containers(pairs[:0])) == 0


def test_contained_pages_are_held_against_a_list(tmp_path: Path) -> None:
    pages = [page(LISTING, "archive"), *(page(text, f"{n}") for n, text in enumerate(POSTS))]
    run, _ = grouped(tmp_path / "run", pages)
    urls = [one.url for one in pages]
    rows = [("F1", urls[0], urls[1]), ("F2", urls[0], urls[4])]
    listed = [f"{name}\t{url}\tcontained" for name, *both in rows for url in both]
    path = tmp_path / "truth.tsv"
    path.write_text("\n".join(["family\turl\tkind", *listed]) + "\n", encoding="utf-8")
    found = evaluate(run.path, str(path))
    _, long_pages = found.contained
    assert str(long_pages.recall) == "0.5000 of 2"
    assert str(long_pages.recall_by_list_rule) == "1.0000 of 1", "the list is wrong about the other"
    assert str(long_pages.precision) == str(long_pages.precision_by_own_rule) == "1.0000 of 3"
    assert "contained, from 0.85" in "\n".join(found.lines())


CONTAINED = "extends: raw\nduplicates: {contained: remove}\n"


def archive(tmp_path: Path) -> tuple[Run, list[Page]]:
    """A listing with its three posts, and a book of the year that holds the listing."""
    book = page(LISTING + "\n" + "\n".join(article(seeded(80 + n), 400) for n in range(3)), "book")
    pages = [page(POSTS[0], "0"), page(POSTS[1], "1"), page(LISTING, "archive"), book]
    return grouped(tmp_path, pages, parts=2)[0], pages


def decided(run: Run) -> dict[str, dict[str, Any]]:
    folder = f"{run.selected('trial')}/decisions"
    done = commits(folder).values()
    tables = [pq.read_table(part_path(folder, commit, "decisions")) for commit in done]
    return {row["id"]: row for row in pa.concat_tables(tables).to_pylist()}


def test_contained_texts_stay_unless_a_recipe_removes_them(tmp_path: Path) -> None:
    run, pages = archive(tmp_path)
    selected(run, load("raw"))
    assert all(row["kept"] for row in decided(run).values())
    manifest = selected(run, from_text(CONTAINED))
    rows = decided(run)
    *inner, book = (rows[one.id] for one in pages)
    assert book["kept"]
    assert [row["survivor_id"] for row in inner] == [pages[-1].id] * 3
    assert [row["similarity"] for row in inner] == [1.0] * 3
    assert inner[0]["reasons"] == [
        {"rule": "contained", "value": 1.0, "threshold": pytest.approx(0.85)}
    ]
    assert manifest["totals"]["left_out_by_any_reason"]["contained"] == 3


def test_a_container_that_is_left_out_stands_for_nobody(tmp_path: Path) -> None:
    run, pages = archive(tmp_path)
    longest = len(pages[-1].text) - 1
    selected(run, from_text(f"{CONTAINED}ranges: {{n_chars: {{max: {longest}}}}}"))
    rows = decided(run)
    assert [rows[one.id]["kept"] for one in pages] == [True, True, True, False]


def test_a_contained_text_takes_no_place_under_a_cap(tmp_path: Path) -> None:
    _, pages = archive(tmp_path / "first")
    stranger = page(article(seeded(90), 300), "other")
    run, _ = grouped(tmp_path / "more", [*pages, stranger])
    selected(run, from_text(f"{CONTAINED}caps: {{host: 2}}"))
    rows = decided(run)
    assert [rows[one.id]["kept"] for one in (pages[-1], stranger)] == [True, True]


@given(st.lists(st.tuples(st.integers(0, 2**32), st.booleans()), max_size=60))
def test_nobody_is_removed_but_for_a_container_that_stays(drawn: list[tuple[int, bool]]) -> None:
    """Rows are in the order of length here, the longest first."""
    container = np.array([number % (row + 1) - 1 for row, (number, _) in enumerate(drawn)], int)
    stays = np.array([there for _, there in drawn], bool)
    removed = remove_contained(container, stays)
    left = stays & ~removed
    for row in range(len(drawn)):
        due = container[row] >= 0 and left[container[row]]
        assert removed[row] == (stays[row] and due)


def test_documents_that_contain_each_other_are_refused() -> None:
    with pytest.raises(IntegrityError, match="2 documents contain one another in a circle"):
        remove_contained(np.array([1, 0]), np.ones(2, bool))


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("duplicates: {contained: drop}", "keep"),
        ("duplicates: {contained: remove, containment: 0.2}", "0.5"),
        ("duplicates: {contained: remove, copies: all}", "`all` removes nothing"),
    ],
)
def test_a_wrong_setting_is_refused(written: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        from_text(written)


@pytest.mark.parametrize("wrong", [{"contained": "drop"}, {"containment": 0.3}])
def test_a_wrong_policy_is_refused(wrong: Any) -> None:
    with pytest.raises(OptionError, match="expected"):
        KeepPolicy(**wrong)
