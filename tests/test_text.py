"""The stored text and its views: what is repaired, what is left alone, what makes two texts one."""

import re
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.text import (
    compose,
    dedup_view,
    drop_controls,
    fold,
    joined,
    normalise,
    repair,
    repair_lines,
    tidy_spaces,
    trim_footer,
    unify_lines,
    widen_kana,
)

TROUBLE = list(
    "あかがサパ゛゜ー々。、，．・…！？「」（）　 \t\n\r\x0b\x0c\x1c\x1f\x85\xa0\xad"
    "ｶﾞﾊﾟｱ｡､｢｣１２Ａａ12Aa-|/©\u3099\u309a\u200b\u200d\u2028\u202e\ufeff\ufffd\ufe0f"
    "葛\U000e0100\U000f0000\U000e0041\ue000\ud800👨👩é가각\u1100\u1161ᆨ"
)
texts = st.one_of(
    st.text(st.one_of(st.sampled_from(TROUBLE), st.characters()), max_size=60),
    st.lists(
        st.sampled_from(
            [
                "今日は、晴れ です。",
                "シェアする",
                "© 2024 例",
                "ホーム | 利用規約",
                "１．概要",
                "　",
            ]
        ),
        max_size=16,
    ).map("\n".join),
)


@given(texts)
@settings(deadline=None)
@example("か\n\u3099")
@example("ｶ\u200bﾞ")
@example("値は， 次の通り．")
def test_normalising_again_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


@given(texts)
@settings(deadline=None)
@example("か\n\u3099")
@example("ｶ\u2028ﾞ\rﾊ\nﾟ")
@example("値は，\n次の通り．\n三，")
def test_a_page_that_is_repaired_line_by_line_is_the_same(text: str) -> None:
    """The main text and the whole page share their lines, which are repaired once."""
    assert joined(repair_lines(text.split("\n"))) == repair(text)


@given(st.lists(st.one_of(texts, st.text("あ漢、a 　\t").map(lambda text: text * 2)), max_size=9))
@example(["", " ", "米 を、炊く。", "とぎ、 炊く", "  x = 1 ", "茶　 菓", "茶 菓"])
@settings(deadline=None)  # the first call compiles
def test_lines_that_are_spared_a_step_would_not_be_changed_by_it(lines: list[str]) -> None:
    steps = [unify_lines(widen_kana(compose(drop_controls(line)))) for line in lines]
    assert repair_lines(lines) == list(map(tidy_spaces, steps))


@given(texts)
@settings(deadline=None)
def test_stored_text_can_be_written_and_is_nfc_in_clean_lines(text: str) -> None:
    stored = normalise(text)
    assert stored.encode("utf-8").decode("utf-8") == stored
    assert unicodedata.is_normalized("NFC", stored)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202e\ufeff｡-ﾟ]|\n\n|^\n|\n$", stored)
    assert all(line.strip() for line in stored.splitlines())


@pytest.mark.parametrize(
    "text",
    [
        "Ｗｅｂ２．０と①～③の違い（全角のまま）",
        "Python 3.11 の新機能を使う",
        "山田　太郎",
        "りんご みかん ぶどう",
        "めいさん と あるく。 そら が あおい。",
        "葛󠄀城市と葛飾区",
        "家族👨‍👩‍👧で出かけた❤️",
        "文字化けの跡\ufffdは証拠として残る",
        "def f(x):\n    return x",
        "小林は「１，２３４円」と言った、そして笑った。",
    ],
)
def test_what_an_author_wrote_is_left_alone(text: str) -> None:
    assert normalise(text) == text


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("ｶﾞﾗｽの｢ｺｯﾌﾟ｣､割れた｡", "ガラスの「コップ」、割れた。"),
        ("カ\u3099ラス", "ガラス"),
        ("一行目\r\n二行目\r三行目\u2028\n\n四行目", "一行目\n二行目\n三行目\n四行目"),
        ("　段落の 先頭", "段落の 先頭"),
        ("長い文章が途中で 折り返されていても、意味の切れ目ではない。", None),
        ("見え\u200bない\ufeff文\u00ad字と\u202e向き", "見えない文字と向き"),
        ("半端な\ud800代用と私用\ue001領域", "半端な代用と私用領域"),
        ("A\u00a0B\u3000 C", "A B\u3000C"),
        ("行末の空白  \n 一つだけの字下げ", "行末の空白\n一つだけの字下げ"),
    ],
)
def test_accidents_of_encoding_and_layout_are_repaired(text: str, stored: str | None) -> None:
    assert normalise(text) == (text.replace(" ", "") if stored is None else stored)


