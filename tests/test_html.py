"""Reading a page: what is its text, what is around it, what its HTML tells, what it may cost."""

from types import SimpleNamespace

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.html import Page, UnreadablePage, commissions, extract
from schemas import PAGE_FACTS

ARTICLE = """<!DOCTYPE html><html lang="ja"><head><meta charset="utf-8">
<title> 干し柿を
  つくる｜山里だより</title>
<meta name="robots" content="index, NOARCHIVE"><meta property="og:type" content="article">
<meta property="article:published_time" content="2023-11-20T08:30:00+09:00">
<link rel="canonical" href="https://yamazato.example.jp/hoshigaki">
<script>document.write("これは本文ではない。")</script><style>p { color: red }</style></head>
<body><div id="header"><a href="/">山里だより</a></div>
<nav><ul><li><a href="/">表紙</a></li><li><a href="/kaki">柿のこと</a></li></ul></nav>
<main><h1>干し柿をつくる</h1>
<p>渋柿の皮を<b>むいて</b>、軒先に吊します。<br>二週間ほどで、渋が抜けてきます。</p>
<ul><li>渋柿　二十個</li><li>麻ひも</li></ul>
<table><tr><th>日</th><th>すること</th></tr><tr><td>三日目</td><td>軽くもむ</td></tr></table>
<p><ruby>熟柿<rp>（</rp><rt>じゅくし</rt><rp>）</rp></ruby>は冷やして食べます。</p>
<pre>干す
  揉む</pre>
<div class="related-posts"><h2>関連記事</h2><a href="/a">柿の葉寿司</a></div></main>
<noscript>動きません。</noscript><p hidden>隠した文です。</p>
<p style="display:none">これも隠す。</p>
<footer><p>© 山里だより。無断転載を禁じます。</p></footer></body></html>"""


def read(html: str, url: str = "https://yamazato.example.jp/hoshigaki") -> Page:
    return extract(html, url)


def test_main_text_is_paragraphs_lists_and_tables_one_a_line() -> None:
    assert read(ARTICLE).text.split("\n") == [
        "干し柿をつくる",
        "渋柿の皮をむいて、軒先に吊します。",
        "二週間ほどで、渋が抜けてきます。",
        "渋柿　二十個",
        "麻ひも",
        "日\tすること",
        "三日目\t軽くもむ",
        "熟柿は冷やして食べます。",
        "干す",
        "  揉む",
    ]


def test_page_text_is_all_that_a_reader_sees_and_nothing_else() -> None:
    seen = read(ARTICLE).page_text
    for shown in ("表紙", "柿のこと", "熟柿は冷やして", "柿の葉寿司", "無断転載を禁じます。"):
        assert shown in seen
    for unseen in ("これは本文ではない", "color", "動きません", "隠した", "これも隠す", "じゅくし"):
        assert unseen not in seen


def test_title_is_one_line() -> None:
    assert read(ARTICLE).title == "干し柿を つくる｜山里だより"


def test_a_page_without_prose_keeps_what_is_no_menu() -> None:
    page = read("<nav><a href=/>表紙</a></nav><ul><li>春の巻<li>夏の巻</ul>")
    assert page.text == "春の巻\n夏の巻"


def test_a_page_of_nothing_but_a_menu_keeps_the_menu() -> None:
    page = read('<nav><a href="/1">春の巻</a><br><a href="/2">夏の巻</a></nav>')
    assert page.text == page.page_text == "春の巻\n夏の巻"


def test_a_wrapper_with_an_unlucky_class_name_is_not_lost() -> None:
    page = read(
        '<div class="with-sidebar"><p>朝から雨でした。</p><p>本を読んで過ごしました。</p></div>'
    )
    assert page.text == "朝から雨でした。\n本を読んで過ごしました。"


def test_a_list_of_links_inside_a_text_is_lost_and_one_link_is_not() -> None:
    """The honest cost of telling menus by their links: a text's own list of sources goes too."""
    sources = "".join(f'<li><a href="/{n}">資料の{n}</a></li>' for n in range(5))
    page = read(f"<p>次を見ました。</p><ul>{sources}</ul><p>それから書きました。</p>")
    assert page.text == "次を見ました。\nそれから書きました。"
    page = read('<p>次を見ました。</p><p><a href="/1">資料の1</a></p><p>それから書きました。</p>')
    assert page.text == "次を見ました。\n資料の1\nそれから書きました。"


