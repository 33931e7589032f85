"""How well Japanese is told from the rest: on the bytes of pages, then on their text.

    python -m bench.language [FOLDER]

Prints the recall and the rejection of the check on bytes, its pace alone and at the end of a
stream of gzip and WARC; then F1, precision and recall of the document score, its spread, its
pace, every page on the wrong side, by site and id, and the score of short lines in kanji alone.
Pages labelled as mixed count for the check on bytes only.
"""

import gzip
import io
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from fastwarc.warc import ArchiveIterator, WarcRecordType
from numpy.typing import NDArray

from bench.labelled_crawl import LabelledPage, labelled_pages
from bench.measure import processor_seconds
from pipeline.decode import decode
from pipeline.html import extract
from pipeline.language import JAPANESE_CUT, ja_scores, may_be_japanese, text_to_judge
from pipeline.text import normalise

BINS = (0.0, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 1.001)


def main() -> None:
    """Prints both measurements."""
    pages = list(labelled_pages(Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data")))
    measure_bytes(pages)
    measure_stream([page for page in pages if not page.holds_japanese])
    measure_text([page for page in pages if page.labels["lang"] != "mixed-ja-en"])
    measure_headings(pages)


def measure_bytes(pages: Sequence[LabelledPage]) -> None:
    """Recall on Japanese and mixed pages, and what passes of the others, by their language."""
    passed: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for page in pages:
        language = "Japanese" if page.holds_japanese else page.labels["lang"]
        total[language] += 1
        if may_be_japanese(page.payload, page.charset, None):
            passed[language] += 1
        elif page.holds_japanese:
            print(f"  missed on bytes: {page.name}, {len(page.payload)} bytes")
    for language in sorted(total):
        print(f"bytes: {language}: {passed[language]} of {total[language]} pass")
    others = total.total() - total["Japanese"]
    rejected = others - (passed.total() - passed["Japanese"])
    print(
        f"bytes: recall {passed['Japanese'] / total['Japanese']:.4f},",
        f"others rejected {rejected / others:.3f}",
    )


def measure_stream(pages: Sequence[LabelledPage]) -> None:
    """Pace on pages that are not Japanese: the check alone, and behind gzip and WARC."""
    size = np.mean([len(page.payload) for page in pages])
    alone = _seconds(lambda: [may_be_japanese(p.payload, p.charset, None) for p in pages])
    stream = b"".join(map(_as_warc_record, pages))
    reading = _seconds(lambda: _read(stream, lambda *_: True))
    checking = _seconds(lambda: _read(stream, may_be_japanese))
    for name, seconds in (("check", alone), ("WARC", reading), ("WARC and check", checking)):
        each = 1e6 * seconds / len(pages)
        print(f"stream: {name}: {each:.0f} µs a page of {size:.0f} bytes, {1e6 / each:.0f}/s")


def _as_warc_record(page: LabelledPage) -> bytes:
    http = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + page.payload
    head = (
        f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: {page.url}\r\n"
        "Content-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(http)}\r\n\r\n"
    )
    return gzip.compress(head.encode() + http + b"\r\n\r\n")


def _read(stream: bytes, judge: Callable[[bytes, str | None, str | None], bool]) -> int:
    records = ArchiveIterator(io.BytesIO(stream), record_types=WarcRecordType.response)
    return sum(judge(record.reader.read(), record.http_charset, None) for record in records)


def _seconds(work: Callable[[], object]) -> float:
    """Processor time of the best of three runs: the machine may be shared."""
    return min(processor_seconds(work) for _ in range(3))


def measure_text(pages: Sequence[LabelledPage]) -> None:
    """The document score of each page, by way of the real decoding and extraction."""
    japanese = np.array([page.labels["lang"] == "ja" for page in pages])
    judged = [_judged(page) for page in pages]
    scores = ja_scores(judged)
    _print_quality(japanese, scores)
    long = [text for text in judged if len(text) >= 1500]
    print(f"text: {len(long) / _seconds(lambda: ja_scores(long)):.0f} long documents/s")
    for page, text, score in zip(pages, judged, scores, strict=True):
        if (score >= JAPANESE_CUT) != (page.labels["lang"] == "ja"):
            labels = page.labels
            print(
                f"  {score:.3f} {page.name} [{labels['lang']}, {labels['kind']},",
                f"{labels['genre']}, {labels['confidence']}], {len(text)} characters judged",
            )


def measure_headings(pages: Sequence[LabelledPage]) -> None:
    """The score of short lines in kanji alone, at most 20 a page, by the language of the page."""
    for languages in (("ja",), ("zh-Hans", "zh-Hant", "ko")):
        lines = [line for p in pages if p.labels["lang"] in languages for line in _kanji_lines(p)]
        taken = np.count_nonzero(ja_scores(lines) >= JAPANESE_CUT)
        print(f"lines in kanji alone, {', '.join(languages)}: {taken} of {len(lines)} are Japanese")


def _kanji_lines(page: LabelledPage) -> list[str]:
    read = extract(decode(page.payload, page.charset).text, page.url)
    lines = dict.fromkeys(normalise(read.page_text).splitlines())
    return [line for line in lines if _KANJI_LINE.fullmatch(line)][:20]


_KANJI_LINE = re.compile("[^ぁ-ヿ]{0,20}[一-鿿]{2}[^ぁ-ヿ]{0,38}")


def _judged(page: LabelledPage) -> str:
    decoded = decode(page.payload, page.charset)
    read = extract(decoded.text, page.url)
    return text_to_judge(read.title, normalise(read.text), normalise(read.page_text))


def _print_quality(japanese: NDArray[np.bool_], scores: NDArray[np.float32]) -> None:
    for cut in (0.3, JAPANESE_CUT, 0.7, 0.9):
        found = scores >= cut
        both = np.count_nonzero(found & japanese)
        precision, recall = both / np.count_nonzero(found), both / np.count_nonzero(japanese)
        f1 = 2 * precision * recall / (precision + recall)
        print(f"text: cut {cut}: F1 {f1:.4f}, precision {precision:.4f}, recall {recall:.4f}")
    for name, part in (("Japanese", japanese), ("others", ~japanese)):
        print(f"text: scores of {name} by {BINS}: {np.histogram(scores[part], BINS)[0]}")


if __name__ == "__main__":
    main()
