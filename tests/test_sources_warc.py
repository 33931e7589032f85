"""WARC and WET through `resolve`, `spans` and `read`: sound files, cut files, hostile files."""

import gzip
import itertools
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.sources import Problem, Record, Skipped, Span, read, resolve, spans
from pipeline.sources.fields import BAD_DATE, CREDENTIALS, MAX_PAYLOAD, NOT_ENCODED

Outcome = Record | Skipped | Problem

PAGE = (
    "<!DOCTYPE html><html lang='ja'><title>朝の市場</title>"
    "<p>港の朝市では、夜明け前から漁師の声が響く。今日はアジとサバがよく獲れたという。</p></html>"
)
CRAWLED = 1_717_948_171_000  # 2024-06-09T15:49:31Z


def http(
    body: bytes, *fields: str, status: str = "200 OK", media: str | None = "text/html"
) -> bytes:
    head = [f"HTTP/1.1 {status}", *([f"Content-Type: {media}"] if media else []), *fields]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def record(
    url: str,
    block: bytes,
    *,
    kind: str = "response",
    date: str = "2024-06-09T15:49:31Z",
    media: str = "application/http; msgtype=response",
    length: int | str | None = None,
) -> bytes:
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nWARC-Date: {date}\r\n"
        f"Content-Type: {media}\r\nContent-Length: {len(block) if length is None else length}\r\n"
    )
    return head.encode() + b"\r\n" + block + b"\r\n\r\n"


def page(name: str, size: int = 0) -> bytes:
    noise = os.urandom(size).hex().encode()  # so that it does not compress away
    return record(f"https://example.jp/{name}", http(PAGE.encode() + noise))


def written(folder: Path, data: bytes, name: str = "crawl.warc.gz") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def read_all(path: Path, target: int = 1 << 30) -> list[Outcome]:
    (source,) = resolve([str(path)])
    return [found for span in spans(source, target) for found in read(span)]


def read_record(folder: Path, raw: bytes) -> Outcome:
    (found,) = read_all(written(folder, gzip.compress(raw)))
    return found


def names(found: Sequence[Outcome]) -> list[str]:
    """`a` for the page https://example.jp/a, a reason in brackets for the rest."""
    return [
        item.url.rpartition("/")[2] if isinstance(item, Record) else f"[{item.reason}]"
        for item in found
    ]


def test_a_page_comes_with_all_that_http_says(tmp_path: Path) -> None:
    body = PAGE.encode("cp932")
    block = http(
        body,
        "content-language: ja",
        "X-Robots-Tag: noai",
        "X-Robots-Tag: noarchive",
        media='Text/HTML; Charset="Shift_JIS"',
    )
    found = read_record(tmp_path, record("https://example.jp/asa", block))
    assert found == Record(
        input=str(tmp_path / "crawl.warc.gz"),
        position=0,
        url="https://example.jp/asa",
        crawl_time=CRAWLED,
        payload=body,
        is_html=True,
        charset="Shift_JIS",
        language="ja",
        robots="noai, noarchive",
    )


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (
            record("u", b"software: x", kind="warcinfo", media="application/warc-fields"),
            "warc.warcinfo",
        ),
        (record("u", b"GET / HTTP/1.1\r\n\r\n", kind="request"), "warc.request"),
        (record("u", http(b""), kind="revisit"), "warc.revisit"),
        (record("u", b"fetchTimeMs: 7", kind="metadata"), "warc.metadata"),
        (record("u", b"127.0.0.1", media="text/dns"), "warc.response_not_http"),
        (record("u", http(b"", status="404 Not Found")), "http.404"),
        (record("u", http(b"", status="999 Denied")), "http.other"),
        (record("u", http(b"\x89PNG", media="image/png")), "media.image"),
        (record("u", http(b"%PDF", media="application/pdf")), "media.pdf"),
        (record("u", http(b"{}", media="application/vnd.owner+thing")), "media.application"),
        (record("u", http(b"x", media="chemical/x-pdb")), "media.other"),
        (record("u", http(b"\x00\x01\x02", media=None)), "media.undeclared_binary"),
        (record("u", http(b"")), "page.empty"),
    ],
)
def test_what_is_no_page_is_counted_by_kind(tmp_path: Path, raw: bytes, reason: str) -> None:
    assert read_record(tmp_path, raw) == Skipped(reason)


