"""Shards: even, mixed, the same bytes for the same settings, and the manifest last."""

import hashlib
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import fsspec
import jsonschema
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import storage
from pipeline.errors import IntegrityError, OptionError, RunError
from pipeline.jobs.select import select
from pipeline.run import Run
from pipeline.selection import contest, manifest
from pipeline.selection.manifest import Manifest
from pipeline.selection.recipe import Recipe, ShardSizes
from pipeline.selection.shards import Piece, Slice, cut
from pipeline.tasks import commits
from pipeline.verify import verify
from schemas import DOCUMENTS, GROUPS, SCORES, SHARDS, Table
from schemas.files import file_schema
from tests.made_run import BUNDLE, InProcess, Page, make_run, put, scores_of, selected

SMALL = ShardSizes(size=20_000, row_group=30_000)


def pages(count: int, first: int = 0) -> list[Page]:
    """Pages whose texts do not compress into one another."""
    random = np.random.default_rng(first)
    kanji = [chr(code) for code in range(0x4E00, 0x9000)]
    return [
        Page(
            "".join(random.choice(kanji, 200)) + f"という{n}番目の話だった。",
            f"https://site{n % 5}.example.jp/{n}",
        )
        for n in range(first, first + count)
    ]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with three parts of unequal size."""
    parts = {"t1": pages(40), "t2": pages(25, 100), "t3": pages(60, 200)}
    return Path(make_run(tmp_path_factory.mktemp("made") / "run", parts).path)


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Run:
    """A copy of it for each test."""
    return Run(str(shutil.copytree(made, tmp_path / "run")))


def files(run: Run, name: str = "trial") -> dict[str, str]:
    """The digest of every file of a selection, by its path."""
    folder = Path(run.selected(name))
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def rows(run: Run, made: Manifest, name: str = "trial") -> list[str]:
    """The ids in the shards, in order."""
    paths = [f"{run.selected(name)}/{shard['name']}" for shard in made["shards"]]
    return [key for path in paths for key in pq.read_table(path)["id"].to_pylist()]


def test_the_shards_hold_each_kept_document_once_with_all_its_columns(run: Run) -> None:
    made = selected(run, Recipe("r", shards=SMALL))
    paths = [f"{run.selected('trial')}/{shard['name']}" for shard in made["shards"]]
    shards = ds.dataset(paths).to_table().sort_by("id")
    parts = [str(path) for path in Path(run.documents).glob("*-documents-*.parquet")]
    documents = ds.dataset(parts).to_table().sort_by("id")
    assert shards.schema.names == list(SHARDS.names)
    assert not {"page_text", "signature"} & set(shards.schema.names)
    for name in set(shards.schema.names) & set(documents.schema.names):
        assert shards[name].equals(documents[name]), name
    assert pc_all_equal(shards["noise"], 0.1)


def pc_all_equal(column: pa.ChunkedArray, value: float) -> bool:
    return bool(np.allclose(column.to_numpy(), value))


def test_shards_are_even_and_mix_the_inputs(run: Run) -> None:
    made = selected(run, Recipe("r", shards=SMALL))
    sizes = [shard["bytes"] for shard in made["shards"]]
    assert len(sizes) > 3
    assert max(sizes) < 1.35 * min(sizes)
    first = pq.read_table(f"{run.selected('trial')}/{made['shards'][1]['name']}")
    inputs = [source["input"] for source in first["source"].to_pylist()]
    assert len(set(inputs)) > 1


def test_a_shard_says_its_schema_and_has_a_page_index_and_sized_row_groups(run: Run) -> None:
    made = selected(run, Recipe("r", shards=ShardSizes(10**9, 20_000)))
    (shard,) = made["shards"]
    file = pq.ParquetFile(f"{run.selected('trial')}/{shard['name']}")
    assert file.schema_arrow.metadata[b"seimai.schema"] == b"shards"
    groups = [file.metadata.row_group(n) for n in range(file.metadata.num_row_groups)]
    assert len(groups) == shard["row_groups"] > 1
    assert all(group.column(0).has_offset_index for group in groups)
    assert all(group.column(0).compression == "ZSTD" for group in groups)


def test_the_manifest_tells_the_truth_and_adds_up(run: Run) -> None:
    made = selected(run, Recipe("r", shards=SMALL))
    on_disk = orjson.loads(Path(run.selected("trial"), "manifest.json").read_bytes())
    jsonschema.validate(on_disk, file_schema("manifest"))
    assert on_disk == made
    for shard in made["shards"]:
        path = Path(run.selected("trial"), shard["name"])
        ids = pq.read_table(path)["id"].to_pylist()
        assert shard["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert (shard["bytes"], shard["rows"]) == (path.stat().st_size, len(ids))
        assert (shard["first_id"], shard["last_id"]) == (ids[0], ids[-1])
    totals = made["totals"]
    assert totals["records"] == 134
    assert totals["no_document"] == {"not_japanese.bytes": 6}
    assert totals["problems"] == {"cut": 3}
    assert totals["documents"] == totals["kept"] == totals["in_shards"] == 125


def test_totals_that_do_not_add_up_are_refused(run: Run) -> None:
    totals = selected(run, Recipe("r"))["totals"]
    for name in ("records", "documents", "kept", "left_out", "in_shards"):
        with pytest.raises(IntegrityError, match="do not add up"):
            manifest.check_totals({**totals, name: totals[name] + 1})


def test_the_same_seed_gives_the_same_bytes_and_another_the_same_documents(run: Run) -> None:
    recipe = Recipe("r", shards=SMALL)
    first = rows(run, selected(run, recipe, "one"), "one")
    selected(run, recipe, "two")
    assert files(run, "one") == files(run, "two")
    other = rows(run, selected(run, replace(recipe, seed=1), "three"), "three")
    assert other != first
    assert sorted(other) == sorted(first)


def test_the_order_in_which_shards_are_written_does_not_show(run: Run) -> None:
    class Backwards(InProcess):
        def run(self, name: str, work: object, tasks: Sequence[object], folder: str) -> None:
            super().run(name, work, tasks[::-1], folder)  # type: ignore[arg-type]

    recipe = Recipe("r", shards=SMALL)
    selected(run, recipe, "one")
    select(run, recipe, "two", Backwards(), BUNDLE)
    assert files(run, "one") == files(run, "two")


def test_selecting_again_under_the_same_settings_does_nothing(run: Run) -> None:
    recipe = Recipe("r", shards=SMALL)
    made = selected(run, recipe)
    times = {path: path.stat().st_mtime_ns for path in Path(run.selected("trial")).rglob("*")}
    again = InProcess()
    assert select(run, recipe, "trial", again, BUNDLE) == made
    assert again.done == []
    assert times == {p: p.stat().st_mtime_ns for p in Path(run.selected("trial")).rglob("*")}


def test_another_recipe_under_the_same_name_replaces_all_of_it(run: Run) -> None:
    selected(run, Recipe("r", shards=SMALL))
    large = Recipe("r", sample=0.5)
    selected(run, large)
    selected(run, large, "fresh")
    assert files(run) == files(run, "fresh")


def test_a_select_that_dies_leaves_the_old_selection_whole_and_goes_on(run: Run) -> None:
    class Dying(InProcess):
        def run(self, name: str, work: object, tasks: Sequence[object], folder: str) -> None:
            super().run(name, work, tasks[:2], folder)  # type: ignore[arg-type]
            raise KeyboardInterrupt

    old = Recipe("r", sample=0.5)
    selected(run, old)
    before = files(run)
    new = Recipe("r", shards=SMALL)
    with pytest.raises(KeyboardInterrupt):
        select(run, new, "trial", Dying(), BUNDLE)
    assert before.items() <= files(run).items()
    rest = InProcess()
    made = select(run, new, "trial", rest, BUNDLE)
    assert len(rest.done) == len(made["shards"]) - 2
    selected(run, new, "fresh")
    assert files(run) == files(run, "fresh")


def test_a_death_while_the_new_takes_its_place_is_made_good(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe("r", shards=SMALL)
    move = storage.move

    def die_at_the_third_shard(path: str, target: str) -> None:
        if target.endswith("shard-00002.parquet"):
            raise KeyboardInterrupt
        move(path, target)

    monkeypatch.setattr(storage, "move", die_at_the_third_shard)
    with pytest.raises(KeyboardInterrupt):
        selected(run, recipe)
    assert not Path(run.selected("trial"), "manifest.json").exists()
    monkeypatch.undo()
    selected(run, recipe)
    selected(run, recipe, "fresh")
    assert files(run) == files(run, "fresh")


@pytest.mark.parametrize("gone", ["shard-00000.parquet", "decisions/t2-*.parquet"])
def test_what_is_gone_is_written_again(run: Run, gone: str) -> None:
    recipe = Recipe("r", shards=SMALL)
    selected(run, recipe)
    before = files(run)
    next(Path(run.selected("trial")).glob(gone)).unlink()
    selected(run, recipe)
    assert files(run) == before


def test_decisions_that_were_altered_are_made_again(run: Run) -> None:
    recipe = Recipe("r", shards=SMALL)
    selected(run, recipe)
    before = files(run)
    decisions = next(Path(run.selected("trial")).glob("decisions/t2-*.parquet"))
    data = bytearray(decisions.read_bytes())
    data[len(data) // 2] ^= 1
    decisions.write_bytes(data)
    selected(run, recipe)
    assert files(run) == before
    next(Path(run.selected("trial")).glob("decisions/t2.json")).unlink()
    selected(run, recipe)
    assert files(run) == before


def test_what_a_killed_contest_left_goes_with_the_next_select(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signatures of clusters are spilled among the staged files, and nowhere else."""
    seen: list[Path] = []
    spill = contest._Spill

    def spilling(folder: Path, partitions: int) -> contest._Spill:
        seen.extend([folder, *folder.iterdir()])
        return spill(folder, partitions)

    monkeypatch.setattr(contest, "_Spill", spilling)
    left = Path(run.selected("trial"), "staged", "scratch", "0.arrow")
    left.parent.mkdir(parents=True)
    left.write_bytes(b"left by a killed command")
    selected(run, Recipe("r"))
    assert seen == [left.parent]
    assert not left.parent.parent.exists()


