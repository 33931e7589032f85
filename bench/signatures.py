"""What a signature costs, and how well it estimates, beside datasketch's MinHash.

    python bench/signatures.py

prints documents a second of processor time at several lengths, and the error of estimated Jaccard
similarities of texts of random characters and edits of them, beside what 128 independent
permutations would have.
"""

import random
import time

import numpy as np
from datasketch import MinHash
from numpy.typing import NDArray

from pipeline.dedup.evaluation import jaccard
from pipeline.dedup.signatures import SHINGLE_CHARS, signatures, similarity, slots

CHARACTERS = [chr(code) for code in range(0x4E00, 0x9000)]


def seeded(seed: int) -> random.Random:
    """A source of chance that gives the same texts every time."""
    return random.Random(seed)


def text(chance: random.Random, chars: int) -> str:
    """A text of random kanji."""
    return "".join(chance.choices(CHARACTERS, k=chars))


def edited(chance: random.Random, original: str, share: float) -> str:
    """The text with a share of its characters changed."""
    letters = list(original)
    for place in chance.sample(range(len(letters)), max(1, round(share * len(letters)))):
        letters[place] = chance.choice(CHARACTERS)
    return "".join(letters)


def by_datasketch(view: str) -> MinHash:
    """The reference: 128 permutations of the same shingles."""
    sketch = MinHash(num_perm=128)
    grams = range(len(view) - SHINGLE_CHARS + 1)
    sketch.update_batch([view[start : start + SHINGLE_CHARS].encode() for start in grams])
    return sketch


def measure(chars: int, share: float, count: int = 1_000) -> str:
    """A line of the table, for texts of one length."""
    chance = seeded(chars)
    ours = [text(chance, chars) for _ in range(count)]
    theirs = [edited(chance, original, share) for original in ours]
    start = time.process_time()
    left, right = slots(signatures(ours)), slots(signatures(theirs))
    speed = 2 * count / (time.process_time() - start)
    start = time.process_time()
    reference = [
        by_datasketch(a).jaccard(by_datasketch(b))
        for a, b in zip(ours[:100], theirs[:100], strict=True)
    ]
    reference_speed = 200 / (time.process_time() - start)
    exact = np.array([jaccard(a, b, SHINGLE_CHARS) for a, b in zip(ours, theirs, strict=True)])
    error = similarity(left, right) - exact
    theory = float(np.sqrt((exact * (1 - exact)).mean() / 128))
    return (
        f"{chars:>6,} {speed:>12,.0f} {reference_speed:>11,.0f}   {exact.mean():.3f}   "
        f"{error.mean():+.4f}  {_size(error):.4f}   {theory:.4f}    "
        f"{_size(np.array(reference) - exact[:100]):.4f}"
    )


def _size(errors: NDArray[np.float64]) -> float:
    return float(np.sqrt((errors**2).mean()))


if __name__ == "__main__":
    signatures([text(seeded(0), 1_500)] * 200)  # warms up
    print(" chars  documents/s  datasketch    exact   bias     error    128 perms  datasketch")
    for length, changed in ((50, 0.03), (100, 0.03), (300, 0.03), (500, 0.03), (1_500, 0.03)):
        print(measure(length, changed), flush=True)
