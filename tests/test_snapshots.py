"""Snapshots: crawls that were joined one to the next are chosen from as if they were one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from pipeline.compare import compare
from pipeline.dedup import packs
from pipeline.dedup.joined import grouped, in_line, renamings
from pipeline.erase import erase
from pipeline.errors import OptionError, RunError
from pipeline.explain import explain
from pipeline.jobs.group import group
from pipeline.jobs.select import select
from pipeline.report.pages import report
from pipeline.run import Run
from pipeline.selection import manifest
from pipeline.selection.manifest import Manifest
from pipeline.selection.recipe import ListFile, Recipe, Takedown, from_text, load
from pipeline.tasks import commits, part_path
from pipeline.verify import verify
from schemas import JOINED
from schemas.files import file_schema
from tests.made_run import BUNDLE, InProcess, Page, make_run, selected
from tests.planted import article, drifting, families, seeded

SHORT = "新米、入荷しました。"


def planted_pages() -> list[Page]:
    """Families, a chain of small edits, exact copies, copies too short to sign, an empty page."""
    texts = [text for family in families(seeded(7), 60) for text in family]
    texts += drifting(seeded(8), article(seeded(9), 300), 16, 0.02)
    texts += texts[:20] + [SHORT] * 5 + [""]
    random = seeded(10)
    return [
        Page(
            text,
            f"https://site{number % 12}.example.jp/{number}",
            crawl_time=1_600_000_000_000 + number % 9 * 10_000_000_000,
            noise=round(float(random.random()), 3),
            affiliate=round(float(random.random()) / 2, 3),
            flags=("stub_v1",) if number % 10 == 0 else (),
        )
        for number, text in enumerate(texts)
    ]


def run_of(folder: Path, pages: Sequence[Page], parts: int = 2) -> Run:
    return make_run(folder, {f"t{part:02}": list(pages[part::parts]) for part in range(parts)})


def in_snapshots(folder: Path, pages: Sequence[Page], count: int) -> list[Run]:
    """The pages over several runs, each joined to those before it; the newest first."""
    runs: list[Run] = []
    for number in range(count):
        run = run_of(folder / f"crawl{number}", pages[number::count])
        group(run, InProcess(), against=[old.path for old in runs])
        runs.insert(0, run)
    return runs


def at_once(folder: Path, pages: Sequence[Page]) -> Run:
    run = run_of(folder / "at-once", pages, 3)
    group(run, InProcess())
    return run


def places(groups: pa.Table) -> dict[str, Any]:
    columns = ["id", "exact_id", "exact_size", "cluster_id", "cluster_size"]
    return {row["id"]: row for row in groups.select(columns).to_pylist()}


def stored_groups(run: Run) -> pa.Table:
    done = commits(run.groups).values()
    return pa.concat_tables(
        pq.read_table(part_path(run.groups, commit, "groups")) for commit in done
    )


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("pack", [40, 10_000])
def test_what_joins_say_of_old_groups_are_the_groups_of_all_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, pack: int
) -> None:
    pages = planted_pages()
    expected = places(stored_groups(at_once(tmp_path, pages)))
    monkeypatch.setattr(packs, "PACK_DOCUMENTS", pack)
    runs = in_snapshots(tmp_path, pages, count)
    line = in_line(grouped(runs[0]), [grouped(run) for run in reversed(runs[1:])])
    assert [one.run for one in line] == runs
    found: dict[str, Any] = {}
    for one, names in zip(line, renamings(line), strict=True):
        groups = stored_groups(one.run)
        for renaming in names:
            groups = renaming.apply(groups)
        found |= places(groups)
    assert found == expected
    said = [
        pq.read_table(path) for path in Path(runs[0].groups, "joined").glob("*-clusters-*.parquet")
    ]
    assert all(table.schema.equals(JOINED.arrow, check_metadata=True) for table in said)
    assert 0 < sum(table.num_rows for table in said) < len(pages) / 2, "only what has changed"


def chosen(runs: Sequence[Run], recipe: Recipe, name: str = "trial") -> Manifest:
    """A selection over several runs, in the folder of the first."""
    older = [run.path for run in runs[1:]]
    return select(runs[0], recipe, name, InProcess(), BUNDLE, older)


def decided(run: Run, name: str = "trial") -> list[dict[str, Any]]:
    paths = [str(path) for path in Path(run.selected(name)).glob("decisions/*.parquet")]
    return list(ds.dataset(paths).to_table().to_pylist())


def fates(run: Run, name: str = "trial") -> dict[str, Any]:
    """What is decided on each document, whichever run holds it."""
    told = ("kept", "reasons", "survivor_id", "similarity")
    return {row["id"]: {column: row[column] for column in told} for row in decided(run, name)}


OF_ONE_RUN = {"source", "contained_in", "containment", "host_pages"}
"""Columns that speak of a document's own run: nothing is looked for in the texts of others."""


