"""Which scripts a text is written in, and its longest run of one character."""

import numpy as np
from numpy.typing import NDArray

from pipeline.compiled import compiled
from pipeline.rules.characters import Characters, Columns, Script, scripts, share

START_CHARACTERS = 50
"""Kana are looked for among so many characters at the start (HojiChar)."""


def script_metrics(text: Characters) -> Columns:
    """Shares of the scripts, kana at the start, the longest run."""
    of, at_start, longest_run = _count(text.codes, text.ends, scripts(), len(Script))
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
        "kana_at_start": at_start[Script.HIRAGANA] + at_start[Script.KATAKANA],
        "longest_run": longest_run,
    }


@compiled
def _count(
    codes: NDArray[np.uint32], ends: NDArray[np.int64], scripts: NDArray[np.uint8], n_scripts: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Counts by text the characters of each script, anywhere and at the start; the longest run.

    Returns:
        Arrays of the shapes (scripts, texts), (scripts, texts) and (texts,).
    """
    counts = np.zeros((n_scripts, len(ends)), np.int64)
    at_start = np.zeros((n_scripts, len(ends)), np.int64)
    longest_run = np.zeros(len(ends), np.int64)
    start = 0
    for text in range(len(ends)):
        longest = run = 0
        last = codes[start]
        for at in range(start, ends[text]):
            code = codes[at]
            run = run + 1 if code == last else 1
            last = code
            longest = max(longest, run)
            counts[scripts[code], text] += 1
            if at == start + START_CHARACTERS - 1:
                at_start[:, text] = counts[:, text]
        if ends[text] - start < START_CHARACTERS:
            at_start[:, text] = counts[:, text]
        longest_run[text] = longest
        start = ends[text] + 1
    return counts, at_start, longest_run
