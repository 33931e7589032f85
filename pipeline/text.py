"""The text that is stored, and the views of it that duplicates are found in.

`normalise` gives the stored text: damage and accidents of encoding and layout are repaired, what
an author wrote is left alone. Full-width letters, ～ and ① stay as they are: NFKC would turn
Japanese punctuation into Western, so it is used in `dedup_view` only. The order of the steps is
that of the project's Japanese defaults; each step is a function of its own and idempotent.
"""

import re
import sys
import unicodedata
from codecs import utf_32_le_decode
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.compiled import compiled

KANA_OR_KANJI = "ぁ-ゖゝゞァ-ヺー-ヾ々〆〇一-鿿㐀-䶿豈-龎"
"""Body of a character class: the letters of Japanese, without punctuation or combining marks."""

_STOP_CHARACTERS = "、。，．"

TAIL_LINES = 10
"""A footer has at most so many lines (Swallow corpus, filter of version 1)."""

TAIL_SHARE = 0.3
"""A line belongs to a footer if more than this share of it is footer phrases (Swallow)."""


def normalise(text: str) -> str:
    r"""Makes the stored text: clean, NFC, one paragraph a line, without the page's tail.

    Args:
        text: any string; paragraphs are separated by line ends of any kind.

    Returns:
        The normalised text, possibly empty. Normalising it again changes nothing.

    >>> print(normalise("　ﾊﾟﾝを焼いた，\u200bそして食べた．\r\n\nうまかった．\nシェア ツイート"))
    パンを焼いた、そして食べた。
    うまかった。
    """
    return trim_footer(repair(text))


def repair(text: str) -> str:
    r"""All of `normalise` but the cut of the tail: for the whole page, whose menus are wanted.

    Args:
        text: any string.

    Returns:
        The text, clean, NFC, one paragraph a line. Repairing it again changes nothing.

    >>> repair("パンを焼いた．\u200bおいしかった．\nシェア ツイート")
    'パンを焼いた。おいしかった。\nシェア ツイート'
    """
    return joined(repair_lines(text.split("\n")))


def repair_lines(lines: Iterable[str]) -> list[str]:
    r"""Does to each line what `repair` does to a line by itself, before it looks at the whole.

    The lines of a main text are lines of its page: whoever wants both needs this once.

    Args:
        lines: any strings.

    Returns:
        As many strings: each the repaired line, or several where it held other line ends, or
        nothing.

    >>> repair_lines(["　ﾊﾟﾝを焼いた。", "茶\r菓", " "])
    ['パンを焼いた。', '茶\n菓', '']
    """
    repaired = list(lines)
    ends = np.cumsum(np.fromiter(map(len, repaired), np.int64))
    wants = _wants(_code_points("".join(repaired)), ends, _spacing())
    for number in np.flatnonzero(wants).tolist():
        repair_line = _tidy_line if wants[number] == _TIDYING else _repaired
        repaired[number] = repair_line(repaired[number])
    return repaired


def joined(lines: Iterable[str]) -> str:
    """Joins repaired lines into a text, with the punctuation that most of them use.

    >>> print(joined(["値は３．１４で，", "", "半径に比例する．"]))
    値は３．１４で、
    半径に比例する。
    """
    return unify_punctuation("\n".join(filter(None, lines)))


def _repaired(line: str) -> str:
    return tidy_spaces(unify_lines(widen_kana(compose(drop_controls(line)))))


# Characters that all these steps but the last leave alone, in any neighbourhood: most lines hold no
# others, and no combining mark is among them.
_USUAL_CHARACTERS = (
    " -~\xa1-\xac\xae-\u02af\u2010-\u2027\u2030-\u205e\u2070-\u20cf\u2100-\u2125\u2127-\u2129"
    "\u212c-\u2328\u232b-\u2adb\u2add-\u2bff\u3000-\u3029\u3030-\u3098\u309b-\u312f\u3190-\u9fff"
    "\uff01-\uff60\uffe0-\uffe6"
)
_UNUSUAL_RUN = re.compile(f"[^\n{_USUAL_CHARACTERS}]{{31}}")

