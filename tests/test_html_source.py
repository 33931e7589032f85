"""What one scan over a page's bytes tells of it, against expressions over its characters."""

import re
from collections import Counter

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.html.source import FORMATTING_TAGS, TELLING_TAGS, Source

PIECES = (
    *("<", ">", "</", "a", "B", "h1", "h1x", "Div", "s", "img", "optgroup", "time", "1", " ", "\n"),
    *("/", '"', "'", "=", "柿", "\u3000", "é", "&#", "&#x0FdD0;", "&#64976;", "&#0065007", "&#39;"),
    *("\ufdd0", "\ufdef", "\ufdc0", "\ufdf0", "@", "`", "{", "["),
)


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
@example("")
@example("<")
@example("<a")
@example("<DIV><a/><a柿><h12><h2><h2x></div>")
@settings(max_examples=500, deadline=None)
def test_the_scan_counts_what_expressions_find(html: str) -> None:
    source = Source.of(html)
    opened = Counter(re.findall("<([a-z][a-z0-9]*)", html.lower()))
    for tag in {*FORMATTING_TAGS, *TELLING_TAGS, "option", "optgroup", "time"}:
        assert source.tags[tag] == opened[tag]
    assert source.starts == html.count("<")
    assert source.gaps == len(re.findall("[\t\n\f\r /\"']", html))
    numbers = re.findall("&#(?:x0*fdd[0-9a-f]|x0*fde[0-9a-f]|0*6497[6-9]|0*65007)", html.lower())
    if re.search("[\ufdd0-\ufdef]", html) or numbers:
        assert source.may_hold_noncharacters


def test_a_usual_page_holds_no_noncharacters() -> None:
    assert not Source.of("<p>柿を干しました。&#39;甘い&#39;</p>").may_hold_noncharacters
