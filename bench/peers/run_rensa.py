"""rensa 0.5: a library of MinHash in Rust; the reading and writing around it is ours.

Variants: `r` sketches with RMinHash, `c` with CMinHash; both in batches.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import rensa

from bench.peers import task
from bench.peers.task import Task

PERMUTATIONS, THRESHOLD, SEED, BATCH = 128, 0.8, 42, 500


def t2(asked: Task) -> None:
    """Character 5-grams, 128 permutations, a threshold of 0.8."""
    task.write(asked.out / "kept.jsonl", _kept(asked))


def _kept(asked: Task) -> Iterator[dict[str, Any]]:
    if asked.variant == "c":
        seen = rensa.CMinHashDeduplicator(THRESHOLD, PERMUTATIONS, seed=SEED)
    else:
        seen = rensa.RMinHashDeduplicator(THRESHOLD, PERMUTATIONS, True, seed=SEED)
    rows = task.rows(asked.source)
    while batch := list(islice(rows, BATCH)):
        is_new = seen.add_pairs([(row["id"], _grams(row["text"])) for row in batch])
        yield from (row for row, new in zip(batch, is_new, strict=True) if new)


def _grams(text: str) -> list[str]:
    text = "".join(text.split())
    return [text[start : start + 5] for start in range(max(1, len(text) - 4))]


if __name__ == "__main__":
    task.run({"t2": t2})
