"""The rules: metrics against their plain definitions, verdicts, the table and its page."""

import re
import zlib
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.rules import RULES, fails, measure, reference, verdicts
from pipeline.rules.examples import CATALOGUE, CODE, ESSAY, MENU, POEM, TIMETABLE
from pipeline.rules.ngrams import DUPLICATE, TOP
from pipeline.rules.phrases import LISTS, terms
from pipeline.text import fold
from schemas import DOCUMENTS, METRICS

BRIEF = ["", "\n", "\n\n", "あ", "。", "」", "…\n…", "\ud800", "𠮷𠮷", "\x00", "\U0010ffff"]
WRITTEN = [ESSAY, CODE, MENU, POEM, TIMETABLE, CATALOGUE, ESSAY * 2, *BRIEF]
texts = st.one_of(
    st.sampled_from(WRITTEN),
    st.text(st.sampled_from("あいア亜a1 。！？」…・\n")),
    st.text(),
    st.text(st.characters()),  # lone surrogates too
)
pieces = st.sampled_from(
    [
        "セックス",
        "ポルノ",
        "ｴﾛ本",
        "ＳＥＸ",
        "お得な",
        "返信する",
        "ー",
        "ア",
        "x",
        "の",
        "亜",
        " ",
        "\n",
    ]
)
BRACKETS = "[」』）)】〉》”’\"']"
TERMS = {term: name for name in reversed(LISTS) for term in terms(name)}
batches = st.lists(texts, max_size=6)
unhurried = settings(deadline=None, max_examples=60)


def values(name: str, batch: list[str]) -> list[float]:
    return measure(batch, [None] * len(batch))[name].to_pylist()


def of(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def naive_top(text: str, n: int) -> float:
    counts = Counter(text[i : i + n] for i in range(len(text) - n + 1))
    return of(max(counts.values(), default=0), counts.total())


def naive_duplicate(text: str, n: int) -> float:
    counts = Counter(text[i : i + n] for i in range(len(text) - n + 1))
    return of(sum(count > 1 for count in counts.values()), len(counts))


def naive_lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line]


def naive_sentences(text: str) -> list[str]:
    """Cuts behind a closing mark that neither another nor a closing bracket follows."""
    cut = re.compile(f"(?<=[。！？!?])(?![。！？!?]|{BRACKETS})")
    return [part for line in text.split("\n") for part in cut.split(line) if part]


def naive_repetition(parts: list[str]) -> tuple[float, float]:
    repeated = [part for index, part in enumerate(parts) if part in parts[:index]]
    return of(len(repeated), len(parts)), of(sum(map(len, repeated)), sum(map(len, parts)))


def naive_terms(text: str) -> list[str]:
    """From left to right the longest term that no neighbour of its own script continues."""
    folded = "".join(one if len(one := fold(char)) == 1 else char for char in text)
    found = []
    at = 0
    while at < len(folded):
        standing = [term for term in TERMS if folded.startswith(term, at)]
        alone = [term for term in standing if stands_alone(folded, at, at + len(term))]
        found += [max(alone, key=len)] if alone else []
        at += len(found[-1]) if alone else 1
    return found


def stands_alone(text: str, start: int, end: int) -> bool:
    scripts = "[ぁ-ゖゝ-ゟ]+", "[ァ-ヺー-ヿㇰ-ㇿ]", "[0-9A-Za-z]"
    edges = [(text[start], text[start - 1 : start]), (text[end - 1], text[end : end + 1])]
    hiragana, *others = scripts
    joining = others + [hiragana] * bool(re.fullmatch(hiragana, text[start:end]))
    return not any(
        re.match(script, edge) and re.match(script, neighbour)
        for edge, neighbour in edges
        for script in joining
    )


@unhurried
@given(batches)
def test_ngram_metrics_are_what_counting_gives(batch: list[str]) -> None:
    for n in TOP:
        expected = [naive_top(text, n) for text in batch]
        assert values(f"top_{n}gram_share", batch) == pytest.approx(expected)
    for n in DUPLICATE:
        expected = [naive_duplicate(text, n) for text in batch]
        assert values(f"duplicate_{n}gram_share", batch) == pytest.approx(expected)