def test_an_aside_within_an_aside_is_the_same_place() -> None:
    """A share button inside a link: the link's characters are all counted, its space too."""
    inner = '<a href="/x">広める <span class="share-button">ボタン</span></a>'
    page = read(f'<p>柿を干しました。</p><div class="sidebar-share">{inner}</div>')
    assert page.text == "柿を干しました。"
    assert page.facts["link_share"] == page.facts["aside_share"] == pytest.approx(7 / 15)


def test_listings_inside_a_listing_keep_their_indents() -> None:
    """Highlighters set the numbers and the code each in a `pre` within one `pre`."""
    page = read("<p>こう書きます。</p><pre><pre>1</pre>\n<pre>if x:\n    干す()</pre></pre>")
    assert page.page_text.endswith("if x:\n    干す()")


def test_tags_in_capitals_are_read_as_others() -> None:
    page = read("<NAV><A HREF='/'>表紙</A></NAV><P>柿を<RUBY>干<RT>ほ</RT></RUBY>しました。<BR>")
    assert page.text == "柿を干しました。"
    once = [{"tag": tag, "count": 1} for tag in ("a", "br", "nav", "p", "ruby")]
    assert page.facts["tag_counts"] == once


def test_an_empty_link_ends_where_it_starts() -> None:
    """Headings' empty `#` links; resiliparse writes them unclosed."""
    page = read('<h2><a href="#a"></a>支度</h2><p>柿を洗います。</p><a href="/next">次へ進む道</a>')
    assert page.facts["link_share"] == pytest.approx(5 / 14)
    assert page.text.startswith("支度\n柿を洗います。")


def test_a_named_anchor_left_open_is_no_link() -> None:
    page = read("<p><a name=top>昔のページです。<p>錨が閉じていません。")
    assert page.facts["link_share"] == 0.0
    assert page.facts["n_links"] == 0


def test_markup_written_as_text_stays_text() -> None:
    assert read("<p>&lt;p&gt; は段落の始まり、&amp;lt; は記号です。</p>").text == (
        "<p> は段落の始まり、&lt; は記号です。"
    )


@pytest.mark.parametrize("mark", ["\ufdd0", "&#xfdd0;", "&#64976;", "&#xFDD4", "&#0065000;"])
def test_noncharacters_are_dropped(mark: str) -> None:
    page = read(f"<p>{mark}柿の話です。</p><p>栗の話です。&#12290;</p>")
    assert page.text == page.page_text == "柿の話です。\n栗の話です。。"
    assert page.facts["link_share"] == page.facts["aside_share"] == 0.0


def test_facts_of_the_head() -> None:
    facts = extract(ARTICLE, "https://yamazato.example.jp/", "noai, noindex").facts
    assert facts["robots"] == ["noai", "noindex", "index", "noarchive"]
    assert facts["declared_language"] == "ja"
    assert facts["canonical_url"] == "https://yamazato.example.jp/hoshigaki"
    assert facts["published"] == "2023-11-20T08:30:00+09:00"
    assert facts["page_type"] == "article"


def test_what_is_commented_out_is_not_declared() -> None:
    page = read('<head><!-- <meta name="robots" content="noindex"> --></head><p>公開です。')
    assert page.facts["robots"] == []


@pytest.mark.parametrize(
    ("html", "published"),
    [
        (
            '<script type="application/ld+json">{"datePublished": "2020-01-05"}</script>',
            "2020-01-05",
        ),
        ('<time datetime="2019-08-15" pubdate>夏</time>', "2019-08-15"),
        ('<meta property="article:published_time" content="2021/4/3">', "2021-04-03"),
        ('<meta property="article:published_time" content="きのう">', None),
        ('<meta property="article:published_time" content="0001-01-01">', None),
        ('<meta property="article:published_time" content="9999-12-31">', None),
        ('<time datetime="2019-08-15">催しの日</time>', None),
    ],
)
def test_publication_date_is_iso_8601_or_null(html: str, published: str | None) -> None:
    assert read(html + "<p>本文です。").facts["published"] == published


