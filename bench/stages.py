"""Times extract and score stage by stage on one core, as the job runs them, without Beam.

    python -m bench.stages [DATA] [--pages N]

DATA is a folder of WARC files, by default ../shared/data, or the sample crawl where that is absent.
Processor time, median of three rounds; the first round warms up and is not counted. Each figure is
of the functions that `pipeline.documents` calls, in batches of 256 records.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory, mkdtemp
from typing import TypeVar

import pyarrow as pa

from classifiers.bundle import load
from pipeline import rules, sources
from pipeline.decode import decode
from pipeline.dedup.signatures import content_hashes, signatures
from pipeline.documents import extract_documents
from pipeline.html import extract
from pipeline.language import ja_scores, may_be_japanese, text_to_judge
from pipeline.sources import Record
from pipeline.tasks import Attempt
from pipeline.text import dedup_view, normalise
from schemas import DOCUMENTS
from tests.sample_crawl import build

ROUNDS = 3
BATCH = 256

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


def main() -> None:
    """Print a table: microseconds a document by stage, and documents a second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--pages", type=int, default=2000)
    options = parser.parse_args()
    folder = options.data if options.data.exists() else sample()
    clock = Clock()
    for number in range(ROUNDS + 1):
        documents = one_round(clock, folder, options.pages)
        clock.end_round(counted=number > 0)
    show(clock, documents)


def sample() -> Path:
    """The sample crawl, in a folder of its own."""
    folder = Path(mkdtemp())
    build(folder)
    return folder


def one_round(clock: Clock, folder: Path, pages: int) -> int:
    """All stages over the first pages of a crawl; gives the number of documents."""
    paths = sorted(map(str, folder.glob("*.warc.gz")))
    records = clock.time("read WARC", lambda: list(islice(read(paths), pages)))
    documents = 0
    for first in range(0, len(records), BATCH):
        documents += one_batch(clock, records[first : first + BATCH])
    return documents


def read(paths: Sequence[str]) -> Iterator[Record]:
    """The records of some files."""
    for item in sources.resolve(paths):
        for span in sources.spans(item, item.size):
            for record in sources.read(span, {}):
                if isinstance(record, Record):
                    yield record


def one_batch(clock: Clock, records: list[Record]) -> int:
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
    texts = clock.time("normalise", lambda: [normalise(page.text) for page in found])
    whole = clock.time("normalise page text", lambda: [normalise(p.page_text) for p in found])
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
    return int(batch.num_rows)


def write(batch: pa.RecordBatch) -> None:
    """Write a batch as a task does."""
    with TemporaryDirectory() as folder, Attempt(folder, "task", "settings") as attempt:
        attempt.table("documents", DOCUMENTS.arrow).write(batch)
        attempt.commit()


def show(clock: Clock, documents: int) -> None:
    """Print the medians."""
    print(f"{documents} documents; median of {ROUNDS} rounds, processor time of one core\n")
    print(f"{'stage':24}{'us/document':>12}{'documents/s':>14}{'spread':>10}")
    for stage, rounds in clock.rounds.items():
        micros = median(rounds) / documents * 1e6
        spread = (max(rounds) - min(rounds)) / median(rounds) if median(rounds) else 0
        print(f"{stage:24}{micros:12.1f}{1e6 / max(micros, 1e-9):14,.0f}{spread:10.0%}")


BUNDLE = load()

if __name__ == "__main__":
    main()
