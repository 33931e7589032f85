"""Parquet and JSONL through `resolve`, `spans` and `read`."""

import gzip
import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import OptionError
from pipeline.sources import Problem, Record, Skipped, read, resolve, spans
from pipeline.sources.fields import BAD_DATE, MAX_PAYLOAD
from pipeline.sources.jsonl import MAX_LINE

TEXTS = [
    "港の朝市では、夜明け前から漁師の声が響く。",
    "だしは昆布を水に一晩つけておくと、雑味が出にくい。",
    "「間に合った」と彼は息を切らして言った。",
]
JUNE = 1_717_891_200_000  # 2024-06-09, midnight UTC

Outcome = Record | Skipped | Problem


def read_all(
    path: Path, target: int = 1 << 30, columns: Mapping[str, str] | None = None
) -> list[Outcome]:
    (source,) = resolve([str(path)])
    return [found for span in spans(source, target) for found in read(span, columns or {})]


def texts(found: Sequence[Outcome]) -> list[str]:
    """The text of each page, a reason in brackets for the rest."""
    return [
        item.payload.decode() if isinstance(item, Record) else f"[{item.reason}]" for item in found
    ]


def jsonl(folder: Path, *lines: object, name: str = "pages.jsonl", end: bytes = b"\n") -> Path:
    path = folder / name
    raw = [line if isinstance(line, bytes) else orjson.dumps(line) for line in lines]
    path.write_bytes(b"".join(line + end for line in raw))
    return path


def parquet(folder: Path, columns: Mapping[str, object], rows: int = 2) -> Path:
    path = folder / "pages.parquet"
    pq.write_table(pa.table(columns), path, row_group_size=rows)
    return path


def test_a_line_of_json_is_a_page_of_text(tmp_path: Path) -> None:
    row = {"text": TEXTS[0], "url": "https://example.jp/a", "date": "2024-06-09", "title": "朝市"}
    path = jsonl(tmp_path, row)
    assert read_all(path) == [
        Record(
            input=str(path),
            position=0,
            url="https://example.jp/a",
            crawl_time=JUNE,
            payload=TEXTS[0].encode(),
            is_html=False,
            charset="utf-8",
            title="朝市",
        )
    ]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
def test_compression_is_told_by_the_content_and_positions_are_offsets_without_it(
    tmp_path: Path, pack: type[bytes]
) -> None:
    lines = [orjson.dumps({"content": text}) for text in TEXTS]
    path = tmp_path / "pages.jsonl"
    path.write_bytes(pack(b"\xef\xbb\xbf" + b"\r\n".join(lines)))
    found = read_all(path)
    assert texts(found) == TEXTS
    offsets = [item.position for item in found if isinstance(item, Record)]
    assert offsets == [0, 3 + len(lines[0]) + 2, 3 + len(lines[0]) + len(lines[1]) + 4]


def test_each_broken_line_is_a_problem_and_the_others_are_read(tmp_path: Path) -> None:
    path = jsonl(
        tmp_path,
        {"text": TEXTS[0]},
        b'{"text": "' + TEXTS[1].encode(),
        b"",
        b"  \t",
        [TEXTS[1]],
        {"body": TEXTS[1]},
        {"text": 7},
        {"text": TEXTS[1], "url": ["https://example.jp"]},
        {"text": None},
        {"text": ""},
        b"[" * 100_000,
        b"\xff\xfe{}",
        b'{"text": "' + b"x" * MAX_LINE + b'"}',
        {"text": "x" * (MAX_PAYLOAD + 1)},
        {"text": TEXTS[2]},
    )
    assert texts(read_all(path)) == [
        TEXTS[0],
        "[json_broken]",
        "[json_not_an_object]",
        "[column_missing]",
        "[column_type]",
        "[column_type]",
        "[table.null_text]",
        "[page.empty]",
        "[json_broken]",
        "[json_broken]",
        "[line_too_long]",
        "[payload_too_large]",
        TEXTS[2],
    ]


def test_each_line_may_have_columns_of_its_own(tmp_path: Path) -> None:
    path = jsonl(
        tmp_path,
        {},
        {"content": TEXTS[0]},
        {"uri": "https://example.jp/b", "text": TEXTS[1], "content": TEXTS[0]},
        {},
        {"content": TEXTS[0]},
    )
    found = read_all(path)
    assert texts(found) == ["[column_missing]", TEXTS[0], TEXTS[1], "[column_missing]", TEXTS[0]]
    assert isinstance(found[2], Record)
    assert found[2].url == "https://example.jp/b"


