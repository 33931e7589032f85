"""Times the normalisation and the rule metrics, and counts which pages fail which rules.

    python bench/rules.py time [DATA]     microseconds by group for a document of 1,500 characters
    python bench/rules.py hits [DATA]     failing pages of each rule: clean, noise, adult, affiliate

DATA is the folder of the labelled crawl, by default ../shared/data. Times are processor time, the
best of five rounds over the same texts; on a shared machine compare them side by side only.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from labelled_crawl import labelled_pages

from pipeline import rules
from pipeline.decode import decode
from pipeline.html import UnreadablePage, extract
from pipeline.rules import metrics, ngrams, phrases, scripts, segments
from pipeline.rules.characters import slices
from pipeline.text import dedup_view, normalise

CHARACTERS = 1500
ROUNDS = 5


def main() -> None:
    """Runs the measurement that the first argument names."""
    measurements = {"time": print_times, "hits": print_hits}
    name = sys.argv[1] if len(sys.argv) > 1 else "time"
    measurements[name](Path(sys.argv[2] if len(sys.argv) > 2 else "../shared/data"))


def pages(data: Path) -> Iterator[tuple[dict[str, str], str, float | None]]:
    """Japanese pages: their label, main text as extracted, and link share."""
    for page in labelled_pages(data):
        if not page.holds_japanese:
            continue
        try:
            extracted = extract(decode(page.payload, page.charset).text, page.url)
        except UnreadablePage:
            continue
        links = extracted.facts["link_share"]
        yield page.labels, extracted.text, links if isinstance(links, float) else None


def print_times(data: Path) -> None:
    """Prints microseconds a document for each step."""
    raw = [text for _, text, _ in pages(data) if len(text) >= CHARACTERS]
    raw = [text[:CHARACTERS] for text in raw[:640]]
    texts = [normalise(text) for text in raw]
    parts = list(slices(texts))
    steps: dict[str, tuple[Callable[..., object], Sequence[object]]] = {
        "normalise": (normalise, raw),
        "normalise again": (normalise, texts),
        "dedup_view": (dedup_view, texts),
        "scripts": (scripts.script_metrics, parts),
        "lines": (segments.line_metrics, parts),
        "sentences": (segments.sentence_metrics, parts),
        "n-grams": (ngrams.ngram_metrics, parts),
        "n-grams, naive": (naive_ngrams, texts),
        "compression": (metrics.compression_metrics, parts),
        "phrases": (phrases.phrase_metrics, parts),
        "phrases, naive": (naive_phrases, texts),
        "measure": (lambda batch: rules.measure(batch, [None] * len(batch)), [texts]),
    }
    columns = rules.measure(texts, [None] * len(texts))
    steps["verdicts"] = (rules.verdicts, [columns])
    for name, (step, values) in steps.items():
        rounds = 1 if "naive" in name else ROUNDS
        print(f"{name:16s} {best_time(step, values, rounds) / len(texts) * 1e6:8.1f} µs")


def best_time(step: Callable[..., object], values: Sequence[object], rounds: int) -> float:
    """Seconds of processor time for the step over all values, the best round."""
    times = []
    for _ in range(rounds):
        begin = time.process_time()
        for value in values:
            step(value)
        times.append(time.process_time() - begin)
    return min(times)


def naive_ngrams(text: str) -> None:
    """Counts the n-grams as plain Python does."""
    for n in range(2, 11):
        counts = Counter(text[i : i + n] for i in range(len(text) - n + 1))
        max(counts.values(), default=0)
        sum(count for count in counts.values() if count > 1)


def naive_phrases(text: str) -> None:
    """Looks for each term with `in`."""
    [term for name in phrases.LISTS for term in phrases.terms(name) if term in text]


def print_hits(data: Path) -> None:
    """Prints for each rule the share of pages that fail it, by label; low confidence left out."""
    labels, texts, link_share = [], [], []
    for label, text, links in pages(data):
        if label["confidence"] != "low":
            labels.append(label)
            texts.append(normalise(text))
            link_share.append(links)
    flags = [set(names) for names in rules.verdicts(rules.measure(texts, link_share))]
    carries = {
        kind: np.array([label[kind] == "1" for label in labels])
        for kind in ("noise", "affiliate", "adult")
    }
    clean = ~(carries["noise"] | carries["affiliate"] | carries["adult"])
    groups = {"clean": clean, **carries}
    print("rule".ljust(32), *(f"{name} {mask.sum()}".rjust(15) for name, mask in groups.items()))
    for rule in rules.RULES:
        failing = np.array([rule.name in names for names in flags])
        shares = (f"{failing[mask].mean():15.1%}" for mask in groups.values())
        print(rule.name.ljust(32), *shares)


if __name__ == "__main__":
    main()
