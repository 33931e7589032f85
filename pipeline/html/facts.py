"""What the HTML says of a page besides its text: the facts that outlive it.

Facts are read from the source with linear expressions, not from the tree: to ask the tree for
76 links costs three times the parse (`docs/decisions/04-extraction.md`).
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from html import unescape
from itertools import compress

from pipeline import hosts
from pipeline.html import commissions
from pipeline.html.render import Lines, Rendered
from pipeline.html.source import TELLING_TAGS, Source

_MOST_HOSTS = 20
_LONGEST_HOST = 253  # RFC 1035

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_HEAD_CHARS = 100_000
_DECLARATION = re.compile(r"<(html|meta|link)(\s[^>]{1,2000})", re.IGNORECASE)
_ASKED_FOR = (
    *("robots", "googlebot", "generator", "og:type", "rating", "refresh", "canonical"),
    *("article:published_time", "datepublished"),
)
"""What declarations are read for: to take apart the other nine of ten would be most of the work."""
_TIME = re.compile(r"<time\s[^>]{0,300}\b(?:pubdate|datePublished)\b[^>]{0,300}", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"([a-zA-Z-]{1,40})\s*+(?:=\s*+(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+)))?")
_ANCHOR = re.compile(r"<a\s[^>]{1,4000}", re.IGNORECASE)
_SPONSORED = re.compile(r"\brel\s{0,9}=\s{0,9}[\"']?[^\"'>]{0,99}\bsponsored\b", re.IGNORECASE)
_JSON_LD_DATE = re.compile(r'"datePublished"\s{0,9}:\s{0,9}"([^"]{8,40})"')
_OUTER_LINK = re.compile(r"(?:https?:)?//(?:[^/?#@]*@)?([^/?#:]+)(.*)", re.DOTALL | re.IGNORECASE)
_PLAIN_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?", re.ASCII)
_FIRST_YEAR, _LAST_YEAR = 1990, 2100  # before the Web, or after this program: a slip or a default
_AGE_GATE = re.compile(
    r"(?:18|１８|十八|20|２０)(?:歳|才)(?:未満|以上)(?:の方|ですか|のみ|は|お断り|閲覧|入場|禁止)"
)
_SCRIPTED_MOVE = re.compile(r"location(?:\.href\s{0,9}=[^=]|\s{0,9}=\s{0,9}[\"']|\.replace\()")


def of_page(source: Source, page: Rendered, url: str, robots: str | None) -> dict[str, object]:
    """The facts of a page, by the names of `schemas.PAGE_FACTS`.

    Args:
        source: the source.
        page: what was rendered of it.
        url: where it was fetched; empty if not known, then every absolute link is outbound.
        robots: the X-Robots-Tag header, or None.
    """
    declared = _declarations(source.html)
    return {
        **_link_facts(page, url),
        **_line_facts(page.lines),
        "n_sponsored_links": _n_sponsored_links(source),
        "n_images": source.tags["img"],
        "n_forms": source.tags["form"],
        "tag_counts": _counts("tag", _most(_telling(source.tags))),
        "robots": _directives(
            [robots or "", *declared.metas["robots"], *declared.metas["googlebot"]]
        ),
        "declared_language": declared.language,
        "canonical_url": declared.canonical_url,
        "published": _published(source, declared),
        "generator": declared.first("generator"),
        "page_type": declared.first("og:type"),
        "content_rating": declared.first("rating"),
        "redirects": bool(declared.metas["refresh"]) or _moves_on(source),
    }


@dataclass(slots=True)
class _Declarations:
    """What the head declares: `metas` are the contents by name, property or http-equiv."""

    language: str | None = None
    canonical_url: str | None = None
    metas: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def first(self, name: str) -> str | None:
        return next(filter(None, self.metas[name]), None)


def _declarations(html: str) -> _Declarations:
    declared = _Declarations()
    for tag, written in _DECLARATION.findall(_head(html)):
        if tag.lower() != "html" and not _is_asked_for(written.lower()):
            continue
        attributes = _attributes(written)
        match tag.lower():
            case "meta":
                name = next(
                    filter(None, map(attributes.get, ("name", "property", "http-equiv"))), ""
                )
                declared.metas[name.lower()].append(attributes.get("content", "").strip())
            case "html":
                declared.language = declared.language or attributes.get("lang") or None
            case _ if "canonical" in attributes.get("rel", "").lower():
                declared.canonical_url = declared.canonical_url or attributes.get("href") or None
    return declared


def _is_asked_for(written: str) -> bool:
    return any(map(written.__contains__, _ASKED_FOR))


def _head(html: str) -> str:
    """The head without comments."""
    end = html.find("</head", 0, _HEAD_CHARS)
    head = html[: end if end >= 0 else _HEAD_CHARS]
    return _COMMENT.sub("", head) if "<!--" in head else head


def _attributes(written: str) -> dict[str, str]:
    """Attributes by name in lower case; the first of a name holds, as in HTML."""
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(written):
        found.setdefault(name.lower(), unescape(double or single or bare).strip())
    return found


def _link_facts(page: Rendered, url: str) -> dict[str, object]:
    own = hosts.registered_domain(hosts.host(url))
    outbound: Counter[str] = Counter()
    paid: Counter[str] = Counter()
    for link in page.links:
        parts = _OUTER_LINK.match(link)
        if parts is None or len(parts[1]) > _LONGEST_HOST:
            continue
        host = parts[1].lower()
        if hosts.registered_domain(host) != own:
            outbound[host] += 1
        if provider := commissions.provider(host, parts[2]):
            paid[provider] += 1
    return {
        "n_links": len(page.links),
        "n_outbound_links": outbound.total(),
        "outbound_hosts": _counts("host", _most(outbound, _MOST_HOSTS)),
        "affiliate_links": _counts("provider", _most(paid)),
    }


def _line_facts(lines: Lines) -> dict[str, object]:
    chars = sum(lines.chars) or 1
    in_asides = compress(lines.chars, lines.aside)
    return {
        "link_share": sum(lines.link_chars) / chars,
        "aside_share": sum(in_asides) / chars,
        "n_lines": len(lines),
        "has_age_gate": _has_age_gate("\n".join(lines.text)),
    }


def _has_age_gate(text: str) -> bool:
    return ("歳" in text or "才" in text) and bool(_AGE_GATE.search(text))


def _n_sponsored_links(source: Source) -> int:
    if b"sponsored" not in source.encoded:
        return 0
    return sum(1 for anchor in _ANCHOR.findall(source.html) if _SPONSORED.search(anchor))


def _moves_on(source: Source) -> bool:
    return b"location" in source.encoded and bool(_SCRIPTED_MOVE.search(source.html))


def _directives(declared: Iterable[str]) -> list[str]:
    """Directives in the order in which they are first given, lower case."""
    words = (word.strip().lower() for content in declared for word in content.split(","))
    return list(dict.fromkeys(word for word in words if word))


def _published(source: Source, declared: _Declarations) -> str | None:
    """The first date that can be read: of the head, of `time`, of JSON-LD."""
    stated = [*declared.metas["article:published_time"], *declared.metas["datepublished"]]
    if source.tags["time"]:
        times = _TIME.findall(source.html)[:3]
        stated += [_attributes(time).get("datetime", "") for time in times]
    if b"datePublished" in source.encoded:
        stated += _JSON_LD_DATE.findall(source.html)[:3]
    return next(filter(None, map(iso_date, stated)), None)


def iso_date(stated: str) -> str | None:
    """A date or time in ISO 8601, as exact as it was stated; None if it cannot be one.

    >>> iso_date("2021/4/3"), iso_date("2021-04-03T09:00+0900"), iso_date("昨日")
    ('2021-04-03', '2021-04-03T09:00:00+09:00', None)
    """
    text = stated.strip()
    if parts := _PLAIN_DATE.fullmatch(text):
        text = f"{parts[1]}-{int(parts[2]):02}-{int(parts[3]):02}"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        return None
    return moment.date().isoformat() if len(text) <= 10 else moment.isoformat()


def _telling(tags: Mapping[str, int]) -> dict[str, int]:
    return {tag: tags[tag] for tag in TELLING_TAGS if tags[tag]}


def _most(counted: Mapping[str, int], most: int | None = None) -> list[tuple[str, int]]:
    """Largest counts first, equal ones by name: the same page gives the same bytes."""
    return sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:most]


def _counts(key: str, counted: Iterable[tuple[str, int]]) -> list[dict[str, object]]:
    return [{key: name, "count": count} for name, count in counted]