def test_links_outbound_affiliate_and_sponsored() -> None:
    facts = read(
        '<a href="/in">中</a><a href="https://www.yamazato.example.jp/">同じ家</a>'
        '<a href="https://px.a8.net/svt/ejp?a8mat=1" rel="sponsored nofollow"><img src="b.gif"></a>'
        '<a href="//amzn.to/x">本</a><a href="https://www.amazon.co.jp/dp/1?tag=kaki-22">本</a>'
        '<a href="https://www.amazon.co.jp/dp/1">本</a>'
    ).facts
    assert facts["n_links"] == 6
    assert facts["n_outbound_links"] == 4
    assert facts["outbound_hosts"] == [
        {"host": "www.amazon.co.jp", "count": 2},
        {"host": "amzn.to", "count": 1},
        {"host": "px.a8.net", "count": 1},
    ]
    assert facts["affiliate_links"] == [
        {"provider": "amazon", "count": 2},
        {"provider": "a8", "count": 1},
    ]
    assert facts["n_sponsored_links"] == 1
    assert facts["n_images"] == 1


def test_a_page_about_affiliate_marketing_has_no_commission_link() -> None:
    """A mention of a provider, and a link to its own site, pay nobody."""
    facts = read(
        '<p>px.a8.net という文字列と、<a href="https://www.a8.net/">A8.netの案内</a>。'
    ).facts
    assert facts["affiliate_links"] == []


def test_shares_are_of_visible_characters() -> None:
    facts = read('<nav><a href="/">四つの字</a></nav><p>ここには十二字の文がある。</p>').facts
    assert facts["link_share"] == pytest.approx(4 / 17)
    assert facts["aside_share"] == pytest.approx(4 / 17)
    assert facts["n_lines"] == 2


@pytest.mark.parametrize(
    ("html", "gate"),
    [
        ("<p>あなたは18歳以上ですか？</p>", True),
        ("<p>１８歳未満の方は入場できません。</p>", True),
        ("<p>娘が18歳になり、選挙に行きました。</p>", False),
    ],
)
def test_an_age_gate_is_told_from_an_age(html: str, *, gate: bool) -> None:
    assert read(html).facts["has_age_gate"] is gate


@pytest.mark.parametrize(
    "html",
    [
        '<meta http-equiv="refresh" content="0; url=/new">移りました',
        "<script>window.location.href = '/new'</script>移りました",
        "<script>location.replace('/new')</script>移りました",
    ],
)
def test_a_page_that_moves_its_reader_on_says_so(html: str) -> None:
    assert read(html).facts["redirects"] is True
    assert read(ARTICLE).facts["redirects"] is False


def test_every_fact_fits_its_column() -> None:
    facts = read(ARTICLE).facts
    columns = {column.name: column.type for column in PAGE_FACTS}
    assert facts.keys() == columns.keys() - {"charset", "html_bytes"}
    for name, value in facts.items():
        pa.array([value], columns[name]).validate(full=True)


def test_every_provider_is_sourced_and_of_a_known_kind() -> None:
    for pattern in commissions.patterns():
        assert pattern.source
        assert pattern.kind in {"general", "shopping", "adult"}
        assert pattern.host == pattern.host.lower().strip()
    known = {pattern.provider for pattern in commissions.patterns()}
    assert {"a8", "valuecommerce", "moshimo", "rakuten", "amazon", "dmm", "dlsite"} <= known


MARKUP = """<p> </p> <a_href='//x.jp/ <a_name=q> </a> '> "> <!-- --> <script> </script> <table><td>
<ul><li> <pre> <nav> <body> <h1> <meta_name=robots_content= <time_pubdate_datetime= <ruby>柿<rt>
&#x110000; &lt 柿です。 <frameset> <template> <svg><title> <math> <plaintext> <select><option>
\0 \ud800 \ufdd0 \ufdd4"""
FRAGMENTS = st.lists(
    st.one_of(
        st.text(max_size=8),
        st.sampled_from(MARKUP.split()).map(lambda piece: piece.replace("_", " ")),
    ),
    max_size=40,
).map("".join)


