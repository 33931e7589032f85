"""How fast pages are read, beside the bare loops of the libraries underneath, and whether all are.

    python -m bench.sources [FOLDER]

Prints what the WARC files of the folder hold by kind, labelled pages that did not arrive, and
records a second (best of five, processor time): ours, bare fastwarc, and the same pages as tables.
"""

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from fastwarc.warc import ArchiveIterator

from bench.labelled_crawl import labelled_pages
from pipeline.sources import Problem, Record, Skipped, read, resolve, spans

ROUNDS = 5


def main() -> None:
    """Prints the counts, then the speeds."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data")
    warcs = sorted(str(path) for path in folder.glob("*.warc.gz"))
    count_kinds(warcs, {page.url for page in labelled_pages(folder)})
    bare = seconds_a_record(lambda: bare_fastwarc(warcs[0]))
    ours = seconds_a_record(lambda: read_all([warcs[0]], 1 << 30))
    cut = seconds_a_record(lambda: read_all([warcs[0]], 1 << 20))
    print(f"fastwarc alone {1 / bare:,.0f}/s; read {1 / ours:,.0f}/s ({bare / ours:.2f})")
    print(f"read in spans of 1 MiB {1 / cut:,.0f}/s ({bare / cut:.2f})")
    pages = [item for item in read_all([warcs[0]], 1 << 30) if isinstance(item, Record)]
    with tempfile.TemporaryDirectory() as scratch:
        for table in (as_parquet(pages, Path(scratch)), as_jsonl(pages, Path(scratch))):
            pace = 1 / seconds_a_record(lambda path=table: read_all([str(path)], 1 << 30))
            print(f"{table.suffix[1:]} {pace:,.0f}/s")


def count_kinds(warcs: list[str], labelled: set[str]) -> None:
    """Prints the outcomes by kind, and how many labelled pages are not among them."""
    found = list(read_all(warcs, 1 << 20))
    print(Counter(type(item).__name__ for item in found))
    print(Counter(item.reason for item in found if isinstance(item, Skipped | Problem)))
    arrived = {item.url for item in found if isinstance(item, Record)}
    print(f"labelled pages: {len(labelled)}, not arrived: {len(labelled - arrived)}")


def read_all(paths: list[str], target: int) -> Iterator[Record | Skipped | Problem]:
    """Every outcome of every span."""
    for source in resolve(paths):
        for span in spans(source, target):
            yield from read(span)


def bare_fastwarc(path: str) -> Iterator[bytes]:
    """Every body, and nothing done with it."""
    for record in ArchiveIterator(path, parse_http=True):
        yield record.reader.read()


def as_parquet(pages: list[Record], folder: Path) -> Path:
    """The pages as a table of HTML in bytes."""
    columns = {
        "html": pa.array([page.payload for page in pages], pa.binary()),
        "url": [page.url for page in pages],
        "charset": [page.charset for page in pages],
    }
    pq.write_table(pa.table(columns), folder / "pages.parquet", compression="zstd")
    return folder / "pages.parquet"


def as_jsonl(pages: list[Record], folder: Path) -> Path:
    """The pages as lines of JSON."""
    with (folder / "pages.jsonl").open("wb") as file:
        for page in pages:
            row = {"html": page.payload.decode("utf-8", "replace"), "url": page.url}
            file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
    return folder / "pages.jsonl"


def seconds_a_record(loop: Callable[[], Iterator[object]]) -> float:
    """The best of some rounds, in processor time."""
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.process_time()
        records = sum(1 for _ in loop())
        best = min(best, (time.process_time() - begun) / records)
    return best


if __name__ == "__main__":
    main()
