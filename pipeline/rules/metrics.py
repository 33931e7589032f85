"""The metrics of a batch of texts: every column of `schemas.METRICS`, computed together."""

import zlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from pipeline.rules.characters import Characters, Columns, Script, share, slices
from pipeline.rules.ngrams import ngram_metrics
from pipeline.rules.phrases import phrase_metrics
from pipeline.rules.segments import line_metrics, sentence_metrics
from schemas.metrics import METRICS

START_CHARACTERS = 50
"""Kana are looked for among so many characters at the start (HojiChar)."""

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
    return pa.array(values).cast(kind, safe=False)


def _measure(text: Characters) -> Columns:
    return {
        **script_metrics(text),
        **line_metrics(text),
        **sentence_metrics(text),
        **ngram_metrics(text),
        **compression_metrics(text),
        **phrase_metrics(text),
    }


def script_metrics(text: Characters) -> Columns:
    """Which scripts a text is written in."""
    kinds = len(Script)
    counts = np.bincount(text.document * kinds + text.script, minlength=len(text.texts) * kinds)
    of = counts.reshape(len(text.texts), kinds).T
    hiragana, katakana = of[Script.HIRAGANA], of[Script.KATAKANA]
    japanese = hiragana + katakana + of[Script.KANJI]
    visible = of.sum(axis=0) - of[Script.SPACE]
    letters = visible - of[Script.SPECIAL]
    return {
        "japanese_chars": japanese,
        "japanese_share": share(japanese, letters),
        "hiragana_share": share(hiragana, visible),
        "hiragana_of_japanese": share(hiragana, japanese),
        "katakana_of_japanese": share(katakana, japanese),
        "special_share": share(of[Script.SPECIAL], visible),
        "kana_at_start": _kana_at_start(text),
        "longest_run": _longest_run(text),
    }


def _kana_at_start(text: Characters) -> np.ndarray:
    is_kana = (text.script == Script.HIRAGANA) | (text.script == Script.KATAKANA)
    kana = np.flatnonzero(is_kana)
    early = kana - text.starts[text.document[kana]] < START_CHARACTERS
    return text.per_document(kana[early])


def _longest_run(text: Characters) -> np.ndarray:
    """Runs of one character, seen as stretches of positions that equal the one before."""
    same = np.append(False, text.codes[1:] == text.codes[:-1])
    same[text.starts] = False
    same[text.starts + text.lengths] = False  # the newline after a text is not part of it
    changes = np.flatnonzero(np.diff(same.view(np.int8), prepend=0, append=0))
    starts, ends = changes[::2], changes[1::2]
    return np.maximum(text.maximum(starts, ends - starts + 1), text.lengths > 0)


def compression_metrics(text: Characters) -> Columns:
    """How far zlib shrinks the text's UTF-8; 1 for an empty text."""
    return {"compression_ratio": np.fromiter(map(_compression, text.texts), np.float64)}


def _compression(text: str) -> float:
    encoded = text.encode("utf-8", "surrogatepass")
    return len(zlib.compress(encoded, COMPRESSION_LEVEL)) / len(encoded) if encoded else 1.0
