"""Says what each part of the classifiers brings, on sites and owners not trained on.

    python -m bench.ablation RUN [PART …]

RUN is a finished run over the labelled crawl and the synthetic pages, whose tables are
../shared/data/labels-dev.tsv and classifiers/synthetic/pages.jsonl, or what `--labels` names. Each
row changes one thing of the shipped settings, trains and judges again in the folds of the model
card. A cell is average precision where two readers agree / on labels of confidence high and mid; a
class that the row does not concern has none. The parts:

    html       the head for pages whose HTML was read: each family and view left out, and alone
    text       the head for text alone: the same, on each form of text that it may be given
    words      fugashi's words, or parts of speech with the particles and auxiliaries as they are,
               in the place of the main text's n-grams, and alone
    baseline   scikit-learn's TF-IDF of character 1- to 4-grams of the whole page, of sites alone
    fasttext   fastText on the characters of the whole page, of sites alone

All of them take 40 minutes on one core.
"""

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from zlib import crc32

import fasttext
import fugashi
import numpy as np
import scipy.sparse as sp
import unidic_lite
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from classifiers.features import NAMES, Features, features
from classifiers.labels import CLASSES, Label, folds, read_labels, rows_of_sites
from classifiers.metrics import average_precision
from classifiers.ngrams import BUCKET_BITS, excerpt
from classifiers.runs import labelled_documents
from classifiers.train import TEXT_FORMS, Examples, Settings, as_text, train

TABLES = ("../shared/data/labels-dev.tsv", "classifiers/synthetic/pages.jsonl")
JAPANESE = {"", "ja", "mixed-ja-en"}
FUNCTION_WORDS = ("助詞", "助動詞")
SILENT = 1e-6
"""The length of an n-gram vector beside which dense features speak alone."""

BASELINE_CHARS = 20_000
"""Characters of a page that the baseline reads, five times those of the classifiers."""

LINE = "⏎"
"""The end of a line among characters that fastText reads as words."""

SHIPPED = Settings()
Units = Mapping[str, Mapping[str, float]]
Row = tuple[str, Settings]


@dataclass(frozen=True)
class Pages:
    """Labelled pages of a run: their features, their whole texts, a label each."""

    seen: list[Features]
    texts: list[str]
    labels: list[Label]

    @classmethod
    def of_run(cls, run: str, labels: Iterable[Label]) -> "Pages":
        """Reads the Japanese pages of a run that have a label."""
        known = [label for label in labels if label.language in JAPANESE]
        found = cls([], [], [])
        for batch, of_batch in labelled_documents(run, known):
            found.seen.extend(features(batch))
            found.texts.extend(batch["page_text"].to_pylist())
            found.labels.extend(of_batch)
        return found

    def of_sites(self) -> "Pages":
        """Those that are pages of sites, by which everything is judged; synthetic ones are not."""
        rows = rows_of_sites(self.labels)
        return Pages(
            *([column[row] for row in rows] for column in (self.seen, self.texts, self.labels))
        )

    def as_html(self) -> Examples:
        """What the head for HTML is trained on."""
        return Examples.of("html", self.seen, self.labels)

    def as_text(self) -> Examples:
        """What the text head is trained on."""
        return as_text(self.seen, self.labels)


def without(units: Units, *left_out: str) -> Units:
    """The units of all classes without those of some views or families."""
    return {
        name: {what: unit for what, unit in of_class.items() if what not in left_out}
        for name, of_class in units.items()
    }


def silent(units: Units) -> Units:
    """The units of all classes with n-grams that say next to nothing."""
    return {name: dict.fromkeys(of_class, SILENT) for name, of_class in units.items()}


def of(
    classes: str,
    view_units: Units = SHIPPED.view_units,
    dense_units: Units = SHIPPED.dense_units,
) -> Settings:
    """The shipped settings with other units, for some classes; the others are not trained."""
    judged = {name: units if name in classes.split() else {} for name, units in view_units.items()}
    return replace(SHIPPED, view_units=judged, dense_units=dense_units)


def html_rows() -> Iterator[Row]:
    """What is changed of the head for HTML, which does not judge adult pages."""
    dense, views = SHIPPED.dense_units, SHIPPED.view_units
    yield "as shipped", of("noise affiliate")
    yield "without shape", of("noise", dense_units=without(dense, "shape"))
    yield "without facts", of("noise affiliate", dense_units=without(dense, "facts"))
    yield "n-grams alone", of("noise", dense_units=without(dense, "shape", "facts"))
    yield "shape and facts alone", of("noise affiliate", view_units=silent(views))
    for view in ("main", "page", "title"):
        left = of("noise affiliate", view_units=without(views, view))
        yield f"without the n-grams of {view}", left
    yield "without the n-grams of path", of("noise", view_units=without(views, "path"))


def text_rows() -> Iterator[Row]:
    """What is changed of the head for text alone; affiliate pages have n-grams alone there."""
    dense, views = SHIPPED.dense_units, SHIPPED.view_units
    yield "adult as shipped", of("adult")
    yield "without lexicon", of("adult", dense_units=without(dense, "lexicon"))
    yield "lexicon alone", of("adult", view_units=silent(views))
    yield "noise and affiliate as shipped", of("noise affiliate")
    yield "without shape", of("noise", dense_units=without(dense, "shape"))
    yield "without title", of("noise affiliate", view_units=without(views, "title"))
    yield "without path", of("noise", view_units=without(views, "path"))


def print_row(name: str, chances: NDArray[np.float64], labels: Sequence[Label]) -> None:
    """Prints the average precision of each class that is judged."""
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
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


