"""The sample crawl: written pages in, a small crawl with every kind of page and damage out.

`tests/sample/` holds the pages as a person wrote them; this module dresses them as sites, puts
them on the wire and packs them into WARC. It knows nothing of `pipeline`, so that tests can hold
the two against each other. The bytes depend on nothing but the files.

    python -m tests.sample_crawl OUT_DIR
"""

import base64
import gzip
import json
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from jinja2 import Environment, FileSystemLoader
from resiliparse.extract.html2text import extract_plain_text

SAMPLE = Path(__file__).parent / "sample"

DOCUMENT = "document"
EXITS = (DOCUMENT, "not_japanese", "http", "media", "page", "problem")
"""The ways in which a record can leave the first stage: as a document, left out for a reason of one
of these families (`http` is the family of `http.404`), or as a problem that is listed."""

_WORDS = {
    "ja": {
        "home": "ホーム",
        "related": "関連記事",
        "back": "[表紙へ戻る]",
        "legal": ["会社概要", "利用規約", "プライバシーポリシー", "お問い合わせ"],
    },
    "en": {
        "home": "Home",
        "related": "More stories",
        "back": "[Back]",
        "legal": ["About us", "Terms", "Privacy", "Contact"],
    },
    "zh-CN": {
        "home": "首页",
        "related": "相关文章",
        "back": "[返回]",
        "legal": ["关于我们", "使用条款", "隐私政策", "联系我们"],
    },
    "zh-TW": {
        "home": "首頁",
        "related": "相關文章",
        "back": "[返回]",
        "legal": ["關於我們", "使用條款", "隱私權政策", "聯絡我們"],
    },
    "ko": {
        "home": "홈",
        "related": "관련 글",
        "back": "[돌아가기]",
        "legal": ["소개", "이용약관", "개인정보처리방침", "문의"],
    },
}


