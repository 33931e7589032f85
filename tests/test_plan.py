"""Packing inputs into tasks: by the sorted inputs and a target size, and by nothing else."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.plan import LARGEST_TASK, SMALLEST_TASK, InputTask, plan, target_size
from pipeline.sources import Input, resolve

LINE = b'{"text": "\xe6\x98\xa5\xe3\x81\xaf\xe3\x81\x82\xe3\x81\x91\xe3\x81\xbc\xe3\x81\xae"}\n'


def jsonl(folder: Path, name: str, lines: int) -> str:
    path = folder / name
    path.write_bytes(LINE * lines)
    return str(path)


def covered(tasks: tuple[InputTask, ...]) -> list[tuple[str, int, int]]:
    return [(span.path, span.start, span.end) for task in tasks for span in task.spans]


def test_the_order_in_which_inputs_are_named_does_not_show(tmp_path: Path) -> None:
    names = [jsonl(tmp_path, f"{n}.jsonl", 10 * n + 1) for n in range(6)]
    assert plan(resolve(names), 500) == plan(resolve(names[::-1]), 500)


def test_a_large_file_gives_several_tasks(tmp_path: Path) -> None:
    tasks = plan(resolve([jsonl(tmp_path, "a.jsonl", 100)]), 10 * len(LINE))
    assert len(tasks) == 10
    assert len({task.id for task in tasks}) == 10


def test_small_files_share_a_task(tmp_path: Path) -> None:
    names = [jsonl(tmp_path, f"{n}.jsonl", 1) for n in range(10)]
    tasks = plan(resolve(names), 4 * len(LINE))
    assert [len(task.spans) for task in tasks] == [4, 4, 2]


@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=8), lines_a_task=st.integers(1, 20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_every_byte_is_covered_once(tmp_path: Path, sizes: list[int], lines_a_task: int) -> None:
    for old in tmp_path.glob("*.jsonl"):
        old.unlink()
    names = [jsonl(tmp_path, f"{n}.jsonl", size) for n, size in enumerate(sizes)]
    spans = covered(plan(resolve(names), lines_a_task * len(LINE)))
    for name, size in zip(names, sizes, strict=True):
        bounds = sorted((start, end) for path, start, end in spans if path == name)
        assert bounds[0][0] == 0
        assert bounds[-1][1] == size * len(LINE)
        assert all(a[1] == b[0] for a, b in pairwise(bounds))


def test_an_id_stands_for_what_is_covered_and_not_for_a_place(tmp_path: Path) -> None:
    first, second = (jsonl(tmp_path, name, 5) for name in ("a.jsonl", "b.jsonl"))
    alone = {task.id for task in plan(resolve([second]), 1 << 20)}
    together = {task.id for task in plan(resolve([first, second]), 5 * len(LINE))}
    assert alone < together


def test_a_limit_is_shared_evenly(tmp_path: Path) -> None:
    names = [jsonl(tmp_path, f"{n}.jsonl", 5) for n in range(3)]
    tasks = plan(resolve(names), 5 * len(LINE), limit=7)
    assert [task.limit for task in tasks] == [3, 2, 2]


def test_a_limit_below_the_number_of_tasks_takes_fewer_tasks(tmp_path: Path) -> None:
    names = [jsonl(tmp_path, f"{n}.jsonl", 5) for n in range(3)]
    assert [task.limit for task in plan(resolve(names), 5 * len(LINE), limit=2)] == [1, 1]


@pytest.mark.parametrize(
    ("total", "target"),
    [(1, SMALLEST_TASK), (64 * SMALLEST_TASK * 2, 2 * SMALLEST_TASK), (1 << 50, LARGEST_TASK)],
)
def test_the_target_is_a_share_of_all_within_bounds(total: int, target: int) -> None:
    assert target_size([Input("crawl.warc.gz", "warc", total)]) == target
