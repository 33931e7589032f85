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
from schemas import DOCUMENTS, METRICS

WRITTEN = [ESSAY, CODE, MENU, POEM, TIMETABLE, CATALOGUE, ESSAY * 2, "", "\n", "あ", "。", "…\n…"]
texts = st.one_of(
    st.sampled_from(WRITTEN),
    st.text(st.sampled_from("あいア亜a1 。！？」…・\n")),
    st.text(),
)
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
    cut = re.compile("(?<=[。！？!?])(?![。！？!?」』）)】〉》”’\"'])")
    return [part for line in text.split("\n") for part in cut.split(line) if part]


def naive_repetition(parts: list[str]) -> tuple[float, float]:
    repeated = [part for index, part in enumerate(parts) if part in parts[:index]]
    return of(len(repeated), len(parts)), of(sum(map(len, repeated)), sum(map(len, parts)))


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


def test_a_text_is_measured_alike_alone_and_among_others() -> None:
    batch = [ESSAY * 90, *WRITTEN, ESSAY * 90, *WRITTEN]
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
