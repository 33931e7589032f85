"""The pages of the sample crawl: read as a person wrote them, dressed as sites, put on the wire.

`tests/sample/README.md` says how a page is written. This module knows nothing of `pipeline`, so
that tests can hold the two against each other.
"""

import base64
import gzip
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader
from resiliparse.extract.html2text import extract_plain_text

SAMPLE = Path(__file__).parent / "sample"

DOCUMENT = "document"
EXITS = (DOCUMENT, "not_japanese", "http", "media", "page", "problem")
"""The ways in which a record can leave the first stage: as a document, left out for a reason of one
of these families (`http` is the family of `http.404`), or as a problem that is listed."""


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


_OWN_TO_ORIGINAL = ("copies", "mirrors", "fate", "charset", "declared", "headers")
"""Front matter that an edited copy does not inherit."""


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
    return datetime.combine(published, time(3), UTC) + timedelta(weeks=3)


def _as_utc(value: datetime | str) -> datetime:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


@cache
def _yaml(name: str) -> Any:
    return yaml.safe_load((SAMPLE / name).read_text(encoding="utf-8"))


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(SAMPLE / "templates"),
        autoescape=False,  # noqa: S701  the bodies are HTML, and ours
    )


def _dressed(source: _Source) -> str:
    """The page in its site's clothes: header, menus, related links, footer."""
    site = {"lang": "ja", "tagline": "", "author": "", **_yaml("sites.yaml")[source.host]}
    if "lang" in source.front:
        site["lang"] = source.front["lang"]
    others = [other for other in _sources() if other.host == source.host and other is not source]
    declared = source.front.get("declared", {"meta": source.front.get("charset", "utf-8")})
    return (
        _templates()
        .get_template(f"{site['template']}.html.j2")
        .render(
            site=site,
            words=_yaml("words.yaml")[site["lang"] or "ja"],
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


_CODING_HEADERS = {
    "gzip": [("Content-Encoding", "gzip")],
    "chunked": [("Transfer-Encoding", "chunked")],
}


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


def _other_records() -> Iterator[Page]:
    for record in _yaml("records.yaml"):
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
