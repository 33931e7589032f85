"""What is kept of a text to find its copies: a hash for exact ones, a MinHash sketch for near ones.

Both look at the *dedup view* of a text (`pipeline.text.dedup_view`). The sketch stands for the
view's set of character 5-grams: the share of equal slots of two sketches is an unbiased estimate
of the Jaccard similarity of the two sets.

The sketch is *fast similarity sketching* (Dahlgaard, Knudsen, Thorup: "Fast Similarity
Sketching", FOCS 2017). In a round, a hash throws each 5-gram into one of the 128 slots, and a slot
keeps the smallest value that falls into it; slots still empty are filled in further rounds with
fresh hashes. A long text is done after one round (one hash a 5-gram instead of the 128 of classic
MinHash), and a short one goes on until every slot is filled, so that its estimate is as good: no
densification, no bias, a standard error of at most about `1 / sqrt(128)` at any length.

A sketch depends on nothing but the view: not on the machine, the batch, or its neighbours.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

from pipeline.compiled import compiled
from schemas import SIGNATURE_SLOTS

SHINGLE_CHARS = 5
"""Characters of a shingle: about the five that Japanese deduplication uses (HojiChar, doubri)."""

MIN_CHARS = 40
"""Characters of the shortest view that gets a signature.

One changed character touches five 5-grams, which leaves a view of `n` of them at a Jaccard of
`(n - 5) / (n + 5)`: under 35 that is below 0.75, so shorter texts can only be compared exactly.
"""

_SLOTS = SIGNATURE_SLOTS
_VALUE_BITS = 64 - (_SLOTS.bit_length() - 1)  # of a hash, whose other bits are the slot
_BATCH_TEXTS = 128
_BATCH_CHARS = 1 << 16  # keeps every temporary at half a MiB: inside the cache, cheap to malloc
_EMPTY = np.uint64(2**64 - 1)
_ROUNDS_BEFORE_DISTINCT = 4
_LONG = 8 * _SLOTS

# Odd 64-bit constants: the fractional parts of the square roots of 2, 3 and 5 spread the
# characters, the golden ratio spaces the rounds, the last two are those of MurmurHash3's fmix64.
_SPREAD_1 = np.uint64(0x6A09E667F3BCC909)
_SPREAD_2 = np.uint64(0xBB67AE8584CAA73B)
_SPREAD_4 = np.uint64(0x3C6EF372FE94F82B)
_ROUND_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xFF51AFD7ED558CCD)
_MIX_2 = np.uint64(0xC4CEB9FE1A85EC53)
_HALF = np.uint64(33)
_ONE = np.uint64(1)

_Words = NDArray[np.uint64]


def content_hashes(views: Sequence[str]) -> pa.Array:
    """Hashes whole views: equal hashes mean exact copies.

    Args:
        views: dedup views of texts.

    Returns:
        `binary(16)`, one a view: XXH3-128 of its UTF-8 bytes (big-endian, as xxHash writes it).
    """
    digests = [xxhash.xxh3_128_digest(view.encode("utf-8", "surrogatepass")) for view in views]
    return pa.array(digests, pa.binary(16))


def signatures(views: Sequence[str]) -> pa.Array:
    """Sketches views, so that near-duplicates can be found without the texts.

    Args:
        views: dedup views of texts, any number, of any length.

    Returns:
        `binary(256)`, one a view: 128 slots of 16 bits, little-endian (`slots` reads them);
        null for a view under `MIN_CHARS` characters.

    >>> import numpy as np
    >>> recipe = "米は三度とぎ、水を切って三十分おく。ざるに上げると割れるので、鍋のまま待つこと。"
    >>> sketches = slots(signatures([recipe, recipe + "火は強めから。", "短い文"]))
    >>> float(similarity(sketches[0], sketches[1])) > 0.7
    True
    >>> signatures(["短い文"]).null_count
    1
    """
    long_enough = [len(view) >= MIN_CHARS for view in views]
    rows = np.flatnonzero(long_enough)
    sketchable = [view for view in views if len(view) >= MIN_CHARS]
    sketches = np.zeros((len(views), SIGNATURE_SLOTS), "<u2")
    for batch in batches(sketchable):
        sketches[rows[batch]] = _sketched(sketchable[batch])
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(2 * SIGNATURE_SLOTS),
        len(views),
        [pa.array(long_enough, pa.bool_()).buffers()[1], pa.py_buffer(sketches.tobytes())],
    )


def slots(column: pa.Array | pa.ChunkedArray) -> NDArray[np.uint16]:
    """Reads signatures as numbers.

    Args:
        column: `binary(256)` as `signatures` gives it; a null reads as what its buffer holds.

    Returns:
        A view or copy of shape (len(column), 128).
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    skipped = column.offset * 2 * SIGNATURE_SLOTS
    data = np.frombuffer(column.buffers()[1], "<u2", len(column) * SIGNATURE_SLOTS, skipped)
    return data.reshape(len(column), SIGNATURE_SLOTS)