@dataclass(frozen=True, slots=True)
class Fate:
    """What should become of a record.

    Attributes:
        exit: one of `EXITS`.
        kept: whether the default recipe keeps it; None where a person could argue both ways.
        because: the families of reasons against it that are expected, any of `rule`, `noise`,
            `affiliate`, `adult`, `robots`, `duplicate`.
        classes: what the page is, of `noise`, `affiliate`, `adult`.
        duplicate_of: the URL of the page it copies. Which of a family survives is the program's
            affair; that no two do is the promise, and that one does where none should be left
            out for another reason.
    """

    exit: str = DOCUMENT
    kept: bool | None = None
    because: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    duplicate_of: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One record of the crawl: what was fetched, and what should become of it.

    Attributes:
        url: where it was fetched.
        time: when.
        kind: what sort of page it is, in a word; `tests/sample/README.md` lists them.
        fate: what should become of it.
        payload: the body as the reader should see it, in bytes.
        status: the HTTP status line.
        headers: the HTTP headers, but Content-Length.
        title: the title as written; empty for records that are no page.
        text: the written text, without the site around it; empty for records that are no page.
        wire: the body as it was sent, where that is not `payload`.
        damage: how its record is spoilt in the file; empty if it is sound.
    """

    url: str
    time: datetime
    kind: str
    fate: Fate
    payload: bytes
    status: str = "HTTP/1.1 200 OK"
    headers: tuple[tuple[str, str], ...] = ()
    title: str = ""
    text: str = ""
    wire: bytes | None = None
    damage: str = ""

    @property
    def crawl_time(self) -> str:
        """The time of the fetch as WARC writes it."""
        return self.time.strftime("%Y-%m-%dT%H:%M:%SZ")


# Written pages


@dataclass(frozen=True, slots=True)
class _Source:
    """A written page: its host, its front matter, its body."""

    host: str
    front: Mapping[str, Any]
    body: str

    @property
    def url(self) -> str:
        return f"https://{self.host}{self.front['path']}"


def _read_source(path: Path) -> _Source:
    _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
    return _Source(path.parent.name, yaml.safe_load(front), body.strip())


@cache
def _sources() -> tuple[_Source, ...]:
    """Every page of the crawl in source form: as written, one a place, and the edited copies."""
    written = [_read_source(path) for path in sorted(SAMPLE.glob("pages/*/*.html"))]
    filled = [_gathered(source, written) for source in written]
    return tuple(page for source in filled for page in _with_derived(source))


def _gathered(source: _Source, written: Sequence[_Source]) -> _Source:
    """A page that shows others of its host: their beginnings, or the whole of them."""
    manner = source.front.get("gathers")
    if manner is None:
        return source
    others = [
        other for other in written if other.host == source.host and "gathers" not in other.front
    ]
    show = _excerpt if manner == "excerpts" else _entry
    return replace(source, body="\n".join([source.body, *map(show, others)]))


def _excerpt(source: _Source) -> str:
    path, title = source.front["path"], source.front["title"]
    opening = " ".join(_plain(source.body).split())[:56]
    more = f'<a href="{path}">続きを読む</a>'
    return f'<div class="item"><h2><a href="{path}">{title}</a></h2><p>{opening}… {more}</p></div>'


def _entry(source: _Source) -> str:
    return f"<h2>{source.front['title']}</h2>\n{source.body}"


def _with_derived(source: _Source) -> Iterator[_Source]:
    if "places" in source.front:
        yield from _at_places(source, source.front["places"])
        return
    yield source
    for copy in source.front.get("copies", ()):
        yield _edited(source, copy)


def _at_places(source: _Source, places: Sequence[Mapping[str, str]]) -> Iterator[_Source]:
    """The doorway pages: the same words, another town."""
    first = f"https://{source.host}{places[0]['path']}"
    for place in places:
        copied = {} if place is places[0] else {"duplicate_of": first}
        front = {
            **source.front,
            **place,
            "title": source.front["title"].format(**place),
            "fate": {**source.front["fate"], **copied},
        }
        yield _Source(source.host, front, source.body.format(**place))


def _edited(source: _Source, copy: Mapping[str, Any]) -> _Source:
    """A copy elsewhere: words replaced, last lines cut, a line put before or after, mangled."""
    body = source.body
    for old, new in copy.get("replace", {}).items():
        body = body.replace(old, new)
    if cut := copy.get("cut"):
        body = "\n".join(body.split("\n")[:-cut])
    body = "\n".join([*copy.get("before", []), body, *copy.get("after", [])])
    if copy.get("mangled"):
        body = body.encode("utf-8").decode("cp932", "replace")
    inherited = {key: value for key, value in source.front.items() if key not in _OWN_TO_ORIGINAL}
    fate = {"duplicate_of": source.url, **copy.get("fate", {"kept": "either"})}
    return _Source(copy.get("host", source.host), {**inherited, **copy, "fate": fate}, body)


_OWN_TO_ORIGINAL = ("copies", "mirrors", "fate", "charset", "declared", "headers")


def _fate(stated: Mapping[str, Any]) -> Fate:
    kept = stated.get("kept", "either")
    return Fate(
        stated.get("exit", DOCUMENT),
        None if kept == "either" else kept,
        tuple(stated.get("because", ())),
        tuple(stated.get("classes", ())),
        stated.get("duplicate_of"),
    )


def _crawl_time(front: Mapping[str, Any]) -> datetime:
    """The stated time, or three weeks after the page was published."""
    if "time" in front:
        return _as_utc(front["time"])
    published: date = front["date"]
    return datetime(published.year, published.month, published.day, 3, tzinfo=UTC) + timedelta(
        days=21
    )


def _as_utc(value: datetime | str) -> datetime:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


@cache
def _sites() -> dict[str, dict[str, Any]]:
    sites: dict[str, dict[str, Any]] = yaml.safe_load(
        (SAMPLE / "sites.yaml").read_text(encoding="utf-8")
    )
    return sites


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(SAMPLE / "templates"),
        autoescape=False,  # noqa: S701  the bodies are HTML, and ours
    )


def _dressed(source: _Source) -> str:
    """The page in its site's clothes: header, menus, related links, footer."""
    site = {"lang": "ja", "tagline": "", "author": "", **_sites()[source.host]}
    if "lang" in source.front:
        site["lang"] = source.front["lang"]
    others = [other for other in _sources() if other.host == source.host and other is not source]
    declared = source.front.get("declared", {"meta": source.front.get("charset", "utf-8")})
    return (
        _templates()
        .get_template(f"{site['template']}.html.j2")
        .render(
            site=site,
            words=_WORDS[site["lang"] or "ja"],
            related=[
                {"path": other.front["path"], "title": other.front["title"]} for other in others[:5]
            ],
            page={
                "title": source.front["title"],
                "date": source.front.get("date", ""),
                "path": source.front["path"],
                "url": source.url,
                "body": source.body,
                "meta": declared.get("meta"),
                "robots": source.front.get("robots"),
            },
        )
    )


