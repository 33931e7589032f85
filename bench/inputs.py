"""What all contestants are given, made once from the labelled crawl or, without it, from our words.

    python -m bench.inputs [DATA]

writes into `bench/work/inputs`, which git ignores:

- `texts.jsonl`, for T1: the main text of every page with 200 characters or more, in whatever
  language, cut at the end of a line before 2,500 characters: about 1,500 on average;
- `copies.jsonl`, for T2: 16,000 texts made of the crawl's distinct lines, each line used once, so
  that no two are alike by accident, and 4,000 planted near-duplicates of them (`bench.truth`), with
  `copies-truth.json` beside it; and `many.jsonl`, 500,000 texts of the same lines, a fifth of them
  planted, for the speed at size;
- `pages.warc.gz`, for T3: every labelled page as a response record as Common Crawl writes it, with
  its payload's type, and `pages.json`, which says which of them are Japanese; `typical.warc.gz`
  holds those of 1,000 to 2,000 characters of main text that are.

The same crawl gives the same bytes. DATA is a labelled crawl, by default ../shared/data.
"""

import argparse
import gzip
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import orjson
from fastwarc.warc import ArchiveIterator

from bench.labelled_crawl import labelled_pages
from bench.truth import plant
from pipeline.decode import decode
from pipeline.html import UnreadablePage, extract
from pipeline.text import normalise
from tests.planted import article

FOLDER = Path(__file__).parent / "work" / "inputs"
TEXTS, COPIES, TRUTH, MANY = (
    FOLDER / name for name in ("texts.jsonl", "copies.jsonl", "copies-truth.json", "many.jsonl")
)
PAGES, LANGUAGES = FOLDER / "pages.warc.gz", FOLDER / "pages.json"
TYPICAL = FOLDER / "typical.warc.gz"

SHORTEST, LONGEST = 200, 2_500
TYPICAL_CHARS = range(1_000, 2_001)
ORIGINALS, PLANTED = 16_000, 4_000
MANY_TEXTS, MANY_CHARS = 500_000, 1_500
GENERATED_PAGES = 4_000
_ENGLISH = (
    "The rice is washed three times, then left in water for half an hour before it is cooked. "
)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the input.

    Attributes:
        url: its address.
        html: the body as served.
        charset: what the HTTP header declares, or None.
        is_japanese: whether it is labelled Japanese, alone or mixed with English.
    """

    url: str
    html: bytes
    charset: str | None
    is_japanese: bool


def build(data: Path) -> None:
    """Writes all inputs."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    pages = list(crawled(data) if data.exists() else generated())
    texts = main_texts(pages)
    write_warc(PAGES, pages)
    write_warc(TYPICAL, [p for p in pages if p.is_japanese and len(texts[p.url]) in TYPICAL_CHARS])
    LANGUAGES.write_bytes(orjson.dumps({page.url: page.is_japanese for page in pages}))
    chance = random.Random(1)
    rows = [(url, up_to(LONGEST, text)) for url, text in texts.items() if len(text) >= SHORTEST]
    chance.shuffle(rows)
    write_rows(TEXTS, rows)
    lines = distinct_lines(texts[page.url] for page in pages if page.is_japanese)
    chance.shuffle(lines)
    write_copies(chance, lines)
    write_rows(MANY, ((address(n), text) for n, text in enumerate(many(lines))))


def crawled(data: Path) -> Iterator[Page]:
    """The pages of a labelled crawl."""
    for page in labelled_pages(data):
        yield Page(page.url, page.payload, page.charset, page.holds_japanese)