def test_half_a_surrogate_pair_becomes_one_replacement_character(tmp_path: Path) -> None:
    path = jsonl(tmp_path, b'{"text": "\\ud83d\\ude00\\u304b\\ud83d", "title": "\\udc00"}')
    (found,) = read_all(path)
    assert isinstance(found, Record)
    assert (found.payload.decode(), found.title) == ("😀か\ufffd", "\ufffd")


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_compressed_lines_that_are_cut_off_end_in_a_problem(
    tmp_path: Path, pack: type[bytes]
) -> None:
    numbers = [str(pow(7, n, 10**200)) * 5 for n in range(1000, 3000)]
    path = tmp_path / "pages.jsonl.gz"
    path.write_bytes(pack(b"\n".join(orjson.dumps({"text": n}) for n in numbers))[:-5000])
    *found, last = read_all(path)
    assert texts(found) == numbers[: len(found)]
    assert len(found) > 1500
    assert isinstance(last, Problem)
    assert last.reason == "compressed_data"


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=12),
    target=st.integers(1, 200),
    end=st.sampled_from([b"\n", b"\r\n", b"\n\n"]),
)
def test_cut_anywhere_each_line_is_read_once_in_order(
    tmp_path: Path, rows: list[str], target: int, end: bytes
) -> None:
    lines = [json.dumps({"text": row}).encode() for row in rows]
    path = jsonl(tmp_path, *lines, end=end)
    cut, whole = read_all(path, target), read_all(path)
    assert cut == whole
    assert len(whole) == len(rows)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.integers(0, 40), in_group=st.integers(1, 9), target=st.integers(1, 4000))
def test_row_groups_are_shared_out_without_loss(
    tmp_path: Path, rows: int, in_group: int, target: int
) -> None:
    numbers = [f"第{number}話" for number in range(rows)]
    path = parquet(tmp_path, {"text": pa.array(numbers, pa.string())}, in_group)
    found = read_all(path, target)
    assert texts(found) == numbers
    assert [item.position for item in found if isinstance(item, Record)] == list(range(rows))


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.binary(), pa.dictionary(pa.int32(), pa.string())]
)
def test_text_may_be_of_any_string_type(tmp_path: Path, kind: pa.DataType) -> None:
    column = pa.array([TEXTS[0], None, "", TEXTS[2]]).cast(kind)
    found = read_all(parquet(tmp_path, {"text": column, "other": [1, 2, 3, 4]}))
    assert texts(found) == [TEXTS[0], "[table.null_text]", "[page.empty]", TEXTS[2]]


