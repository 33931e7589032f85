"""Says what each part of the classifiers brings, on sites and owners not trained on.

    python -m bench.ablation RUN [LABELS]

RUN is a finished run over the labelled crawl; LABELS its table, by default
../shared/data/labels-dev.tsv. Each row changes one thing of the shipped settings, trains and judges
again by cross-validation; the last rows put fugashi's words, or its parts of speech with the
particles and auxiliaries as they are, in the place of the main text's n-grams. Takes about an hour.
"""

import argparse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from zlib import crc32

import fugashi
import numpy as np
import scipy.sparse as sp
import unidic_lite

from classifiers.features import by_page_text, features
from classifiers.labels import CLASSES, Label, read_labels
from classifiers.metrics import average_precision
from classifiers.ngrams import BUCKET_BITS, excerpt
from classifiers.runs import labelled_documents
from classifiers.train import Examples, Settings, train

JAPANESE = {"", "ja", "mixed-ja-en"}
FUNCTION_WORDS = ("助詞", "助動詞")


def without(units: Mapping[str, Mapping[str, float]], left_out: str) -> dict[str, dict[str, float]]:
    """The units of all classes without those of one view or family."""
    return {
        name: {what: unit for what, unit in of_class.items() if what != left_out}
        for name, of_class in units.items()
    }


def variations() -> Iterator[tuple[str, Settings]]:
    """The settings of each row but the last two."""
    shipped = Settings()
    yield "as shipped", shipped
    for family in ("shape", "facts", "lexicon"):
        yield (
            f"without {family}",
            replace(shipped, dense_units=without(shipped.dense_units, family)),
        )
    for view, other in (("main", "page"), ("page", "main")):
        yield f"{other} alone", replace(shipped, view_units=without(shipped.view_units, view))
    yield "no class by rarity", replace(shipped, by_rarity=())
    yield "every class by rarity", replace(shipped, by_rarity=CLASSES)
    yield (
        "all labels alike",
        replace(shipped, low_weight=1.0, agreed_weight=1.0, disputed_weight=1.0),
    )


def figures(examples: Examples, settings: Settings) -> str:
    """Average precision of each class that is judged: both readers agree / high and mid."""
    chances, labels = train(examples, settings).chances, examples.labels
    sure = np.array([label.confidence != "low" for label in labels])
    cells = []
    for place in range(len(CLASSES)):
        truth = np.array([label.truth[place] for label in labels])
        agreed = np.array([label.agreed(place) for label in labels])
        judged = np.ptp(chances[:, place]) > 0
        both, all_sure = (
            average_precision(truth[rows], chances[rows, place]) for rows in (agreed, sure)
        )
        cells.append(f"{both:.3f} / {all_sure:.3f}" if judged else "–")
    return " | ".join(cells)


def words(text: str) -> tuple[list[str], list[str]]:
    """The lemmas of a text; and its parts of speech, function words as they are, by line."""
    lemmas, parts = [], []
    for line in excerpt(text).replace("\0", " ").split("\n"):
        parts.append("^")
        for node in tagger()(line):
            lemmas.append(node.feature.lemma or node.surface)
            kind = node.feature.pos1
            parts.append(lemmas[-1] if kind in FUNCTION_WORDS else f"{kind}{node.feature.pos2}")
    return lemmas, parts


def counted(sequences: Iterable[list[str]], longest: int) -> sp.csr_matrix:
    """N-grams of words, hashed as wide as those of characters; rows of length 1."""
    columns, values, ends = [], [], [0]
    for sequence in sequences:
        grams = [
            crc32(" ".join(sequence[first : first + length]).encode()) >> (32 - BUCKET_BITS)
            for length in range(1, longest + 1)
            for first in range(len(sequence) - length + 1)
        ]
        found, counts = np.unique(np.array(grams, dtype=np.int64), return_counts=True)
        weights = 1 + np.log(counts)
        columns.append(found)
        values.append(weights / max(1e-9, float(np.sqrt(weights @ weights))))
        ends.append(ends[-1] + len(found))
    return sp.csr_matrix(
        (np.concatenate(values).astype(np.float32), np.concatenate(columns), ends),
        shape=(len(ends) - 1, 2**BUCKET_BITS),
    )


@cache
def tagger() -> fugashi.Tagger:
    """One tagger: each would hold another copy of the dictionary."""
    return fugashi.Tagger(f'-d "{unidic_lite.DICDIR}"')


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("labels", nargs="?", default="../shared/data/labels-dev.tsv")
    options = parser.parse_args()
    known = [label for label in read_labels(options.labels) if label.language in JAPANESE]
    documents = list(labelled_documents(options.run, known))
    labels: list[Label] = [label for _, of_batch in documents for label in of_batch]
    pages = [document for batch, _ in documents for document in features(batch)]
    html = Examples.of("html", pages, labels)
    text = Examples.of("text", [by_page_text(page) for page in pages], labels)
    print(f"| {Path(options.run).name} | {' | '.join(CLASSES)} |\n|---|---|---|---|")
    for name, settings in variations():
        print(f"| HTML, {name} | {figures(html, settings)} |", flush=True)
    for name, settings in variations():
        if "alone" not in name and "facts" not in name:
            print(f"| whole text, {name} | {figures(text, settings)} |", flush=True)
    whole = [text for batch, _ in documents for text in batch["page_text"].to_pylist()]
    lemmas, parts = zip(*map(words, whole), strict=True)
    for name, sequences, longest in (("words", lemmas, 2), ("parts of speech", parts, 4)):
        replaced = replace(html, ngrams=(html.ngrams[0], counted(sequences, longest)))
        print(f"| HTML, page and its {name} | {figures(replaced, Settings())} |", flush=True)


if __name__ == "__main__":
    main()
