"""What the walk shows of a page, beside resiliparse's own text; the tables that it reads by."""

import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

from pipeline.html import extract, walk
from pipeline.html.render import _names, _values, render
from pipeline.html.vocabulary import vocabulary

MARKUP = """<p> </p> <div> </div> <div_class=sidebar> <span_class=share> </span> <main> <nav>
<a_href='/柿?x&amp;y'> <a_name=上> </a> <ul> <li> </ul> <h2> </h2> <b> <br> <hr> <pre> </pre>
<table> <tr> <td> </td> </table> <ruby>柿<rt>かき</ruby> <div_hidden> <i_style='display:none'> </i>
<script> </script> <!-- --> <style> </style> <select> <option> <img> <svg> </svg> <xmp> </xmp>
<template> </template> <form> <body> <x-y> <a<b> <p_=x_'y"> &lt; &amp; &nbsp; &#65; & < > _
干し柿。 x \u3000"""
FRAGMENTS = [piece.replace("_", " ") for piece in MARKUP.split()] + ["\n"]
PAGES = st.lists(st.sampled_from(FRAGMENTS), max_size=30).map("".join)


@given(PAGES)
@example("柿<script><!-- <script>干す</script> --></script>栗")
@example("柿<script><!-- <SCRIPT >干す</SCRIPT >梨</script>栗")
@example("柿<style><!-- <style>干す</style>栗")
@example("<main><plaintext>柿</plaintext><p>栗</main>梨")
@example("<p title='a\" class=\"sidebar'>柿</p>")
@example("<div x=' style='>柿</div>")
@settings(max_examples=300, deadline=None)
def test_it_shows_what_resiliparse_shows(html: str) -> None:
    """Of the characters; how they are parted in lines is our own."""
    hidden = ["rt", "rp", "[hidden]", "[style*='display:none']"]
    shown = extract_plain_text(
        HTMLTree.parse(html), False, list_bullets=False, alt_texts=False, skip_elements=hidden
    )
    lines = render(html).lines
    assert "".join("".join(lines.text).split()) == "".join(shown.split())
    assert lines.chars == [*map(len, lines.text)]
    assert all(0 <= part <= all_ for part, all_ in zip(lines.link_chars, lines.chars, strict=True))


@pytest.mark.parametrize(
    ("html", "lines"),
    [
        ("柿<p>栗</p>梨", ["柿", "栗", "梨"]),
        ("柿 <b> と </b> 栗", ["柿 と 栗"]),
        ("柿<br>栗<hr>梨", ["柿", "栗", "梨"]),
        ("<table><tr><td>柿<td>栗<tr><td>梨<td>桃</table>", ["柿\t栗", "梨\t桃"]),
        ("<table><tr><td> 柿 </td> <td></td> <td> 栗</table>", ["柿 \t栗"]),
        ("<pre>def 干す():\n    柿\n\n</pre>", ["def 干す():", "    柿"]),
        ("<pre>柿<div>と</div>栗</pre>", ["柿と栗"]),
        ("柿<script>栗</script>と<!-- 梨 -->桃<template>杏</template>", ["柿と桃"]),
        ("<svg><style>柿</style><input>栗</svg>", []),
        ("柿&lt;干す&gt;&amp;amp;&nbsp;栗", ["柿<干す>&amp;\xa0栗"]),
        ("<xmp>柿<b>&amp;</b></xmp>", ["柿<b>&amp;</b>"]),
        ("<div<script>柿</div>栗", ["柿栗"]),
        ("<nav><plaintext>柿</plaintext><p>栗", ["柿</plaintext><p>栗"]),
        ("<frameset><frame></frameset>", []),
        ("", []),
    ],
)
def test_text_is_parted_as_a_reader_sees_it(html: str, lines: list[str]) -> None:
    assert render(html).lines.text == lines


@pytest.mark.parametrize(
    "start",
    [
        *("<nav>", "<footer>", "<div role=navigation>", "<div class=menu>", "<div id=toc>"),
        *("<div class='x entry-related'>", "<DIV CLASS=menu>", "<div class = 'a\nmenu\tb'>"),
        *("<div id='mysidebar'>", "<div data-x='<p>' class=menu>"),
    ],
)
def test_a_menu_is_told_by_its_tag_role_class_or_id(start: str) -> None:
    assert render(f"柿{start}<p>栗<i>梨</i></div></nav></footer>桃").lines.aside == [0, 1, 0]


@pytest.mark.parametrize(
    "start",
    [
        *("<div>", "<div role=search-results>", "<div class=submenu>", "<div id='a menu'>"),
        *(
            "<div data-class=menu>",
            "<div title=sidebar>",
            "<img class=menu>",
            "<div class=' style='>",
        ),
    ],
)
def test_no_menu_is_told_by_anything_else(start: str) -> None:
    assert not any(render(f"柿{start}<p>栗</div>桃").lines.aside)


def test_the_main_part_is_told_by_its_tag_role_class_or_id() -> None:
    for start in ("<main>", "<div id ='main'>", "<i role=main>", "<div itemprop=articleBody>"):
        assert render(f"<p>柿</p>{start}栗</main></div></i>").lines.in_main == [False, True]


def test_a_place_within_a_place_is_the_outer_one() -> None:
    lines = render("<nav>柿<nav>栗</nav>梨</nav>桃<footer>杏</footer>").lines
    assert lines.aside == [1, 1, 1, 0, 2]


def test_links_are_as_written_and_count_the_characters_inside() -> None:
    page = render(
        "<p><a href=' /a?x&amp;y\n  z '> 柿 </a>と<a href=/b></a>栗<a>梨</a><button><a href=/c>"
    )
    assert page.links == ["/a?x&y z", "/b"]
    assert page.lines.link_chars == [1]


def test_a_heading_is_its_own_first_line() -> None:
    lines = render("柿<h1>栗<br>梨</h1>桃<h2></h2>杏").lines
    assert lines.text == ["柿", "栗", "梨", "桃", "杏"]
    assert lines.is_heading == [False, True, False, False, False]


@given(st.text(alphabet='<>/!?-="& ltxa柿\n', max_size=60))
@settings(max_examples=500, deadline=None)
def test_whatever_is_not_in_the_normal_form_is_read_too(written: str) -> None:
    codes = np.frombuffer(written.encode("utf-32-le"), np.int32)
    text, lines, links = walk.lines_of(codes, walk.happenings(codes, _names(), _values()))
    assert np.all(lines["start"] < lines["end"])
    assert np.all(lines["end"] <= len(text))
    assert len(text) <= len(codes) + written.count("<")
    assert len(links) <= written.count("<")


@given(
    st.lists(st.text("ab ", min_size=1, max_size=4), max_size=8, unique=True),
    st.text("abc ", max_size=30),
)
def test_a_vocabulary_finds_each_of_its_words(words: list[str], text: str) -> None:
    steps, told = vocabulary([(word, 1 << number) for number, word in enumerate(words)])
    state = 0
    for end, character in enumerate(text, 1):
        state = steps[state, ord(character)]
        ending = [text[:end].endswith(word) for word in words]
        assert told[state] == sum(1 << number for number, ends in enumerate(ending) if ends)


def test_a_deep_page_is_read_in_one_pass() -> None:
    page = extract(
        "<nav>" + "<div class='menu'>柿</div>" * 30_000 + "</nav><p>栗を拾いました。", ""
    )
    assert page.text == "栗を拾いました。"
    assert re.fullmatch("(柿\n){30000}栗を拾いました。", page.page_text)
