"""Hostile pages: each ends as a document or a counted reason, and harms nothing beside it.

What is hostile to the readers of WARC, JSONL and Parquet is tried in `test_sources_*.py`.
"""

import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.accounts import Account
from pipeline.documents import extract_documents
from pipeline.errors import InputError, IntegrityError
from pipeline.execution import Execution
from pipeline.jobs.extract import Reading, extract
from pipeline.jobs.group import group
from pipeline.jobs.score import score
from pipeline.jobs.select import select
from pipeline.run import Run
from pipeline.selection import recipe
from pipeline.sources import Record
from pipeline.tasks import Commit, CommittedFile, commits
from pipeline.verify import verify
from schemas import DOCUMENTS
from tests.faults.hostile_crawl import (
    BODIES,
    TEXTS,
    UNSPOKEN,
    honest_pages,
    html,
    write_rows,
    write_warc,
)
from tests.faults.program import command, finish

HOUSE = Path(__file__).parents[1]


def record(payload: bytes, url: str = "https://akui.example/", **fields: object) -> Record:
    known: dict[str, object] = {"crawl_time": None, "is_html": True, "charset": "utf-8", **fields}
    return Record("crawl.warc.gz", 0, url, payload=payload, **known)  # type: ignore[arg-type]


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_hostile_page_ends_in_one_place_and_harms_no_other(body: str) -> None:
    honest = record(html("", TEXTS[1]).encode(), "https://shojiki.example/")
    found = extract_documents([honest, record(html(body).encode()), honest])
    ends = found.documents.num_rows + found.left_out.total() + len(found.problems)
    assert ends == 3
    assert found.documents.schema.equals(DOCUMENTS.arrow)
    found.documents.validate(full=True)
    assert found.documents["url"].to_pylist().count("https://shojiki.example/") == 2


PIECES = ["\0", "\u202e", "\ufdd0", "<", "&#xd800;", "柿です。", "//[::1", "..", "@:", "%00"]
ODD = st.lists(st.one_of(st.text(max_size=9), st.sampled_from(PIECES)), max_size=6).map("".join)
HALVES = st.sampled_from(["", "\ud800", "\udfff\ud800"])
PAGES = st.builds(lambda odd, half: html(odd + half).encode("utf-8", "surrogatepass"), ODD, HALVES)
RECORDS = st.builds(
    record,
    st.one_of(st.binary(max_size=60), PAGES),
    st.one_of(ODD, ODD.map("https://{}.example/".format)),
    crawl_time=st.one_of(st.none(), st.integers(631_152_000_000, 4_102_444_799_999)),
    is_html=st.booleans(),
    charset=st.one_of(st.none(), ODD, st.sampled_from(["utf-8", "shift_jis", "utf-16"])),
    language=st.one_of(st.none(), ODD, st.just("ja")),
    robots=st.one_of(st.none(), ODD),
    title=st.one_of(st.none(), ODD),
)


@given(st.lists(RECORDS, max_size=4))
@settings(max_examples=60, deadline=None)
def test_no_record_raises_or_vanishes(records: list[Record]) -> None:
    found = extract_documents(records)
    ends = found.documents.num_rows + found.left_out.total() + len(found.problems)
    assert ends == len(records)
    found.documents.validate(full=True)


@pytest.fixture(scope="module")
def execution() -> Iterator[Execution]:
    with Execution(workers=1) as one:
        yield one


@pytest.fixture(scope="module")
def hostile_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, str]:
    """A run of the hostile crawl: its folder, the records of the crawl, all that was printed."""
    folder = tmp_path_factory.mktemp("hostile")
    count = write_warc(folder / "crawl.warc.gz")
    to_run = ("run", folder / "crawl.warc.gz", "--out", folder / "run", "--workers", 1)
    ended = finish(command(*to_run, "--max-unreadable", 0.2))
    assert ended.returncode == 0, ended.stderr
    return folder / "run", count, ended.stdout + ended.stderr


def test_a_hostile_crawl_goes_through_to_shards_that_verify(
    hostile_run: tuple[Path, int, str],
) -> None:
    run, count, _ = hostile_run
    assert Account.of(commits(str(run / "documents")).values()).records == count
    assert verify(str(run)).problems == []


def test_the_honest_pages_of_a_hostile_crawl_are_all_there(
    hostile_run: tuple[Path, int, str],
) -> None:
    urls = documents(hostile_run[0])["url"].to_pylist()
    assert {page.url for page in honest_pages()} <= set(urls)


def test_a_record_that_is_there_twice_is_kept_once(hostile_run: tuple[Path, int, str]) -> None:
    ids = documents(hostile_run[0])["id"]
    twice = [pair["values"] for pair in pc.value_counts(ids).to_pylist() if pair["counts"] == 2]
    assert len(twice) == 1
    assert shard_ids(hostile_run[0]).count(twice[0]) <= 1