def print_html(pages: Pages) -> None:
    """The rows of the head for HTML."""
    examples, judged = pages.as_html(), pages.of_sites().labels
    for name, settings in html_rows():
        print_row(f"HTML, {name}", train(examples, settings).chances, judged)
    of_sites = train(examples.of_sites(), of("noise affiliate")).chances
    print_row("HTML, without synthetic pages", of_sites, judged)


def print_text(pages: Pages) -> None:
    """The rows of the text head, by what is known of a page."""
    examples, judged = pages.as_text(), pages.of_sites().labels

    def print_forms(name: str, examples: Examples, settings: Settings) -> None:
        by_form = np.split(train(examples, settings).chances, len(TEXT_FORMS))
        for form, chances in zip(TEXT_FORMS, by_form, strict=True):
            print_row(f"{form}: {name}", chances, judged)

    for name, settings in text_rows():
        print_forms(name, examples, settings)
    print_forms("without synthetic pages", examples.of_sites(), SHIPPED)


def print_words(pages: Pages) -> None:
    """Rows with the whole page's words, or parts of speech, in the place of the main text."""
    examples, settings, judged = pages.as_html(), of("noise affiliate"), pages.of_sites().labels
    no_dense = without(SHIPPED.dense_units, "shape", "facts", "lexicon")
    alone = of("noise affiliate", without(SHIPPED.view_units, "page", *NAMES), no_dense)
    lemmas, parts = zip(*map(words, pages.texts), strict=True)
    for name, sequences, longest in (("words", lemmas, 2), ("parts of speech", parts, 4)):
        page, _, *names = examples.ngrams
        replaced = replace(examples, ngrams=(page, counted(sequences, longest), *names))
        row = f"HTML, {name} for the main text's n-grams"
        print_row(row, train(replaced, settings).chances, judged)
        print_row(f"{name} alone", train(replaced, alone).chances, judged)


def print_baseline(pages: Pages) -> None:
    """The row of a plain logistic regression; every page counts alike."""
    pages = pages.of_sites()
    cut = [text[:BASELINE_CHARS] for text in pages.texts]
    vectors = TfidfVectorizer(
        analyzer="char", ngram_range=(1, 4), sublinear_tf=True, min_df=5, dtype=np.float32
    ).fit_transform(cut)
    truth = np.array([label.truth for label in pages.labels])
    fold = folds(pages.labels, SHIPPED.n_folds)
    chances = np.zeros(truth.shape)
    for number in range(SHIPPED.n_folds):
        seen, unseen = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        for place in range(len(CLASSES)):
            model = LogisticRegression(
                C=10.0, solver="liblinear", dual=True, tol=0.02, max_iter=300, random_state=0
            ).fit(vectors[seen], truth[seen, place])
            chances[unseen, place] = model.predict_proba(vectors[unseen])[:, 1]
    print_row("baseline, character n-grams of the whole page", chances, pages.labels)


def print_fasttext(pages: Pages) -> None:
    """The row of fastText, which knows no weights: every page counts alike."""
    pages = pages.of_sites()
    lines = [" ".join(excerpt(text).replace("\0", "").replace(" ", "")) for text in pages.texts]
    lines = [line.replace("\n", LINE) for line in lines]
    fold = folds(pages.labels, SHIPPED.n_folds)
    chances = np.zeros((len(lines), len(CLASSES)))
    for number in range(SHIPPED.n_folds):
        model = fasttext_model(
            [
                f"{tags(label)} {line}"
                for line, label, of_page in zip(lines, pages.labels, fold, strict=True)
                if of_page != number
            ]
        )
        for row in np.flatnonzero(fold == number):
            said = dict(zip(*model.predict(lines[row], k=-1), strict=True))
            chances[row] = [said.get(f"__label__{name}", 0.0) for name in CLASSES]
    print_row("fastText, characters of the whole page", chances, pages.labels)


def tags(label: Label) -> str:
    """The classes of a page as fastText reads them; a page of none has a class of its own."""
    names = [name for name, true in zip(CLASSES, label.truth, strict=True) if true]
    return " ".join(f"__label__{name}" for name in names or ["none"])


def fasttext_model(lines: Sequence[str]) -> fasttext.FastText._FastText:
    """One yes or no a class, over 1- to 3-grams of characters."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "pages.txt")
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return fasttext.train_supervised(
            str(path),
            loss="ova",
            dim=16,
            epoch=10,
            lr=0.5,
            wordNgrams=3,
            minCount=10,
            bucket=2**BUCKET_BITS,
            thread=1,
            verbose=0,
        )


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


PARTS: Mapping[str, Callable[[Pages], None]] = {
    "html": print_html,
    "text": print_text,
    "words": print_words,
    "baseline": print_baseline,
    "fasttext": print_fasttext,
}


def main() -> None:
    """Prints the rows of each part that is asked for, as they come."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; or all")
    parser.add_argument("--labels", nargs="+", default=TABLES)
    options = parser.parse_args()
    if unknown := set(options.parts) - PARTS.keys():
        parser.error(f"there is no part {', '.join(sorted(unknown))}: {', '.join(PARTS)}")
    known = [label for table in options.labels for label in read_labels(table)]
    pages = Pages.of_run(options.run, known)
    print(f"| {len(pages.labels):,} pages | {' | '.join(CLASSES)} |\n|---|---|---|---|")
    for part in options.parts or PARTS:
        PARTS[part](pages)


if __name__ == "__main__":
    main()
