"""A crawl of hostile pages, with honest ones between them."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TEXTS = (
    "祖母の家では、秋になると庭の柿を採って干し柿を作ります。皮をむいて縄に結び、軒下に吊るしておくと、"
    "ひと月ほどで白い粉を吹いて甘くなります。雨の日には家の中に入れ、晴れたらまた外に出すので、"
    "なかなか手間がかかります。それでも、正月に皆で食べるのが楽しみで、毎年欠かさず続けています。"
    "今年は実が少なかったので、近所の方から分けていただきました。",
    "町の図書館が新しくなり、日曜日も夕方まで開くようになりました。入口のそばには絵本の部屋があり、"
    "靴を脱いで床に座って読めます。二階の窓際には机が並び、試験の前には高校生でいっぱいになるそうです。"
    "私は地元の歴史を調べるために通っていますが、古い新聞を機械で探せるので、とても助かっています。"
    "貸し出しは一人十冊までで、期限は二週間です。",
    "自転車の空気は、月に一度は入れておくとよいと店の人に教わりました。空気が少ないまま段差を越えると、"
    "中のチューブが傷んで、すぐに穴が開いてしまいます。親指で強く押してみて、へこむようなら入れ時です。"
    "ついでに鎖に油をさし、余った油を布でふき取っておくと、こぐのがずいぶん軽くなります。"
    "雨にぬれた日の夜には、乾いた布で車体をふくようにしています。",
    "味噌汁は、だしを取るところから始めます。水に昆布を入れて三十分ほど置き、弱火にかけて、煮立つ前に"
    "取り出します。そこへ鰹節を入れて火を止め、沈んだらこします。豆腐とわかめは最後に入れ、"
    "味噌を溶いたら決して煮立てません。香りが飛んでしまうからです。朝はこの湯気で目が覚めると、"
    "子どもたちが言います。残っただしは、卵焼きや煮物に使います。",
)
"""Honest pages, that every recipe keeps."""

UNSPOKEN = "himitsu-no-kagi"
"""The password in a URL of the crawl; no file of a run and no message may hold it."""

HONEST_EVERY = 5
"""After so many hostile pages comes an honest one."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page as a server sends it.

    Attributes:
        url: as the crawler wrote it down.
        payload: the body.
        content_type: the header.
        date: the WARC-Date.
    """

    url: str
    payload: bytes
    content_type: str = "text/html; charset=utf-8"
    date: str = "2024-06-09T15:49:31Z"


def html(body: str, text: str = TEXTS[0]) -> str:
    """A Japanese page that holds something odd."""
    return f"<!doctype html><html lang=ja><title>柿</title><p>{text}</p>{body}"


def _attributes(count: int) -> str:
    return f"<p {' '.join(f'a{number}=1' for number in range(count))}>終わり。</p>"


BODIES = {
    "nested 100,000 deep": "<div>" * 100_000 + "底。",
    "nested formatting": "".join(f"<font size={number}>" for number in range(50_000)) + "底。",
    "nested tables": "<table><tr><td>" * 20_000 + "底。",
    "a million attributes": _attributes(1_000_000),
    "half a million equal attributes": "<p " + "a=1 " * 500_000 + ">終わり。",
    "no space for 3 MB": "<p>" + "精" * 1_000_000,
    "nothing but marks": "<p>" + "。" * 300_000,
    "marks of several classes without end": "<p>米" + "\u0301\u0327\u3099" * 330_000,
    "a line without end": "<p>" + "ぱぴぷぺぽ" * 100_000,
    "100,000 lines": "<br>米" * 100_000,
    "NUL and controls": "<p>" + "\0\x01\x08\x0b\x1b\x7f\x85" * 20_000 + "終わり。",
    "a million combining marks": "<p>か" + "\u3099" * 1_000_000,
    "marks on every letter": "<p>" + "".join(f"{c}\u0301\u0327\u0316" * 8 for c in TEXTS[1]),
    "bidirectional overrides": "<p>" + "\u202e\u2066" * 100_000 + "終わり。",
    "invisible tags": "<p>" + "".join(map(chr, range(0xE0000, 0xE0080))) * 500,
    "private use": "<p>" + "\ue000\uf8ff\U000f0000\U0010fffd" * 50_000,
    "unassigned": "<p>" + "\u0378\U000e0080\U0003fffd" * 50_000,
    "noncharacters": "<p>" + "\ufdd0\ufffe\U0010ffff" * 50_000,
    "variation selectors": "<p>葛" + "\U000e0100" * 100_000,
    "references to no character": "<p>" + "&#0;&#xd800;&#x110000;&#99999999999;" * 10_000,
    "300,000 choices": "<select>" + "<option>米" * 300_000,
    "200,000 nested links": "<a href=/><div>" * 200_000,
    "100,000 links": '<a href="https://a.example/">米</a>' * 100_000,
    "links to 20,000 hosts": "".join(f"<a href=//h{n}.example>米</a>" for n in range(20_000)),
    "a link of 1 MB": f'<a href="https://{"a" * 1_000_000}.example/">米</a>',
    "dates that are none": "<time datetime=0000-00-00>0年</time><time datetime=9999-99-99T99:99>",
    "a template and a script": "<p>{{ 7*7 }} ${7*7} <script>alert(1)</script><img src=x onerror=a>",
    "files and addresses": '<img src="file:///etc/passwd"><!DOCTYPE x [<!ENTITY y SYSTEM "/">]>&y;',
}
"""Parts of pages, each of which made some parser, tokeniser or expression crash or run away."""


def hostile_pages() -> Iterator[Page]:
    """Every hostile page."""
    for number, body in enumerate(BODIES.values()):
        yield Page(f"https://akui.example/{number}", html(body).encode())
    whole = html("", TEXTS[2])
    yield Page("https://akui.example/cut", whole.encode()[:-70])
    for charset in ("shift_jis", "euc-jp", "utf-16", "utf-7", "rot13", "x" * 5000, "\udcff"):
        declared = f"text/html; charset={charset}"
        yield Page("https://akui.example/charset", whole.encode(), declared)
    yield Page("https://akui.example/utf-16", b"\xff\xfe" + whole.encode("utf-16-le")[:-1])
    yield Page(
        "https://akui.example/surrogates", html("\ud800\udfff").encode("utf-8", "surrogatepass")
    )
    yield Page("https://akui.example/empty-page", b"<html lang=ja></html>")
    yield Page("https://akui.example/nothing", b"")
    yield Page(f"https://taro:{UNSPOKEN}@akui.example/", whole.encode())
    yield Page("https://akui.example/" + "a" * 1_000_000, whole.encode())
    for url in (
        "",
        "http://[::1",
        "javascript:alert(1)",
        "https://例え.example/\u202e/\x01",
        "柿" * 99,
        "https://\udcff.example/\udcfe",
    ):
        yield Page(url, html("", TEXTS[3]).encode())
    for year in ("0000", "0001", "9999", "99999", "-100"):
        yield Page(
            f"https://akui.example/{year}", html(year).encode(), date=f"{year}-01-01T00:00:00Z"
        )


def honest_pages() -> Iterator[Page]:
    """Pages that no harm beside them may touch."""
    for number, text in enumerate(TEXTS):
        yield Page(f"https://shojiki.example/{number}", html("", text).encode())


def write_warc(path: Path) -> int:
    """Writes the crawl, honest pages among hostile ones, the last page twice.

    Returns:
        How many records it holds.
    """
    pages: list[Page] = []
    honest = honest_pages()
    for number, page in enumerate(hostile_pages()):
        pages.append(page)
        if number % HONEST_EVERY == 0:
            pages.extend([one for one in [next(honest, None)] if one])
    pages.append(pages[-1])
    with path.open("wb") as file:
        for page in pages:
            file.write(gzip.compress(_record(page), 1, mtime=0))
    return len(pages)


def _record(page: Page) -> bytes:
    http = f"HTTP/1.1 200 OK\r\nContent-Type: {page.content_type}\r\n\r\n"
    block = http.encode("utf-8", "surrogateescape") + page.payload
    head = (
        f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Date: {page.date}\r\n"
        f"WARC-Target-URI: {page.url}\r\nContent-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(block)}\r\n\r\n"
    )
    return head.encode("utf-8", "surrogateescape") + block + b"\r\n\r\n"


def write_rows(path: Path, rows: list[dict[str, object]]) -> Path:
    """Writes rows as JSONL; lone surrogates are written as escapes."""
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path
