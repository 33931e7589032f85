"""Compiled loops: what is kept of them on disk is changed by one process at a time."""

import fcntl
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from numba.core.caching import IndexDataCacheFile

LOOPS = """
from pipeline.compiled import compiled

@compiled
def total(numbers):
    found = 0.5
    for number in numbers:
        found += number
    return found

@compiled
def both(ours, theirs):
    return total(ours) + total(theirs)
"""


def _is_held(path: Path) -> bool:
    """Whether a process that wants the file for itself would have to wait."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@pytest.mark.parametrize("method", ["save", "load"])
def test_one_process_at_a_time_changes_what_is_kept_of_a_file(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that take the same number at once would leave code for other arguments under it."""
    path = tmp_path / f"loops_to_{method}.py"
    path.write_text(LOOPS, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    held = []
    usual: Callable[..., object] = getattr(IndexDataCacheFile, method)

    def watched(self: IndexDataCacheFile, *arguments: object) -> object:
        held.append(_is_held(path))
        return usual(self, *arguments)

    monkeypatch.setattr(IndexDataCacheFile, method, watched)
    try:
        loops = import_module(path.stem)
        assert loops.both(np.ones(3), np.arange(3)) == pytest.approx(7)
        assert loops.total(np.ones(3, np.float32)) == pytest.approx(3.5)
    finally:
        sys.modules.pop(path.stem, None)
    assert held == [True] * 4  # `total` for three kinds of numbers, `both` for one
    assert not _is_held(path)
