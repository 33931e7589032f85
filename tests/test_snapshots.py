"""Snapshots: crawls that were joined one to the next are chosen from as if they were one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.dedup import packs
from pipeline.dedup.joined import grouped, in_line, renamings
from pipeline.jobs.group import group
from pipeline.run import Run
from pipeline.tasks import commits, part_path
from schemas import JOINED
from tests.made_run import InProcess, Page, make_run
from tests.planted import article, drifting, families, seeded

SHORT = "新米、入荷しました。"


def planted_pages() -> list[Page]:
    """Families, a chain of small edits, exact copies, copies too short to sign, an empty page."""
    texts = [text for family in families(seeded(7), 150) for text in family]
    texts += drifting(seeded(8), article(seeded(9), 300), 30, 0.02)
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