@pytest.mark.parametrize(
    "moment",
    [
        "2024-06-09",
        "2024-06-09T09:00:00+09:00",
        "2024/06/09 00:00:00",
        "20240609000000",
        JUNE // 1000,
        JUNE,
        JUNE * 1000,
        JUNE * 1_000_000,
        float(JUNE // 1000),
        date(2024, 6, 9),
        datetime(2024, 6, 9, tzinfo=UTC),
        pa.scalar(JUNE * 1_000_000, pa.timestamp("ns")),
    ],
)
def test_a_crawl_time_is_understood_in_every_usual_form(tmp_path: Path, moment: object) -> None:
    column = pa.array([moment.as_py()] if isinstance(moment, pa.Scalar) else [moment])
    path = parquet(tmp_path, {"text": [TEXTS[0]], "timestamp": column})
    (found,) = read_all(path)
    assert isinstance(found, Record)
    assert (found.crawl_time, found.remarks) == (JUNE, ())


@pytest.mark.parametrize(
    "moment", ["きのう", 0, -1, float("nan"), float("inf"), 10**30, "9999-01-01"]
)
def test_a_crawl_time_that_is_none_costs_no_page(tmp_path: Path, moment: object) -> None:
    (found,) = read_all(jsonl(tmp_path, json.dumps({"text": "あ", "date": moment}).encode()))
    assert isinstance(found, Record)
    assert (found.crawl_time, found.remarks) == (None, (BAD_DATE,))


def test_html_in_a_table_is_a_page_as_from_a_warc(tmp_path: Path) -> None:
    page = "<p>港の朝市</p>"
    columns = {
        "html": pa.array([page.encode("euc-jp"), None]),
        "text": ["港の朝市", TEXTS[1]],
        "charset": ["euc-jp", "euc-jp"],
    }
    html, text = read_all(parquet(tmp_path, columns))
    assert isinstance(html, Record)
    assert isinstance(text, Record)
    assert (html.payload.decode("euc-jp"), html.is_html, html.charset) == (page, True, "euc-jp")
    assert (text.payload.decode(), text.is_html, text.charset) == (TEXTS[1], False, "utf-8")


def test_html_as_a_string_is_utf8_whatever_it_once_was(tmp_path: Path) -> None:
    columns = {"html": ["<p>港の朝市</p>"], "charset": ["shift_jis"]}
    (found,) = read_all(parquet(tmp_path, columns))
    assert isinstance(found, Record)
    assert (found.payload.decode(), found.charset) == ("<p>港の朝市</p>", "utf-8")


def test_the_users_names_win_over_the_usual_ones(tmp_path: Path) -> None:
    row = {"html": "<p>x</p>", "text": "x", "body": TEXTS[0], "link": "https://example.jp/"}
    names = {"text": "body", "url": "link"}
    for path in (
        jsonl(tmp_path, row),
        parquet(tmp_path, {name: [value] for name, value in row.items()}),
    ):
        (found,) = read_all(path, columns=names)
        assert isinstance(found, Record)
        assert (found.payload.decode(), found.is_html, found.url) == (
            TEXTS[0],
            False,
            "https://example.jp/",
        )


def test_a_name_for_what_no_table_gives_is_refused(tmp_path: Path) -> None:
    path = jsonl(tmp_path, {"text": "x"})
    with pytest.raises(OptionError, match=r"author.*expected one of html, text, url"):
        read_all(path, columns={"author": "by"})


def test_a_table_without_text_is_one_problem_that_names_its_columns(tmp_path: Path) -> None:
    path = parquet(tmp_path, {"body": TEXTS, "id": [1, 2, 3]}, rows=1)
    (found,) = read_all(path, target=1)
    assert isinstance(found, Problem)
    assert (found.reason, found.position) == ("column_missing", None)
    assert "found body, id; expected one of html, text, content" in found.detail


def test_a_column_of_another_type_is_one_problem(tmp_path: Path) -> None:
    (found,) = read_all(parquet(tmp_path, {"text": [[1], [2]]}))
    assert isinstance(found, Problem)
    assert found.reason == "column_type"
    assert "text" in found.detail
    assert "list<" in found.detail


def test_strings_that_are_not_utf8_are_read(tmp_path: Path) -> None:
    broken = pa.array([b"\xff\x93\xfa"])
    strings = pa.StringArray.from_buffers(1, *broken.buffers()[1:])
    (found,) = read_all(parquet(tmp_path, {"text": strings, "title": strings}))
    assert isinstance(found, Record)
    assert (found.payload, found.title) == (b"\xff\x93\xfa", "\ufffd\ufffd\ufffd")


def test_a_value_that_is_too_large_is_a_problem_among_pages(tmp_path: Path) -> None:
    path = parquet(tmp_path, {"text": [TEXTS[0], "x" * (MAX_PAYLOAD + 1), TEXTS[2]]}, rows=3)
    assert texts(read_all(path)) == [TEXTS[0], "[payload_too_large]", TEXTS[2]]


def test_a_damaged_row_group_costs_itself_alone(tmp_path: Path) -> None:
    path = parquet(tmp_path, {"text": TEXTS}, rows=1)
    column = pq.ParquetFile(path).metadata.row_group(1).column(0)
    data = bytearray(path.read_bytes())
    start = column.dictionary_page_offset or column.data_page_offset
    data[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    path.write_bytes(data)
    assert texts(read_all(path)) == [TEXTS[0], "[row_group_damaged]", TEXTS[2]]


@pytest.mark.parametrize("data", [b"PAR1", b"PAR1" + bytes(100) + b"PAR1", b"not a table"])
def test_what_is_no_parquet_is_one_problem(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "pages.parquet"
    path.write_bytes(data)
    assert texts(read_all(path)) == ["[input_unreadable]"]


def test_a_line_of_2_gb_is_passed_once_however_the_file_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "pages.jsonl"
    with path.open("wb") as file:
        file.write(orjson.dumps({"text": TEXTS[0]}) + b'\n{"text": "')
        file.seek(2 << 30, os.SEEK_CUR)  # a hole, read as zeros
        file.write(b'"}\n' + orjson.dumps({"text": TEXTS[1]}))
    assert texts(read_all(path, 64 << 20)) == [TEXTS[0], "[line_too_long]", TEXTS[1]]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_compressed_line_without_end_ends_where_it_shows_itself(
    tmp_path: Path, pack: type[bytes]
) -> None:
    """A third of a megabyte, or ten, that stand for 10 GB."""
    path = tmp_path / "pages.jsonl"
    unit = pack(b"a" * (1 << 26))
    path.write_bytes(pack(orjson.dumps({"text": TEXTS[0]}) + b"\n") + unit * 160)
    first, last = read_all(path)
    assert texts([first]) == [TEXTS[0]]
    assert isinstance(last, Problem)
    assert (last.reason, "a bomb" in last.detail) == ("compressed_data", True)


def test_two_kilobytes_that_stand_for_two_gigabytes_are_read_in_little_memory(
    tmp_path: Path,
) -> None:
    """A dictionary of one long value, which every row tells again."""
    text, path = "精" * (6 << 20), tmp_path / "pages.parquet"
    rows = pa.DictionaryArray.from_arrays(pa.array([0] * 120, pa.int32()), pa.array([text]))
    pq.write_table(pa.table({"text": rows}), path, dictionary_pagesize_limit=1 << 30)
    assert path.stat().st_size < 1 << 20
    before = pa.default_memory_pool().max_memory()
    assert texts(read_all(path)) == ["[payload_too_large]"] * 120
    assert pa.default_memory_pool().max_memory() - before < 256 << 20
