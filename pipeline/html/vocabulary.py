"""Sets of words as tables: a compiled loop finds them in passing (Aho and Corasick, 1975)."""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ASCII = 128


class Vocabulary(NamedTuple):
    """Words in ASCII, each of which tells something: `state = steps[state, character]`.

    Attributes:
        steps: by state and ASCII character, the next state; 0 is the start, and where one is after
            any other character.
        told: by state, the flags of all words that end there.
    """

    steps: NDArray[np.int16]
    told: NDArray[np.int32]


def vocabulary(words: Iterable[tuple[str, int]]) -> Vocabulary:
    """The tables that find some words, wherever they stand in a text.

    Args:
        words: each word, and the flags that it tells; told twice, it tells both.

    >>> steps, told = vocabulary([("side", 1), ("idea", 2)])
    >>> state, found = 0, 0
    >>> for character in b"sidea":
    ...     state = steps[state, character]
    ...     found |= told[state]
    >>> int(found)
    3
    """
    following: list[dict[int, int]] = [{}]
    told = [0]
    for word, flags in words:
        state = 0
        for character in word.encode("ascii"):
            if character not in following[state]:
                following[state][character] = len(following)
                following.append({})
                told.append(0)
            state = following[state][character]
        told[state] |= flags
    steps = np.zeros((len(following), ASCII), np.int16)
    waiting = deque((child, 0) for child in following[0].values())
    steps[0, [*following[0]]] = [*following[0].values()]
    while waiting:  # the shorter beginnings first: `rest` is the longest end that begins a word
        state, rest = waiting.popleft()
        told[state] |= told[rest]
        steps[state] = steps[rest]
        for character, child in following[state].items():
            waiting.append((child, int(steps[rest, character])))
            steps[state, character] = child
    return Vocabulary(steps, np.array(told, np.int32))
