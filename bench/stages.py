"""Times extract and score stage by stage on one core, as the job runs them, without Beam.

    python -m bench.stages [DATA] [--pages N]

DATA is a folder of WARC files, by default ../shared/data, or the sample crawl where that is absent.
Two figures for each stage: of the crawl as it is, pages in other languages included, and of its
Japanese documents with 1,000 to 2,000 characters of main text, about 1,500 on average, which is the
document that throughputs are usually given for. Their HTML is as it was served.

Processor time, median of three rounds; the first round warms up and is not counted. Each figure is
of the functions that `pipeline.documents` calls, in batches of 256 records.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory, mkdtemp
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from classifiers.bundle import load
from pipeline import rules, sources
from pipeline.decode import decode
from pipeline.dedup.signatures import content_hashes, signatures
from pipeline.documents import extract_documents
from pipeline.html import extract
from pipeline.language import ja_scores, may_be_japanese, text_to_judge
from pipeline.sources import Record
from pipeline.tasks import Attempt
from pipeline.text import dedup_view, joined, repair_lines, trim_footer
from schemas import DOCUMENTS
from tests.sample_crawl import build

ROUNDS = 3
BATCH = 256
TYPICAL_CHARS = range(1_000, 2_001)
"""Characters of main text of a typical document; those of the labelled crawl have 1,472."""

T = TypeVar("T")


class Clock:
    """Processor seconds by stage, a list of rounds each."""

    def __init__(self) -> None:
        self.rounds: dict[str, list[float]] = defaultdict(list)
        self._now: dict[str, float] = defaultdict(float)

    def time(self, stage: str, work: Callable[[], T]) -> T:
        """Do some work and put its time on a stage's account."""
        start = time.process_time()
        result = work()
        self._now[stage] += time.process_time() - start
        return result

    def end_round(self, counted: bool) -> None:
        """Close the accounts of a round."""
        if counted:
            for stage, seconds in self._now.items():
                self.rounds[stage].append(seconds)
        self._now.clear()


@dataclass(frozen=True)
class Timed:
    """Some records whose way through the stages was timed.

    Attributes:
        documents: how many documents came of them.
        chars: mean characters of their main text.
        html_bytes: mean bytes of their HTML.
        clock: the time of each stage.
    """

    documents: int
    chars: float
    html_bytes: float
    clock: Clock

    def micros(self, stage: str) -> float:
        """Median microseconds a document."""
        return median(self.clock.rounds[stage]) / self.documents * 1e6

    def spread(self, stage: str) -> float:
        """How far the rounds lie apart, by their median."""
        rounds = self.clock.rounds[stage]
        return (max(rounds) - min(rounds)) / max(median(rounds), 1e-9)


def main() -> None:
    """Print a table: microseconds a document by stage, and documents a second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--pages", type=int, default=2000)
    options = parser.parse_args()
    folder = options.data if options.data.exists() else sample()
    paths = sorted(map(str, folder.glob("*.warc.gz")))
    reading = Clock()
    for number in range(ROUNDS + 1):
        crawl = reading.time("read WARC", lambda: list(islice(read(paths), options.pages)))
        reading.end_round(counted=number > 0)
    print(f"read WARC: {median(reading.rounds['read WARC']) / len(crawl) * 1e6:.1f} us a record\n")
    show(timed(crawl), timed(list(typical(crawl))))


def sample() -> Path:
    """The sample crawl, in a folder of its own."""
    folder = Path(mkdtemp())
    build(folder)
    return folder


def typical(records: Sequence[Record]) -> Iterator[Record]:
    """The Japanese pages with as much main text as a typical document."""
    for record in records:
        documents = extract_documents([record]).documents
        if any(chars in TYPICAL_CHARS for chars in documents["n_chars"].to_pylist()):
            yield record


def timed(records: Sequence[Record]) -> Timed:
    """Times all stages over some records, in several rounds."""
    clock = Clock()
    for number in range(ROUNDS + 1):
        batches = [
            one_batch(clock, records[first : first + BATCH])
            for first in range(0, len(records), BATCH)
        ]
        clock.end_round(counted=number > 0)
    found = pa.Table.from_batches(batches)
    chars, sizes = pc.mean(found["n_chars"]).as_py(), pc.mean(found["html_bytes"]).as_py()
    return Timed(found.num_rows, chars, sizes, clock)


def read(paths: Sequence[str]) -> Iterator[Record]:
    """The records of some files."""
    for item in sources.resolve(paths):
        for span in sources.spans(item, item.size):
            for record in sources.read(span, {}):
                if isinstance(record, Record):
                    yield record


def one_batch(clock: Clock, records: Sequence[Record]) -> pa.RecordBatch:
    """The stages one after the other, then all of them as the job does them."""
    likely = clock.time(
        "Japanese by bytes",
        lambda: [r for r in records if may_be_japanese(r.payload, r.charset, r.language)],
    )
    decoded = clock.time("decode", lambda: [decode(r.payload, r.charset) for r in likely])
    found = clock.time(
        "extract HTML",
        lambda: [extract(d.text, r.url, r.robots) for d, r in zip(decoded, likely, strict=True)],
    )
    lines = clock.time("repair lines", lambda: [repair_lines(page.lines) for page in found])
    whole = clock.time("join page text", lambda: [joined(page) for page in lines])
    texts = clock.time(
        "join and trim main text",
        lambda: [
            trim_footer(joined(repaired[number] for number in page.main))
            for page, repaired in zip(found, lines, strict=True)
        ],
    )
    judged = [text_to_judge(p.title, p.text, t) for p, t in zip(found, whole, strict=True)]
    clock.time("Japanese by text", lambda: ja_scores(judged))
    shares = [page.facts["link_share"] for page in found]
    metrics = clock.time("rule metrics", lambda: rules.measure(texts, shares))  # type: ignore[arg-type]
    clock.time("rule verdicts", lambda: rules.verdicts(metrics))
    views = clock.time("dedup view", lambda: [dedup_view(text) for text in texts])
    clock.time("content hash", lambda: content_hashes(views))
    clock.time("signature", lambda: signatures(views))
    batch = clock.time("= extract as a whole", lambda: extract_documents(records).documents)
    clock.time("write Parquet", lambda: write(batch))
    clock.time("score", lambda: BUNDLE.score(batch))
    return batch


def write(batch: pa.RecordBatch) -> None:
    """Write a batch as a task does."""
    with TemporaryDirectory() as folder, Attempt(folder, "task", "settings") as attempt:
        attempt.table("documents", DOCUMENTS.arrow).write(batch)
        attempt.commit()


def show(crawl: Timed, typical: Timed) -> None:
    """Print the medians side by side."""
    for name, sample in (("crawl", crawl), ("typical", typical)):
        print(
            f"{name}: {sample.documents} documents of {sample.chars:,.0f} characters of main text, "
            f"{sample.html_bytes:,.0f} bytes of HTML on average"
        )
    print(f"median of {ROUNDS} rounds, processor time of one core, us a document\n")
    print(f"{'stage':24}{'crawl':>10}{'spread':>8}{'typical':>10}{'spread':>8}{'a second':>10}")
    for stage in crawl.clock.rounds:
        figures = (
            f"{sample.micros(stage):10.1f}{sample.spread(stage):8.0%}"
            for sample in (crawl, typical)
        )
        print(f"{stage:24}", *figures, f"{1e6 / max(typical.micros(stage), 1e-9):10,.0f}", sep="")


BUNDLE = load()

if __name__ == "__main__":
    main()
