"""The rule metrics: one column of `documents` each, computed by `pipeline.rules`.

Shares run from 0 to 1 and are 0 where there is nothing to share (an empty text). Characters are
Unicode code points of `text`; a line is not empty; a sentence ends at 。！？!? that no such mark or
closing bracket follows, or with its line.
"""

import pyarrow as pa

from schemas.fields import Column


def _share(name: str, doc: str) -> Column:
    return Column(name, pa.float32(), doc)


def _count(name: str, doc: str) -> Column:
    return Column(name, pa.int32(), doc)


def _length(name: str, doc: str) -> Column:
    return Column(name, pa.float32(), doc)


_SCRIPT = (
    _count("japanese_chars", "Hiragana, katakana and kanji, without punctuation."),
    _share("japanese_share", "Hiragana, katakana and kanji, of the letters of any script."),
    _share("hiragana_share", "Hiragana of all characters but white space."),
    _share("hiragana_of_japanese", "Hiragana of hiragana, katakana and kanji."),
    _share("katakana_of_japanese", "Katakana of hiragana, katakana and kanji."),
    _share("special_share", "Digits, punctuation and symbols of all characters but white space."),
    _count("kana_at_start", "Hiragana and katakana among the first 50 characters."),
    _count("longest_run", "Length of the longest run of one character."),
)

_LINES = (
    _count("text_lines", "Lines of `text`."),
    _length("mean_line_chars", "Mean characters of a line."),
    _share("short_line_share", "Lines of at most 10 characters, of all lines."),
    _share("punctuated_line_share", "Lines that end in 。！？!?… or brackets after, of all lines."),
    _share("duplicate_line_share", "Lines equal to an earlier one, of all lines."),
    _share("duplicate_line_char_share", "Their characters, of the characters of all lines."),
)

_SENTENCES = (
    _length("mean_sentence_chars", "Mean characters of a sentence, its closing mark included."),
    _count("max_sentence_chars", "Characters of the longest sentence."),
    _length("chars_per_kuten", "Characters for each 。, or all of them where there is none."),
    _share("ellipsis_share", "Sentences that trail off in … or ・・・, of all sentences."),
    _share("duplicate_sentence_share", "Sentences equal to an earlier one, of all sentences."),
    _share("duplicate_sentence_char_share", "Their characters, of those of all sentences."),
)

_REPETITION = (
    *(
        _share(f"top_{n}gram_share", f"The commonest {n} characters in a row, of all such rows.")
        for n in (2, 3, 4)
    ),
    *(
        _share(f"duplicate_{n}gram_share", f"Rows of {n} characters that come again, of all kinds.")
        for n in range(5, 11)
    ),
    Column("compression_ratio", pa.float32(), "Bytes after zlib (level 6) by bytes of UTF-8."),
)

_WORDS = (
    _share("adult_char_share", "Characters inside adult terms, of all characters."),
    _count("adult_terms", "Different adult terms."),
    Column("ad_phrases", pa.float32(), "Phrases of advertising for 1,000 characters."),
    Column("bbs_phrases", pa.float32(), "Phrases of bulletin boards for 1,000 characters."),
)

METRICS: tuple[Column, ...] = (*_SCRIPT, *_LINES, *_SENTENCES, *_REPETITION, *_WORDS)