@pytest.mark.parametrize(
    ("media", "body", "is_html"),
    [
        ("application/xhtml+xml", PAGE, True),
        ("application/vnd.wap.xhtml+xml; charset=Shift_JIS", PAGE, True),
        ("text/plain", PAGE, False),
        (None, PAGE, True),
        ("", "むかしむかし、あるところに。", False),
    ],
)
def test_html_and_text_are_told_apart(
    tmp_path: Path, media: str | None, body: str, is_html: bool
) -> None:
    found = read_record(tmp_path, record("u", http(body.encode(), media=media)))
    assert isinstance(found, Record)
    assert found.is_html is is_html


def test_the_text_of_a_wet_file_is_a_page_of_text(tmp_path: Path) -> None:
    text = "港の朝市では、夜明け前から漁師の声が響く。"
    raw = record("https://example.jp/a", text.encode(), kind="conversion", media="text/plain")
    found = read_record(tmp_path, raw)
    assert isinstance(found, Record)
    assert (found.payload.decode(), found.is_html, found.charset) == (text, False, "utf-8")


def chunked(body: bytes) -> bytes:
    return b"%x;ext=1\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (9, body[:9], len(body) - 9, body[9:])


def raw_deflate(body: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(body) + stream.flush()


@pytest.mark.parametrize(
    ("body", "fields", "remarks"),
    [
        (gzip.compress(PAGE.encode(), mtime=0), ["Content-Encoding: gzip"], ()),
        (zlib.compress(PAGE.encode()), ["Content-Encoding: deflate"], ()),
        (raw_deflate(PAGE.encode()), ["Content-Encoding: deflate"], ()),
        (zstandard.compress(PAGE.encode()), ["Content-Encoding: zstd"], ()),
        (chunked(PAGE.encode()), ["Transfer-Encoding: chunked"], ()),
        (chunked(PAGE.encode())[:-7], ["Transfer-Encoding: chunked"], ()),
        (
            chunked(gzip.compress(PAGE.encode(), mtime=0)),
            ["Transfer-Encoding: chunked", "Content-Encoding: x-gzip"],
            (),
        ),
        (PAGE.encode(), ["Content-Encoding: br"], (NOT_ENCODED,)),
        (PAGE.encode(), ["Transfer-Encoding: chunked"], (NOT_ENCODED,)),
        (PAGE.encode(), ["Content-Encoding: none"], ()),
    ],
)
def test_encodings_are_removed_and_falsely_declared_ones_ignored(
    tmp_path: Path, body: bytes, fields: list[str], remarks: tuple[str, ...]
) -> None:
    found = read_record(tmp_path, record("u", http(body, *fields)))
    assert isinstance(found, Record)
    assert (found.payload.decode(), found.remarks) == (PAGE, remarks)


@pytest.mark.parametrize(
    ("body", "coding", "reason"),
    [
        (gzip.compress(PAGE.encode(), mtime=0)[:-20], "gzip", "content_encoding"),
        (gzip.compress(bytes(MAX_PAYLOAD + 1), mtime=0), "gzip", "payload_too_large"),
        (
            gzip.compress(gzip.compress(bytes(1 << 28), mtime=0), mtime=0),
            "gzip, gzip",
            "payload_too_large",
        ),
        (b"a", "gzip, br, gzip, br", "content_encoding"),
    ],
)
def test_a_body_that_cannot_be_decoded_is_a_problem(
    tmp_path: Path, body: bytes, coding: str, reason: str
) -> None:
    found = read_record(tmp_path, record("u", http(body, f"Content-Encoding: {coding}")))
    assert isinstance(found, Problem)
    assert found.reason == reason


def test_a_page_of_the_largest_size_is_read_and_one_byte_more_is_a_problem(tmp_path: Path) -> None:
    largest = b"a" * MAX_PAYLOAD
    raw = [gzip.compress(record(f"/{n}", http(largest + b"a" * n))) for n in (0, 1, 1 << 20)]
    path = written(tmp_path, b"".join(raw) + gzip.compress(page("after")))
    assert names(read_all(path)) == ["0", "[payload_too_large]", "[payload_too_large]", "after"]


def test_a_large_video_is_no_problem(tmp_path: Path) -> None:
    raw = gzip.compress(record("u", http(bytes(MAX_PAYLOAD * 2), media="video/mp4")))
    assert names(read_all(written(tmp_path, raw))) == ["[media.video]"]


@pytest.mark.parametrize("date", ["0000-00-00T00:00:00Z", "9999-12-31T23:59:59Z", "yesterday"])
def test_a_page_with_an_impossible_date_is_kept_without_one(tmp_path: Path, date: str) -> None:
    found = read_record(tmp_path, record("u", http(PAGE.encode()), date=date))
    assert isinstance(found, Record)
    assert (found.crawl_time, found.remarks) == (None, (BAD_DATE,))


def test_credentials_in_a_url_go_no_further(tmp_path: Path) -> None:
    url = "https://hanako:himitsu@example.jp/mail@x"
    found = read_record(tmp_path, record(url, http(PAGE.encode())))
    assert isinstance(found, Record)
    assert (found.url, found.remarks) == ("https://example.jp/mail@x", (CREDENTIALS,))
    damaged = read_record(tmp_path, record(url, http(PAGE.encode()), length=5))
    assert "himitsu" not in repr(damaged)
    assert isinstance(damaged, Problem)


@pytest.mark.parametrize(("length", "reason"), [(20_000, "url_too_long"), (1 << 20, "warc_header")])
def test_a_url_without_end_is_a_problem(tmp_path: Path, length: int, reason: str) -> None:
    raw = record("https://example.jp/" + "a" * length, http(PAGE.encode()))
    path = written(tmp_path, gzip.compress(raw) + gzip.compress(page("after")))
    assert names(read_all(path)) == [f"[{reason}]", "after"]


@pytest.mark.parametrize("name", ["a.warc.gz", "a.warc", "whole.warc.gz", "a.warc.zst", "a.wet.gz"])
def test_a_file_is_read_the_same_however_it_is_compressed(tmp_path: Path, name: str) -> None:
    pages = [page(str(number), 2000) for number in range(20)]
    data = {
        "a.warc": b"".join(pages),
        "whole.warc.gz": gzip.compress(b"".join(pages)),
        "a.warc.zst": zstandard.compress(b"".join(pages)),
    }.get(name, b"".join(map(gzip.compress, pages)))
    found = read_all(written(tmp_path, data, name), target=3000)
    assert names(found) == [str(number) for number in range(20)]
    positions = [item.position for item in found if isinstance(item, Record)]
    assert positions == sorted(set(positions))


def test_a_file_split_into_blocks_that_are_not_records_is_read_whole(tmp_path: Path) -> None:
    data = b"".join(page(str(number), 100) for number in range(9))
    blocks = [gzip.compress(data[start : start + 300]) for start in range(0, len(data), 300)]
    assert names(read_all(written(tmp_path, b"".join(blocks)), 500)) == [str(n) for n in range(9)]


def test_a_page_that_holds_a_record_smuggles_nothing_in(tmp_path: Path) -> None:
    forged = b"\r\n\r\n" + page("forged")
    pages = [page("a"), record("/b", http(PAGE.encode() + forged * 9)), page("c")]
    for name, data in {
        "p.warc": b"".join(pages),
        "g.warc.gz": b"".join(map(gzip.compress, pages)),
    }.items():
        assert names(read_all(written(tmp_path, data, name), target=200)) == ["a", "b", "c"]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut off": lambda raw: gzip.compress(raw)[:-100],
    "a flipped bit": lambda raw: flipped(gzip.compress(raw), 6),
    "garbage": lambda _: b"spam and eggs " * 30,
    "zeros": lambda _: bytes(700),
    "no record": lambda _: gzip.compress(b"hello " * 99),
    "length too small": lambda raw: gzip.compress(with_length(raw, "7")),
    "length too large": lambda raw: gzip.compress(with_length(raw, str(len(raw) + 999))),
    "length huge": lambda raw: gzip.compress(with_length(raw, "9" * 17)),
    "length absurd": lambda raw: gzip.compress(with_length(raw, "9" * 99)),
    "length negative": lambda raw: gzip.compress(with_length(raw, "-1")),
    "no length": lambda raw: gzip.compress(raw.replace(b"Content-Length", b"X-Length", 1)),
    "no http": lambda raw: gzip.compress(raw.replace(b"HTTP/1.1 200 OK", b"\xff\0 garbage", 1)),
}