@unhurried
@given(batches)
def test_line_metrics_are_what_counting_gives(batch: list[str]) -> None:
    lines = [naive_lines(text) for text in batch]
    assert values("text_lines", batch) == [len(found) for found in lines]
    short = [of(sum(len(line) <= 10 for line in found), len(found)) for found in lines]
    assert values("short_line_share", batch) == pytest.approx(short)
    punctuated = [
        of(sum(bool(re.search(f"[。！？!?…‥⋯]{BRACKETS}*$", line)) for line in found), len(found))
        for found in lines
    ]
    assert values("punctuated_line_share", batch) == pytest.approx(punctuated)
    shares = [naive_repetition(found) for found in lines]
    assert values("duplicate_line_share", batch) == pytest.approx([share[0] for share in shares])
    assert values("duplicate_line_char_share", batch) == pytest.approx([s[1] for s in shares])


@unhurried
@given(batches)
def test_sentence_metrics_are_what_counting_gives(batch: list[str]) -> None:
    sentences = [naive_sentences(text) for text in batch]
    lengths = [[len(sentence) for sentence in found] for found in sentences]
    assert values("max_sentence_chars", batch) == [max(found, default=0) for found in lengths]
    means = [of(sum(found), len(found)) for found in lengths]
    assert values("mean_sentence_chars", batch) == pytest.approx(means)
    trailing = re.compile(r"([…‥⋯]|([・･.。、．,])\2\2)[。！？!?]*$")
    ellipses = [of(sum(bool(trailing.search(s)) for s in found), len(found)) for found in sentences]
    assert values("ellipsis_share", batch) == pytest.approx(ellipses)
    per_kuten = [len(text) / max(text.count("。"), 1) for text in batch]
    assert values("chars_per_kuten", batch) == pytest.approx(per_kuten)
    shares = [naive_repetition(found) for found in sentences]
    assert values("duplicate_sentence_share", batch) == pytest.approx([s[0] for s in shares])
    assert values("duplicate_sentence_char_share", batch) == pytest.approx([s[1] for s in shares])


@unhurried
@given(batches)
def test_runs_are_what_counting_gives(batch: list[str]) -> None:
    runs = [
        max((len(run[0]) for run in re.finditer(r"(?s)(.)\1*", text)), default=0) for text in batch
    ]
    assert values("longest_run", batch) == runs


@unhurried
@given(st.lists(st.lists(pieces).map("".join), max_size=6))
def test_terms_are_what_looking_for_each_gives(batch: list[str]) -> None:
    found = [naive_terms(text) for text in batch]
    adult = [[term for term in terms if TERMS[term] == "adult"] for terms in found]
    assert values("adult_terms", batch) == [len(set(terms)) for terms in adult]
    chars = [of(len("".join(terms)), len(text)) for terms, text in zip(adult, batch, strict=True)]
    assert values("adult_char_share", batch) == pytest.approx(chars)
    for name in ("ad", "bbs"):
        hits = [[term for term in terms if TERMS[term] == name] for terms in found]
        rates = [1000 * of(len(hit), len(text)) for hit, text in zip(hits, batch, strict=True)]
        assert values(f"{name}_phrases", batch) == pytest.approx(rates)


def test_scripts_are_what_looking_at_each_gives() -> None:
    counted = {
        text: sum(bool(re.match("[ぁ-ゖゝ-ゟァ-ヺー-ヿ]", char)) for char in text[:50])
        for text in WRITTEN
    }
    assert values("kana_at_start", WRITTEN) == list(counted.values())


@pytest.mark.parametrize("chars", ["あ", "\n", "。", "」", "・"])
def test_a_million_times_one_character(chars: str) -> None:
    text = chars * 1_000_000
    assert values("top_2gram_share", [text]) == [1]
    assert values("duplicate_10gram_share", [text]) == [1]
    assert values("longest_run", [text]) == [1_000_000]


def test_a_million_different_characters() -> None:
    text = "".join(map(chr, range(0x10000, 0x10000 + 1_000_000)))
    assert values("top_2gram_share", [text]) == pytest.approx([1 / 999_999])
    assert values("duplicate_5gram_share", [text]) == [0]


def test_a_text_is_measured_alike_alone_and_among_others() -> None:
    batch = [ESSAY * 90, *WRITTEN, ESSAY * 2200, *WRITTEN]
    together = measure(batch, [None] * len(batch))
    for index, text in enumerate(batch):
        alone = measure([text], [None])
        assert {name: column[index] for name, column in together.items()} == {
            name: column[0] for name, column in alone.items()
        }


@unhurried
@given(batches)
def test_metrics_fill_their_columns(batch: list[str]) -> None:
    columns = measure(batch, [None] * len(batch))
    for column in METRICS:
        array = columns[column.name]
        assert (array.type, len(array), array.null_count) == (column.type, len(batch), 0)
        assert np.isfinite(array.to_numpy(zero_copy_only=False)).all()
        if column.name.endswith("_share") or "_of_" in column.name:
            assert all(0 <= value <= 1 for value in array.to_pylist())


