"""Signatures: the same for a text wherever it stands, and honest about how alike two texts are."""

import numpy as np
import pytest
from datasketch import MinHash
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dedup.evaluation import jaccard
from pipeline.dedup.signatures import MIN_CHARS, content_hashes, signatures, similarity, slots
from tests.planted import article, edited, seeded

LONG_ENOUGH = (
    "米は三度とぎ、水を切って三十分おく。ざるに上げたままにすると割れるので、鍋の中で待つ。"
)


def pairs(chars: int, share: float, count: int) -> tuple[list[str], list[str]]:
    """Texts and edits of them; of random characters, so that no two errors have to do."""
    chance = seeded(chars)
    characters = [chr(code) for code in range(0x4E00, 0x9000)]
    ours = ["".join(chance.choices(characters, k=chars)) for _ in range(count)]
    return ours, [edited(chance, text, share) for text in ours]


def estimates(ours: list[str], theirs: list[str]) -> np.ndarray:
    return similarity(slots(signatures(ours)), slots(signatures(theirs)))


@pytest.mark.parametrize(("chars", "share"), [(60, 0.02), (200, 0.03), (800, 0.02), (3_000, 0.05)])
def test_estimates_are_unbiased_at_any_length(chars: int, share: float) -> None:
    ours, theirs = pairs(chars, share, 400)
    exact = np.array([jaccard(a, b, 5) for a, b in zip(ours, theirs, strict=True)])
    error = estimates(ours, theirs) - exact
    expected_error = np.sqrt((exact * (1 - exact)).mean() / 128)
    assert abs(error.mean()) < 4 * expected_error / np.sqrt(len(error))
    assert np.sqrt((error**2).mean()) < 1.15 * expected_error


def test_estimates_agree_with_datasketch() -> None:
    ours, theirs = pairs(600, 0.02, 60)
    reference = []
    for a, b in zip(ours, theirs, strict=True):
        left, right = MinHash(num_perm=128, seed=7), MinHash(num_perm=128, seed=7)
        left.update_batch([a[i : i + 5].encode() for i in range(len(a) - 4)])
        right.update_batch([b[i : i + 5].encode() for i in range(len(b) - 4)])
        reference.append(left.jaccard(right))
    difference = estimates(ours, theirs) - np.array(reference)
    assert abs(difference.mean()) < 0.03
    assert np.abs(difference).max() < 0.2


def test_strangers_are_not_alike() -> None:
    chance = seeded(3)
    poem = "".join(chr(chance.randrange(0x4E00, 0x9000)) for _ in range(500))
    essay = "".join(chr(chance.randrange(0x3041, 0x3093)) for _ in range(500))
    assert estimates([poem], [essay])[0] == 0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=300) | st.sampled_from(["あ" * 5_000, LONG_ENOUGH]), max_size=12))
def test_a_signature_depends_on_nothing_but_its_text(texts: list[str]) -> None:
    together = signatures(texts)
    alone = [signatures([text])[0].as_py() for text in texts]
    assert together.to_pylist() == alone
    assert [value is None for value in alone] == [len(text) < MIN_CHARS for text in texts]


def hashed(shingle: str, turn: int) -> int:
    """64 bits of a 5-gram, others in each round."""
    a, b, c, d, e = map(ord, shingle)
    first, second = 0x6A09E667F3BCC909 * a + b, 0x6A09E667F3BCC909 * c + d
    number = (first * 0xBB67AE8584CAA73B + second) * 0x3C6EF372FE94F82B + e
    number = (number + turn * 0x9E3779B97F4A7C15) % 2**64
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        number = (number ^ number >> 33) * factor % 2**64
    return number ^ number >> 33


def sketched_by_the_book(view: str) -> list[int]:
    """Fast similarity sketching of the set of 5-grams, as its authors put it."""
    shingles = {view[at : at + 5] for at in range(len(view) - 4)}
    kept: dict[int, int] = {}
    for turn in range(256):
        thrown: dict[int, int] = {}
        for number in (hashed(shingle, turn) for shingle in shingles):
            slot = number >> 57 if turn < 128 else turn - 128
            thrown[slot] = min(number >> 1, thrown.get(slot, 2**64))
        kept = thrown | kept
    return [kept[slot] % 2**16 for slot in range(128)]


@settings(max_examples=10, deadline=None)
@given(st.text(min_size=MIN_CHARS, max_size=99) | st.sampled_from(["あ" * 2_000, "いろは" * 700]))
def test_a_sketch_is_what_its_authors_say(view: str) -> None:
    assert slots(signatures([view]))[0].tolist() == sketched_by_the_book(view)


def test_many_texts_are_sketched_as_few_are() -> None:
    chance = seeded(5)
    texts = [article(chance, chance.randrange(40, 3_000)) for _ in range(300)] + ["短い"]
    halves = [*signatures(texts[:150]).to_pylist(), *signatures(texts[150:]).to_pylist()]
    assert signatures(texts).to_pylist() == halves


def test_the_stored_bytes_stay_what_they_are() -> None:
    """Runs are grouped with signatures of older runs: they may never change unnoticed."""
    signature, digest = (
        signatures([LONG_ENOUGH])[0].as_py(),
        content_hashes([LONG_ENOUGH])[0].as_py(),
    )
    assert signature[:8].hex() == "1e6fb55098cd1e68"
    assert digest.hex() == "7eb432d4982cd30a5c5e3bacfdb80b0a"


def test_a_text_that_only_repeats_itself_still_fills_all_slots() -> None:
    one_shingle, two_shingles = slots(signatures(["あ" * 100, "あい" * 50]))
    assert len(set(one_shingle.tolist())) > 100
    assert similarity(one_shingle, two_shingles) == 0


def test_texts_with_equal_views_have_equal_hashes_and_others_not() -> None:
    first, again, other = content_hashes([LONG_ENOUGH, LONG_ENOUGH, LONG_ENOUGH[:-1]]).to_pylist()
    assert first == again != other


def test_no_texts_give_no_signatures() -> None:
    assert len(signatures([])) == len(content_hashes([])) == 0
