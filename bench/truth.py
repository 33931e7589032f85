"""Near-duplicates whose originals are known, and how well those who removed some did.

copies = plant(originals, 4000)
judge(copies, ids_given, ids_kept)
"""

import random
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

from pipeline.dedup.evaluation import jaccard

ALIKE = 0.8
"""Jaccard similarity of character 5-grams from which a copy is due to be removed: the threshold
that the peers' documentation gives for near-duplicates."""

_SHINGLE = 5
_SHORTEST = 200
_HIRAGANA = [chr(code) for code in range(0x3042, 0x3094)]
_HEAD, _FOOT = "転載元はこちら\n", "\nこの記事をシェアする 前の記事 次の記事"


@dataclass(frozen=True, slots=True)
class Copy:
    """A planted near-duplicate.

    Attributes:
        original: the number of the text that it was made of.
        text: what was made of it.
        similarity: the exact Jaccard similarity of the two, white space left out.
    """

    original: int
    text: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Judged:
    """How well planted copies were removed.

    Attributes:
        recall: removals made of those due. One of each family of an original and its copies at
            `ALIKE` or more is to stay, whichever.
        precision: removals inside a family, of all removals.
        due: how many removals were due.
        removed: how many were made.
    """

    recall: float
    precision: float
    due: int
    removed: int


def plant(originals: Sequence[str], copies: int, seed: int = 1) -> list[Copy]:
    """Makes copies as the web does, one to three of an original.

    15 % are exact, 20 % got a head and a foot, 25 % lost a line, the others were edited at 0.2 to
    1.5 % of their characters, in runs of one to six.
    """
    chance = random.Random(seed)
    long_enough = [n for n, text in enumerate(originals) if len(text) >= _SHORTEST]
    chance.shuffle(long_enough)
    made: list[Copy] = []
    for original in cycle(long_enough):
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            if len(made) == copies:
                return made
            text = _changed(chance, originals[original])
            made.append(Copy(original, text, _similarity(originals[original], text)))
    return made


def judge(
    families: Collection[Sequence[tuple[str, float]]], given: Collection[str], kept: Collection[str]
) -> Judged:
    """Holds what was kept against the truth.

    Args:
        families: of each original that was copied, its id and those of its copies, each with its
            similarity to the original (1 for the original itself).
        given: the ids that were read.
        kept: the ids that were not removed.

    >>> judge([[("a", 1.0), ("b", 0.9)]], ["a", "b", "c"], ["a"])
    Judged(recall=1.0, precision=0.5, due=1, removed=2)
    """
    given, kept = set(given), set(kept)
    removed = given - kept
    due = right = found = 0
    for family in families:
        members = {name for name, _ in family} & given
        alike = {name for name, similarity in family if similarity >= ALIKE} & given
        may_go = max(len(members) - 1, 0)
        due += max(len(alike) - 1, 0)
        found += min(len(alike & removed), max(len(alike) - 1, 0))
        right += min(len(members & removed), may_go)
    return Judged(found / max(due, 1), right / max(len(removed), 1), due, len(removed))


def families(rows: Iterator[tuple[str, str, float]]) -> list[list[tuple[str, float]]]:
    """Puts rows of original, copy and similarity together by original."""
    grouped: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for original, copy, similarity in rows:
        grouped[original].append((copy, similarity))
    return [[(original, 1.0), *copies] for original, copies in grouped.items()]


def _changed(chance: random.Random, text: str) -> str:
    lot = chance.random()
    for share, change in _CHANGES:
        if lot < share:
            return change(chance, text)
        lot -= share
    return text


def _framed(_: random.Random, text: str) -> str:
    return f"{_HEAD}{text}{_FOOT}"


def _shortened(chance: random.Random, text: str) -> str:
    lines = text.split("\n")
    if len(lines) <= 8:
        return _edited(chance, text)
    del lines[chance.randrange(len(lines))]
    return "\n".join(lines)


def _edited(chance: random.Random, text: str) -> str:
    letters = list(text)
    rate = chance.choice((0.002, 0.004, 0.006, 0.01, 0.015))
    for _ in range(max(1, int(len(letters) * rate))):
        place, size = chance.randrange(len(letters)), chance.randint(1, 6)
        put_in = chance.choices(_HIRAGANA, k=size)
        lot = chance.random()
        letters[place : place + size * (lot < 0.7)] = [] if 0.4 <= lot < 0.7 else put_in
    return "".join(letters)


def _similarity(text: str, other: str) -> float:
    return jaccard("".join(text.split()), "".join(other.split()), _SHINGLE)


_CHANGES: tuple[tuple[float, Callable[[random.Random, str], str]], ...] = (
    (0.20, _framed),
    (0.25, _shortened),
    (0.40, _edited),
)