def flipped(data: bytes, from_end: int) -> bytes:
    return data[:-from_end] + bytes([data[-from_end] ^ 1]) + data[len(data) - from_end + 1 :]


def with_length(raw: bytes, length: str) -> bytes:
    head, separator, rest = raw.partition(b"\r\n\r\n")
    kept = [line for line in head.split(b"\r\n") if not line.startswith(b"Content-Length")]
    return b"\r\n".join([*kept, b"Content-Length: " + length.encode()]) + separator + rest


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_one_problem_and_all_around_it_is_saved(tmp_path: Path, kind: str) -> None:
    raw = page("hurt", 300)
    hurt = DAMAGE[kind](raw)
    around = [gzip.compress(page(name)) for name in "abcd"]
    path = written(tmp_path, b"".join([*around[:2], hurt, *around[2:]]))
    found = names(read_all(path))
    assert [name for name in found if len(name) == 1] == list("abcd")
    assert found[:2] == ["a", "b"]
    assert sum(name.startswith("[") for name in found) == 1


def test_an_empty_gzip_member_is_nothing(tmp_path: Path) -> None:
    members = [gzip.compress(page("a")), gzip.compress(b""), gzip.compress(page("b"))]
    assert names(read_all(written(tmp_path, b"".join(members)))) == ["a", "b"]


