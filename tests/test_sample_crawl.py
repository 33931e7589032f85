"""The sample crawl says of itself what a reader can rely on; here it is held to it."""

import json
from collections import Counter
from contextlib import suppress
from datetime import UTC
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType

from tests.sample_crawl import (
    DOCUMENT,
    EXITS,
    SAMPLE,
    Page,
    build,
    build_texts,
    families,
    pages,
    read_members,
)


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return build(tmp_path_factory.mktemp("crawl"))


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return build_texts(tmp_path_factory.mktemp("texts"))


def _page(url: str) -> Page:
    return next(page for page in pages() if page.url == url)


def test_the_same_files_come_out_of_every_build(crawl: list[Path], tmp_path: Path) -> None:
    again = build(tmp_path)
    assert [path.name for path in again] == [path.name for path in crawl]
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in crawl]


def test_every_sound_record_reads_back_as_it_was_sent(crawl: list[Path]) -> None:
    found = Counter(
        record.split(b"\r\n\r\n", 1)[1]
        for path in crawl
        for record in read_members(path)
        if b"WARC-Type: response" in record
    )
    for page in pages():
        if page.damage in ("", "after-garbage"):
            body = page.payload if page.wire is None else page.wire
            assert any(block.endswith(body + b"\r\n\r\n") for block in found), page.url


def _until_damage(path: Path) -> list[tuple[str | None, bytes]]:
    """The responses that fastwarc gives before it meets bytes that it does not understand."""
    found: list[tuple[str | None, bytes]] = []
    with path.open("rb") as stream, suppress(OSError):
        found.extend(
            (record.headers["WARC-Target-URI"], record.reader.read())
            for record in ArchiveIterator(stream, record_types=WarcRecordType.response)
        )
    return found


def test_another_reader_finds_the_same_sound_pages_up_to_broken_compression(
    crawl: list[Path],
) -> None:
    sound = [page for page in pages() if not page.damage]
    sent = {(page.url, page.payload if page.wire is None else page.wire) for page in sound}
    for path in crawl:
        found = _until_damage(path)
        assert len(found) >= 10
        assert {(url, body) for url, body in found if url in {page.url for page in sound}} <= sent


def test_the_crawl_is_small_and_has_about_120_pages(crawl: list[Path]) -> None:
    assert 110 <= len(pages()) <= 170
    assert sum(path.stat().st_size for path in crawl) < 500_000


def test_every_page_lives_on_a_reserved_name() -> None:
    assert all(page.url.split("/")[2].endswith(".example") for page in pages())


def test_every_fate_is_one_that_the_readme_explains() -> None:
    readme = (SAMPLE / "README.md").read_text(encoding="utf-8")
    assert {page.fate.exit for page in pages()} == set(EXITS)
    for page in pages():
        assert f"`{page.kind}`" in readme, f"{page.url}: kind {page.kind} is not explained"
        assert all(f"`{word}`" in readme for word in (*page.fate.because, *page.fate.classes))
        assert page.fate.kept is not False or page.fate.because, f"{page.url}: left out, no reason"


def test_every_copy_names_an_original_that_is_there() -> None:
    urls = {page.url for page in pages()}
    assert all(page.fate.duplicate_of in urls for page in pages() if page.fate.duplicate_of)
    assert all(sum(page.fate.duplicate_of is None for page in family) for family in families())


def test_every_copy_shares_most_of_its_text_with_the_original() -> None:
    for family in families():
        original = next(page for page in family if page.fate.duplicate_of is None)
        for copy in family:
            assert _similarity(copy.text, original.text) > 0.8, copy.url


def _similarity(one: str, other: str) -> float:
    """Jaccard similarity of the character 5-grams."""
    grams = [{text[at : at + 5] for at in range(len(text) - 4)} for text in (one, other)]
    return len(grams[0] & grams[1]) / len(grams[0] | grams[1])


def test_a_mirror_is_the_same_bytes_elsewhere() -> None:
    original = _page("https://bunko.example/works/kasa.html")
    mirror = _page("https://bunko-mirror.example/works/kasa.html")
    assert mirror.payload == original.payload
    assert mirror.fate.duplicate_of == original.url


def test_old_encodings_hold_what_utf8_would() -> None:
    page = _page("https://misaki-machi.example/kurashi/gomi.html")
    assert "担当 髙橋・山﨑" in page.payload.decode("cp932")
    with pytest.raises(UnicodeDecodeError):
        page.payload.decode("shift_jis")


def test_the_four_forms_hold_the_same_texts(texts: dict[str, Path]) -> None:
    written = [page for page in pages() if page.fate.exit == DOCUMENT and page.text]
    expected = [page.text for page in written]
    rows = [json.loads(line) for line in texts["jsonl"].read_text("utf-8").splitlines()]
    table = pq.read_table(texts["parquet"])
    assert [row["text"] for row in rows] == expected
    assert table["text"].to_pylist() == expected
    assert [time.astimezone(UTC) for time in table["crawl_time"].to_pylist()] == [
        page.time for page in written
    ]
    for form in ("warc", "wet"):
        with texts[form].open("rb") as stream:
            bodies = [
                record.reader.read().decode() for record in ArchiveIterator(stream, parse_http=True)
            ]
        assert bodies == expected
