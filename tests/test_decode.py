"""Pages are read as their authors wrote them, whatever they declare."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.decode import canonical, decode

DIARY = (
    "<html><head><title>庭の日記</title></head><body><p>朝から雨だったので、縁側で本を読んでいました。"
    "昼すぎに晴れて、トマトの苗を三本植えました。</p></body></html>"
)
KANJI_ONLY = "会社概要　採用情報　製品一覧　所在地　電話番号"
ENCODINGS = {
    "utf-8": "utf-8",
    "cp932": "cp932",
    "euc-jp": "euc_jp",
    "iso-2022-jp": "iso2022_jp",
}


def declaring(label: str, html: str = DIARY) -> str:
    return html.replace("<head>", f'<head><meta charset="{label}">')


@pytest.mark.parametrize(("name", "codec"), ENCODINGS.items())
class TestEachJapaneseEncoding:
    def test_is_found_without_a_declaration(self, name: str, codec: str) -> None:
        decoded = decode(DIARY.encode(codec), None)
        assert (decoded.text, decoded.charset, decoded.declared) == (DIARY, name, None)

    def test_is_read_as_the_header_declares(self, name: str, codec: str) -> None:
        decoded = decode(KANJI_ONLY.encode(codec), name)
        assert (decoded.text, decoded.charset, decoded.declared) == (KANJI_ONLY, name, name)

    def test_is_read_as_the_page_declares(self, name: str, codec: str) -> None:
        html = declaring(name, KANJI_ONLY + "<head>")
        decoded = decode(html.encode(codec), None)
        assert (decoded.text, decoded.declared) == (html, name)

    def test_is_found_behind_a_lie(self, name: str, codec: str) -> None:
        lie = "shift_jis" if name == "utf-8" else "utf-8"
        html = declaring(lie)
        decoded = decode(html.encode(codec), lie)
        assert (decoded.text, decoded.charset) == (html, name)
        assert decoded.declared == canonical(lie)

    def test_survives_a_broken_byte(self, name: str, codec: str) -> None:
        page = DIARY.encode(codec)
        place = page.index(b"<body>")
        decoded = decode(page[:place] + b"\xff" + page[place:], None)
        assert decoded.charset == name
        assert decoded.replaced == decoded.text.count("\ufffd") == 1
        assert decoded.text.replace("\ufffd", "") == DIARY

    def test_leaves_out_a_character_that_is_cut(self, name: str, codec: str) -> None:
        page = DIARY[: DIARY.index("晴")].encode(codec) + "晴".encode(codec)[:-1]
        if codec != "iso2022_jp":  # its characters are cut between escapes, where little is lost
            assert decode(page, None).text == DIARY[: DIARY.index("晴")]
        assert decode(page, None).charset == name
        assert decode(page, None).replaced == 0


def test_header_is_asked_before_the_page() -> None:
    html = declaring("euc-jp", "<head>")
    assert decode(html.encode(), "Shift_JIS").declared == "cp932"


def test_declaration_in_xml_counts() -> None:
    feed = '<?xml version="1.0" encoding="EUC-JP"?><title>新着情報</title>'
    assert decode(feed.encode("euc_jp"), None).text == feed


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_mark_is_believed_before_the_header(codec: str) -> None:
    decoded = decode(DIARY.encode(codec), "euc-jp")
    assert decoded.text == DIARY
    assert decoded.declared == "euc-jp"


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_found_without_a_mark(codec: str) -> None:
    assert decode(DIARY.encode(codec), None).text == DIARY


@pytest.mark.parametrize(
    ("label", "page"),
    [
        ("Shift_JIS", "①㈱髙～".encode("cp932")),
        ("EUC-JP", b"\xad\xa1\xad\xea\xfc\xe2\xa1\xc1"),
        ("CP51932", b"\xad\xa1\xad\xea\xfc\xe2\xa1\xc1"),
        ("ISO-2022-JP", b"\x1b$B\x2d\x21\x2d\x6a\x7c\x62\x21\x41\x1b(B"),
    ],
)
def test_vendor_characters_are_the_same_in_every_encoding(label: str, page: bytes) -> None:
    assert decode(page, label).text == "①㈱髙～"


@pytest.mark.parametrize(
    ("label", "page"),
    [
        ("Shift_JIS", "ｻﾄｳさん".encode("cp932")),
        ("EUC-JP", "ｻﾄｳさん".encode("euc_jp")),
        ("ISO-2022-JP", b"\x1b(I;D3\x1b$B$5$s\x1b(B"),
        ("ISO-2022-JP", b"\x0e;D3\x0f\x1b$B$5$s\x1b(B"),
        ("ISO-2022-JP", b"\xbb\xc4\xb3\x1b$B$5$s\x1b(B"),
    ],
)
def test_half_width_kana_come_in_many_ways(label: str, page: bytes) -> None:
    assert decode(page, label).text == "ｻﾄｳさん"


def test_yen_signs_are_read_in_seven_bits() -> None:
    assert decode("価格 ¥1,000".encode("iso2022_jp"), None).text == "価格 ¥1,000"


def test_jis_x_0212_and_0213_are_read_in_seven_bits() -> None:
    assert decode("丂さん".encode("iso2022_jp_1"), "iso-2022-jp").text == "丂さん"
    assert decode("俱さん".encode("iso2022_jp_2004"), "iso-2022-jp").text == "俱さん"


@pytest.mark.parametrize(
    ("label", "codec", "text"),
    [
        ("Big5", "big5", "我們今天去圖書館看書，晚上回家吃飯。"),
        ("GB2312", "gbk", "我们今天去图书馆看书，晚上回家吃饭。"),
        ("EUC-KR", "euc_kr", "오늘은 도서관에서 책을 읽고 집에 왔습니다."),
        ("windows-1251", "cp1251", "Сегодня мы читали книги в библиотеке."),
        ("ISO-8859-1", "latin-1", "Le café est fermé jusqu’à l’été."[:16]),
    ],
)
def test_other_languages_are_read_as_declared(label: str, codec: str, text: str) -> None:
    decoded = decode(text.encode(codec), label)
    assert (decoded.text, decoded.replaced) == (text, 0)


def test_korean_is_not_taken_for_japanese() -> None:
    text = "오늘은 도서관에서 책을 읽고 저녁에 집으로 돌아왔습니다. 내일은 비가 온다고 합니다."
    assert decode(text.encode("euc_kr"), None).text == text


def test_sound_utf8_beats_a_declared_single_byte_encoding() -> None:
    assert decode("© 2024 Café".encode(), "iso-8859-1").text == "© 2024 Café"


def test_a_lone_latin_sign_does_not_become_kana() -> None:
    assert decode(b"<p>\xa9 2024 Example Ltd</p>", None).text == "<p>© 2024 Example Ltd</p>"


@pytest.mark.parametrize("declared", [None, "iso-8859-1", "utf-8"])
def test_the_curly_quotes_of_english_do_not_become_kanji(declared: str | None) -> None:
    page = b"It\x92s the dog\x92s dinner, don\x92t you think?"
    assert decode(page, declared).text == "It’s the dog’s dinner, don’t you think?"


def test_kanji_that_are_also_sound_utf8_follow_the_declaration() -> None:
    """町 in EUC-JP is C4 AE, which is also one letter of Lithuanian in UTF-8."""
    assert decode("町町".encode("euc_jp"), "euc-jp").text == "町町"


def test_text_far_down_a_long_page_is_weighed() -> None:
    style = "<style>" + "p { color: #333; margin: 0 auto; }\n" * 3000 + "</style>"
    html = f"<title>ニュース</title>{style}<p>春の新作がそろいました。</p>"
    for codec in ("cp932", "euc_jp", "iso2022_jp_3"):
        assert decode(html.encode(codec), None).text == html


def test_mojibake_that_is_sound_utf8_is_left_as_it_is() -> None:
    """An honest miss: a page that was misread before it was served is sound UTF-8."""
    mojibake = "こんにちは".encode().decode("latin-1")
    assert decode(mojibake.encode(), None).text == mojibake


@pytest.mark.parametrize("codec", ["cp932", "euc_jp"])
def test_a_few_kanji_are_enough(codec: str) -> None:
    for heading in ("検索", "会社概要", "更新履歴", "個人情報保護方針"):
        assert decode(heading.encode(codec), None).text == heading


def test_kanji_that_are_also_sound_utf8_are_lost_without_a_declaration() -> None:
    """An honest miss: 町 alone, in EUC-JP, is a sound letter of UTF-8."""
    assert decode("町".encode("euc_jp"), None).text == "Į"


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("Shift-JIS", "cp932"),
        ("x-sjis", "cp932"),
        ("MS932", "cp932"),
        ("CP932", "cp932"),
        ("windows-31j", "cp932"),
        ("eucJP-ms", "euc-jp"),
        ("x-euc-jp", "euc-jp"),
        ("CP50220", "iso-2022-jp"),
        ("iso-2022-jp-ext", "iso-2022-jp"),
        ("utf8", "utf-8"),
        ("latin1", "windows-1252"),
        ("ks_c_5601-1987", "euc-kr"),
        ("rot13", "rot13"),
    ],
)
def test_labels_have_one_name(label: str, name: str) -> None:
    assert canonical(label) == name


@pytest.mark.parametrize("label", ["rot13", "hex", "idna", "undefined", "", "\x00", "ウ"])
def test_labels_that_name_no_encoding_are_passed_over(label: str) -> None:
    assert decode(DIARY.encode("cp932"), label).text == DIARY


@given(st.binary(max_size=400), st.sampled_from([None, "utf-8", "Shift_JIS", "EUC-JP", "utf-16"]))
def test_any_bytes_give_a_text(payload: bytes, charset: str | None) -> None:
    decoded = decode(payload, charset)
    assert decoded.replaced == decoded.text.count("\ufffd")
    decoded.text.encode("utf-8", "surrogatepass")


@given(st.binary(max_size=200), st.sampled_from([b"\x1b$B", b"\x1b(I", b"\x1b$(Q", b"\x0e", b"\0"]))
def test_any_bytes_between_escapes_give_a_text(payload: bytes, escape: bytes) -> None:
    decode(escape + payload + b"\x1b(B" + payload, "iso-2022-jp")


@given(st.text(min_size=1, max_size=200))
def test_sound_utf8_is_never_broken(text: str) -> None:
    payload = text.encode("utf-8", "ignore")
    plain = payload.decode()
    if not plain.startswith("\ufeff") and "\x1b" not in plain and "\0" not in plain:
        assert decode(payload, None).text == plain