def test_western_punctuation_follows_the_majority_of_the_document() -> None:
    assert normalise("本研究では，値を測った．結果，３．１４だった．") == (
        "本研究では、値を測った。結果、３．１４だった。"
    )
    mixed = "第一に、速い。第二に、軽い．"
    assert normalise(mixed) == mixed


def test_numbering_survives_the_change_of_punctuation() -> None:
    text = "１．はじめに\n（２）．方法\nまず測定し，次に比較した．考察は後で行う．"
    assert normalise(text).splitlines()[:2] == ["１．はじめに", "（２）．方法"]


BODY = "駅前の書店は来月で閉店する。最後の週末には古書の市が立つ。"


@pytest.mark.parametrize(
    "tail",
    [
        "© 2024 例の書店",
        "Copyright (C) 2010-2024 Example. All Rights Reserved.",
        "シェアする\nツイート\nはてなブックマーク\nLINEで送る",
        "前の記事\n次の記事\n一覧へ戻る",
        "ホーム | 会社概要 | プライバシーポリシー | サイトマップ",
    ],
)
def test_a_pages_tail_is_cut(tail: str) -> None:
    assert trim_footer(f"{BODY}\n{tail}") == BODY


@pytest.mark.parametrize(
    "text",
    [
        f"{BODY}\n問い合わせは店主の山田まで、電話でお願いします。",
        f"シェアする\nツイート\n{BODY}",
        f"{BODY}\nnext.js の linear な書き方",
        "ログイン\n新規登録\nヘルプ",
        BODY + "\n利用規約" * 11,
    ],
)
def test_what_is_no_tail_stays(text: str) -> None:
    assert trim_footer(text) == text


def test_ten_lines_are_still_a_tail() -> None:
    assert trim_footer(BODY + "\n利用規約" * 10) == BODY


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("3月1日(金) 駅(211)", "4月12日（土） 駅（98）"),
        ("Ｗｅｂサイトを公開！", "webサイトを公開"),
        ("日曜日の朝、歩く。", "月曜の朝 歩く"),
        ("価格は1,980円／個", "価格は 2,480円/個"),
        ("★新着★ 春の服", "新着 春の服"),
        ("㈱例示", "(株)例示"),
    ],
)
def test_copies_that_differ_in_figures_and_layout_have_one_view(one: str, other: str) -> None:
    assert dedup_view(one) == dedup_view(other) != ""


def test_other_words_are_another_view() -> None:
    assert dedup_view("土地の話") != dedup_view("日地の話")
    assert dedup_view("犬が三匹") != dedup_view("犬が四匹")


@given(st.one_of(texts, st.text("1０,：/年日月曜()（）㏠㈪①㈱…aÅ🄐 ")))
@example("(日)曜日 3/1,日曜2")
@settings(deadline=None)  # the first call compiles
def test_a_view_is_made_in_three_steps(text: str) -> None:
    undated = re.sub(r"[月火水木金土日](?:曜日?|(?<=\(.)(?=\)))", "", fold(text))
    numbered = re.sub(r"[0-9]+(?:[.,:/-][0-9]+)*", "0", undated)
    assert dedup_view(text) == "".join(filter(str.isalnum, numbered))


@given(texts)
@settings(deadline=None)
def test_a_view_holds_letters_and_the_digit_zero(text: str) -> None:
    view = dedup_view(normalise(text))
    assert all(character.isalnum() for character in view)
    assert not re.search("[1-9]", view)


def test_tables_that_differ_in_figures_only_count_as_copies() -> None:
    """The price of masking figures: two months of one statistic cannot be told apart."""
    assert dedup_view("人口 12,345人 世帯 6,789") == dedup_view("人口 54,321人 世帯 9,876")
