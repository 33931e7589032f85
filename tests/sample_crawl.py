"""The sample crawl's files: the written pages as WARC, or their texts in four forms.

The bytes depend on nothing but the files in `tests/sample`.

    python -m tests.sample_crawl OUT_DIR
"""

import gzip
import json
import sys
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import pyarrow as pa
import pyarrow.parquet as pq

from tests.sample_pages import DOCUMENT, EXITS, SAMPLE, Fate, Page, families, pages

__all__ = [
    "DOCUMENT",
    "EXITS",
    "SAMPLE",
    "Fate",
    "Page",
    "build",
    "build_texts",
    "families",
    "pages",
    "read_members",
]


@dataclass(slots=True)
class _WarcFile:
    """A WARC file, compressed record by record."""

    name: str
    members: list[bytes] = field(default_factory=list)

    def add(
        self, kind: str, uri: str, time: str, content_type: str, block: bytes, damage: str = ""
    ) -> None:
        length = len(block) + (5000 if damage == "warc-length" else 0)
        head = {
            "WARC-Type": kind,
            "WARC-Record-ID": f"<urn:uuid:{uuid5(NAMESPACE_URL, f'{kind} {uri} {time}')}>",
            "WARC-Date": time,
            **({"WARC-Target-URI": uri} if kind != "warcinfo" else {}),
            "Content-Type": content_type,
            "Content-Length": str(length),
        }
        lines = ["WARC/1.0", *(f"{name}: {value}" for name, value in head.items()), "", ""]
        record = "\r\n".join(lines).encode() + block + b"\r\n\r\n"
        self.members.append(_DAMAGE.get(damage, bytes)(gzip.compress(record, mtime=0)))

    def write(self, folder: Path) -> Path:
        path = folder / self.name
        path.write_bytes(b"".join(self.members))
        return path


def _cut_short(member: bytes) -> bytes:
    """The member without its last third: a download that broke off."""
    return member[: len(member) * 2 // 3]


def _flipped(member: bytes) -> bytes:
    """The member with bytes overwritten in the middle: a bad block on a disk."""
    middle = len(member) // 2
    return member[:middle] + b"\xff" * 24 + member[middle + 24 :]


def _after_garbage(member: bytes) -> bytes:
    """Bytes that belong to nothing, then the member: an upload that was resumed wrongly."""
    return b"\x00\x00these bytes belong to no record\x00\x00" * 8 + member


_DAMAGE = {"cut-short": _cut_short, "flipped": _flipped, "after-garbage": _after_garbage}


def build(out: Path) -> list[Path]:
    """Writes the crawl as two WARC files.

    Args:
        out: the folder, made where it is missing.

    Returns:
        The files, in order.
    """
    out.mkdir(parents=True, exist_ok=True)
    files = [_WarcFile(f"crawl-{number:05}.warc.gz") for number in range(2)]
    for file in files:
        info = f"software: seimai sample crawl\r\nisPartOf: {file.name}\r\n".encode()
        file.add("warcinfo", file.name, "2024-06-01T00:00:00Z", "application/warc-fields", info)
    for number, page in enumerate(sorted(pages(), key=lambda page: page.damage == "cut-short")):
        file = files[-1 if page.damage == "cut-short" else number % 2]
        if number % 10 == 0:
            _add_request(file, page)
        http = "application/http; msgtype=response"
        file.add("response", page.url, page.crawl_time, http, _response(page), page.damage)
    return [file.write(out) for file in files]


def _add_request(file: _WarcFile, page: Page) -> None:
    request = f"GET {page.url} HTTP/1.1\r\nUser-Agent: sample\r\n\r\n".encode()
    http = "application/http; msgtype=request"
    file.add("request", page.url, page.crawl_time, http, request)


def _response(page: Page) -> bytes:
    if page.damage == "bad-http":
        return page.payload
    body = page.payload if page.wire is None else page.wire
    stated = dict(page.headers)
    if "Transfer-Encoding" not in stated:
        stated.setdefault("Content-Length", str(len(body)))
    lines = [page.status, *(f"{name}: {value}" for name, value in stated.items()), "", ""]
    return "\r\n".join(lines).encode() + body


def build_texts(out: Path) -> dict[str, Path]:
    """Writes the texts of the Japanese pages, the same in four forms.

    Each form holds `url`, `crawl_time`, `title` where the form has a place for it, and `text`,
    in the order of `pages`.

    Args:
        out: the folder, made where it is missing.

    Returns:
        The file of each form: `warc` (responses of text/plain), `wet`, `jsonl`, `parquet`.
    """
    out.mkdir(parents=True, exist_ok=True)
    written = [page for page in pages() if page.fate.exit == DOCUMENT and page.text]
    return {
        "warc": _text_responses(written).write(out),
        "wet": _conversions(written).write(out),
        "jsonl": _write_jsonl(written, out / "texts.jsonl"),
        "parquet": _write_parquet(written, out / "texts.parquet"),
    }


def _text_responses(written: list[Page]) -> _WarcFile:
    file = _WarcFile("texts.warc.gz")
    for page in written:
        text = replace(
            page,
            payload=page.text.encode(),
            wire=None,
            headers=(("Content-Type", "text/plain; charset=utf-8"),),
        )
        http = "application/http; msgtype=response"
        file.add("response", page.url, page.crawl_time, http, _response(text))
    return file


def _conversions(written: list[Page]) -> _WarcFile:
    file = _WarcFile("texts.warc.wet.gz")
    for page in written:
        file.add("conversion", page.url, page.crawl_time, "text/plain", page.text.encode())
    return file


def _write_jsonl(written: list[Page], path: Path) -> Path:
    rows = (
        {"url": page.url, "crawl_time": page.crawl_time, "title": page.title, "text": page.text}
        for page in written
    )
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def _write_parquet(written: list[Page], path: Path) -> Path:
    table = pa.table(
        {
            "url": [page.url for page in written],
            "crawl_time": pa.array([page.time for page in written], pa.timestamp("ms", "UTC")),
            "title": [page.title for page in written],
            "text": [page.text for page in written],
        }
    )
    pq.write_table(table, path, row_group_size=50)
    return path


def read_members(path: Path) -> list[bytes]:
    """Reads a file of `build` back with the standard library alone, sound members only.

    Args:
        path: a WARC file, compressed record by record.

    Returns:
        Each record, head and block; damaged stretches are passed over.
    """
    data, records, position = path.read_bytes(), [], 0
    while (position := data.find(b"\x1f\x8b\x08", position)) >= 0:
        inflater = zlib.decompressobj(wbits=31)
        try:
            record = inflater.decompress(data[position:])
        except zlib.error:
            position += 1
            continue
        if not inflater.eof:
            position += 1
            continue
        records.append(record)
        position = len(data) - len(inflater.unused_data)
    return records


if __name__ == "__main__":
    for written_path in build(Path(sys.argv[1])):
        print(written_path)