def test_an_object_store_holds_the_same_bytes_as_a_disk(run: Run) -> None:
    bucket = "memory://shards"
    stored = make_run(
        f"{bucket}/run", {"t1": pages(40), "t2": pages(25, 100), "t3": pages(60, 200)}
    )
    for recipe in (Recipe("r", sample=0.5), Recipe("r", shards=SMALL)):
        selected(stored, recipe)
    selected(run, Recipe("r", shards=SMALL))
    assert verify(stored.path).sound
    for name in storage.names(stored.selected("trial")):
        data = storage.read_bytes(storage.join(stored.selected("trial"), name))
        assert data == Path(run.selected("trial"), name).read_bytes(), name
    fsspec.filesystem("memory").rm(bucket, recursive=True)


def test_masking_changes_the_text_in_the_shards_and_is_counted(tmp_path: Path) -> None:
    text = "お問い合わせは yama@example.jp か 03-1234-5678 へ。担当は yama@example.jp です。"
    run = make_run(tmp_path, {"t": [Page(text, "u")]})
    made = selected(run, Recipe("r", mask=("email", "phone")))
    row = pq.read_table(f"{run.selected('trial')}/shard-00000.parquet").to_pylist()[0]
    assert row["text"] == "お問い合わせは <メール> か <電話番号> へ。担当は <メール> です。"
    assert row["n_chars"] == len(row["text"])
    assert made["totals"]["masked"] == {"email": 2, "phone": 1}