def generated() -> Iterator[Page]:
    """Pages of our own words, every seventh in English."""
    chance = random.Random(0)
    for number in range(GENERATED_PAGES):
        is_japanese = number % 7 > 0
        chars = chance.randint(300, 3_000)
        text = article(chance, chars) if is_japanese else _ENGLISH * (chars // len(_ENGLISH) + 1)
        body = "".join(f"<p>{number}-{place} {part}。</p>" for place, part in _sentences(text))
        menu = "".join(f'<li><a href="/{item}">{item}</a></li>' for item in range(20))
        html = (
            f'<!doctype html><html lang="{"ja" if is_japanese else "en"}"><head>'
            f'<meta charset="utf-8"><title>{number}</title></head><body><nav><ul>{menu}</ul></nav>'
            f"<main><article>{body}</article></main></body></html>"
        )
        yield Page(address(number), html.encode(), "utf-8", is_japanese)


def _sentences(text: str) -> Iterator[tuple[int, str]]:
    return enumerate(part for part in text.split("。") if part)


def address(number: int) -> str:
    """The address of a made text."""
    return f"https://site{number % 997}.example.jp/{number}.html"


def main_texts(pages: Iterable[Page]) -> dict[str, str]:
    """The main text of each page, by its address."""
    texts = {}
    for page in pages:
        try:
            found = extract(decode(page.html, page.charset).text, page.url)
        except UnreadablePage:
            found = None
        texts[page.url] = normalise(found.text) if found else ""
    return texts


def up_to(chars: int, text: str) -> str:
    """The text's first lines; of a first line that is longer, its beginning."""
    if len(text) <= chars:
        return text
    return text[: max(text.rfind("\n", SHORTEST, chars), 0) or chars]


def distinct_lines(texts: Iterable[str]) -> list[str]:
    """The lines of some texts, each once, the long ones in pieces; menus and the like left out."""
    lines = dict.fromkeys(
        line[start : start + 300]
        for text in texts
        for line in text.splitlines()
        for start in range(0, len(line), 300)
    )
    return [line for line in lines if len(line) >= 12]


def filled(lines: Iterator[str], chars: int) -> str:
    """The next lines, up to about so many characters."""
    taken: list[str] = []
    size = 0
    for line in lines:
        taken.append(line)
        size += len(line)
        if size >= chars:
            break
    return "\n".join(taken)


def write_copies(chance: random.Random, lines: Sequence[str]) -> None:
    """Texts of which no two share a line, and planted near-duplicates of them."""
    mean = sum(map(len, lines)) // ORIGINALS
    left = iter(lines)
    sizes = (max(SHORTEST, int(chance.uniform(0.2, 1.6) * mean)) for _ in range(ORIGINALS))
    originals = [text for text in (filled(left, size) for size in sizes) if text]
    copies = plant(originals, PLANTED)
    rows = [(address(number), text) for number, text in enumerate(originals)]
    planted = [(address(ORIGINALS + n), copy.text) for n, copy in enumerate(copies)]
    truth = [
        (address(copy.original), url, copy.similarity)
        for copy, (url, _) in zip(copies, planted, strict=True)
    ]
    TRUTH.write_text(json.dumps(truth), "utf-8")
    mixed = rows + planted
    chance.shuffle(mixed)
    write_rows(COPIES, mixed)


def many(lines: Sequence[str]) -> Iterator[str]:
    """Texts of lines drawn at random; every fifth is the one before without its last line."""
    chance = random.Random(2)
    usual = MANY_CHARS * len(lines) // sum(map(len, lines))
    chosen: list[str] = []
    for number in range(MANY_TEXTS):
        chosen = chosen[:-1] if number % 5 == 4 else chance.choices(lines, k=usual)
        yield "\n".join(chosen)


def write_rows(path: Path, rows: Iterable[tuple[str, str]]) -> None:
    """Address and text as lines of JSON; the address is the id too, which some contestants want."""
    with path.open("wb") as file:
        for url, text in rows:
            row = {"id": url, "url": url, "text": text}
            file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))


def write_warc(path: Path, pages: Iterable[Page]) -> None:
    """The pages as a WARC, compressed record by record."""
    with path.open("wb") as file:
        for page in pages:
            file.write(gzip.compress(_record(page), compresslevel=6, mtime=0))


def _record(page: Page) -> bytes:
    kind = f"text/html; charset={page.charset}" if page.charset else "text/html"
    block = (
        f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(page.html)}\r\n\r\n"
    ).encode() + page.html
    head = (
        "WARC/1.0\r\nWARC-Type: response\r\nWARC-Date: 2025-06-01T00:00:00Z\r\n"
        f"WARC-Target-URI: {page.url}\r\nContent-Type: application/http; msgtype=response\r\n"
        "WARC-Identified-Payload-Type: text/html\r\n"
        f"Content-Length: {len(block)}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"


def first(path: Path, count: int) -> Path:
    """A file of the first so many lines, or of the first so many records of a WARC."""
    short = path.with_name(f"first-{count}-{path.name}")
    if short.exists() and short.stat().st_mtime >= path.stat().st_mtime:
        return short
    with path.open("rb") as file:
        if path.suffix == ".gz":
            records = ArchiveIterator(file, parse_http=False)
            starts = [record.stream_pos for record in islice(records, count + 1)]
            data = path.read_bytes()
            short.write_bytes(data[: starts[count]] if len(starts) > count else data)
        else:
            short.write_bytes(b"".join(islice(file, count)))
    return short


def halves() -> Path:
    """A folder of two WARCs, each with half of the pages."""
    folder = FOLDER / "halves"
    pages = len(addresses(PAGES))
    before = first(PAGES, pages // 2)
    folder.mkdir(exist_ok=True)
    (folder / "0.warc.gz").write_bytes(before.read_bytes())
    (folder / "1.warc.gz").write_bytes(PAGES.read_bytes()[before.stat().st_size :])
    return folder


def addresses(warc: Path) -> list[str]:
    """The addresses of the pages of a WARC."""
    with warc.open("rb") as file:
        records = ArchiveIterator(file, parse_http=False)
        return [record.headers["WARC-Target-URI"] for record in records]


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    build(parser.parse_args().data)
    for path in sorted(FOLDER.iterdir()):
        print(f"{path.name:24} {path.stat().st_size / 1e6:8.1f} MB")


if __name__ == "__main__":
    main()
