"""Masking of personal data in the text of the shards, counted by kind.

Each kind is replaced by a token of its own, so that a sentence keeps its form. The patterns are
for Japanese pages and for precision: what is masked is meant to be right, and what is missed is
said in `docs/recipes.md`. Names of people are not masked.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

_DIGIT = "[0-9０-９]"
_HYPHEN = "[-‐‑–−ー－]"
_PREFECTURE = (
    "(?:北海道|東京都|京都府|大阪府|(?:青森|岩手|宮城|秋田|山形|福島|茨城|栃木|群馬|埼玉|千葉|"
    "神奈川|新潟|富山|石川|福井|山梨|長野|岐阜|静岡|愛知|三重|滋賀|兵庫|奈良|和歌山|鳥取|島根|"
    "岡山|広島|山口|徳島|香川|愛媛|高知|福岡|佐賀|長崎|熊本|大分|宮崎|鹿児島|沖縄)県)"
)
_HALF_WIDTH = str.maketrans("０１２３４５６７８９", "0123456789")

_EMAIL = re.compile(
    r"(?<![\w.+-])[A-Za-z0-9][\w.+-]{0,63}[@＠]"
    r"(?:[A-Za-z0-9-]{1,63}\.){1,5}[A-Za-z]{2,24}(?![\w-])",
    re.ASCII,
)
_PHONE = re.compile(
    rf"(?<!{_DIGIT})(?<!{_HYPHEN})(?:"
    rf"[(（][0０]{_DIGIT}{{1,4}}[)）] ?{_DIGIT}{{1,4}}{_HYPHEN}{_DIGIT}{{4}}"
    rf"|[0０]{_DIGIT}{{1,4}}[(（]{_DIGIT}{{1,4}}[)）]{_DIGIT}{{4}}"
    rf"|(?:[+＋]81{_HYPHEN}?|[0０]){_DIGIT}{{1,4}}{_HYPHEN}{_DIGIT}{{1,4}}{_HYPHEN}{_DIGIT}{{3,4}}"
    rf"|[0０][5-9５-９][0０]{_DIGIT}{{8}}"
    rf")(?!{_DIGIT})(?!{_HYPHEN}{_DIGIT})"
)
_ADDRESS = re.compile(
    rf"(?:〒 ?{_DIGIT}{{3}}{_HYPHEN}{_DIGIT}{{4}}\s*)?{_PREFECTURE}[^\s、。，．「」（）()]{{2,24}}?"
    rf"(?:{_DIGIT}{{1,4}}(?:丁目|番地|番|号|{_HYPHEN}|の){{1}}){{1,3}}(?:{_DIGIT}{{1,4}}号?)?"
    rf"|〒 ?{_DIGIT}{{3}}{_HYPHEN}{_DIGIT}{{4}}"
)
_TWELVE = re.compile(
    rf"(?<!{_DIGIT})(?<!{_HYPHEN}){_DIGIT}{{4}}([ -]?){_DIGIT}{{4}}\1{_DIGIT}{{4}}"
    rf"(?!{_DIGIT})(?!{_HYPHEN})"
)


def mask(text: str, kinds: Sequence[str]) -> tuple[str, Counter[str]]:
    """Replace personal data by tokens.

    Args:
        text: any text.
        kinds: which kinds, of `pipeline.selection.recipe.MASKS`.

    Returns:
        The masked text, and how many of each kind were masked.

    >>> mask("連絡は info@example.jp か 03-1234-5678 まで", ["email", "phone"])[0]
    '連絡は <メール> か <電話番号> まで'
    """
    found: Counter[str] = Counter()
    for kind in kinds:
        pattern, token, is_real = _KINDS[kind]

        def replaced(
            match: re.Match[str],
            kind: str = kind,
            token: str = token,
            is_real: Callable[[str], bool] = is_real,
        ) -> str:
            if not is_real(match.group()):
                return match.group()
            found[kind] += 1
            return token

        text = pattern.sub(replaced, text)
    return text, found


def mask_table(rows: pa.Table, kinds: Sequence[str]) -> tuple[pa.Table, Counter[str]]:
    """Mask the titles and texts of a table, and count the characters of its texts again."""
    found: Counter[str] = Counter()
    if not kinds:
        return rows, found
    for name in ("title", "text"):
        masked = [mask(text, kinds) for text in rows[name].to_pylist()]
        for _, counts in masked:
            found.update(counts)
        texts = [text for text, _ in masked]
        rows = _with(rows, name, pa.array(texts, pa.string()))
    lengths = np.fromiter((len(text) for text in texts), np.int32)
    return _with(rows, "n_chars", pa.array(lengths)), found


def is_my_number(digits: str) -> bool:
    """Whether twelve digits are an Individual Number: the last is its check digit.

    The check digit is that of ordinance 85 of 2014 of the Ministry of Internal Affairs: 11 minus
    the remainder by 11 of the weighted sum, and 0 where the remainder is 0 or 1.

    >>> is_my_number("123456789018"), is_my_number("123456789012")
    (True, False)
    """
    numbers = [int(digit) for digit in _digits(digits)]
    weights = [*range(2, 8), *range(2, 7)]
    body = reversed(numbers[:-1])
    rest = sum(digit * weight for digit, weight in zip(body, weights, strict=True)) % 11
    return numbers[-1] == (0 if rest <= 1 else 11 - rest)


def _is_phone(written: str) -> bool:
    """Japanese numbers have ten or eleven digits, the leading 0 (or +81) included."""
    digits = _digits(written)
    if digits.startswith("81"):
        return len(digits) in {11, 12}
    return digits.startswith("0") and len(digits) in {10, 11}


def _digits(written: str) -> str:
    return re.sub("[^0-9]", "", written.translate(_HALF_WIDTH))


def _with(rows: pa.Table, name: str, column: pa.Array) -> pa.Table:
    place = rows.schema.get_field_index(name)
    return rows.set_column(place, rows.schema.field(place), column)


_KINDS: dict[str, tuple[re.Pattern[str], str, Callable[[str], bool]]] = {
    "email": (_EMAIL, "<メール>", bool),
    "phone": (_PHONE, "<電話番号>", _is_phone),
    "address": (_ADDRESS, "<住所>", bool),
    "my_number": (_TWELVE, "<個人番号>", is_my_number),
}