def _served(source: _Source) -> Page:
    """The page as its server sent it."""
    front = source.front
    is_text = front.get("type") == "text/plain"
    shown = source.body if is_text else _dressed(source)
    charset = front.get("charset", "utf-8")
    declared = front.get("declared", {}).get("http")
    content_type = front.get("type", "text/html") + (f"; charset={declared}" if declared else "")
    payload = shown.encode(charset)
    coding: str | None = front.get("coding")
    return Page(
        source.url,
        _crawl_time(front),
        front["kind"],
        _fate(front["fate"]),
        payload,
        headers=(
            ("Content-Type", content_type),
            *front.get("headers", {}).items(),
            *(_CODING_HEADERS[coding] if coding else ()),
        ),
        title=front["title"],
        text=source.body if is_text else _plain(source.body),
        wire=_coded(payload, coding) if coding else None,
    )


def _plain(body: str) -> str:
    lines = extract_plain_text(body, preserve_formatting=True, list_bullets=False).split("\n")
    return "\n".join(line.strip() for line in lines if line.strip())


_CODING_HEADERS = {
    "gzip": [("Content-Encoding", "gzip")],
    "chunked": [("Transfer-Encoding", "chunked")],
}


def _coded(payload: bytes, coding: str) -> bytes:
    if coding == "gzip":
        return gzip.compress(payload, mtime=0)
    pieces = [payload[start : start + 1000] for start in range(0, len(payload), 1000)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in [*pieces, b""])


def _mirrors(source: _Source) -> Iterator[Page]:
    """The same bytes at other addresses, each a week after the last."""
    original = _served(source)
    for week, url in enumerate(source.front.get("mirrors", ()), 1):
        yield replace(
            original,
            url=url,
            time=original.time + timedelta(weeks=week),
            fate=replace(original.fate, kept=None, duplicate_of=original.url),
        )


# Records that are no page


def _other_records() -> Iterator[Page]:
    for record in yaml.safe_load((SAMPLE / "records.yaml").read_text(encoding="utf-8")):
        body = (
            base64.b64decode(record["base64"])
            if "base64" in record
            else record.get("body", "").encode(record.get("charset", "utf-8"))
        )
        yield Page(
            record["url"],
            _as_utc(record["time"]),
            record["kind"],
            _fate(record["fate"]),
            body,
            status=record.get("status", "HTTP/1.1 200 OK"),
            headers=tuple(record.get("headers", {}).items()),
            damage=record.get("damage", ""),
        )


@cache
def pages() -> tuple[Page, ...]:
    """Every record of the crawl that a reader should account for, by crawl time.

    Returns:
        The pages and the records that are none, with their fates. A URL can stand twice, fetched
        at two times.
    """
    written = [_served(source) for source in _sources()]
    mirrored = [page for source in _sources() for page in _mirrors(source)]
    found = [*written, *mirrored, *_other_records()]
    return tuple(sorted(found, key=lambda page: (page.time, page.url)))


def families() -> list[list[Page]]:
    """The groups of copies: each an original and what was copied from it."""
    by_original: dict[str, list[Page]] = {}
    for page in pages():
        if page.fate.exit == DOCUMENT:
            by_original.setdefault(page.fate.duplicate_of or page.url, []).append(page)
    return [family for family in by_original.values() if len(family) > 1]


# The crawl's files


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