def test_times_outside_the_webs_are_null(hostile_run: tuple[Path, int, str]) -> None:
    years = {time.year for time in documents(hostile_run[0])["crawl_time"].to_pylist() if time}
    assert years == {2024}


def test_credentials_in_a_url_are_told_nowhere(hostile_run: tuple[Path, int, str]) -> None:
    run, _, printed = hostile_run
    assert UNSPOKEN not in printed
    assert "https://akui.example/" in documents(run)["url"].to_pylist()
    for path in run.rglob("*"):
        assert not path.is_file() or UNSPOKEN not in told_by(path), path


def test_a_page_cannot_speak_to_the_terminal(hostile_run: tuple[Path, int, str]) -> None:
    """Its URL turns the line around, or clears the screen, wherever a terminal obeys."""
    (url,) = [url for url in documents(hostile_run[0])["url"].to_pylist() if "\u202e" in url]
    ended = finish(command("explain", hostile_run[0], "--url", url))
    assert ended.returncode == 0, ended.stderr
    assert "\\u202e" in ended.stdout
    told = (
        ended.stdout + finish(command("explain", hostile_run[0], "--url", f"{url}\x1b[2J")).stderr
    )
    assert "\\x1b[2J" in told
    assert not [c for c in told if unicodedata.category(c) in {"Cc", "Cf"} and c != "\n"]


def told_by(path: Path) -> str:
    """All that a file of a run tells, decompressed."""
    if path.suffix == ".parquet":
        return json.dumps(pq.read_table(path).to_pylist(), default=str)
    return path.read_text()


def documents(run: Path) -> "ds.Table":
    return ds.dataset(sorted(map(str, run.glob("documents/*-documents-*.parquet")))).to_table()


def shard_ids(run: Path) -> list[str]:
    shards = sorted(map(str, run.glob("selected/default/shard-*.parquet")))
    ids: list[str] = ds.dataset(shards).to_table(["id"])["id"].to_pylist()
    return ids


RUNS: dict[str, tuple[list[dict[str, object]], list[str]]] = {
    "no record": ([], []),
    "no Japanese": ([{"url": f"https://e.example/{n}", "text": "Rice."} for n in range(3)], []),
    "one document": ([{"url": "https://e.example/", "text": TEXTS[0]}], ["https://e.example/"]),
    "the same record five times, and another": (
        [{"url": "https://e.example/", "text": TEXTS[0]}] * 5
        + [{"url": "https://f.example/", "text": TEXTS[1]}],
        ["https://e.example/", "https://f.example/"],
    ),
    "empty texts": ([{"url": "https://e.example/", "text": text} for text in ("", " ", "\n")], []),
}


@pytest.mark.parametrize(("rows", "kept"), RUNS.values(), ids=RUNS)
def test_a_run_of_nearly_nothing_ends_well(
    rows: list[dict[str, object]], kept: list[str], tmp_path: Path, execution: Execution
) -> None:
    crawl, run = write_rows(tmp_path / "crawl.jsonl", rows), Run(str(tmp_path / "run"))
    extract([str(crawl)], run, Reading({}), execution)
    bundle = score(run, None, "none", execution)
    group(run, execution)
    manifest = select(run, recipe.load("default"), "default", execution, bundle)
    assert verify(run.path).problems == []
    assert manifest["totals"]["kept"] == len(kept)
    shards = [Path(run.selected("default")) / shard["name"] for shard in manifest["shards"]]
    assert sorted(url for path in shards for url in pq.read_table(path)["url"].to_pylist()) == kept


@pytest.mark.parametrize(
    "said",
    [b"", b"[]", b"{}", b"\xff", b"[" * 9999, b'{"schema":"seimai.run/1","plan":{"tasks":3}}'],
)
def test_a_run_json_that_was_altered_is_named(said: bytes, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes(said)
    with pytest.raises(IntegrityError, match=f"{tmp_path}/run.json: "):
        Run(str(tmp_path)).extracted()


def test_a_sidecar_cannot_lead_out_of_its_folder(tmp_path: Path) -> None:
    file = {"name": "../../etc/hosts", "rows": 1, "bytes": 1, "sha256": "0"}
    sidecar = Commit("t", "s", {"documents": CommittedFile(**file)}, {}, {})  # type: ignore[arg-type]
    (tmp_path / "t.json").write_bytes(sidecar.to_json())
    with pytest.raises(IntegrityError, match="outside its folder"):
        commits(str(tmp_path))


def test_damage_over_the_tolerance_is_told_at_the_end() -> None:
    account = Account(100, 90, {"page.empty": 5}, {"garbage": 5})
    account.hold_to(0.05)
    with pytest.raises(InputError, match=r"5 of 100 records.*5\.0%.*--max-unreadable 0\.04"):
        account.hold_to(0.04)
    Account(0, 0, {}, {}).hold_to(0)