def in_shards(run: Run, name: str = "trial") -> list[dict[str, Any]]:
    paths = [str(path) for path in Path(run.selected(name)).glob("shard-*.parquet")]
    table = ds.dataset(paths).to_table()
    wanted = [name for name in table.column_names if name not in OF_ONE_RUN]
    return list(table.select(wanted).sort_by("id").to_pylist())


def urls(run: Run) -> set[str]:
    return {row["url"] for row in in_shards(run)}


COMPETING = """
flags: {stub_v1: drop}
scores: {noise: {drop_worst: 10%}, affiliate: {keep_below: 0.49}}
duplicates: {keep: KEEP}
caps: {host: 9, affiliate: {from: 0.3, documents: 20}}
sample: 80%
"""
RECIPES = [
    load("raw"),
    load("default"),
    from_text(COMPETING.replace("KEEP", "best")),
    from_text(COMPETING.replace("KEEP", "latest, copies: 2")),
]


@pytest.fixture(scope="module")
def crawls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, dict[int, list[Run]]]:
    """The same pages in one run, and spread over two and over three."""
    folder, pages = tmp_path_factory.mktemp("crawls"), planted_pages()
    spread = {count: in_snapshots(folder / str(count), pages, count) for count in (2, 3)}
    return at_once(folder, pages), spread


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("number", range(len(RECIPES)))
def test_joined_runs_are_chosen_from_as_if_they_were_one(
    crawls: tuple[Run, dict[int, list[Run]]], count: int, number: int
) -> None:
    whole, runs = crawls[0], crawls[1][count]
    recipe = RECIPES[number]
    expected, said = selected(whole, recipe), chosen(runs, recipe)
    assert 0 < expected["totals"]["kept"] < expected["totals"]["documents"]
    assert fates(runs[0]) == fates(whole)
    assert in_shards(runs[0]) == in_shards(whole)
    assert said["shares"] == expected["shares"]
    totals, together = said["totals"], expected["totals"]
    assert {name: totals[name] for name in totals if name not in BY_TASK} == {
        name: together[name] for name in together if name not in BY_TASK
    }
    assert totals["records"] == sum(one["records"] for one in said["runs"])


BY_TASK = {"records", "no_document", "problems"}
"""Totals of what `make_run` puts beside the pages of every task."""


def test_the_manifest_lists_the_runs_and_decisions_name_them(
    crawls: tuple[Run, dict[int, list[Run]]],
) -> None:
    runs = crawls[1][3]
    said = chosen(runs[::2] + runs[1:2], load("raw"))
    jsonschema.validate(said, file_schema("manifest"))
    assert [(one["name"], one["path"]) for one in said["runs"]] == [
        ("crawl0", "../crawl0"),
        ("crawl1", "../crawl1"),
        ("crawl2", "."),
    ]
    holds = {
        name: set(stored_groups(run)["id"].to_pylist())
        for run in runs
        for name in [Path(run.path).name]
    }
    rows = decided(runs[0])
    for row in rows:
        assert row["id"] in holds[row["run"]]
        assert (row["survivor_id"] is None) == (row["survivor_run"] is None)
        assert row["survivor_id"] is None or row["survivor_id"] in holds[row["survivor_run"]]
    assert any(row["survivor_run"] not in {None, row["run"]} for row in rows)
    assert verify(runs[0].path).sound


def test_pages_stories_and_comparisons_know_of_all_runs(
    crawls: tuple[Run, dict[int, list[Run]]], tmp_path: Path
) -> None:
    runs = crawls[1][2]
    said = chosen(runs, load("raw"))
    again = {path: Path(path).read_bytes() for path in report(runs[0], "trial")}
    assert chosen(runs, load("raw"), "once-more")["totals"] == said["totals"]
    for path, data in again.items():
        assert Path(path.replace("/trial/", "/once-more/")).read_bytes() == data
    assert b"crawl0" in again[f"{runs[0].selected('trial')}/README.md"]
    removed = next(row for row in decided(runs[0]) if row["survivor_run"] not in {None, row["run"]})
    story = explain(runs[0].path, removed["id"], None, "trial")
    assert f"in the run {removed['run']}" in story
    assert f"{removed['survivor_id']} of {removed['survivor_run']} stands for it" in story
    recipes = [load("raw"), load("light")]
    older = [run.path for run in runs[1:]]
    found = compare(runs[0], recipes, InProcess(), BUNDLE, str(tmp_path), older)
    assert found["documents"] == said["totals"]["documents"]
    assert found["recipes"]["raw"]["kept"] == said["totals"]["kept"]


BASE = "精米所の前には朝早くから軽トラックが並び、籾の匂いが道の向こうまで漂っていた。"


def two_crawls(folder: Path) -> list[Run]:
    """A page that both crawls hold, and one that the newer has in another form."""
    both = Page(BASE * 5, "https://a.example.jp/")
    only_old = Page("祭りの日だけ橋の上に店が出る。" * 9, "https://b.example.jp/")
    text = "祭りの日だけ橋の上に店が出る。" * 9 + "雨天中止。"
    better = Page(text, "https://c.example.jp/", noise=0.01)
    runs = [make_run(folder / "new", {"t": [both, better]})]
    runs.append(make_run(folder / "old", {"t": [both, only_old]}))
    group(runs[1], InProcess())
    group(runs[0], InProcess(), against=[runs[1].path])
    return runs