@given(FRAGMENTS, st.text(max_size=20), st.one_of(st.none(), st.text(max_size=20)))
@example("<a href='//[::1'>柿", "http://[", None)
@example("<html><head><body><frameset>", "", "")
@settings(max_examples=400, deadline=None)
def test_anything_is_read(html: str, url: str, robots: str | None) -> None:
    page = extract(html, url, robots)
    assert set(page.text.split("\n")) <= set(page.page_text.split("\n"))
    for share in ("link_share", "aside_share"):
        assert page.facts[share] == pytest.approx(0.5, abs=0.5)
    for text in (page.title, page.text, page.page_text):
        text.encode()
        assert not any("\ufdd0" <= character <= "\ufdef" for character in text)


ATTRIBUTES = " ".join(f"a{number}=1" for number in range(200_000))
QUOTED = " ".join(f'a{number}=">"' for number in range(60_000))
OPEN_FORMATTING = "<p>" + "".join(f"<b a={number}>" for number in range(1000)) + "</p>"


@pytest.mark.parametrize(
    ("html", "reason"),
    [
        ("柿" * 5_000_001, "html_too_long"),
        (f"<p {ATTRIBUTES}>柿", "html_explosive"),
        (f"<p {QUOTED}>柿", "html_explosive"),
        (OPEN_FORMATTING + "<p>柿</p>" * 2000, "html_explosive"),
        (OPEN_FORMATTING + f"<!--{'</b>' * 1000}-->" + "<p>柿</p>" * 2000, "html_explosive"),
    ],
    ids=[
        "long",
        "attributes",
        "attributes with >",
        "formatting",
        "formatting, closed in a comment",
    ],
)
def test_what_would_cost_without_bound_is_refused_by_name(html: str, reason: str) -> None:
    with pytest.raises(UnreadablePage) as refused:
        read(html)
    assert refused.value.reason == reason


class PanicException(BaseException):
    """As Rust's panics come to Python."""


@pytest.mark.parametrize(
    ("panic", "told"),
    [("index out of bounds", UnreadablePage), ("PyObject pointer is null", MemoryError)],
)
def test_a_parser_that_breaks_off_costs_a_page_and_no_worker(
    panic: str, told: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def parse(_: str) -> None:
        raise PanicException(panic)

    monkeypatch.setattr("pipeline.html.render.HTMLTree", SimpleNamespace(parse=parse))
    with pytest.raises(told):
        read("<p>柿を干しました。")


@pytest.mark.parametrize(
    ("html", "last"),
    [
        ("<div>" * 100_000 + "柿", "柿"),
        ("<nav>" * 20_000 + "柿", "柿"),
        ("<ul><li>" * 20_000 + "柿", "柿"),
        ("<table><tr><td>" * 5_000 + "柿", "柿"),
        ("<a name=x>" * 20_000 + "柿", "柿"),
        ("<a rel=rel=" * 20_000 + ">柿", "柿"),
        ("<pre>" + " " * 500_000 + "柿", "柿"),
        ('<a href="//' + "a" * 1_000_000 + '">柿</a>', "柿"),
        ("柿" + "\u3099" * 1_000_000, "\u3099"),
        ("<p>柿です。" * 20_000, "。"),
        ("<" * 200_000, "<"),
        ("柿<!--" * 100_000, "柿"),
        ("柿" + "<meta content='" * 6_000, "柿"),
    ],
    ids=lambda value: value[:10],
)
def test_deep_wide_and_endless_pages_are_read(html: str, last: str) -> None:
    """Each made an extractor or an expression that was tried run for minutes or for ever."""
    assert read(html).page_text.endswith(last)


def test_white_space_of_a_long_text_is_no_attribute() -> None:
    assert read("<pre>" + "行 です。\n" * 25_000 + "</pre>").text.count("行 です。") == 25_000
