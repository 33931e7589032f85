"""How much of the marked main text each extractor finds, and what each part of ours costs.

    python -m bench.extraction [FOLDER]

It prints token F1 on the marked pages (tests/golden/main_text.tsv: offsets only, the pages stay
in the labelled crawl), microseconds a page, and how well commission links tell affiliate pages.
Extractors that are not installed (trafilatura, readability-lxml) are left out, by name.

The marks are ranges of characters in the *visible source* of a page: the text that the standard
library's HTML parser finds outside of what is never shown, white space collapsed, a line wherever
an element that is not phrasing content starts or ends. No extractor under test has a hand in it.
A person chose the lines by reading them.
"""

import argparse
import csv
import gc
import hashlib
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from statistics import mean
from typing import Any

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

from bench.labelled_crawl import LabelledPage, labelled_pages
from pipeline.html import UnreadablePage, extract, facts
from pipeline.html.limits import parseable
from pipeline.html.main_text import main_lines
from pipeline.html.render import render

_GOLDEN = Path(__file__).parent.parent / "tests" / "golden" / "main_text.tsv"
_NEVER_SHOWN = re.compile("script|style|noscript|template|textarea|select|iframe|svg")
_PHRASING = re.compile(
    "a|abbr|acronym|b|bd[io]|big|button|cite|code|data|del|dfn|em|font|i|img|input|ins|kbd|label"
    "|mark|nobr|q|r[bpt]|rtc|ruby|s|samp|small|span|strike|strong|su[bp]|time|tt|u|var|wbr"
)


@dataclass(frozen=True)
class Marked:
    """A page with its main text, which a person marked.

    Attributes:
        owner: who owns the site; the halves are split by it.
        html: the decoded page.
        main_text: what was marked.
    """

    owner: str
    html: str
    main_text: str

    @property
    def half(self) -> int:
        """0: rules were chosen on these pages; 1: reported."""
        return hashlib.blake2b(self.owner.encode(), digest_size=1).digest()[0] & 1