def similarity(ours: NDArray[np.uint16], theirs: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Estimates Jaccard similarities: the share of equal slots.

    Args:
        ours: signatures, shape (..., 128).
        theirs: signatures, of a shape that broadcasts against `ours`.

    Returns:
        Values from 0 to 1, in the broadcast shape without its last axis. The standard error at a
        similarity `j` is `sqrt(j * (1 - j) / 128)`: 0.038 at 0.75.
    """
    equal = np.count_nonzero(ours == theirs, axis=-1)
    return np.asarray(equal / np.float32(SIGNATURE_SLOTS), np.float32)


def batches(views: Sequence[str]) -> Iterator[slice]:
    """Cuts views into runs of few texts and characters, for the sake of the processor's caches."""
    start = chars = 0
    for row, view in enumerate(views):
        if row > start and (row - start == _BATCH_TEXTS or chars + len(view) > _BATCH_CHARS):
            yield slice(start, row)
            start, chars = row, 0
        chars += len(view)
    if start < len(views):
        yield slice(start, len(views))


def _sketched(views: Sequence[str]) -> NDArray[np.uint16]:
    """Sketches a batch of views that are all long enough; shape (len(views), 128)."""
    joined = "".join(views).encode("utf-32-le", "surrogatepass")
    ends = np.cumsum([len(view) for view in views])
    return _sketch(np.frombuffer(joined, np.uint32), ends).reshape(-1, _SLOTS)


@compiled
def _sketch(chars: NDArray[np.uint32], ends: NDArray[np.int64]) -> NDArray[np.uint16]:
    """The slots of views that stand one after the other, each up to its end."""
    sketches = np.empty(len(ends) * _SLOTS, np.uint16)
    begin = 0
    for row, end in enumerate(ends):
        slots = _smallest(_shingles(chars[begin:end]))
        sketches[row * _SLOTS : (row + 1) * _SLOTS] = slots.astype(np.uint16)
        begin = end
    return sketches


@compiled
def _shingles(chars: NDArray[np.uint32]) -> _Words:
    """A number for every 5-gram of a view."""
    shingles = np.empty(len(chars) - SHINGLE_CHARS + 1, np.uint64)
    for at in range(len(shingles)):
        first = chars[at] * _SPREAD_1 + chars[at + 1]
        second = chars[at + 2] * _SPREAD_1 + chars[at + 3]
        shingles[at] = (first * _SPREAD_2 + second) * _SPREAD_4 + chars[at + 4]
    return shingles


@compiled
def _smallest(shingles: _Words) -> _Words:
    """Plays round after round, until every slot has kept a value."""
    smallest = _thrown(shingles, 0)
    for turn in range(1, 2 * _SLOTS):
        if smallest.max() < _EMPTY:
            break
        if turn == _ROUNDS_BEFORE_DISTINCT and len(shingles) > _LONG:  # it repeats itself
            shingles = np.unique(shingles)
        thrown = _thrown(shingles, turn)
        for slot in range(_SLOTS):
            if smallest[slot] == _EMPTY:
                smallest[slot] = thrown[slot]
    return smallest


@compiled
def _thrown(shingles: _Words, turn: int) -> _Words:
    """Plays one round: hashes shingles into slots, of which each keeps the smallest value."""
    smallest = np.full(_SLOTS, _EMPTY)
    for shingle in shingles:
        mixed = shingle + np.uint64(turn) * _ROUND_STEP
        mixed = (mixed ^ (mixed >> _HALF)) * _MIX_1
        mixed = (mixed ^ (mixed >> _HALF)) * _MIX_2
        mixed ^= mixed >> _HALF
        slot = mixed >> np.uint64(_VALUE_BITS)
        if turn >= _SLOTS:  # whatever is still empty gets a round of its own
            slot = np.uint64(turn - _SLOTS)
        smallest[slot] = min(smallest[slot], mixed >> _ONE)  # which is below _EMPTY
    return smallest
