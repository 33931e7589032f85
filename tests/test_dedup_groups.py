"""Grouping: the same groups however a run is cut, worked on, or stopped; and what a list says."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dedup import buckets, packs
from pipeline.dedup.buckets import (
    DEFAULT,
    SHAPES,
    BandShape,
    band_keys,
    band_rows,
    link,
    sketched,
    sketches,
    unequal_slots,
)
from pipeline.dedup.chain import Chain
from pipeline.dedup.components import alternate, forest
from pipeline.dedup.evaluation import evaluate
from pipeline.dedup.signatures import signatures, similarity, slots
from pipeline.dedup.survivors import KeepPolicy
from pipeline.errors import InputError, IntegrityError, OptionError, RunError
from pipeline.execution import Execution
from pipeline.jobs.group import group
from pipeline.run import Run
from pipeline.tasks import commits, part_path, withdraw
from pipeline.text import dedup_view
from schemas import GROUPS
from tests.made_run import InProcess, Page, make_run
from tests.planted import article, drifting, edited, families, find, links, members, seeded

SAKE = article(seeded(1), 500)
SAKE_AGAIN = edited(seeded(2), SAKE, 0.01)
TEA = article(seeded(3), 500)
SHORT = "新米、入荷しました。"

PAGES = [
    Page(SAKE, "https://sake.example.jp/1"),
    Page(SAKE_AGAIN, "https://mirror.example.jp/1"),
    Page(SAKE, "https://copy.example.jp/1"),
    Page(TEA, "https://tea.example.jp/"),
    Page(SHORT, "https://rice.example.jp/a"),
    Page(SHORT, "https://rice.example.jp/b"),
    Page(SHORT + "ぜひ", "https://rice.example.jp/c"),
]


def run_of(folder: Path, pages: Sequence[Page], parts: int = 1) -> Run:
    return make_run(folder, {f"t{part:02}": list(pages[part::parts]) for part in range(parts)})


def groups(run: Run) -> pa.Table:
    done = commits(run.groups).values()
    read = [pq.read_table(part_path(run.groups, commit, "groups")) for commit in done]
    return pa.concat_tables(read).sort_by("id")


def by_url(run: Run, pages: Sequence[Page]) -> dict[str, dict[str, Any]]:
    rows = {row["id"]: row for row in groups(run).to_pylist()}
    return {page.url: rows[page.id] for page in pages}


def test_exact_and_near_copies_are_grouped_and_counted(tmp_path: Path) -> None:
    run = run_of(tmp_path, PAGES)
    found = group(run, InProcess())
    sake, near, copy, tea, short, again, longer = by_url(run, PAGES).values()

    assert sake["exact_id"] == copy["exact_id"] == min(sake["id"], copy["id"])
    assert sake["exact_size"] == copy["exact_size"] == 2
    assert near["exact_size"] == 1
    assert sake["cluster_id"] == near["cluster_id"] == min(row["id"] for row in (sake, near, copy))
    assert sake["cluster_size"] == 3
    assert (tea["cluster_id"], tea["cluster_size"]) == (tea["id"], 1)
    assert short["exact_size"] == again["cluster_size"] == 2
    assert longer["cluster_size"] == 1, "a text without a signature has exact copies only"
    assert (found.documents, found.exact_copies, found.clustered, found.clusters) == (7, 2, 5, 4)


def test_documents_without_any_text_are_nobodys_copies(tmp_path: Path) -> None:
    run = run_of(tmp_path, [Page("", f"https://empty.example.jp/{n}") for n in range(3)])
    group(run, InProcess())
    assert groups(run)["exact_id"].equals(groups(run)["id"])
    assert set(groups(run)["cluster_size"].to_pylist()) == {1}


def test_a_part_of_groups_stands_beside_its_part_of_documents(tmp_path: Path) -> None:
    run = run_of(tmp_path, PAGES, parts=3)
    group(run, InProcess())
    documents, done = commits(run.documents), commits(run.groups)
    for task, commit in documents.items():
        path = part_path(run.groups, done[task], "groups")
        assert pq.read_schema(path).equals(GROUPS.arrow, check_metadata=True)
        ids = pq.read_table(part_path(run.documents, commit, "documents"), columns=["id"])
        assert pq.read_table(path)["id"].equals(ids["id"])


def test_a_document_that_was_read_twice_is_one_copy_of_itself(tmp_path: Path) -> None:
    """The same record comes twice where a file was given under two names: twice the same id."""
    run = make_run(tmp_path, {"t1": PAGES[:4], "t2": [PAGES[0], PAGES[3]]})
    found = group(run, InProcess())
    sake, near, _, tea, again, tea_again = groups_in_order(run)
    assert (sake, tea) == (again, tea_again)
    assert (sake["exact_size"], near["cluster_size"], tea["exact_size"]) == (3, 4, 2)
    assert (found.documents, found.exact_copies, found.clustered, found.clusters) == (6, 3, 6, 2)


def groups_in_order(run: Run) -> list[dict[str, Any]]:
    done = commits(run.groups).values()
    read = [pq.read_table(part_path(run.groups, commit, "groups")) for commit in done]
    rows: list[dict[str, Any]] = pa.concat_tables(read).to_pylist()
    return rows


def planted_pages(documents: int) -> list[Page]:
    texts = [text for family in families(seeded(7), documents) for text in family]
    texts += drifting(seeded(8), article(seeded(9), 300), 40, 0.02)
    texts += texts[:20] + [SHORT] * 3
    return [
        Page(text, f"https://site{number % 50}.example.jp/{number}")
        for number, text in enumerate(texts)
    ]


@pytest.mark.parametrize(
    ("parts", "pack", "links_for_one_worker"),
    [(1, 10_000, 10**9), (7, 100, 10**9), (5, 60, 0)],
    ids=["one pack", "many packs", "many packs, in rounds"],
)
def test_groups_depend_neither_on_splits_nor_on_the_way_to_the_components(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    parts: int,
    pack: int,
    links_for_one_worker: int,
) -> None:
    pages = planted_pages(400)
    monkeypatch.setattr(packs, "PACK_DOCUMENTS", pack)
    run = run_of(tmp_path, pages, parts)
    found = group(run, InProcess(), links_for_one_worker=links_for_one_worker)
    assert (found.rounds > 0) == (links_for_one_worker == 0)
    assert found.buckets_over_cap == 0
    assert by_content(groups(run)) == expected_groups(pages)


def by_content(table: pa.Table) -> dict[str, tuple[str, int, str, int]]:
    rows = table.to_pylist()
    return {
        row["id"]: (row["exact_id"], row["exact_size"], row["cluster_id"], row["cluster_size"])
        for row in rows
    }


def expected_groups(pages: Sequence[Page]) -> dict[str, tuple[str, int, str, int]]:
    """The same groups, made in memory from the rows of a table of members."""
    table = members([dedup_view(page.text) for page in pages])
    ids = [page.id for page in pages]
    exact = [int(name, 16) for name in table["exact_id"].to_pylist()]
    cluster = [int(name, 16) for name in table["cluster_id"].to_pylist()]
    cluster = [cluster[row] for row in exact]

    def of_group(groups: Sequence[int], row: int) -> tuple[str, int]:
        same = [ids[other] for other, group in enumerate(groups) if group == groups[row]]
        return min(same), len(same)

    return {ids[row]: (*of_group(exact, row), *of_group(cluster, row)) for row in range(len(ids))}


@pytest.mark.parametrize(
    "execution",
    [Execution(2), Execution(beam_args=["--runner=BundleBasedDirectRunner"])],
    ids=["two workers", "another Beam runner"],
)
def test_wherever_the_work_is_done_the_same_bytes_are_committed(
    tmp_path: Path, execution: Execution
) -> None:
    pages = planted_pages(60)
    here, there = run_of(tmp_path / "here", pages, 3), run_of(tmp_path / "there", pages, 3)
    group(here, InProcess())
    with execution:
        group(there, execution)
    assert commits(here.groups) == commits(there.groups)


def test_what_is_grouped_is_not_grouped_again(tmp_path: Path) -> None:
    run = run_of(tmp_path, PAGES, 2)
    first = group(run, InProcess())
    again = InProcess()
    assert group(run, again) == first
    assert again.done == []


def test_what_a_run_that_died_at_its_end_has_left_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(_chain: Chain) -> None:
        raise KeyboardInterrupt

    run = run_of(tmp_path / "run", PAGES, 2)
    steps = tmp_path / "run" / "groups" / "steps"
    with monkeypatch.context() as patched:
        patched.setattr(Chain, "clear", dies)
        with pytest.raises(KeyboardInterrupt):
            group(run, InProcess())
    assert steps.exists()
    again = InProcess()
    group(run, again)
    assert again.done == []
    assert not steps.exists()


def test_another_shape_groups_again(tmp_path: Path) -> None:
    run = run_of(tmp_path, PAGES)
    group(run, InProcess())
    found = group(run, InProcess(), BandShape(1, 128, 1.0))
    assert found.clusters == 5, "only exact copies are left together"


def test_a_stopped_run_goes_on_between_its_rounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(InProcess):
        def run(
            self, name: str, work: Callable[[Any], None], tasks: Sequence[Any], folder: str
        ) -> None:
            if name == "group: round-02-small":
                raise KeyboardInterrupt
            super().run(name, work, tasks, folder)

    monkeypatch.setattr(packs, "PACK_DOCUMENTS", 60)
    run = run_of(tmp_path / "run", planted_pages(200), 4)
    with pytest.raises(KeyboardInterrupt):
        group(run, Stopped(), links_for_one_worker=0)
    rest = InProcess()
    group(run, rest, links_for_one_worker=0)
    whole = InProcess()
    other = run_of(tmp_path / "other", planted_pages(200), 4)
    group(other, whole, links_for_one_worker=0)
    assert len(rest.done) < len(whole.done)
    assert commits(run.groups) == commits(other.groups)
    assert not (tmp_path / "run" / "groups" / "steps").exists(), "nothing is left lying about"


@pytest.mark.parametrize("links_for_one_worker", [10**9, 0], ids=["one worker", "in rounds"])
def test_joining_an_old_run_gives_the_groups_of_both_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links_for_one_worker: int
) -> None:
    pages = [*planted_pages(300), *PAGES, Page("", "https://empty.example.jp/")]
    old_pages, new_pages = pages[::2], pages[1::2]
    both = run_of(tmp_path / "both", pages, 3)
    group(both, InProcess())
    monkeypatch.setattr(packs, "PACK_DOCUMENTS", 50)
    old, new = run_of(tmp_path / "old", old_pages, 5), run_of(tmp_path / "new", new_pages, 2)
    group(old, InProcess())
    before = commits(old.groups)
    group(
        new,
        InProcess(),
        against=[old.path],
        links_for_one_worker=links_for_one_worker,
    )
    expected = by_content(groups(both))
    assert by_content(groups(new)) == {page.id: expected[page.id] for page in new_pages}
    assert commits(old.groups) == before, "the old run stays as it is"


def test_only_runs_of_the_same_shape_and_in_one_line_can_be_joined_to(tmp_path: Path) -> None:
    first, second, third, fourth = (
        run_of(tmp_path / name, PAGES[:count]) for count, name in enumerate("abcd", 4)
    )
    withdraw(first.groups, "t00")
    with pytest.raises(RunError, match="Group this run first"):
        group(second, InProcess(), against=[first.path])
    group(first, InProcess(), SHAPES["fineweb2"])
    with pytest.raises(RunError, match="Give the old run's shape"):
        group(second, InProcess(), against=[first.path])
    group(first, InProcess())
    group(second, InProcess(), against=[first.path])
    with pytest.raises(RunError, match="was itself joined to another run"):
        group(third, InProcess(), against=[second.path])
    group(third, InProcess(), against=[first.path])
    with pytest.raises(RunError, match="is not joined to this run"):
        group(fourth, InProcess(), against=[second.path, third.path, first.path])


def test_an_empty_run_has_empty_groups(tmp_path: Path) -> None:
    run = run_of(tmp_path, [], 2)
    assert group(run, InProcess()).documents == 0
    assert groups(run).num_rows == 0


def test_a_run_that_is_not_extracted_cannot_be_grouped(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no run here"):
        group(Run(str(tmp_path)), InProcess())


def test_ids_that_are_none_are_named(tmp_path: Path) -> None:
    run = run_of(tmp_path, [Page(SAKE, columns={"id": "まだない"})])
    with pytest.raises(IntegrityError, match="32 hexadecimal digits expected"):
        group(run, InProcess())


def test_planted_copies_are_found_and_strangers_are_left_alone() -> None:
    found = find(families(seeded(11), 1_500), KeepPolicy())
    assert found.due > 200
    assert found.due_removed >= 0.99 * found.due
    assert (found.exact < 0.6).sum() <= 0.001 * len(found.exact)
    assert np.abs(found.exact - found.estimated).mean() < 0.03


def numbers(texts: Sequence[str]) -> np.ndarray:
    return slots(signatures(texts))


def test_no_pair_over_the_threshold_is_lost_to_its_sketch() -> None:
    chance = seeded(13)
    texts = [article(chance, 300) for _ in range(300)]
    ours, theirs = numbers(texts), numbers([edited(chance, text, 0.02) for text in texts])
    unequal = unequal_slots(sketches(ours), sketches(theirs))
    assert (unequal <= (ours != theirs).sum(axis=1)).all()
    alike = similarity(ours, theirs) >= DEFAULT.threshold
    assert alike.any()
    assert (unequal[alike] <= DEFAULT.unequal_allowed).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 60), st.integers(2, 40), st.integers(0, 2**32 - 1))
def test_links_connect_what_all_confirmed_pairs_connect(texts: int, keys: int, seed: int) -> None:
    chance = np.random.default_rng(seed)
    rows, looks = crowded_rows(chance, texts, keys)
    linked = link(rows, looks, DEFAULT)
    left, right = np.triu_indices(len(rows), 1)
    together = rows["key"][left] == rows["key"][right]
    sketch = looks["sketch"][rows["node"].astype(int)]
    alike = unequal_slots(sketch[left], sketch[right]) <= DEFAULT.unequal_allowed
    pairs = together & alike
    expected = forest(rows["node"][left[pairs]], rows["node"][right[pairs]])
    assert np.array_equal(linked.nodes, expected[0])
    assert np.array_equal(linked.roots, expected[1])
    shuffled = link(chance.permutation(rows), chance.permutation(looks), DEFAULT)
    assert np.array_equal(shuffled.roots, linked.roots)


def crowded_rows(
    chance: np.random.Generator, texts: int, keys: int
) -> tuple[np.ndarray, np.ndarray]:
    """Texts in two buckets each, of few keys; each a version of one of five others."""
    originals = chance.integers(0, 2**16, (5, 128), np.uint16)
    signature = originals[chance.integers(0, 5, texts)]
    changed = chance.random((texts, 128)) < chance.choice([0, 0.1, 0.25, 0.4], (texts, 1))
    signature = np.where(changed, chance.integers(0, 2**16, signature.shape, np.uint16), signature)
    nodes = np.arange(texts, dtype=np.uint64)
    buckets = chance.integers([0, keys], [keys, 2 * keys], (texts, 2), np.uint64)
    return band_rows(nodes, buckets), sketched(nodes, signature)


def test_a_hot_bucket_is_compared_to_hubs_and_counted() -> None:
    chance = np.random.default_rng(1)
    original = chance.integers(0, 2**16, 128, np.uint16)
    changed = chance.random((3_000, 128)) < 0.05
    versions = np.where(changed, chance.integers(0, 2**16, (3_000, 128), np.uint16), original)
    strangers = chance.integers(0, 2**16, (2_000, 128), np.uint16)
    nodes = chance.permutation(5_000).astype(np.uint64)
    rows = band_rows(nodes, np.zeros((5_000, 1), np.uint64))
    looks = sketched(nodes, np.concatenate([versions, strangers]))
    linked = link(rows, looks, DEFAULT)
    assert linked.buckets_over_cap == 1
    assert len(linked.nodes) == 2_999, "all versions are one component"
    assert linked.left_over <= 2_000
    again = link(chance.permutation(rows), looks, DEFAULT)
    assert np.array_equal(again.nodes, linked.nodes)


def test_equal_sketches_cost_nothing_however_many() -> None:
    nodes, same = np.arange(5_000, dtype=np.uint64), np.repeat(numbers([SAKE]), 5_000, 0)
    linked = link(band_rows(nodes, band_keys(same, DEFAULT)), sketched(nodes, same), DEFAULT)
    assert len(linked.nodes) == 4_999
    assert linked.buckets_over_cap == 0


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_shape_meets_the_pairs_that_it_is_made_for(shape: BandShape) -> None:
    chance = np.random.default_rng(2)
    ours = chance.integers(0, 2**16, (4_000, 128), np.uint16)
    changed = chance.random(ours.shape) >= shape.threshold
    theirs = np.where(changed, chance.integers(0, 2**16, ours.shape, np.uint16), ours)
    met = (buckets.band_keys(ours, shape) == buckets.band_keys(theirs, shape)).any(axis=1)
    assert met.mean() == pytest.approx(shape.meets(shape.threshold), abs=0.03)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ((22, 6, 0.75), "22x6 found, two numbers from 1 expected whose product is at most 128"),
        ((0, 6, 0.75), "0x6 found"),
        ((21, 6, 1.5), "threshold: 1.5 found"),
    ],
)
def test_a_wrong_shape_says_what_is_wrong(wrong: tuple[int, int, float], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        BandShape(*wrong)


def truth_file(folder: Path, families: Mapping[str, tuple[str, Sequence[str]]]) -> str:
    rows = [f"{family}\t{url}\t{kind}" for family, (kind, urls) in families.items() for url in urls]
    path = folder / "truth.tsv"
    path.write_text("\n".join(["family\turl\tkind", *rows]) + "\n", encoding="utf-8")
    return str(path)


def test_agreement_with_a_list_is_counted_by_kind_and_disagreements_are_shown(
    tmp_path: Path,
) -> None:
    run = run_of(tmp_path / "run", PAGES)
    group(run, InProcess())
    sake, near, copy, tea, short, again, _ = (page.url for page in PAGES)
    truth = truth_file(
        tmp_path,
        {
            "F1": ("near", [sake, near]),
            "F2": ("exact", [short, again, "https://gone.example.jp/"]),
            "F3": ("near", [tea, copy]),
        },
    )
    found = evaluate(run.path, truth)
    assert (found.listed, found.absent) == (7, 1)
    assert found.clustered == found.alike, "every pair in these clusters is alike"
    agreement = found.alike.all_pages
    assert (agreement.recall["near"].part, agreement.recall["near"].whole) == (1, 2)
    assert agreement.whole_families["exact"].part == 1
    assert found.alike.long_pages.recall["exact"].whole == 0
    assert (agreement.precision.part, agreement.precision.whole) == (2, 4)

    missed, *extra = agreement.disagreements
    assert (missed.outcome, set(missed.urls)) == ("missed", {tea, copy})
    assert missed.by_list_rule < 0.75, "the list is wrong by its own rule"
    assert missed.over_texts
    assert {pair.urls for pair in extra} == {(sake, copy), (near, copy)}
    assert all(pair.over_texts for pair in extra)
    assert str(agreement.without("missed", lambda d: d.over_texts)) == "1.0000 of 2"
    assert str(agreement.without("extra", lambda d: d.over_texts)) == "1.0000 of 4"
    report = "\n".join(found.lines())
    assert "7 pages listed, 1 of them no documents of this run" in report
    assert tea in report
    assert "after reading" not in report


def test_a_reader_of_the_pages_has_the_last_word(tmp_path: Path) -> None:
    """One verdict counts for its own pair and outcome only, whichever page is named first."""
    run = run_of(tmp_path / "run", PAGES)
    group(run, InProcess())
    sake, near, copy, tea, *_ = (page.url for page in PAGES)
    truth = truth_file(tmp_path, {"F1": ("near", [sake, near]), "F3": ("near", [tea, copy])})
    read = tmp_path / "read.tsv"
    rows = [
        f"missed\t{tea}\t{copy}\trun\tお茶の話",
        f"extra\t{copy}\t{sake}\tlist\t同じ文章",
        f"missed\t{copy}\t{near}\tlist\t数えていない",
    ]
    read.write_text("\n".join(["outcome\turl\tother\tmistaken\treason", *rows]), encoding="utf-8")
    lines = list(evaluate(run.path, truth, str(read)).lines())
    recall, precision = lines[lines.index("after reading") + 1 :][:2]
    assert recall.split()[-9:-6] == ["0.5000", "of", "2"]
    assert precision.split()[1:4] == ["0.6667", "of", "3"]
    read.write_text("outcome\turl\tother\tmistaken\treason\nextra\tu\tv\tus\t-", encoding="utf-8")
    with pytest.raises(InputError, match="line 2: mistaken 'us' found"):
        evaluate(run.path, truth, str(read))


def test_the_ends_of_a_chain_are_in_one_cluster_and_not_alike(tmp_path: Path) -> None:
    chain = drifting(seeded(31), article(seeded(30), 600), 12, 0.02)
    pages = [Page(text, f"https://log.example.jp/{n}") for n, text in enumerate(chain)]
    run = run_of(tmp_path / "run", pages)
    group(run, InProcess())
    truth = truth_file(tmp_path, {"F1": ("near", [page.url for page in pages])})
    found = evaluate(run.path, truth)
    assert found.clustered.all_pages.recall["near"].part == 66
    assert 12 < found.alike.all_pages.recall["near"].part < 60
    assert "disagreements: alike, further ones" in list(found.lines())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("url\tkind\nu\tnear\n", "columns url, kind found"),
        ("family\turl\tkind\nF\tu\tsame\n", "line 2: kind 'same' found"),
    ],
)
def test_a_list_that_is_none_is_named(tmp_path: Path, content: str, message: str) -> None:
    run = run_of(tmp_path / "run", PAGES[:1])
    path = tmp_path / "truth.tsv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        evaluate(run.path, str(path))


def test_a_chain_takes_few_rounds() -> None:
    chain = drifting(seeded(21), article(seeded(20), 800), 400, 0.02)
    nodes, roots, rounds = alternate(*links(chain))
    assert 1 < rounds < 12
    assert np.array_equal(forest(*links(chain)), (nodes, roots))