_USUAL, _STOP, _JAPANESE, _SPACE, _WIDE_SPACE, _UNUSUAL = range(6)
_TIDYING, _REPAIR = 1, 2


@cache
def _spacing() -> NDArray[np.uint8]:
    """Of each code point, what it means to the spaces around it, if it is a usual one."""
    basic_plane = "".join(map(chr, range(0x10000)))
    kinds = np.full(0x110000, _UNUSUAL, np.uint8)
    for kind, characters in (
        (_USUAL, _USUAL_CHARACTERS),
        (_STOP, _STOP_CHARACTERS),
        (_JAPANESE, KANA_OR_KANJI),
        (_SPACE, " "),
        (_WIDE_SPACE, "\u3000"),
        (_UNUSUAL, f"^{_USUAL_CHARACTERS}"),
    ):
        found = re.finditer(f"[{characters}]", basic_plane)
        kinds[[match.start() for match in found]] = kind
    return kinds


@compiled
def _wants(
    codes: NDArray[np.uint32], ends: NDArray[np.int64], kinds: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """What there is to do to lines that stand one after the other, each up to its end.

    Nothing, where all characters are usual and no space is at an edge of the line, beside another
    or where the line may have been wrapped: `_tidy_line` would change nothing.
    """
    wants = np.zeros(len(ends), np.uint8)
    begin = 0
    for line, end in enumerate(ends):
        for at in range(begin, end):
            kind = kinds[codes[at]]
            if kind == _UNUSUAL:
                wants[line] = _REPAIR
                break
            if kind >= _SPACE:
                before = kinds[codes[at - 1]] if at > begin else _SPACE
                after = kinds[codes[at + 1]] if at + 1 < end else _SPACE
                is_wrap = kind == _SPACE and _STOP <= before <= _JAPANESE == after
                if is_wrap or before >= _SPACE or after >= _SPACE:
                    wants[line] = _TIDYING
        begin = end
    return wants


# Removed: C0 and C1 controls, soft hyphens, zero-width and directional marks, invisible operators,
# annotation and object marks, tags (they can hide whole messages), lone surrogates and
# noncharacters (no encoding holds them), private use (meaningless without its icon font).
# Kept: variation selectors (they tell 葛󠄀 from 葛), U+FFFD (evidence of damage), and the zero-width
# joiner inside emoji.
_CONTROLS = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e"
    "\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef"
    "\ufeff\uffa0\ufff0-\ufffc\ufffe\uffff]+"
)
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
_ASTRAL_CONTROLS = re.compile(
    "["
    + "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(1, 15))
    + "\U000e0000-\U000e007f\U000f0000-\U0010ffff]+"
)
_STRAY_JOINER = re.compile("(?<![\u2190-\u2bff\ufe0f\U0001f000-\U0001faff])\u200d+")


def drop_controls(text: str) -> str:
    """Removes what is invisible or cannot be encoded; line ends and tabs are left for later."""
    text = _CONTROLS.sub("", text)
    if _ASTRAL.search(text):
        text = _ASTRAL_CONTROLS.sub("", text)
    return _STRAY_JOINER.sub("", text) if "\u200d" in text else text


@cache
def _too_many_marks() -> re.Pattern[str]:
    codes = map(chr, range(sys.maxunicode + 1))
    marks = "".join(code for code in codes if unicodedata.combining(code))
    return re.compile(f"([{marks}]{{30}})[{marks}]+")


def compose(text: str) -> str:
    """Brings the text into NFC: か + ゙ becomes が; widths and shapes are not touched.

    Of more than 30 combining marks in a row the rest is dropped, as in the stream-safe text format
    (UAX #15): no script needs so many, and sorting a million of them takes hours.
    """
    if _UNUSUAL_RUN.search(text):
        text = _too_many_marks().sub(r"\1", text)
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


