"""What the classifiers read of a text: their compiled loops beside the same said plainly."""

import re
import unicodedata
from collections import Counter as Tally
from math import log, sqrt

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from classifiers.bundle import load
from classifiers.features import DENSE, as_document, read
from classifiers.heads import over_cuts
from classifiers.labels import CLASSES
from classifiers.lexicon import Lexicon, adult_lexicon, lexicon_features
from classifiers.ngrams import (
    MAX_CHARS,
    ORDERS,
    Counter,
    buckets,
    code_points,
    place_of,
    plain_code_points,
    plain_counts,
)
from classifiers.shape import (
    BRACKET,
    BREAK,
    COMMA,
    HIRAGANA,
    KANJI,
    KATAKANA,
    LATIN,
    SHAPE,
    STOP,
    kinds_of,
    shape,
)
from pipeline.rules.phrases import terms
from tests.test_classifiers import DIARY, MENU, RANKING

CHARACTERS = "あいアー亜々a0Ａ１。、！!「 　\t\n\r\u2028😀𠮟\ud800"

BUNDLE = load()

SHORT_TEXTS = st.text(st.sampled_from(CHARACTERS) | st.characters(exclude_categories=()))


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Texts of any characters, lone surrogates too, now and then longer than what is read."""
    text = draw(SHORT_TEXTS)
    longer = draw(st.booleans())
    return text * (1 + MAX_CHARS // len(text)) if text and longer else text


def folded(text: str) -> str:
    """`code_points`, said plainly."""
    if len(text) > MAX_CHARS:
        text = text[: MAX_CHARS * 3 // 4] + "\n" + text[-MAX_CHARS // 4 :]
    single = "".join(map(folded_character, text))
    return re.sub(r"([ \n])\1+", r"\1", single)


def folded_character(character: str) -> str:
    if "\ud800" <= character < "\ue000":
        return "?"
    if character > "\uffff":
        return character
    if character in "\n\r\v\f\x85\u2028\u2029":
        return "\n"
    if character.isspace():
        return " "
    plain = unicodedata.normalize("NFKC", character).lower()
    return character if len(plain) != 1 else "0" if plain.isdecimal() else plain


def as_text(codes: NDArray[np.uint32]) -> str:
    return "".join(map(chr, codes.tolist()))


class TestNgrams:
    @settings(deadline=None)
    @given(texts())
    @example("")
    @example(" ")
    @example("　" * 5_000)
    @example("😀" * 4_001)
    @example("\r\n" * 3)
    def test_a_text_is_folded(self, text: str) -> None:
        assert as_text(code_points(text)) == folded(text)
        assert as_text(plain_code_points(text)) == folded(text)

    def test_width_case_and_numbers_are_folded(self) -> None:
        assert np.array_equal(code_points("ＡＢＣ　１２３"), code_points("abc 456"))

    def test_a_long_text_shows_both_its_ends(self) -> None:
        text = "始" + "中" * 20_000 + "終"
        assert code_points(text)[0] == ord("始")
        assert code_points(text)[-1] == ord("終")

    @settings(deadline=None)
    @given(SHORT_TEXTS)
    def test_every_ngram_has_a_bucket_and_a_place(self, text: str) -> None:
        codes = code_points(text)
        places = [place_of(ngram, len(codes)) for ngram in range(len(buckets(codes)))]
        assert places == [
            (first, first + order)
            for order in range(1, ORDERS + 1)
            for first in range(len(codes) - order + 1)
        ]
        for bucket, (first, end) in zip(buckets(codes).tolist(), places, strict=True):
            hashed = 0
            for code in codes[first:end].tolist():
                hashed = (hashed + code) * 0x9E3779B1 % 2**32
            assert bucket == hashed >> 12

    @settings(deadline=None)
    @given(texts())
    @example("")
    @example("あ")
    @example("あ" * 4_000)
    @example("😀" * 4_001)
    @example("".join(map(chr, range(0x4E00, 0x4E00 + 4_001))))
    def test_ngrams_are_counted_and_leave_nothing_behind(self, text: str) -> None:
        codes, counter = code_points(text), Counter()
        counter.count(code_points(text[::-1]))
        distinct, weights, length = counter.count(codes)
        plain = plain_counts(buckets(codes))
        counted = Tally(buckets(codes).tolist())
        weighed = [round(16 * (1 + log(min(count, 1023)))) for count in counted.values()]
        assert distinct.tolist() == list(counted)
        assert weights.tolist() == weighed
        assert length == (sqrt(sum(weight**2 for weight in weighed)) or 1)
        assert [array.tolist() for array in plain[:2]] == [distinct.tolist(), weights.tolist()]
        assert plain[2] == length


class TestShape:
    @settings(deadline=None)
    @given(texts())
    @example("\n")
    @example("\n\n。\n")
    @example(DIARY)
    @example(MENU)
    def test_is_what_a_reader_would_count(self, text: str) -> None:
        codes = code_points(text)
        measured = dict(zip(SHAPE, shape(text, kinds_of(codes), 7).tolist(), strict=True))
        if not len(codes):
            assert not any(measured.values())
            return
        lines = as_text(codes).split("\n")
        chars = max(1, sum(map(len, lines)))
        stopped = [line for line in lines if line and line[-1] in "。．.!?！？…"]
        long_chars = sum(len(line) for line in lines if len(line) >= 60)
        expected = {
            "log_chars": log(1 + len(text)),
            "mean_line": log(1 + chars / len(lines)),
            "longest_line": log(1 + max(map(len, lines))),
            "long_line_chars": long_chars / chars,
            "short_lines": sum(len(line) < 15 for line in lines) / len(lines),
            "stopped_lines": len(stopped) / len(lines),
            "stopped_chars": sum(map(len, stopped)) / chars,
            "distinct_ngrams": 7 / (4 * len(codes)),
            "log_stopped_lines": log(1 + len(stopped)),
            "log_stopped_chars": log(1 + sum(map(len, stopped))),
            "log_long_line_chars": log(1 + long_chars),
        }
        assert {name: measured[name] for name in expected} == pytest.approx(expected, rel=1e-6)

    def test_counts_the_kinds_of_characters(self) -> None:
        codes = code_points("「亜」、アa。\nあ😀")
        assert kinds_of(codes).tolist() == [
            *(BRACKET, KANJI, BRACKET, COMMA, KATAKANA, LATIN, STOP, BREAK, HIRAGANA),
            kinds_of(code_points("♪"))[0],
        ]
        measured = dict(zip(SHAPE, shape("", kinds_of(codes), 1).tolist(), strict=True))
        assert measured["bracket_share"] == pytest.approx(2 / 9)
        assert measured["stop_share"] == measured["kanji_share"] == pytest.approx(1 / 9)

    def test_repeated_lines_are_seen(self) -> None:
        text = "目次\n目次\n\n本文\n目次"
        measured = dict(zip(SHAPE, shape(text, kinds_of(code_points(text)), 1), strict=True))
        assert measured["distinct_lines"] == pytest.approx(0.5)
        assert measured["log_lines"] == pytest.approx(log(5))


def adult_words(text: str) -> list[str]:
    codes = code_points(text)
    hits = adult_lexicon().find(codes, kinds_of(codes))
    return [as_text(codes[first:end]) for first, end in hits]


def hits_in(text: str, words: list[str]) -> list[tuple[int, int]]:
    """`Lexicon.find`, said plainly."""
    kinds = kinds_of(code_points(text)).tolist()

    def parts(outside: int, inside: int) -> bool:
        return not (
            0 <= outside < len(kinds)
            and kinds[outside] == kinds[inside]
            and kinds[inside] in {KATAKANA, KANJI, LATIN}
        )

    return sorted(
        (first, first + len(word))
        for word in words
        for first in range(len(text))
        if text.startswith(word, first)
        and parts(first - 1, first)
        and parts(first + len(word), first + len(word) - 1)
    )


class TestLexicon:
    @pytest.mark.parametrize("harmless", ["アスパラガス", "グローバル", "SMSを送る", DIARY])
    def test_does_not_fall_for_substrings(self, harmless: str) -> None:
        assert adult_words(harmless) == []

    def test_finds_every_term_of_the_rules_between_marks(self) -> None:
        for term in terms("adult"):
            codes = code_points(term)
            short = len(codes) < 2 or (len(codes) < 4 and set(kinds_of(codes)) == {HIRAGANA})
            assert short or as_text(codes) in adult_words(f"、{term}。")

    def test_finds_a_word_where_the_script_changes(self) -> None:
        assert adult_words("話題のアダルトビデオを借りる") == ["アダルトビデオ"]

    @settings(deadline=None)
    @given(
        st.lists(st.text("あアイ亜位ab😀", min_size=4, max_size=6), min_size=1, max_size=6),
        st.lists(st.text("あアイ亜位ab😀。", max_size=3), min_size=1, max_size=8),
    )
    def test_finds_each_word_that_stands_alone(self, words: list[str], between: list[str]) -> None:
        text = "".join(filler + words[number % len(words)] for number, filler in enumerate(between))
        codes = code_points(text)
        found = Lexicon(frozenset(words)).find(codes, kinds_of(codes))
        assert found == hits_in(text, sorted(set(words)))

    def test_counts_different_words(self) -> None:
        codes = code_points("アイ、亜位、アイ。")
        hits = Lexicon(frozenset({"アイ", "亜位", "位"})).find(codes, kinds_of(codes))
        assert hits == [(0, 2), (3, 5), (6, 8)]
        assert lexicon_features(codes, hits) == pytest.approx([log(3)])

    @pytest.mark.parametrize("text", ["", "あ", "アイ"])
    def test_a_list_without_words_finds_nothing(self, text: str) -> None:
        codes = code_points(text)
        assert Lexicon(frozenset()).find(codes, kinds_of(codes)) == []


class TestModels:
    @pytest.mark.parametrize("text", ["", "あ", DIARY, RANKING, MENU, "😀" * 5_000])
    def test_ngrams_say_the_sum_of_their_weights(self, text: str) -> None:
        view, weights = read(text, Counter()), BUNDLE.heads["text"].views[0]
        heard = weights.weights[view.buckets, : len(CLASSES)].astype(np.float64)
        expected = view.weights @ heard / view.length * weights.scale
        assert np.array_equal(weights.log_odds(view), expected)

    @settings(deadline=None)
    @given(texts())
    def test_dense_features_add_a_step_for_each_cut_that_they_are_over(self, text: str) -> None:
        head, dense = BUNDLE.heads["text"], as_document(text).dense
        steps = head.steps[over_cuts(dense, head.cuts)].sum(0)
        slope, offset = head.calibration
        expected = (steps + head.offset) * slope + offset
        assert len(dense) == len(DENSE["text"])
        assert np.array_equal(head.calibrated(np.zeros(len(CLASSES)), dense), expected)
