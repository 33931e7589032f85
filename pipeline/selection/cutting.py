"""Cutting frequent paragraphs out of the text of the shards.

What recurs, with its neighbours, over many pages of a host was put there by the site and not by an
author: the box about the writer, the call to a shop, the notice about commissions. `groups` marks
it (`pipeline.dedup.paragraphs`); here a recipe's line is drawn, and the text is cut.

Which paragraphs go, how many characters that is and the digest of what is cut depend on the marks
alone, so that decisions are made without a text and shards hold to them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from numpy.typing import NDArray

from pipeline.errors import OptionError, RunError
from schemas import MARKED_ANYWHERE, MARKED_ON_HOST, PAGES_COUNTED

Frequent = Literal["keep", "cut"]
"""What becomes of frequent paragraphs."""

MARKS = ("frequent_paragraphs", "host_pages")
"""The columns of `groups` that a cut depends on."""

CUT = ("cut_chars", "cut_hash")
"""The columns of decisions and shards that tell of it."""


@dataclass(frozen=True, slots=True)
class CutPolicy:
    """What a recipe says of frequent paragraphs.

    A paragraph goes where it recurs on `pages` pages of its host that are also `share` of them, or
    on `anywhere` pages of whatever hosts. The two lines for a host make one for crawls of any size:
    of a host with 50 pages it asks for `pages`, of one with 5,000 for `share`, and however large
    the host, never for more than `anywhere`.

    Attributes:
        frequent: whether they are cut.
        pages: pages of the host from which a paragraph is frequent.
        share: the share of the host's pages that these must be, 0 to 1.
        anywhere: pages of whatever hosts from which it is frequent in any case; uzushio's is 1,000.
        left: characters that must be left of a text that is cut; uzushio drops less than 50.

    Raises:
        OptionError: if a value is out of its range.
    """

    frequent: Frequent = "keep"
    pages: int = 10
    share: float = 0.1
    anywhere: int = 1_000
    left: int = 50

    def __post_init__(self) -> None:
        if self.frequent not in get_args(Frequent):
            raise OptionError(f"frequent: {self.frequent!r} found, keep or cut expected.")
        for name, lowest in (("pages", MARKED_ON_HOST), ("anywhere", MARKED_ANYWHERE)):
            if not lowest <= getattr(self, name) <= PAGES_COUNTED:
                raise OptionError(
                    f"{name}: {getattr(self, name)} found, a number of pages from {lowest} to "
                    f"{PAGES_COUNTED} expected: less is not marked in `groups`, more not counted."
                )
        if not 0 <= self.share <= 1:
            raise OptionError(f"share: {self.share} found, a share from 0 to 1 expected.")
        if self.left < 1:
            raise OptionError(f"left: {self.left} found, 1 character or more expected.")


def cuts(policy: CutPolicy, marks: pa.ListArray, host_pages: pa.Array) -> pa.ListArray:
    """The marks of the paragraphs that a recipe cuts.

    Args:
        policy: what the recipe says.
        marks: the column `frequent_paragraphs` of `groups`.
        host_pages: the column `host_pages`.

    Returns:
        A list for each text, of the same type.

    Raises:
        RunError: if the marks are null, because paragraphs were not counted.
    """
    if marks.null_count:
        raise RunError(
            "groups: the recipe cuts frequent paragraphs, but the run was grouped without counting "
            "them. Run `seimai group` again without --no-paragraphs, or say "
            "`paragraphs: {frequent: keep}` in the recipe."
        )
    found = pc.list_flatten(marks)
    text = np.asarray(pc.list_parent_indices(marks), np.int64)
    on_host = np.asarray(found.field("on_host"))
    pages = np.asarray(host_pages.fill_null(0), np.int64)[text]
    goes = (on_host >= policy.pages) & (on_host >= policy.share * pages)
    goes |= np.asarray(found.field("anywhere")) >= policy.anywhere
    return _lists(found.filter(pa.array(goes)), np.bincount(text[goes], minlength=len(marks)))


def cut_columns(cut: pa.ListArray) -> list[pa.Array]:
    """What is said of a cut: `cut_chars` and `cut_hash`.

    Args:
        cut: the marks of what is cut, from `cuts`.

    Returns:
        The characters of each text's cut paragraphs (their line ends not counted), and the XXH3-128
        of their hashes, null where nothing is cut.
    """
    marks = pc.list_flatten(cut)
    chars = np.asarray(marks.field("chars"), np.int64)
    hashes = np.asarray(marks.field("hash")).astype("<u8").tobytes()
    starts = np.asarray(cut.offsets)
    before = np.concatenate([[0], np.cumsum(chars)])
    digests = [
        xxhash.xxh3_128_digest(hashes[8 * start : 8 * end]) if end > start else None
        for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)
    ]
    total = (before[starts[1:]] - before[starts[:-1]]).astype(np.int32)
    return [pa.array(total), pa.array(digests, pa.binary(16))]


def said_of(columns: Mapping[str, pa.Array], policy: CutPolicy, rows: int) -> list[pa.Array]:
    """What decisions say of a cut: as `cut_columns`, nulls where the recipe cuts nothing.

    Args:
        columns: by name; `MARKS` are among them if the recipe cuts.
        policy: what the recipe says.
        rows: how many documents there are.
    """
    if policy.frequent == "keep":
        return [pa.nulls(rows, pa.int32()), pa.nulls(rows, pa.binary(16))]
    return cut_columns(cuts(policy, *(columns[name] for name in MARKS)))


def chars_left(n_chars: NDArray[np.int64], cut: pa.ListArray) -> NDArray[np.int64]:
    """The characters that are left of texts, each cut paragraph gone with one line end."""
    cut_chars = np.asarray(cut_columns(cut)[0], np.int64)
    lines = np.asarray(pc.list_value_length(cut), np.int64)
    return np.asarray(np.maximum(n_chars - cut_chars - lines, 0), np.int64)


def without(text: str, paragraphs: list[int]) -> str:
    r"""A text without some of its paragraphs, by number.

    >>> without("三度とぐ。\n筆者：山田\n水を切る。", [1])
    '三度とぐ。\n水を切る。'
    """
    gone = set(paragraphs)
    return "\n".join(line for number, line in enumerate(text.split("\n")) if number not in gone)


def cut_table(rows: pa.Table, cut: pa.ListArray) -> pa.Table:
    """Cut the texts of a table, and count their characters again."""
    is_cut = pc.greater(pc.list_value_length(cut), 0)
    numbers = [[mark["paragraph"] for mark in marks] for marks in cut.filter(is_cut).to_pylist()]
    whole = rows["text"].filter(is_cut).to_pylist()
    texts = [without(text, gone) for text, gone in zip(whole, numbers, strict=True)]
    lengths = np.fromiter(map(len, texts), np.int32, len(texts))
    for name, column in (("text", pa.array(texts, pa.string())), ("n_chars", pa.array(lengths))):
        place = rows.schema.get_field_index(name)
        changed = pc.replace_with_mask(rows[name].combine_chunks(), is_cut, column)
        rows = rows.set_column(place, rows.schema.field(place), changed)
    return rows


def _lists(values: pa.StructArray, counts: NDArray[np.int64]) -> pa.ListArray:
    offsets = np.zeros(len(counts) + 1, np.int32)
    np.cumsum(counts, out=offsets[1:])
    return pa.ListArray.from_arrays(pa.array(offsets), values)