_HALF_WIDTH = re.compile("[｡-ﾟ]")
_HALF_WIDTH_RUN = re.compile("[ぁ-ゖァ-ヺ]?[｡-ﾟ]+")


def widen_kana(text: str) -> str:
    """Writes half-width kana and their punctuation in full width, voiced marks composed.

    >>> widen_kana("ｶﾞｲﾄﾞ｢ﾊﾟﾝ｣｡ カﾞラス")
    'ガイド「パン」。 ガラス'
    """
    return _HALF_WIDTH_RUN.sub(_widened, text) if _HALF_WIDTH.search(text) else text


def _widened(match: re.Match[str]) -> str:
    full = unicodedata.normalize("NFKC", match[0])
    return full.replace("\u3099", "゛").replace("\u309a", "゜")  # marks with no kana to join


_OTHER_LINE_ENDS = re.compile("[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


def unify_lines(text: str) -> str:
    """Ends every line with a newline, whatever ended it before."""
    return _OTHER_LINE_ENDS.sub("\n", text)


_ODD_SPACES = re.compile("[\t\x1f\xa0\u1680\u2000-\u200a\u202f\u205f]")
_SPACES = re.compile("[ \u3000]{2,}")
_WRAP = re.compile(f"(?<=[{KANA_OR_KANJI}{_STOP_CHARACTERS}]) (?=[{KANA_OR_KANJI}])")
_STOPS = re.compile(f"[{_STOP_CHARACTERS}]")
_CHARACTERS_A_WRAP = 20


def tidy_spaces(text: str) -> str:
    r"""Leaves one space where spaces mean something, and none where only the layout put them.

    Empty lines go, and lines lose the spaces at their edges; only code keeps its indentation (two
    or more ASCII spaces before an ASCII character). A run with an ideographic space becomes one
    ideographic space (it separates names and list entries on purpose), any other run one ASCII
    space. A space between two Japanese letters goes where it comes from a wrapped source line: in
    a paragraph that has punctuation and at most one such space in 20 characters.

    >>> print(tidy_spaces("\u3000天気は、明日から下り坂になる 見込みです。\n茶  菓\n    x = 1"))
    天気は、明日から下り坂になる見込みです。
    茶 菓
        x = 1
    """
    lines = _ODD_SPACES.sub(" ", text).split("\n")
    return "\n".join(filter(None, map(_tidy_line, lines)))


def _tidy_line(line: str) -> str:
    body = line.strip(" \u3000")
    if not body or (" " not in line and "\u3000" not in body):
        return body
    if "  " in body or "\u3000" in body:
        body = _SPACES.sub(lambda run: "\u3000" if "\u3000" in run[0] else " ", body)
    if " " in body:
        body = _unwrap(body)
    return _indentation(line) + body if "!" <= body[0] <= "~" else body


def _indentation(line: str) -> str:
    margin = len(line) - len(line.lstrip(" "))
    return " " * margin if margin >= 2 else ""


def _unwrap(paragraph: str) -> str:
    joined, wraps = _WRAP.subn("", paragraph)
    few = wraps * _CHARACTERS_A_WRAP <= len(joined)
    return joined if wraps and few and _STOPS.search(paragraph) else paragraph


_ALPHANUMERIC = "0-9A-Za-z０-９Ａ-Ｚａ-ｚ"


def _western_mark(mark: str) -> re.Pattern[str]:
    """Matches the mark; in group `kept` where it is a decimal mark or follows a list number."""
    inside = f"(?<=[{_ALPHANUMERIC}]){mark}(?=[{_ALPHANUMERIC}])"
    numbering = f"^[ 　]*[（(]?[{_ALPHANUMERIC}]{{1,3}}[)）]?{mark}"
    return re.compile(f"(?m)(?P<kept>{inside}|{numbering})|{mark}")


_WESTERN = {mark: _western_mark(mark) for mark in "，．"}


def unify_punctuation(text: str) -> str:
    r"""Writes ，． as 、。 in a document that mostly uses them, save in numbers and headings.

    Between alphanumerics they are decimal marks, after a number at the start of a line they are
    numbering; both stay and are not counted (after Swallow's kutoten.py).

    >>> print(unify_punctuation("１．概要\n値は３．１４で，半径に比例する．"))
    １．概要
    値は３．１４で、半径に比例する。
    """
    return _unify_mark(_unify_mark(text, "，", "、"), "．", "。")


def _unify_mark(text: str, western: str, japanese: str) -> str:
    if western not in text:
        return text
    replaced = _WESTERN[western].sub(lambda found: found["kept"] or japanese, text)
    before = text.count(japanese)
    return replaced if replaced.count(japanese) - before > before else text


def trim_footer(text: str) -> str:
    r"""Cuts the page's tail: menus, copyright and share buttons in the last ten lines.

    The lines are walked from the end as long as footer phrases make up over 0.3 of each (the
    share and the ten lines are Swallow's). Where more than ten lines would go, or all of them,
    the phrases are the page's content and nothing is cut.

    >>> trim_footer("本日は定休日です。\nシェアする\nプライバシーポリシー | 利用規約\n© 2024 例")
    '本日は定休日です。'
    """
    lines = text.rsplit("\n", TAIL_LINES + 1)
    body = len(lines)
    while body and _is_footer(lines[body - 1]):
        body -= 1
    cut = len(lines) - body
    return "\n".join(lines[:body]) if body and cut <= TAIL_LINES else text


_COPYRIGHT = re.compile(r"^\W{0,3}(?:©|\(c\)|copyright)|all rights reserved", re.IGNORECASE)


def _is_footer(line: str) -> bool:
    if _COPYRIGHT.search(line):
        return True
    folded = line.lower()
    covered = sum(len(found) for words in footer_phrases() for found in words.findall(folded))
    return covered > TAIL_SHARE * len(line)


@cache
def footer_phrases() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """The footer and share-button phrases, Japanese ones and Latin ones (whole words only)."""
    lines = resources.files("pipeline").joinpath("data/footer_phrases.txt").read_text("utf-8")
    phrases = {line.lower() for line in lines.splitlines() if line and not line.startswith("#")}
    latin = {phrase for phrase in phrases if phrase.isascii()}
    bounded = f"(?<![0-9a-z])(?:{_any_of(latin)})(?![0-9a-z])"
    return re.compile(_any_of(phrases - latin)), re.compile(bounded)


def _any_of(phrases: set[str]) -> str:
    return "|".join(re.escape(phrase) for phrase in sorted(phrases, key=lambda p: (-len(p), p)))


_LETTER, _DIGIT, _JOINS_DIGITS, _WEEKDAY = 1, 2, 3, 4
_WEEKDAYS = "月火水木金土日"
_ZERO, _OPENS, _CLOSES, _YOU, _BI = map(ord, "0()曜日")


def dedup_view(text: str) -> str:
    """What of a text is compared to find its copies: folded, without layout and figures.

    Widths, shapes and case are folded. Numbers, dates, times and counters become `0` and weekdays
    go, since copies of a page differ in them (`駅(211)`, `3月1日(金)`); white space, punctuation
    and symbols go, since mirrors and blog tools change them. So pages that differ in nothing but
    figures count as copies: time tables and price lists pay for that.

    Args:
        text: a normalised text.

    Returns:
        Letters and the digit 0; empty for a text without any.

    >>> dedup_view("２０２４年３月１日（金）　Ｗｅｂ版を公開！（閲覧数：1,024）")
    '0年0月0日web版を公開閲覧数0'
    """
    view = _viewed(_code_points(text), *folding(), _kinds())
    return utf_32_le_decode(view.data, "surrogatepass", True)[0]


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def fold(text: str) -> str:
    """Brings each character into NFKC and lower case: Ａ is a, ㈱ is (株), ① is 1.

    The same as NFKC of the whole text where that would join no characters. Beyond the basic plane
    a character stays where it would give several (🄐).

    >>> fold("Ｗｅｂ㈱ １０㎡")
    'web(株) 10m2'
    """
    return "".join(map(_folds, text))


def _folds(character: str) -> str:
    folded = unicodedata.normalize("NFKC", character).lower()
    return folded if len(folded) == 1 or character <= "\uffff" else character


class Folding(NamedTuple):
    """How characters fold, by code point.

    Attributes:
        single: the character that it gives, where it gives one; else itself. Shape (0x110000,).
        place: where in `several` it is, if it gives more than one, else 0. Shape (0x110000,).
        several: how many characters there are more than one, then the characters.
    """

    single: NDArray[np.uint32]
    place: NDArray[np.uint16]
    several: NDArray[np.uint32]


@cache
def folding() -> Folding:
    """How `fold` folds all characters."""
    single = np.arange(0x110000, dtype=np.uint32)
    place = np.zeros(0x110000, np.uint16)
    several = [0]
    for code in (*range(0x20000), *range(0x2F800, 0x2FA20)):
        folded = _folds(chr(code))
        if len(folded) == 1:
            single[code] = ord(folded)
        else:
            place[code] = len(several)
            several += [len(folded) - 1, *map(ord, folded)]
    return Folding(single, place, np.array(several, np.uint32))


@cache
def _kinds() -> NDArray[np.uint8]:
    """Of each code point, whether it is a letter, a digit, a weekday, or joins digits."""
    kinds = np.zeros(0x110000, np.uint8)
    letters = [code for code in range(0x40000) if chr(code).isalnum()]  # there are none above
    kinds[letters] = _LETTER
    for characters, kind in (
        ("0123456789", _DIGIT),
        (".,:/-", _JOINS_DIGITS),
        (_WEEKDAYS, _WEEKDAY),
    ):
        kinds[[ord(character) for character in characters]] = kind
    return kinds


@compiled
def _viewed(
    codes: NDArray[np.uint32],
    single: NDArray[np.uint32],
    place: NDArray[np.uint16],
    several: NDArray[np.uint32],
    kinds: NDArray[np.uint8],
) -> NDArray[np.uint32]:
    """The code points of a text's dedup view."""
    folded = _folded(codes, single, place, several)
    view = np.empty(len(folded), np.uint32)
    length = at = last = before = 0
    while at < len(folded):
        code = folded[at]
        kind = kinds[code]
        if kind == _WEEKDAY:
            passed = _weekday(folded, at)
            if passed:
                at += passed
                continue
            kind = _LETTER
        # A number is digits, and what stands between two of them: 1,024, 3/1, 12:30.
        goes_on = last == _DIGIT or (last == _JOINS_DIGITS and before == _DIGIT)
        view[length] = _ZERO if kind == _DIGIT else code
        length += kind == _LETTER or (kind == _DIGIT and not goes_on)
        before, last = last, kind
        at += 1
    return view[:length]


@compiled
def _folded(
    codes: NDArray[np.uint32],
    single: NDArray[np.uint32],
    place: NDArray[np.uint16],
    several: NDArray[np.uint32],
) -> NDArray[np.uint32]:
    """The code points of a text, folded as `Folding` says."""
    length = len(codes)
    for code in codes:
        length += several[place[code]]
    folded = np.empty(length, np.uint32)
    end = 0
    for code in codes:
        at = place[code]
        if at:
            for character in several[at + 1 : at + 2 + several[at]]:
                folded[end] = character
                end += 1
        else:
            folded[end] = single[code]
            end += 1
    return folded


@compiled
def _weekday(folded: NDArray[np.uint32], at: int) -> int:
    """The length of a weekday that begins here: 日曜日 and 日曜; 日 only inside (日); else 0."""
    after = folded[at + 1 :]
    if len(after) and after[0] == _YOU:
        return 3 if len(after) > 1 and after[1] == _BI else 2
    if at and len(after) and folded[at - 1] == _OPENS and after[0] == _CLOSES:
        return 1
    return 0
