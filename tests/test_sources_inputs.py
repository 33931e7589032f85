"""What arguments become: files, globs, folders, lists, object stores, and what cannot be read."""

import gzip
import os
from pathlib import Path

import fsspec
import pytest

from pipeline.errors import InputError
from pipeline.sources import Input, Problem, Record, read, resolve, spans

LINE = '{"text": "港の朝市では、夜明け前から漁師の声が響く。"}\n'.encode()


def made(folder: Path, *names: str) -> list[Path]:
    paths = [folder / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(LINE)
    return paths


def paths(found: list[Input]) -> list[str]:
    return [item.path for item in found]


def test_files_globs_folders_and_lists_name_each_input_once_in_order(tmp_path: Path) -> None:
    files = made(tmp_path, "a.jsonl", "b.jsonl", "deep/er/c.jsonl", "deep/d.ndjson")
    made(tmp_path, "deep/_SUCCESS", "deep/.crc/e.jsonl")
    listed = tmp_path / "list.txt"
    listed.write_text(f"\ufeff# この二つ\r\n{files[1]}\r\n\r\n{files[0]}\n", encoding="utf-8")
    everything = resolve([str(tmp_path / "deep"), str(tmp_path / "*.jsonl"), f"@{listed}"])
    assert paths(everything) == sorted(str(path) for path in files)
    assert everything == resolve([f"@{listed}", *reversed([str(path) for path in files])])
    assert everything[0] == Input(str(files[0]), "jsonl", len(LINE))


def test_relative_and_absolute_names_are_one_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = made(tmp_path, "a.jsonl")
    monkeypatch.chdir(tmp_path)
    assert paths(resolve(["a.jsonl", "./a.jsonl", str(path), f"file://{path}"])) == [str(path)]


@pytest.mark.parametrize(
    ("name", "data", "known"),
    [
        ("x.warc.gz", b"", "warc"),
        ("x.warc.wet.gz", b"", "warc"),
        ("X.WARC", b"", "warc"),
        ("x.parquet", b"", "parquet"),
        ("x.jsonl.zst", b"", "jsonl"),
        ("without_a_suffix", b"WARC/1.1\r\n", "warc"),
        ("without_a_suffix.gz", gzip.compress(b"WARC/1.1\r\n", mtime=0), "warc"),
        ("without_a_suffix", b"PAR1...", "parquet"),
        ("x.json", b'\xef\xbb\xbf {"text": "x"}', "jsonl"),
    ],
)
def test_the_format_is_told_by_name_and_else_by_the_first_bytes(
    tmp_path: Path, name: str, data: bytes, known: str
) -> None:
    (tmp_path / name).write_bytes(data)
    assert resolve([str(tmp_path / name)])[0].format == known


def test_an_object_store_is_read_like_a_disk() -> None:
    store = fsspec.filesystem("memory")
    for name in ("b.jsonl", "deep/a.jsonl.gz"):
        data = LINE * 3
        store.pipe_file(f"/crawl/{name}", gzip.compress(data) if name.endswith("gz") else data)
    found = resolve(["memory://crawl"])
    assert paths(found) == ["memory:///crawl/b.jsonl", "memory:///crawl/deep/a.jsonl.gz"]
    assert found == resolve(["memory://crawl/*.jsonl", "memory://crawl/deep/a.jsonl.gz"])
    pages = [page for item in found for span in spans(item, 50) for page in read(span)]
    assert len(pages) == 6
    assert {type(page) for page in pages} == {Record}


def test_a_warc_in_an_object_store_is_cut_and_read() -> None:
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>\xe6\xb8\xaf</p>"
    raw = b"WARC/1.0\r\nWARC-Type: response\r\nContent-Type: application/http\r\n"
    raw += b"WARC-Target-URI: https://example.jp/\r\nContent-Length: %d\r\n\r\n" % len(block)
    store = fsspec.filesystem("memory")
    store.pipe_file("/crawl2/a.warc.gz", gzip.compress(raw + block + b"\r\n\r\n") * 9)
    (found,) = resolve(["memory://crawl2/a.warc.gz"])
    parts = spans(found, 300)
    assert len(parts) > 3
    assert len([page for part in parts for page in read(part)]) == 9


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("missing.jsonl", "missing.jsonl: no such file or folder; expected WARC"),
        ("*.warc.gz", "holds no file"),
        ("empty", "holds no file"),
        ("notes.md", "notes.md: of no known format .begins with b'# notes'.; expected WARC"),
        ("@missing.txt", "the list of inputs missing.txt cannot be read"),
        ("@nested.txt", "nested.txt:1: a list cannot name another list"),
        ("memory://nowhere/*.jsonl", "holds no file"),
    ],
)
def test_a_name_that_leads_nowhere_stops_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argument: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.md").write_text("# notes")
    (tmp_path / "nested.txt").write_text("@other.txt")
    with pytest.raises(InputError, match=message):
        resolve([argument])


def test_nothing_named_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("# nothing yet\n")
    for arguments in ([], [f"@{tmp_path / 'list.txt'}"]):
        with pytest.raises(InputError, match="no input is named"):
            resolve(arguments)


def test_what_cannot_be_read_is_a_problem_and_stops_nothing(tmp_path: Path) -> None:
    made(tmp_path, "a.jsonl", "gone.jsonl")
    (tmp_path / "empty.warc.gz").touch()
    (tmp_path / "readme.md").write_text("# 読むための注記")
    (tmp_path / "link.parquet").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.jsonl")
    found = resolve([str(tmp_path)])
    parts = [part for item in found for part in spans(item)]
    (tmp_path / "gone.jsonl").unlink()
    outcomes = [item for part in parts for item in read(part)]
    reasons = {
        Path(item.input).name: item.reason if isinstance(item, Problem) else "read"
        for item in outcomes
        if isinstance(item, Problem | Record)
    }
    assert reasons == {
        "a.jsonl": "read",
        "empty.warc.gz": "input_empty",
        "gone.jsonl": "input_unreadable",
        "link.parquet": "input_unreadable",
        "pipe.jsonl": "input_unreadable",
        "readme.md": "input_unknown_format",
    }
    assert len(outcomes) == len(reasons)