def test_a_document_that_both_crawls_hold_is_kept_once(tmp_path: Path) -> None:
    runs = two_crawls(tmp_path)
    said = chosen(runs, Recipe("r", duplicates=None))
    both, *_ = [row["id"] for row in decided(runs[0]) if row["reasons"]]
    assert {(row["run"], row["kept"]) for row in decided(runs[0]) if row["id"] == both} == {
        ("old", True),
        ("new", False),
    }
    assert said["totals"]["left_out_by_any_reason"] == {"repeated": 1}
    assert said["totals"]["kept"] == 3
    story = explain(runs[0].path, both, None, "trial")
    assert "it was read before" in story
    assert verify(runs[0].path).sound


def test_a_document_that_was_read_twice_in_one_run_is_kept_once(tmp_path: Path) -> None:
    page = Page(BASE * 5, "https://a.example.jp/")
    run = make_run(tmp_path, {"t": [page, page], "u": [page]})
    said = selected(run, Recipe("r", duplicates=None))
    assert said["totals"]["left_out_by_any_reason"] == {"repeated": 2}


def test_taking_down_a_survivor_lets_a_copy_of_another_crawl_in(tmp_path: Path) -> None:
    runs = two_crawls(tmp_path / "runs")
    chosen(runs, load("raw"))
    assert urls(runs[0]) == {"https://a.example.jp/", "https://c.example.jp/"}
    listed = tmp_path / "hosts.txt"
    listed.write_text("c.example.jp")
    chosen(runs, from_text(f"extends: raw\ntakedown: {{hosts: {listed}}}"))
    assert urls(runs[0]) == {"https://a.example.jp/", "https://b.example.jp/"}


def test_erasing_in_an_old_run_makes_the_selection_stale(tmp_path: Path) -> None:
    runs = two_crawls(tmp_path / "runs")
    chosen(runs, load("raw"))
    listed = tmp_path / "hosts.txt"
    listed.write_text("a.example.jp")
    erase(runs[1], Takedown(hosts=(ListFile.of(listed),)))
    assert any("documents have changed" in problem for problem in verify(runs[0].path).problems)
    with pytest.raises(RunError, match="documents have changed"):
        report(runs[0], "trial")
    chosen(runs, load("raw"))
    assert verify(runs[0].path).sound
    assert urls(runs[0]) == {"https://c.example.jp/"}


def test_an_old_run_that_is_gone_is_named(tmp_path: Path) -> None:
    runs = two_crawls(tmp_path)
    chosen(runs, load("raw"))
    Path(runs[1].path).rename(tmp_path / "elsewhere")
    assert any("old: no run here" in problem for problem in verify(runs[0].path).problems)
    with pytest.raises(RunError, match="old: no run here"):
        explain(runs[0].path, "0" * 32, None, "trial")


def test_runs_that_are_moved_together_are_found_again(tmp_path: Path) -> None:
    runs = two_crawls(tmp_path / "here")
    chosen(runs, load("raw"))
    Path(tmp_path / "here").rename(tmp_path / "there")
    assert verify(str(tmp_path / "there" / "new")).sound


def test_a_run_that_is_not_joined_or_not_any_more_is_refused(tmp_path: Path) -> None:
    runs = two_crawls(tmp_path)
    stranger = make_run(tmp_path / "stranger", {"t": [Page(BASE, "https://s.example.jp/")]})
    group(stranger, InProcess())
    with pytest.raises(RunError, match="is not joined to this run"):
        chosen([*runs, stranger], load("raw"))
    with pytest.raises(RunError, match="is not joined to this run"):
        chosen(runs[::-1], load("raw"))
    with pytest.raises(OptionError, match="named twice"):
        chosen([runs[0], runs[0]], load("raw"))
    group(runs[1], InProcess(), against=[stranger.path])
    with pytest.raises(RunError, match="or this run was grouped anew since"):
        chosen(runs, load("raw"))


def test_a_join_of_which_a_part_is_gone_is_refused(tmp_path: Path) -> None:
    runs = two_crawls(tmp_path)
    next(Path(runs[0].groups, "joined").glob("*.json")).unlink()
    with pytest.raises(RunError, match="what was joined is not all there"):
        chosen(runs, load("raw"))


def test_runs_in_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    page = Page(BASE * 5, "https://a.example.jp/")
    old, new = (make_run(tmp_path / year / "run", {"t": [page]}) for year in ("2023", "2024"))
    group(old, InProcess())
    group(new, InProcess(), against=[old.path])
    said = chosen([new, old], load("raw"))
    assert [one["name"] for one in said["runs"]] == ["1-run", "2-run"]
    assert said["totals"]["documents"] == 2
    on_disk = orjson.loads(Path(new.selected("trial"), manifest.NAME).read_bytes())
    assert on_disk == said