def test_scripts_of_a_sentence() -> None:
    text = "東京タワーは333メートル、Tokyoの塔です。"  # 14 Japanese letters, 5 Latin, 5 others
    one = {name: column[0].as_py() for name, column in measure([text], [None]).items()}
    assert one["n_chars"] == 24
    assert one["japanese_chars"] == 14
    assert one["japanese_share"] == pytest.approx(14 / 19)
    assert one["hiragana_share"] == pytest.approx(4 / 24)
    assert one["hiragana_of_japanese"] == pytest.approx(4 / 14)
    assert one["katakana_of_japanese"] == pytest.approx(7 / 14)
    assert one["special_share"] == pytest.approx(5 / 24)
    assert one["kana_at_start"] == 11


def test_compression_is_that_of_zlib() -> None:
    encoded = ESSAY.encode()
    expected = len(zlib.compress(encoded)) / len(encoded)
    assert values("compression_ratio", [ESSAY]) == pytest.approx([expected])


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("新刊が出ました…\n続きはこちら", 0.5),
        ("雨が降る・・・\n止まない。", 0.5),
        ("「もう帰ろう……。」\nそう言った。", 0.0),
        ("まさか…！\n本当に。。。\nはい。", 2 / 3),
    ],
)
def test_sentences_that_trail_off(text: str, share: float) -> None:
    assert values("ellipsis_share", [text]) == pytest.approx([share])


@pytest.mark.parametrize(
    "text",
    [
        "アスパラガスとマスカラ、バイブルとエロイカ。",
        "Essexとsexton、Middlesexの地図。",
        "考えろ、伝えろ、支えろ。",
        "ポルノグラフィティの新曲を聴いた。",
    ],
)
def test_terms_are_not_found_inside_words(text: str) -> None:
    assert values("adult_terms", [text]) == [0]


def test_terms_are_found_in_any_width_and_case_and_counted_by_kind() -> None:
    assert values("adult_terms", ["ＳＥＸとSex、そしてポルノ。ポルノ。"]) == [2]


def test_phrases_are_a_rate_so_that_long_pages_do_not_pay() -> None:
    advertisement = "期間限定で送料無料です。"
    short, long = values("ad_phrases", [advertisement, advertisement + ESSAY * 10])
    assert short > 100
    assert 0 < long < 1


def test_running_text_passes_every_rule() -> None:
    assert verdicts(measure([ESSAY], [0.1])) == [[]]


def test_verdicts_name_the_failing_rules_in_the_tables_order() -> None:
    batch = [MENU, ESSAY, CATALOGUE]
    flags = verdicts(measure(batch, [None] * len(batch)))
    assert flags == [[rule.name for rule in RULES if fails(rule.name, text)] for text in batch]
    assert verdicts(measure([], [])) == []


def test_a_null_metric_fails_no_rule() -> None:
    flags = verdicts(measure([MENU, MENU], [None, 0.95]))
    assert set(flags[1]) - set(flags[0]) == {"mostly_links_v1", "many_links_v1"}


def test_the_threshold_itself_passes() -> None:
    assert not fails("stub_v1", "雨" * 100)
    assert fails("stub_v1", "雨" * 99)
    assert not fails("many_links_v1", ESSAY, link_share=0.25)
    assert fails("character_run_v1", "雨" * 200)


def test_stored_metrics_give_the_same_verdicts() -> None:
    columns = measure(WRITTEN, [0.5] * len(WRITTEN))
    fields = [DOCUMENTS.arrow.field(name) for name in columns]
    table = pa.table(list(columns.values()), schema=pa.schema(fields))
    stored = {name: table[name].combine_chunks() for name in table.column_names}
    assert verdicts(stored) == verdicts(columns)


def test_the_table_is_complete() -> None:
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)
    for rule in RULES:
        assert re.fullmatch(r"[a-z0-9_]+_v[1-9][0-9]*", rule.name)
        assert rule.metric in DOCUMENTS.names
        assert rule.source
        assert rule.why
        assert rule.cost


def test_every_rule_shows_an_accept_a_reject_and_a_false_positive() -> None:
    for rule in RULES:
        verdict = re.findall(r"^ *(True|False)$", rule.examples, re.MULTILINE)
        assert verdict == ["False", "True", "True"], rule.name
        assert rule.examples.count(f'fails("{rule.name}"') == 3


def test_the_page_names_every_rule_and_metric() -> None:
    page = reference()
    for rule in RULES:
        assert f"## {rule.name}\n" in page
    for column in METRICS:
        assert f"| `{column.name}` |" in page
