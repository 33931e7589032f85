"""Words and parts of speech, by fugashi (MeCab) with unidic-lite."""

from collections import Counter
from functools import lru_cache
from typing import Final

import fugashi
import unidic_lite

SLICE_CHARS: Final = 100_000
"""Characters analysed at a time: MeCab fails on inputs of a few million bytes."""

_NOT_WORDS: Final = ("補助記号", "記号", "空白")


def noun_share(text: str) -> float | None:
    """Returns the nouns of all words, symbols left out, 0 to 1; None for a text without words.

    Running Japanese prose lies near 0.35; menus, word lists and rows of place names above 0.6.

    >>> noun_share("母と近所の公園を歩いた。") < 0.5 < noun_share("東京 大阪 名古屋 不動産 一覧")
    True
    >>> noun_share("……") is None
    True
    """
    counts: Counter[str] = Counter()
    for start in range(0, len(text), SLICE_CHARS):
        counts.update(parts_of_speech(text[start : start + SLICE_CHARS]))
    words = counts.total() - sum(counts[kind] for kind in _NOT_WORDS)
    return counts["名詞"] / words if words else None


def parts_of_speech(text: str) -> list[str]:
    """Returns the part of speech of each word, in UniDic's terms.

    Only the part of speech is asked of MeCab: that is 1.4 times as fast as reading its nodes.

    >>> parts_of_speech("空が青い。")
    ['名詞', '助詞', '形容詞', '補助記号']
    """
    analysed: str = _tagger().parse(text.replace("\0", " "))
    return analysed.split(",")[:-1]


@lru_cache(maxsize=1)
def _tagger() -> fugashi.GenericTagger:
    """One tagger a process: each new one would hold another copy of the dictionary."""
    dictionary = unidic_lite.DICDIR
    settings = f'-d "{dictionary}" -r "{dictionary}/dicrc"'
    return fugashi.GenericTagger(f'{settings} -O "" -F%f[0], -U%f[0], -E ""')