@pytest.mark.parametrize("name", ["hurt.warc", "hurt.warc.zst", "hurt-whole.warc.gz"])
def test_a_wrong_length_in_a_stream_costs_one_record(tmp_path: Path, name: str) -> None:
    data = b"".join([page("a"), with_length(page("b"), "20"), b"spam\r\n", page("c"), page("d")])
    packed = {"hurt.warc.zst": zstandard.compress, "hurt-whole.warc.gz": gzip.compress}
    path = written(tmp_path, packed.get(name, bytes)(data), name)
    assert names(read_all(path)) == ["a", "[content_length]", "c", "d"]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_stream_that_is_cut_off_says_so_and_gives_what_was_there(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    data = b"".join(page(str(number), 200_000) for number in range(8))
    path = written(tmp_path, pack(data)[:-1000])
    found = names(read_all(path))
    assert found[:5] == ["0", "1", "2", "3", "4"]
    assert found[-1].startswith("[")


def bomb(head: bytes, unit: bytes, times: int) -> bytes:
    """A gzip member that inflates to `head` and `times` the unit, made without inflating it."""
    stream = zlib.compressobj(9, wbits=zlib.MAX_WBITS | 16)
    start = stream.compress(head) + stream.flush(zlib.Z_FULL_FLUSH)
    return start + (stream.compress(unit) + stream.flush(zlib.Z_FULL_FLUSH)) * times


@pytest.mark.parametrize(
    ("unit", "declared"),
    [(b"a" * (1 << 20), 10), (b"a" * (1 << 20), 10 << 30), (b"\r\n" * (1 << 19), 10)],
)
def test_a_gzip_bomb_is_left_behind(tmp_path: Path, unit: bytes, declared: int) -> None:
    head = with_length(record("/bomb", http(b"")), str(declared))
    data = bomb(head.removesuffix(b"\r\n\r\n"), unit, times=10 << 10)
    path = written(tmp_path, gzip.compress(page("a")) + data + gzip.compress(page("b")))
    first, *problems, last = read_all(path)
    assert names([first, last]) == ["a", "b"]
    assert {type(problem) for problem in problems} == {Problem}


@pytest.mark.parametrize("declared", [1 << 40, 10**18 - 1, 1 << 63, 10**30])
@pytest.mark.parametrize("form", ["members", "whole", "plain", "zstd"])
def test_a_length_that_no_file_has_costs_its_record_alone(
    tmp_path: Path, form: str, declared: int
) -> None:
    hurt = with_length(page("hurt"), str(declared))
    raw = [page("a"), hurt, page("b")]
    pack: dict[str, bytes] = {
        "members": b"".join(gzip.compress(one, mtime=0) for one in raw),
        "whole": gzip.compress(b"".join(raw), mtime=0),
        "plain": b"".join(raw),
        "zstd": zstandard.compress(b"".join(raw)),
    }
    first, problem, last = read_all(written(tmp_path, pack[form]))
    assert names([first, last]) == ["a", "b"]
    assert isinstance(problem, Problem)
    assert problem.reason in {"content_length", "warc_header"}


def test_a_page_of_500_mb_is_passed_in_little_memory(tmp_path: Path) -> None:
    """Not compressed (a file with a hole), and as a gzip member."""
    size = 500 << 20
    head = with_length(record("/huge", http(b"")), str(len(http(b"")) + size))
    head = head.removesuffix(b"\r\n\r\n")
    path = tmp_path / "huge.warc"
    with path.open("wb") as file:
        file.write(page("a") + head)
        file.seek(size, os.SEEK_CUR)
        file.write(b"\r\n\r\n" + page("b"))
    assert names(read_all(path)) == ["a", "[payload_too_large]", "b"]
    member = bomb(head, bytes(1 << 20), 500) + gzip.compress(b"\r\n\r\n", mtime=0)
    path = written(tmp_path, gzip.compress(page("a"), mtime=0) + member + gzip.compress(page("b")))
    found = read_all(path)
    assert names([found[0], found[-1]]) == ["a", "b"]
    assert "[payload_too_large]" in names(found)


def test_a_zstd_bomb_ends_where_it_shows_itself(tmp_path: Path) -> None:
    """A third of a megabyte that stands for 10 GB."""
    gigabyte = zstandard.compress(bytes(1 << 30), 1)
    path = written(tmp_path, zstandard.compress(page("a")) + gigabyte * 10, "bomb.warc.zst")
    first, *problems = read_all(path)
    assert names([first]) == ["a"]
    assert [item.reason for item in problems if isinstance(item, Problem)][-1] == "compressed_data"
    assert len(problems) <= 2


@st.composite
def crawls(draw: st.DrawFn) -> tuple[bytes, list[str]]:
    """A gzipped WARC with members of one record or more, some damaged; and the sound pages."""
    data, sound = b"", []
    for number in range(draw(st.integers(1, 6))):
        raw = page(str(number), draw(st.sampled_from([0, 40, 3000, 40_000])))
        packed = gzip.compress(raw, draw(st.sampled_from([0, 6])))
        kind = draw(st.sampled_from([None, None, None, *sorted(DAMAGE)])) if number else None
        data += packed if kind is None else DAMAGE[kind](raw)
        if kind is None:
            sound.append(str(number))
    return data, sound


def described(found: Sequence[Outcome]) -> list[tuple[object, ...]]:
    return [
        (type(item).__name__, getattr(item, "position", None), getattr(item, "reason", None))
        for item in found
    ]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(crawl=crawls(), cuts=st.lists(st.floats(0, 1), max_size=6))
def test_any_cut_gives_each_record_and_each_damage_once_in_order(
    tmp_path: Path, crawl: tuple[bytes, list[str]], cuts: list[float]
) -> None:
    data, sound = crawl
    path = str(written(tmp_path, data))
    bounds = sorted({0, len(data), *(int(cut * len(data)) for cut in cuts)})
    parts = [Span(path, "warc", a, b, len(data)) for a, b in itertools.pairwise(bounds)]
    found = [item for part in parts for item in read(part)]
    whole = list(read(Span(path, "warc", 0, len(data), len(data))))
    assert described(found) == described(whole)
    assert [name for name in names(whole) if name.isdecimal()] == sound


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    sizes=st.lists(st.integers(0, 5000), min_size=1, max_size=12),
    target=st.integers(1, 20_000),
    name=st.sampled_from(["a.warc", "a.warc.gz"]),
)
def test_spans_of_any_size_hold_each_record_once(
    tmp_path: Path, sizes: list[int], target: int, name: str
) -> None:
    pages = [page(str(number), size) for number, size in enumerate(sizes)]
    packed = pages if name == "a.warc" else [gzip.compress(raw) for raw in pages]
    path = written(tmp_path, b"".join(packed), name)
    assert names(read_all(path, target)) == [str(number) for number in range(len(sizes))]


def test_random_bytes_never_raise(tmp_path: Path) -> None:
    def garbled() -> Iterator[bytes]:
        for seed in (b"WARC/1.0\r\n", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"", b"\r\n" * 40):
            yield seed + os.urandom(3000)
            yield seed + gzip.compress(page("a")) + os.urandom(30)

    for data in garbled():
        assert any(isinstance(item, Problem) for item in read_all(written(tmp_path, data)))
