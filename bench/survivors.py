"""How long finding survivors takes, by the size of clusters and by how many of them survive.

    python -m bench.survivors

prints processor seconds, the least of three tries, for a million members of clusters of three, and
for single clusters of 20,000 members with 500 and with 5,000 survivors.
"""

import sys

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench.measure import processor_seconds
from pipeline.dedup.survivors import MEMBERS, KeepPolicy, remove_copies

SLOTS = 128
TRIES = 3
_DAY = 86_400_000


def members(families: NDArray[np.int64], clusters: NDArray[np.int64], seed: int = 0) -> pa.Table:
    """Members of which those of one family have nearly the same signature.

    Args:
        families: the family of each member, shape (n,); each has a survivor of its own.
        clusters: the cluster of each member, shape (n,).
        seed: of all that is drawn.
    """
    random = np.random.default_rng(seed)
    count = len(families)
    drawn = random.integers(0, 1 << 16, (families.max() + 1, SLOTS), np.uint16)[families]
    drawn[:, :8] = random.integers(0, 1 << 16, (count, 8), np.uint16)
    ids = [f"{number:032x}" for number in random.permutation(count)]
    columns = {
        "id": ids,
        "cluster_id": [f"{number:032x}" for number in clusters],
        "exact_id": ids,
        "signature": [row.tobytes() for row in drawn],
        "quality": random.random(count),
        "n_chars": random.integers(100, 5_000, count),
        "crawl_time": random.integers(0, 1_000, count) * _DAY,
    }
    arrays = [pa.array(columns[field.name], field.type) for field in MEMBERS]
    return pa.Table.from_arrays(arrays, schema=MEMBERS)


def seconds(table: pa.Table) -> float:
    """Processor seconds of removing the copies, the least of some tries."""
    return min(processor_seconds(lambda: remove_copies(table, KeepPolicy())) for _ in range(TRIES))


def main() -> None:
    """Print the seconds."""
    threes = np.arange(1_000_000) // 3
    sys.stdout.write(f"a million members in threes: {seconds(members(threes, threes)):.1f} s\n")
    one = np.zeros(20_000, np.int64)
    for survivors in (500, 5_000):
        table = members(np.arange(len(one)) % survivors, one)
        sys.stdout.write(f"one cluster, {survivors:,} survivors: {seconds(table):.1f} s\n")


if __name__ == "__main__":
    main()