@dataclass
class _VisibleSource(HTMLParser):
    hidden: list[str] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if _NEVER_SHOWN.fullmatch(tag):
            self.hidden.append(tag)
        if tag == "body":
            self.hidden.clear()
        self._end_line(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self._end_line(tag)

    def handle_endtag(self, tag: str) -> None:
        while tag in self.hidden and self.hidden.pop() != tag:
            pass
        self._end_line(tag)

    def handle_data(self, data: str) -> None:
        if not self.hidden and self.lasttag != "title":
            self.pieces.append(data)

    def _end_line(self, tag: str) -> None:
        if not _PHRASING.fullmatch(tag):
            line = re.sub(r"\s+", " ", "".join(self.pieces)).strip()
            self.lines += [line] if line else []
            self.pieces.clear()


def visible_source(html: str) -> str:
    """The text into which the marks are offsets."""
    parser = _VisibleSource()
    parser.feed(html)
    parser.close()
    parser._end_line("html")
    return "\n".join(parser.lines)


@dataclass(frozen=True)
class Decoded:
    """A labelled page, decoded by the charset of its label."""

    labels: dict[str, str]
    html: str


def decoded(folder: Path) -> dict[str, Decoded]:
    """The labelled pages by id."""
    return {
        page.labels["id"]: Decoded(page.labels, page.payload.decode(_codec(page), "replace"))
        for page in labelled_pages(folder)
    }


def _codec(page: LabelledPage) -> str:
    charset = page.labels["charset"]
    return {"": "utf-8", "shift_jis": "cp932"}.get(charset, charset)


def marked_pages(pages: dict[str, Decoded]) -> list[Marked]:
    """The marked pages, each checked against the digest of the text that was marked."""
    found = []
    with _GOLDEN.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            page = pages[row["id"]]
            source = visible_source(page.html)
            digest = hashlib.blake2b(source.encode(), digest_size=4).hexdigest()
            if digest != row["digest"]:
                raise ValueError(f"{row['id']}: not the text that was marked ({digest})")
            ranges = [tuple(map(int, pair.split("-"))) for pair in row["main_text"].split()]
            text = "\n".join(source[start:end] for start, end in ranges)
            found.append(Marked(page.labels["owner"], page.html, text))
    return found


def score(expected: str, found: str) -> tuple[float, float, float]:
    """F1, precision and recall over character bigrams, white space and list bullets left out."""
    wanted, got = _tokens(expected), _tokens(found)
    common = (wanted & got).total()
    precision = common / max(1, got.total())
    recall = common / max(1, wanted.total())
    f1 = 2 * precision * recall / (precision + recall) if common else 0.0
    return f1, precision, recall


def _tokens(text: str) -> Counter[str]:
    chars = re.sub(r"[\s•]+", "", text)
    return Counter(chars[place : place + 2] for place in range(len(chars) - 1))


def extractors() -> dict[str, Callable[[str], str]]:
    """Every extractor that is installed, by name."""

    def plain(*, main: bool, alt: bool = True) -> Callable[[str], str]:
        return lambda html: extract_plain_text(
            HTMLTree.parse(html),
            preserve_formatting=True,
            main_content=main,
            alt_texts=alt,
            post_meta=alt,
        )

    found: dict[str, Callable[[str], str]] = {
        "seimai": lambda html: extract(html, "").text,
        "all text": plain(main=False),
        "resiliparse main": plain(main=True),
        "resiliparse main, no alt": plain(main=True, alt=False),
    }
    for module, bring in (("trafilatura", _trafilatura), ("readability", _readability)):
        try:
            found |= bring(import_module(module))
        except ImportError:
            print(f"left out: {module} is not installed")
    return found


def _trafilatura(trafilatura: Any) -> dict[str, Callable[[str], str]]:  # noqa: ANN401  no stubs
    def with_option(option: str) -> Callable[[str], str]:
        return lambda html: trafilatura.extract(html, **{option: True}) or ""

    options = ("fast", "favor_precision", "favor_recall", "include_tables")
    return {f"trafilatura {option}": with_option(option) for option in options}


def _readability(readability: Any) -> dict[str, Callable[[str], str]]:  # noqa: ANN401  no stubs
    def text(html: str) -> str:
        summary = readability.Document(html).summary()
        return extract_plain_text(HTMLTree.parse(summary), preserve_formatting=True)

    return {"readability": text}


def print_quality(pages: list[Marked]) -> None:
    """Mean F1, precision and recall of each extractor on each half, macro over pages."""
    print(f"{'':28}  chosen on: F1  P     R      reported: F1  P     R     us/page")
    for name, extractor in extractors().items():
        extractor(pages[0].html)  # loads what it needs
        start = time.process_time()
        texts = [extractor(page.html) for page in pages]
        spent = time.process_time() - start
        halves = []
        for half in (0, 1):
            scores = [
                score(page.main_text, text)
                for page, text in zip(pages, texts, strict=True)
                if page.half == half
            ]
            halves.append("  ".join(f"{mean(column):.3f}" for column in zip(*scores, strict=True)))
        print(f"{name:28}  {halves[0]:>20}      {halves[1]:>20}   {spent / len(pages) * 1e6:8,.0f}")


def print_cost(pages: list[str]) -> None:
    """Processor microseconds a page, by part; the least of three passes."""
    gc.freeze()
    sources = [parseable(html) for html in pages]
    rendered = [render(source.html) for source in sources]
    trees = [HTMLTree.parse(source.html) for source in sources]
    parts: dict[str, Callable[[int], object]] = {
        "limits": lambda n: parseable(pages[n]),
        "parse": lambda n: HTMLTree.parse(sources[n].html),
        "parse + places + lines": lambda n: render(sources[n].html),
        "main text of the lines": lambda n: main_lines(rendered[n].lines),
        "facts": lambda n: facts.of_page(sources[n], rendered[n], "https://a.example/", None),
        "extract, all of it": lambda n: extract(pages[n], "https://a.example/"),
        "resiliparse: all text": lambda n: extract_plain_text(trees[n], preserve_formatting=True),
        "resiliparse: main text": lambda n: extract_plain_text(
            trees[n], preserve_formatting=True, main_content=True
        ),
    }
    size = mean(map(len, pages))
    print(f"\n{len(pages)} pages of {size:,.0f} characters of HTML     us/page")
    for name, part in parts.items():
        passes = []
        for _ in range(3):
            start = time.process_time()
            for number in range(len(pages)):
                part(number)
            passes.append(time.process_time() - start)
        print(f"{name:40}{min(passes) / len(pages) * 1e6:12,.0f}")


def print_commissions(pages: dict[str, Decoded]) -> None:
    """How many labelled pages hold a commission link: by page, and by site (mean of shares)."""
    by_site: dict[tuple[str, str], list[bool]] = {}
    unreadable: Counter[str] = Counter()
    for decoded_page in pages.values():
        label = decoded_page.labels
        try:
            page = extract(decoded_page.html, label["url"])
        except UnreadablePage as error:
            unreadable[error.reason] += 1
            continue
        if label["lang"].startswith("ja") and label["confidence"] != "low":
            held = by_site.setdefault((label["affiliate"], label["site"]), [])
            held.append(bool(page.facts["affiliate_links"]))
    print(f"\nunreadable: {dict(unreadable)} of {len(pages)}")
    for affiliate, name in (("1", "affiliate"), ("0", "other")):
        sites = [held for (label, _), held in by_site.items() if label == affiliate]
        held = [page for site in sites for page in site]
        print(
            f"{name}: {mean(held):.1%} of {len(held)} pages, mean {mean(map(mean, sites)):.1%} "
            f"and any {mean(map(any, sites)):.1%} of {len(sites)} sites"
        )


def main() -> None:
    """Print the three tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.extraction")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("../shared/data"))
    pages = decoded(parser.parse_args().folder)
    print_quality(marked_pages(pages))
    japanese = [page.html for page in pages.values() if page.labels["lang"].startswith("ja")]
    print_cost(japanese[::16])
    print_commissions(pages)


if __name__ == "__main__":
    main()
