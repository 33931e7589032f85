"""Japanese pages come through, on bytes and on text; the rest is turned away."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline import language
from pipeline.decode import decode
from pipeline.language import JAPANESE_CUT, ja_scores, may_be_japanese, text_to_judge

NOTE = "市場で鰺を買って、南蛮漬けにしました。二日目のほうが味がしみておいしいです。"
KANJI_ONLY = "東京都中央区日本橋一丁目二番三号　電話番号　営業時間　定休日"
ENGLISH = "We cooked the fish on Sunday, and it tasted better on the second day. "
CHINESE = "我们今天去图书馆看书，晚上回家以后一起吃饭，然后看了一部电影。"
TAIWANESE = "我們今天去圖書館看書，晚上回家以後一起吃飯，然後看了一部電影。"
KOREAN = "오늘은 도서관에서 책을 읽고 저녁에 집으로 돌아와서 영화를 보았습니다."


def page(body: str, head: str = "", tag: str = "<html>") -> str:
    return f"<!doctype html>{tag}<head>{head}</head><body><p>{body}</p></body></html>"


SHREDS = [
    *b"<html lang=ja|<HTML LANG='JP'|content-language content='ja'|ja_JP|ja|jp|>| |x|=".split(b"|"),
    *b"&#12354;|&#x3042;|&#X30F3;|&#12|&#x3|\x1b$B|\0|\x82|\xe3|\xff\xfe".split(b"|"),
    *(kana.encode(codec) for kana in ("あい", "アイ") for codec in ("utf-8", "cp932", "euc_jp")),
    *("漢字".encode(), "привет".encode(), b"." * 600, b" " * 4_090),
]
"""What the look at the bytes takes notice of, whole and in pieces."""


def is_japanese(text: str) -> bool:
    return bool(ja_scores([text])[0] >= JAPANESE_CUT)


class TestBytes:
    @pytest.mark.parametrize(
        "codec", ["utf-8", "cp932", "euc_jp", "iso2022_jp", "utf-16", "utf-16-le", "utf-16-be"]
    )
    def test_kana_speak_in_every_encoding(self, codec: str) -> None:
        assert may_be_japanese(page(NOTE).encode(codec), None, None)

    def test_kana_speak_as_character_references(self) -> None:
        decimal = page(NOTE).encode("ascii", "xmlcharrefreplace")
        hexadecimal = page("".join(f"&#x{ord(character):X};" for character in NOTE)).encode()
        assert may_be_japanese(decimal, None, None)
        assert may_be_japanese(hexadecimal, None, None)

    def test_kana_speak_after_a_long_stretch_of_english(self) -> None:
        assert may_be_japanese(page(ENGLISH * 3000 + NOTE).encode(), None, "en")

    @pytest.mark.parametrize(
        ("head", "tag"),
        [
            ("", '<html lang="ja">'),
            ("", "<HTML class=top LANG=ja-JP>"),
            ('<meta charset="Shift_JIS">', "<html>"),
            ('<META http-equiv="Content-Type" content="text/html; charset=EUC-JP">', "<html>"),
            ('<meta http-equiv="content-language" content="ja">', "<html>"),
            ('<meta property="og:locale" content="ja_JP">', "<html>"),
        ],
    )
    def test_a_declaration_saves_a_page_in_kanji(self, head: str, tag: str) -> None:
        assert may_be_japanese(page(KANJI_ONLY, head, tag).encode("cp932"), None, None)

    @pytest.mark.parametrize(("charset", "language"), [("x-sjis", None), (None, "ja, en")])
    def test_a_header_saves_a_page_in_kanji(self, charset: str, language: str) -> None:
        assert may_be_japanese(page(KANJI_ONLY).encode("cp932"), charset, language)

    @given(st.lists(st.sampled_from(SHREDS)).map(b"".join))
    @example(b" " * 4_085 + b"<html lang=ja")
    @settings(deadline=None)  # the first call compiles
    def test_the_quick_look_misses_nothing(self, payload: bytes) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(language, "_hints", lambda _: 15)
            exactly = may_be_japanese(payload, None, None)
        assert may_be_japanese(payload, None, None) == exactly

    def test_kanji_alone_say_nothing(self) -> None:
        """An honest miss: a short page in kanji that declares nothing is taken for Chinese."""
        assert not may_be_japanese(page(KANJI_ONLY).encode(), None, None)

    @pytest.mark.parametrize(
        ("text", "codec"),
        [
            (ENGLISH, "ascii"),
            (CHINESE, "utf-8"),
            (CHINESE, "gbk"),
            (TAIWANESE, "utf-8"),
            (KOREAN, "utf-8"),
            (KOREAN, "euc_kr"),
            ("Сегодня мы читали книги в библиотеке.", "cp1251"),
            ("Am Sonntag haben wir Fisch gekocht, schön würzig.", "latin-1"),
        ],
    )
    def test_other_languages_leave_here(self, text: str, codec: str) -> None:
        assert not may_be_japanese(page(text * 20).encode(codec), None, None)

    def test_big5_may_pass_and_is_turned_away_by_its_text(self) -> None:
        """An honest false positive: 今天 in Big5 has the bytes of two hiragana in EUC-JP."""
        payload = page(TAIWANESE * 20).encode("big5")
        assert may_be_japanese(payload, None, None)
        assert not is_japanese(decode(payload, None).text)

    def test_a_link_to_a_japanese_version_is_no_declaration(self) -> None:
        links = (
            '<link rel="alternate" hreflang="ja" href="/ja/"><a lang="ja" href="/ja/">日本語</a>'
        )
        assert not may_be_japanese(page(ENGLISH, links, '<html lang="en">').encode(), None, "en")

    def test_one_borrowed_kana_is_not_enough(self) -> None:
        assert not may_be_japanese(page(TAIWANESE + "優の選").encode(), None, None)

    @given(st.binary(max_size=300))
    def test_any_bytes_are_answered(self, payload: bytes) -> None:
        assert may_be_japanese(payload, None, None) in (True, False)

    @given(st.text("あいうえおアイウエオ漢字、。", min_size=9, max_size=50), st.text(max_size=50))
    def test_three_kana_are_never_lost_in_utf8(self, japanese: str, other: str) -> None:
        payload = (other + japanese + "かなり").encode("utf-8", "ignore")
        assert may_be_japanese(payload, None, None)


class TestText:
    @pytest.mark.parametrize(
        "text",
        [
            NOTE,
            "ニュース",
            "会社概要",
            "特定商取引法に基づく表記",
            "個人情報保護方針",
            "経済産業省、国土交通省",
            "営業時間　十時～十九時　定休日　水曜日",
            "ｶｰﾄﾆｲﾚﾙ",
            "吾輩は猫である。名前はまだ無い。",
        ],
    )
    def test_japanese_is_kept_however_short(self, text: str) -> None:
        assert is_japanese(text)

    @pytest.mark.parametrize(
        "text",
        [
            ENGLISH,
            CHINESE,
            TAIWANESE,
            KOREAN,
            "公司简介",
            "关于我们",
            "聯絡我們",
            "회사 소개",
            "2024-05-01 12:00",
            "",
            "Сегодня мы читали книги.",
        ],
    )
    def test_the_rest_is_not(self, text: str) -> None:
        assert not is_japanese(text)

    def test_a_manual_with_much_code_is_japanese(self) -> None:
        code = "for (int i = 0; i < n; i++) { printf('%d', i); }\n"
        assert is_japanese("次の例では、配列の要素を順に表示します。\n" + code * 3)

    def test_english_with_a_japanese_menu_is_not(self) -> None:
        assert not is_japanese("目次 次へ 戻る\n" + ENGLISH * 10)

    def test_chinese_that_quotes_kana_is_not(self) -> None:
        assert not is_japanese(CHINESE * 3 + "店名叫「さくら」。")

    def test_japanese_that_quotes_chinese_is(self) -> None:
        assert is_japanese(NOTE * 3 + "看板には「欢迎光临」と書いてありました。")

    def test_old_characters_do_not_make_japanese_chinese(self) -> None:
        assert is_japanese("國語の會話では、舊い假名遣ひを學ぶ必要がある。")

    def test_kana_read_in_the_wrong_encoding_are_not_japanese(self) -> None:
        assert not is_japanese(NOTE.encode().decode("cp932", "replace"))

    def test_text_that_is_mostly_unreadable_is_not_japanese(self) -> None:
        assert not is_japanese(NOTE.encode().decode("euc_jp", "replace"))

    def test_some_damage_does_not_hide_japanese(self) -> None:
        assert is_japanese(NOTE + "\ufffd" * 20)

    def test_a_heading_that_both_languages_write_is_taken(self) -> None:
        """An honest false positive: 最新消息 is Chinese for 新着情報; recall goes first."""
        assert is_japanese("最新消息")

    def test_a_score_depends_on_its_text_alone(self) -> None:
        texts = [NOTE, "最新消息", ENGLISH, "会社概要", CHINESE, "", "新聞中心"]
        together = ja_scores(texts)
        assert [ja_scores([text])[0] for text in texts] == list(together)
        assert list(ja_scores(texts[::-1])) == list(together[::-1])

    def test_no_texts_give_no_scores(self) -> None:
        assert ja_scores([]).shape == (0,)

    @given(st.lists(st.text(st.characters(), max_size=60), max_size=4))
    def test_any_text_has_a_score(self, texts: list[str]) -> None:
        scores = ja_scores(texts)
        assert scores.dtype == np.float32
        assert scores.shape == (len(texts),)
        assert ((scores >= 0) & (scores <= 1)).all()


class TestTextToJudge:
    def test_main_text_speaks_for_itself(self) -> None:
        assert text_to_judge("題", NOTE * 10, "全文") == NOTE * 10

    def test_a_short_one_is_judged_with_its_page(self) -> None:
        assert text_to_judge("庭の日記", "2024/05/01", NOTE) == f"庭の日記\n{NOTE}"

    def test_without_a_page_there_is_only_the_text(self) -> None:
        assert text_to_judge("", NOTE, None).strip() == NOTE
