"""What the benches promise: figures that add up, a truth that is judged fairly, honest tables."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import results, tables
from bench.inputs import distinct_lines, filled, up_to
from bench.peers import task
from bench.peers.contestants import CONTESTANTS, NOT_THERE, SOURCES, TASKS
from bench.peers.environments import peers
from bench.profiling import profile
from bench.truth import ALIKE, Judged, families, judge, plant
from pipeline.dedup.evaluation import jaccard

DIARY = "\n".join(
    f"{day}日。朝は{food}を煮て、昼から{place}まで歩いた。帰りに{thing}を買い、夜は日記をつけた。"
    for day, (food, place, thing) in enumerate(
        zip(
            "米麦粟稗黍豆芋栗筍鯛蕎餅",
            "川海山湖寺駅港橋村町畑峠",
            "塩酢油茶酒味柚蓮蕪葱韮瓜",
            strict=True,
        ),
        1,
    )
)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "results.json"


def test_benches_add_to_one_store_and_leave_each_others_figures(store: Path) -> None:
    results.add({"t2.seimai.recall": 0.99}, store)
    results.add({"t1.seimai.docs_per_s": [2300.0, 2100.0, 2500.0]}, store)
    assert results.read(store) == {
        "t1.seimai.docs_per_s": 2300.0,
        "t1.seimai.docs_per_s.high": 2500.0,
        "t1.seimai.docs_per_s.low": 2100.0,
        "t1.seimai.docs_per_s.runs": 3,
        "t2.seimai.recall": 0.99,
    }


def test_a_figure_that_is_measured_again_takes_the_old_ones_place(store: Path) -> None:
    results.add({"share.beam": 0.04, "t1.x": 1}, store)
    results.forget("share.", store)
    results.add({"share.beam": 0.02}, store)
    assert results.read(store) == {"share.beam": 0.02, "t1.x": 1}


def test_the_machine_is_described_without_its_name() -> None:
    told = results.describe_machine("t3")
    assert {"machine.cpu", "machine.cores", "versions.python", "measured.t3.load"} <= told.keys()
    assert not any("/" in str(value) for key, value in told.items() if "version" in key)


def test_planted_copies_say_how_like_their_originals_they_are() -> None:
    copies = plant([DIARY], 40)
    assert all(0 < copy.similarity <= 1 for copy in copies)
    assert any(copy.text == DIARY for copy in copies)
    changed = next(copy for copy in copies if copy.similarity < 1)
    bare = ["".join(text.split()) for text in (DIARY, changed.text)]
    assert changed.similarity == jaccard(bare[0], bare[1], 5)


FAMILY = families(iter([("原", "写し", 0.95), ("原", "別の写し", 0.85), ("原", "遠い写し", 0.5)]))


def test_one_of_a_family_may_stay_whichever_it_is() -> None:
    ids = ["原", "写し", "別の写し", "他人"]
    for survivor in ("原", "写し", "別の写し"):
        assert judge(FAMILY, ids, [survivor, "他人"]) == Judged(1.0, 1.0, 2, 2)


def test_a_copy_that_stays_costs_recall_and_a_stranger_that_goes_costs_precision() -> None:
    ids = ["原", "写し", "別の写し", "他人", "また他人"]
    assert judge(FAMILY, ids, ["原", "写し", "他人"]) == Judged(0.5, 0.5, 2, 2)


def test_removing_a_whole_family_is_a_wrong_removal() -> None:
    found = judge(FAMILY, ["原", "写し"], [])
    assert (found.recall, found.precision) == (1.0, 0.5)


def test_a_distant_copy_is_not_due_and_may_go() -> None:
    ids = ["原", "遠い写し"]
    assert FAMILY[0][-1][1] < ALIKE
    assert judge(FAMILY, ids, ids) == Judged(0.0, 0.0, 0, 0)
    assert judge(FAMILY, ids, ["原"]).precision == 1


@given(st.lists(st.sampled_from(["原", "写し", "別の写し", "他人"]), unique=True))
def test_shares_are_shares(kept: list[str]) -> None:
    found = judge(FAMILY, ["原", "写し", "別の写し", "他人"], kept)
    assert 0 <= found.recall <= 1
    assert 0 <= found.precision <= 1


def test_texts_are_cut_at_the_end_of_a_line() -> None:
    cut = up_to(300, DIARY)
    assert len(cut) <= 300
    assert DIARY.startswith(cut + "\n")
    assert up_to(5_000, DIARY) == DIARY


def test_texts_made_of_distinct_lines_share_none() -> None:
    lines = distinct_lines([DIARY, DIARY, "メニュー\nホーム"])
    assert lines == DIARY.splitlines()
    left = iter(lines)
    first, second = filled(left, 100), filled(left, 100)
    assert first
    assert not set(first.splitlines()) & set(second.splitlines())


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ({"kept.txt": "甲\n乙"}, ["甲", "乙"]),
        ({"kept.jsonl": '{"id": "甲"}\n'}, ["甲"]),
        (
            {"kept/0.jsonl": '{"id": "甲", "metadata": {"url": "乙"}}\n', "input.jsonl": "{}"},
            ["乙"],
        ),
    ],
)
def test_what_a_contestant_kept_is_found(
    tmp_path: Path, files: dict[str, str], names: list[str]
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    assert task.kept(tmp_path) == names


def test_every_peer_has_pins_and_every_task_its_contestants() -> None:
    assert {one.peer for one in CONTESTANTS} == {*peers(), "seimai"}
    assert {one.task for one in CONTESTANTS} == SOURCES.keys() == TASKS.keys() == NOT_THERE.keys()


def test_a_table_shows_medians_with_their_spread_and_says_what_was_not_measured() -> None:
    runs = [2300.0, 2100.0, 2500.0]
    shown = {"given": 6524, "kept": 5530, "start_s": 2.0, "memory_mb": 500.0}
    figures: dict[str, results.Value] = {f"t1.seimai.{key}": value for key, value in shown.items()}
    for key in ("docs_per_s", "docs_per_s_core"):
        figures |= {f"t1.seimai.{key}": runs[0], f"t1.seimai.{key}.low": runs[1]}
        figures |= {f"t1.seimai.{key}.high": runs[2]}
    figures["peers.dolma.install"] = "failed: no such version"
    page = tables.page(figures)
    assert "| seimai | 6,524 | 5,530 | 2,300 [2,100, 2,500] |" in page
    assert "| dolma | failed: no such version |" in page
    assert "| hojichar | not measured |" in page


def test_a_profile_gives_a_sample_to_the_innermost_function_of_ours() -> None:
    stacks = [
        "main (bench/x.py:1);extract (pipeline/html/page.py:54);parse (resiliparse/html.py:9) 30",
        "extract (pipeline/html/page.py:60);facts (pipeline/html/facts.py:7) 10",
        "wait (multiprocessing/connection.py:3) 60",
    ]
    found = profile(stacks)
    assert found.total == 100
    assert found.own["pipeline.html.page.extract"] == 30
    assert found.below["pipeline.html.page.extract"] == 40
    assert found.own["(libraries)"] == 60
