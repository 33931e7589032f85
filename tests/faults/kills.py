"""Fifty kills at seeded moments of every stage.

pytest tests/faults/kills.py
"""

import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.program import (
    STAGES,
    Victim,
    committed,
    digests,
    finish,
    kill,
    main_job,
    tiny_crawl,
    wait_until_gone,
)

KILLS = 50
SEED = 7
LONGEST_PAUSE = 0.8
"""Seconds from a stage's first sign to the kill, at most: about as long as a stage takes."""


@pytest.mark.parametrize("victims", ["parent", "worker"])
def test_after_fifty_kills_the_bytes_are_those_of_an_undisturbed_run(
    victims: str, tmp_path: Path
) -> None:
    crawl = tiny_crawl(tmp_path / "crawl.parquet", copies=4)
    undisturbed, out = tmp_path / "undisturbed", tmp_path / "run"
    assert finish(main_job(crawl, undisturbed, workers=2)).returncode == 0
    expected = digests(undisturbed)
    chance = random.Random(SEED)
    killed: Counter[str] = Counter()
    before: dict[Path, int] = {}
    while killed.total() < KILLS // 2:
        victim = Victim(main_job(crawl, out, workers=2))
        stage = chance.choice(STAGES)
        victim.wait_for(f"{stage}:")
        ended = victim.end_within(chance.uniform(0, LONGEST_PAUSE))
        workers = victim.workers_in(stage)
        if not ended and (workers or victims == "parent"):
            kill(victim.pid if victims == "parent" else chance.choice(workers))
            killed[stage] += 1
        code, printed = victim.ended()
        assert code in {0, -9}, printed
        wait_until_gone(workers)
        after = committed(out)
        assert {path: after[path] for path in before} == before, "a committed task was done again"
        before = after
        if code == 0:
            assert digests(out) == expected
            shutil.rmtree(out)
            before = {}
    assert finish(main_job(crawl, out, workers=2)).returncode == 0
    assert digests(out) == expected
    assert set(killed) == set(STAGES)
