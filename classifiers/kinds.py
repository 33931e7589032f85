"""Kinds of page, told by their own columns: the ways in which the figures of a class are sliced."""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

KINDS_READ: Final = (
    "japanese_share",
    "hiragana_of_japanese",
    "katakana_of_japanese",
    "affiliate_links",
)
"""The columns of `documents` that kinds are told by."""

_UNKNOWN: Final = "unknown"


def kinds(batch: pa.RecordBatch) -> dict[str, NDArray[np.str_]]:
    """Tells the kind of each document, by each way to tell them apart.

    Args:
        batch: documents; a column that is not there, or is null, makes the kind `unknown`.

    Returns:
        `script`: which script its letters are mostly of; `commission links`: whether it holds any,
        since a rule on links finds the affiliate pages with them only.
    """
    return {"script": _leading_script(batch), "commission links": _commission_links(batch)}


def _leading_script(batch: pa.RecordBatch) -> NDArray[np.str_]:
    japanese, hiragana, katakana = (_numbers(batch, name) for name in KINDS_READ[:3])
    kanji = 1 - hiragana - katakana
    names = np.array(["mostly hiragana", "mostly katakana", "mostly kanji"])
    leading = names[np.stack([hiragana, katakana, kanji]).argmax(0)]
    leading = np.where(japanese < 0.5, "mostly Latin", leading)
    return np.where(np.isnan(japanese + hiragana + katakana), _UNKNOWN, leading)


def _commission_links(batch: pa.RecordBatch) -> NDArray[np.str_]:
    if "affiliate_links" not in batch.schema.names:
        return np.full(len(batch), _UNKNOWN)
    count = pc.list_value_length(batch["affiliate_links"])
    some = pc.if_else(pc.greater(count, 0), "some", "none")
    return np.array(pc.fill_null(some, _UNKNOWN).to_pylist(), dtype=np.str_)


def _numbers(batch: pa.RecordBatch, name: str) -> NDArray[np.float64]:
    if name not in batch.schema.names:
        return np.full(len(batch), np.nan)
    numbers: NDArray[np.float64] = (
        batch[name].cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
    )
    return numbers
