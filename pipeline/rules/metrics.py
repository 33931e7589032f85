"""The metrics of a batch of texts: every column of `schemas.METRICS`, computed together."""

import zlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from pipeline.rules.characters import Characters, Columns, slices
from pipeline.rules.ngrams import ngram_metrics
from pipeline.rules.phrases import phrase_metrics
from pipeline.rules.scripts import script_metrics
from pipeline.rules.segments import line_metrics, sentence_metrics
from schemas.metrics import METRICS

_DTYPES = {pa.int32(): np.int32, pa.float32(): np.float32}

COMPRESSION_LEVEL = 6
"""zlib's default; on web pages level 9 gives the same median ratio and takes longer."""


def measure(texts: Sequence[str], link_share: Sequence[float | None]) -> dict[str, pa.Array]:
    """Measures texts.

    Args:
        texts: normalised texts; any string is measured, the empty one too.
        link_share: of each page the visible characters inside links, None without HTML.

    Returns:
        Every column that a rule asks for, in the order of the texts: those of `schemas.METRICS`,
        `n_chars`, and `link_share` as it was given.

    >>> columns = measure(["今日は晴れ。明日も晴れ。"], [None])
    >>> columns["n_chars"].to_pylist(), columns["mean_sentence_chars"].to_pylist()
    ([12], [6.0])
    """
    parts = [_measure(part) for part in slices(texts)]
    columns = {
        column.name: _array([part[column.name] for part in parts], column.type)
        for column in METRICS
    }
    columns["n_chars"] = pa.array(map(len, texts), pa.int32())
    columns["link_share"] = pa.array(link_share, pa.float32())
    return columns


def _array(parts: list[np.ndarray], kind: pa.DataType) -> pa.Array:
    values = np.concatenate(parts) if parts else np.zeros(0)
    return pa.array(values.astype(_DTYPES[kind]))  # pyarrow would take ten times as long to cast


def _measure(text: Characters) -> Columns:
    return {
        **script_metrics(text),
        **line_metrics(text),
        **sentence_metrics(text),
        **ngram_metrics(text),
        **compression_metrics(text),
        **phrase_metrics(text),
    }


def compression_metrics(text: Characters) -> Columns:
    """How far zlib shrinks the text's UTF-8; 1 for an empty text."""
    return {"compression_ratio": np.fromiter(map(_compression, text.texts), np.float64)}


def _compression(text: str) -> float:
    encoded = text.encode("utf-8", "surrogatepass")
    return len(zlib.compress(encoded, COMPRESSION_LEVEL)) / len(encoded) if encoded else 1.0
