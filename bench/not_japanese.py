"""Times how fast pages that are not Japanese leave: gzip, WARC, HTTP and the look at the bytes.

    python -m bench.not_japanese [DATA] [--pages N] [--largest BYTES]

Writes a WARC of the labelled crawl's pages in other languages, over and over up to N pages, and
extracts it as one task in this process. Of these pages a seventh does not leave by its bytes, since
the crawl has them from Japanese sites, with Japanese menus or declarations, and from mojibake: they
are left out here and cost what a Japanese page costs. Processor time, median of three rounds;
beside it the bare loop of the WARC library over the same file, which is the ceiling.
"""

import argparse
import gzip
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from fastwarc.warc import ArchiveIterator, WarcRecordType

from bench import results
from bench.labelled_crawl import LabelledPage, labelled_pages
from bench.measure import processor_seconds
from pipeline import sources
from pipeline.jobs.extract import ExtractTask
from pipeline.language import may_be_japanese
from pipeline.plan import InputTask
from pipeline.tasks import commits

ROUNDS = 3


def main() -> None:
    """Print pages a second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--pages", type=int, default=10_000)
    parser.add_argument("--largest", type=int, default=1 << 30, help="larger pages are left out")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "other-languages.warc.gz"
        mean = write(path, options.data, options.pages, options.largest)
        ceiling = seconds(lambda: bare(path))
        ours = seconds(lambda: extract(path, folder))
        counted = next(iter(commits(folder + "/documents").values())).counters
    size = counted["records"]
    print(f"{size} pages of {mean:,.0f} bytes on average: {counted}")
    results.add({"other.docs_per_s_core": size / ours, "other.ceiling_docs_per_s": size / ceiling})
    results.add({"other.bytes": mean, **results.describe_machine("other")})
    print(f"bare WARC loop  {size / ceiling:10,.0f} pages/s")
    print(f"extract         {size / ours:10,.0f} pages/s, {ours / size * 1e6:.1f} us a page")


def write(path: Path, data: Path, pages: int, largest: int) -> float:
    """A WARC of pages in other languages; gives the mean size of a page."""
    others = [page for page in labelled_pages(data) if not page.holds_japanese]
    others = [p for p in others if not may_be_japanese(p.payload, p.charset, None)]
    chosen = [page for page in others if len(page.payload) <= largest]
    with path.open("wb") as file:
        for page in islice(cycle(chosen), pages):
            file.write(gzip.compress(record(page)))
    return sum(len(page.payload) for page in chosen) / len(chosen)


def record(page: LabelledPage) -> bytes:
    """A page as a response record."""
    body = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + page.payload
    head = (
        "WARC/1.1\r\nWARC-Type: response\r\nWARC-Date: 2024-06-01T00:00:00Z\r\n"
        f"WARC-Target-URI: {page.url}\r\nContent-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body + b"\r\n\r\n"


def seconds(work: Callable[[], object]) -> float:
    """Processor seconds of some work, the median of some rounds after one that warms up."""
    times = [processor_seconds(work) for _ in range(ROUNDS + 1)]
    return median(times[1:])


def bare(path: Path) -> int:
    """What the WARC library takes to give every payload."""
    with path.open("rb") as file:
        records = ArchiveIterator(file, record_types=WarcRecordType.response, parse_http=True)
        return sum(len(record.reader.read()) for record in records)


def extract(path: Path, folder: str) -> None:
    """Extract it as one task."""
    (item,) = sources.resolve([str(path)])
    task = InputTask(tuple(sources.spans(item, item.size)))
    ExtractTask(folder + "/documents", "settings", {})(task)


if __name__ == "__main__":
    main()