def test_stages_that_are_not_there_are_named(run: Run) -> None:
    with pytest.raises(RunError, match="seimai score"):
        select(run, Recipe("r"), "trial", InProcess(), "other-bundle")
    Path(run.groups, "t2.json").unlink()
    with pytest.raises(RunError, match="seimai group"):
        selected(run, Recipe("r"))


def test_scores_of_other_documents_are_refused(run: Run) -> None:
    put(run.scores(BUNDLE), "t2", SCORES, scores_of(pages(25, 101)))
    with pytest.raises(IntegrityError, match="its rows are not those of"):
        selected(run, Recipe("r"))
    put(run.scores(BUNDLE), "t2", SCORES, scores_of(pages(24, 100)))
    with pytest.raises(IntegrityError, match="25 documents, but 24 rows"):
        selected(run, Recipe("r"))


@pytest.mark.parametrize(
    ("table", "column", "remedy"),
    [
        (DOCUMENTS, "ja_score", "Extract into a new folder"),
        (GROUPS, "cluster_size", "Run `seimai group` again"),
    ],
    ids=["documents", "groups"],
)
def test_parts_of_another_version_are_refused_with_the_stage_to_do_again(
    run: Run, table: Table, column: str, remedy: str
) -> None:
    folder = {"documents": run.documents, "groups": run.groups}[table.name]
    path = next(Path(folder).glob(f"t2-{table.name}-*"))
    older = pq.read_table(path).drop_columns([column])
    put(folder, "t2", replace(table, columns=table.without([column])), older)
    with pytest.raises(RunError, match=f"without the column '{column}'.*{remedy}"):
        selected(run, Recipe("r"))


@pytest.mark.parametrize("name", ["", "a/b", ".hidden"])
def test_a_selection_is_named_like_a_folder(run: Run, name: str) -> None:
    with pytest.raises(OptionError, match="a plain folder name"):
        selected(run, Recipe("r"), name)


def test_only_the_selection_is_written_to(run: Run) -> None:
    stages = [run.documents, run.scores(BUNDLE), run.groups]
    before = [commits(stage) for stage in stages]
    selected(run, Recipe("r"))
    assert [commits(stage) for stage in stages] == before


@given(
    st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=12), max_size=8),
    st.integers(5, 60),
)
def test_cutting_loses_no_row_and_keeps_shards_even(weights: list[list[int]], size: int) -> None:
    pieces = [
        Piece(Slice(0, n, 100 * n, 100 * n + len(row)), np.array(row, np.float64))
        for n, row in enumerate(weights)
    ]
    shards = cut(pieces, size)
    wanted = {100 * n + k for n, row in enumerate(weights) for k, w in enumerate(row) if w}
    held = Counter(
        row
        for shard in shards
        for piece in shard
        for row in range(piece.begin, piece.end)
        if row in wanted
    )
    assert held == Counter(wanted)
    total = sum(map(sum, weights))
    for shard in shards:
        weight = sum(
            weights[row // 100][row % 100]
            for piece in shard
            for row in range(piece.begin, piece.end)
        )
        assert weight <= min(size, total) + 9
