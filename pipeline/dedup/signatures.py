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

from schemas import SIGNATURE_SLOTS

SHINGLE_CHARS = 5
"""Characters of a shingle: about the five that Japanese deduplication uses (HojiChar, doubri)."""

MIN_CHARS = 40
"""Characters of the shortest view that gets a signature.

One changed character touches five 5-grams, which leaves a view of `n` of them at a Jaccard of
`(n - 5) / (n + 5)`: under 35 that is below 0.75, so shorter texts can only be compared exactly.
"""

_SLOT_BITS = SIGNATURE_SLOTS.bit_length() - 1
_BATCH_TEXTS = 128
_BATCH_CHARS = 1 << 16  # keeps every temporary at half a MiB: inside the cache, cheap to malloc
_EMPTY = np.uint64(2**64 - 1)
_ROUNDS_BEFORE_DISTINCT = 4

# Odd 64-bit constants: the fractional parts of the square roots of 2, 3 and 5 spread the
# characters, the golden ratio spaces the rounds, the last two are those of MurmurHash3's fmix64.
_SPREAD_1 = np.uint64(0x6A09E667F3BCC909)
_SPREAD_2 = np.uint64(0xBB67AE8584CAA73B)
_SPREAD_4 = np.uint64(0x3C6EF372FE94F82B)
_ROUND_STEP = 0x9E3779B97F4A7C15
_MIX_1 = np.uint64(0xFF51AFD7ED558CCD)
_MIX_2 = np.uint64(0xC4CEB9FE1A85EC53)
_HALF = np.uint64(33)

_Words = NDArray[np.uint64]
_Rows = NDArray[np.intp]


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
        sketches[rows[batch]] = _sketch(sketchable[batch])
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


def _sketch(views: Sequence[str]) -> NDArray[np.uint16]:
    """Sketches a batch of views that are all long enough; shape (len(views), 128)."""
    shingles, owners = _shingles(views)
    smallest = np.full((len(views) + 1) * SIGNATURE_SLOTS, _EMPTY)
    _throw(shingles, owners, 0, smallest)
    _fill(shingles, owners, smallest)
    return smallest[: len(views) * SIGNATURE_SLOTS].reshape(-1, SIGNATURE_SLOTS).astype(np.uint16)


def _shingles(views: Sequence[str]) -> tuple[_Words, _Rows]:
    """Gives every 5-gram of the joined views a number, and names the view that it is of.

    The few that reach from one view into the next belong to nobody: to row `len(views)`.
    """
    joined = "".join(views).encode("utf-32-le", "surrogatepass")
    chars = np.frombuffer(joined, "<u4").astype(np.uint64)
    pairs = chars[:-1] * _SPREAD_1
    pairs += chars[1:]
    fours = pairs[:-2] * _SPREAD_2
    fours += pairs[2:]
    shingles = fours[:-1] * _SPREAD_4
    shingles += chars[4:]
    across = SHINGLE_CHARS - 1
    runs = np.full((len(views), 2), across)
    runs[:, 0] = [len(view) - across for view in views]
    nobody = len(views)
    names = np.column_stack([np.arange(nobody), np.full(nobody, nobody)])
    owners = np.repeat(names.ravel(), runs.ravel())[:-across]
    return shingles, owners


def _throw(shingles: _Words, owners: _Rows, turn: int, smallest: _Words) -> None:
    """Plays one round: hashes shingles into slots of their owners, which keep the smallest."""
    mixed = shingles + np.uint64(turn * _ROUND_STEP % 2**64)
    mixed ^= mixed >> _HALF
    mixed *= _MIX_1
    mixed ^= mixed >> _HALF
    mixed *= _MIX_2
    mixed ^= mixed >> _HALF
    if turn < SIGNATURE_SLOTS:
        slot = (mixed >> np.uint64(64 - _SLOT_BITS)).astype(np.intp)
    else:  # whatever is still empty gets a round of its own
        slot = np.full(len(mixed), turn - SIGNATURE_SLOTS)
    mixed >>= np.uint64(1)  # below _EMPTY
    np.minimum.at(smallest, owners * SIGNATURE_SLOTS + slot, mixed)


def _fill(shingles: _Words, owners: _Rows, smallest: _Words) -> None:
    """Plays further rounds for the owners that have empty slots, until there are none."""
    for turn in range(1, 2 * SIGNATURE_SLOTS):
        table = smallest.reshape(-1, SIGNATURE_SLOTS)
        wanting = (table == _EMPTY).any(axis=1)
        wanting[-1] = False
        if not wanting.any():
            return
        chosen = wanting[owners]
        shingles, owners = shingles[chosen], owners[chosen]
        if turn == _ROUNDS_BEFORE_DISTINCT:  # long texts that repeat themselves
            shingles, owners = _distinct(shingles, owners)
        thrown = np.full_like(smallest, _EMPTY)
        _throw(shingles, owners, turn, thrown)
        np.copyto(smallest, thrown, where=smallest == _EMPTY)


def _distinct(shingles: _Words, owners: _Rows) -> tuple[_Words, _Rows]:
    """Leaves each owner one of every shingle."""
    order = np.lexsort((shingles, owners))
    shingles, owners = shingles[order], owners[order]
    first = np.ones(len(order), bool)
    first[1:] = (shingles[1:] != shingles[:-1]) | (owners[1:] != owners[:-1])
    return shingles[first], owners[first]
