"""Every stage of extract and score, and beside it the loop that only calls the library underneath.

    python -m bench.ceilings [DATA] [--pages N]

puts into the results, for the crawl as it is (`stage.crawl.NAME.…`) and for its typical documents
of about 1,500 characters (`stage.typical.NAME.…`, see `bench.stages`): microseconds a document
(`us`), documents and megabytes a second of one core (`docs_per_s`, `mb_per_s`: of HTML where a
stage reads HTML, else of main text in UTF-8), and of the library's bare loop (`ceiling_us`). The
ratio of the two is what seimai adds. A stage without a ceiling is no wrapper of anything.
"""

import argparse
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
from fastwarc.warc import ArchiveIterator
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

from bench import results, stages
from bench.measure import processor_seconds
from pipeline.decode import decode
from pipeline.documents import extract_documents
from pipeline.language import may_be_japanese
from pipeline.sources import Record
from pipeline.tasks import parquet_options
from pipeline.text import dedup_view
from schemas import DOCUMENTS

ROUNDS = 3
READING_HTML = {"Japanese by bytes", "decode", "extract HTML", "repair lines", "join page text"}


def main() -> None:
    """Measure and store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--pages", type=int, default=2000)
    asked = parser.parse_args()
    folder = asked.data if asked.data.exists() else stages.sample()
    paths = sorted(map(str, folder.glob("*.warc.gz")))
    crawl = list(islice(stages.read(paths), asked.pages))
    results.forget("stage.")
    results.add(reading(paths, asked.pages))
    results.add(staged("crawl", crawl))
    results.add(staged("typical", list(stages.typical(crawl))))
    results.add(results.describe_machine("stage"))


def reading(paths: Sequence[str], pages: int) -> dict[str, results.Figure]:
    """What it takes to read the records of WARC files."""
    records = pages
    ours = _rounds(lambda: list(islice(stages.read(paths), pages)), records)
    bare = _rounds(lambda: list(islice(_payloads(paths), pages)), records)
    key = "stage.crawl.read WARC"
    return {f"{key}.us": ours, f"{key}.ceiling_us": bare, f"{key}.ceiling": "fastwarc"}


def staged(sample: str, records: Sequence[Record]) -> dict[str, results.Figure]:
    """The figures of all stages over some records."""
    timed = stages.timed(records)
    batch = extract_documents(records).documents
    text_bytes = sum(len(text.encode()) for text in batch["text"].to_pylist()) / len(batch)
    figures: dict[str, results.Figure] = {
        f"stage.{sample}.documents": timed.documents,
        f"stage.{sample}.chars": timed.chars,
        f"stage.{sample}.html_bytes": timed.html_bytes,
    }
    for stage, seconds in timed.clock.rounds.items():
        name = f"stage.{sample}.{stage.removeprefix('= ')}"
        micros = [1e6 * second / timed.documents for second in seconds]
        size = timed.html_bytes if _reads_html(stage) else text_bytes
        figures[f"{name}.us"] = micros
        figures[f"{name}.docs_per_s"] = [1e6 / each for each in micros]
        figures[f"{name}.mb_per_s"] = [size / each for each in micros]
    for stage, (library, loop) in ceilings(records).items():
        figures[f"stage.{sample}.{stage}.ceiling_us"] = _rounds(loop, timed.documents)
        figures[f"stage.{sample}.{stage}.ceiling"] = library
    return figures


def _reads_html(stage: str) -> bool:
    return stage in READING_HTML or stage.startswith("=") or stage == "score"


def ceilings(records: Sequence[Record]) -> Mapping[str, tuple[str, Callable[[], object]]]:
    """For each stage that leans on a library: what it is, and the loop that does only that."""
    likely = [r for r in records if may_be_japanese(r.payload, r.charset, r.language)]
    decoded = [decode(record.payload, record.charset) for record in likely]
    batch = extract_documents(records).documents
    table = pa.Table.from_batches([batch])
    views = [dedup_view(text) for text in batch["text"].to_pylist()]
    return {
        "decode": (
            "bytes.decode with the right name",
            lambda: [
                record.payload.decode(page.charset, "replace")
                for record, page in zip(likely, decoded, strict=True)
            ],
        ),
        "extract HTML": (
            "resiliparse: parse, main text, whole text",
            lambda: [_plain(page.text) for page in decoded],
        ),
        "content hash": (
            "xxhash over UTF-8",
            lambda: [xxhash.xxh3_128_digest(view.encode()) for view in views],
        ),
        "write Parquet": (
            "pyarrow: a file in memory",
            lambda: pq.write_table(table, io.BytesIO(), **parquet_options(DOCUMENTS.arrow)),
        ),
    }


def _plain(html: str) -> tuple[str, str]:
    tree = HTMLTree.parse(html)
    return extract_plain_text(tree, main_content=True), extract_plain_text(tree)


def _payloads(paths: Sequence[str]) -> Iterator[bytes]:
    for path in paths:
        with Path(path).open("rb") as file:
            for record in ArchiveIterator(file, parse_http=True):
                yield record.reader.read()


def _rounds(work: Callable[[], object], documents: int) -> list[float]:
    """Microseconds a document of some rounds, after one that warms up."""
    work()
    return [1e6 * processor_seconds(work) / documents for _ in range(ROUNDS)]


if __name__ == "__main__":
    main()
