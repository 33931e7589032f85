"""Every expression that meets a page, on strings made of its own letters to make it slow.

    pytest tests/faults/expressions.py

An expression that is linear takes milliseconds for each of these; one that goes back and tries
again takes minutes, and is stopped.
"""

import random
import re
import re._constants as sre  # the letters of an expression are known to its parser alone
import re._parser as parser
import signal
from collections.abc import Iterator
from importlib import import_module
from itertools import permutations
from pkgutil import walk_packages
from types import FrameType
from typing import Any, NoReturn

import pytest

import pipeline

LENGTH = 50_000
CPU_SECONDS = 5.0
MOST_UNITS = 60
NOT_FOR_PAGES = {
    "recipe._PERCENT": "sees recipes only, as a whole match",
    "html.render._ANY_TAG": "sees the serialiser's output only, where each < has its >",
}


def patterns() -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Each compiled expression in the modules of the pipeline, by name."""
    for module in walk_packages(pipeline.__path__, "pipeline."):
        if not module.name.endswith("__main__"):
            for name, value in vars(import_module(module.name)).items():
                full = f"{module.name.removeprefix('pipeline.')}.{name}"
                if isinstance(value, re.Pattern) and full not in NOT_FOR_PAGES:
                    yield full, value


def letters(tree: Any) -> Iterator[int]:
    """The code points that an expression speaks of."""
    if isinstance(tree, parser.SubPattern | tuple | list):
        for item in tree:
            yield from letters(item)
    elif isinstance(tree, int) and not isinstance(tree, type(sre.LITERAL)) and 0 < tree < 0x110000:
        yield tree


def hostile(pattern: re.Pattern[Any]) -> Iterator[str]:
    """Its letters, alone and in pairs, over and over."""
    chance = random.Random(0)
    known = sorted(
        set(letters(parser.parse(pattern.pattern, pattern.flags))) | {ord("a"), ord("1")}
    )
    chosen = [chr(code) for code in chance.sample(known, min(9, len(known)))]
    units = [*chosen, *map("".join, permutations(chosen, 2)), "".join(chosen)]
    for unit in chance.sample(units, min(MOST_UNITS, len(units))):
        yield (unit * LENGTH)[:LENGTH]


def too_slow(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise TimeoutError


@pytest.mark.parametrize("pattern", [pytest.param(found, id=name) for name, found in patterns()])
def test_an_expression_takes_no_more_than_its_time(pattern: re.Pattern[Any]) -> None:
    signal.signal(signal.SIGPROF, too_slow)
    for text in hostile(pattern):
        given = text.encode("latin-1", "replace") if isinstance(pattern.pattern, bytes) else text
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        try:
            for _ in pattern.finditer(given):
                pass
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
