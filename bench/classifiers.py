"""Times the classifiers stage by stage, on one core.

    python -m bench.classifiers [DATA]

DATA is a labelled crawl, by default ../shared/data. The documents are Japanese pages of it whose
main text has 1,500 characters or more: the main text is cut there, the whole page is as it is.
Processor time: printed is the fastest of three rounds, and all three go into the store.
"""

import argparse
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from statistics import mean

import pyarrow as pa

from bench import results
from bench.labelled_crawl import labelled_pages
from bench.measure import processor_seconds
from classifiers.bundle import load
from classifiers.facts import facts
from classifiers.features import features
from classifiers.lexicon import adult_lexicon
from classifiers.morphology import noun_share
from classifiers.ngrams import Counter, code_points
from classifiers.shape import kinds_of, shape
from pipeline.decode import decode
from pipeline.html import UnreadablePage, extract
from schemas import PAGE_FACTS

MAIN_CHARS = 1500
PAGES = 512
ROUNDS = 3


def documents(folder: Path) -> pa.RecordBatch:
    """Reads the documents to score."""
    rows = []
    for page in labelled_pages(folder):
        if not page.holds_japanese:
            continue
        try:
            read = extract(decode(page.payload, page.charset).text, page.url)
        except UnreadablePage:
            continue
        if len(read.text) >= MAIN_CHARS:
            text, size = read.text[:MAIN_CHARS], len(page.payload)
            row = {"id": page.url, "url": page.url, "title": read.title, "text": text}
            row |= {"page_text": read.page_text, **read.facts}
            rows.append({**row, "charset": "utf-8", "html_bytes": size})
        if len(rows) == PAGES:
            break
    plain = [pa.field(name, pa.string()) for name in ("id", "url", "title", "text", "page_text")]
    return pa.RecordBatch.from_pylist(
        rows, schema=pa.schema([*plain, *(fact.arrow for fact in PAGE_FACTS)])
    )


def microseconds(work: Callable[[], Iterable[object]], count: int) -> list[float]:
    """The processor time of a piece of work for each of `count` documents, by round.

    What it gives is dropped at once, as it is when documents are scored: to keep it would ask the
    system for memory all the time.
    """
    return [1e6 * processor_seconds(lambda: deque(work(), 0)) / count for _ in range(ROUNDS)]


def main() -> None:
    """Prints the table, and puts it into the store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    batch = documents(parser.parse_args().data)
    count, bundle, counter, lexicon = len(batch), load(), Counter(), adult_lexicon()
    rows = batch.to_pylist()
    texts = [row[name] for row in rows for name in ("page_text", "text")]
    codes = [code_points(text) for text in texts]
    kinds = [kinds_of(of_text) for of_text in codes]
    distinct = [len(counter.count(of_text)[0]) for of_text in codes]
    seen = list(features(batch))
    stages: dict[str, Callable[[], Iterable[object]]] = {
        "code points": lambda: map(code_points, texts),
        "n-grams": lambda: map(counter.count, codes),
        "shape": lambda: map(shape, texts, map(kinds_of, codes), distinct),
        "lexicon": lambda: map(lexicon.find, codes, kinds),
        "facts": lambda: facts(rows),
        "models": lambda: map(bundle.log_odds, seen),
        "all three classes": lambda: bundle.chances(batch),
    }
    chars = mean(len(text) for text in texts[::2])
    print(f"{count} pages, {chars:.0f} characters a whole page")
    took = {name: microseconds(work, count) for name, work in stages.items()}
    for name, each in took.items():
        print(f"{name:20} {min(each):8.0f} µs a document {1e6 / min(each):9.0f} documents/s")
    auto = bundle.score(batch)["noun_share"]
    sample = list(islice((row["text"] for row in rows), 128))
    took["noun share"] = microseconds(lambda: map(noun_share, sample), len(sample))
    fastest, share = min(took["noun share"]), 1 - auto.null_count / count
    print(f"{'noun share':20} {fastest:8.0f} µs a document; auto analyses {share:.0%} of them")
    results.forget("classifiers.")
    results.add({f"classifiers.{name.replace(' ', '_')}.us": each for name, each in took.items()})
    speeds = [1e6 / each for each in took["all three classes"]]
    results.add(
        {
            "classifiers.docs_per_s": speeds,
            "classifiers.pages": count,
            "classifiers.page_chars": chars,
            "classifiers.noun_share.analysed": share,
            **results.describe_machine("classifiers"),
        }
    )


if __name__ == "__main__":
    main()
