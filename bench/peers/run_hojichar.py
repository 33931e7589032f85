"""HojiChar 0.18: filters for Japanese texts, and MinHash keys in one process.

Its language filter insists on the digest of the large model, which is a download: the same class
is given the small one. `t2`: character 5-grams and 128 permutations, in the bands that it chooses
for a threshold of 0.8 (9 of 13); variant `14x8` asks for as many bands as datatrove's default.
"""

from collections.abc import Iterable, Iterator

import fasttext
from hojichar import Compose, Document, Filter, Parallel
from hojichar import document_filters as filters
from hojichar.filters.deduplication import GenerateDedupLSH, InlineDeduplicator
from hojichar.filters.language_identification import AcceptJapaneseByFastText

from bench.peers import task
from bench.peers.task import LANGUAGE_MODEL, Task


class Japanese(AcceptJapaneseByFastText):
    """The language filter with the model that is at hand."""

    def __init__(self) -> None:
        Filter.__init__(self)
        self.lang_score_threshold, self.language = 0.5, "ja"
        self.model = fasttext.load_model(LANGUAGE_MODEL)


def t1(asked: Task) -> None:
    """Language and the filters that its documentation recommends for web texts."""
    chain = Compose(
        [
            Japanese(),
            filters.DocumentLengthFilter(min_doc_len=100, max_doc_len=50_000),
            filters.DiscardRareKuten(max_average_sentence_length=300),
            filters.DiscardBBSComments(),
            filters.DiscardAds(),
            filters.CharRepetitionRatioFilter(threshold=0.33, ngram_size=5),
            filters.WordRepetitionRatioFilter(threshold=0.40, ngram_size=7),
            filters.DiscardTooManyEndingEllipsis(),
            filters.DiscardTooShortLines(threshold=0.9),
        ]
    )
    task.write(asked.out / "kept.jsonl", _accepted(_through(chain, asked)))


def t2(asked: Task) -> None:
    """Keys of each document, then a set of all keys seen."""
    bands = {"num_bands": 14, "band_size": 8} if asked.variant == "14x8" else {}
    keys = GenerateDedupLSH(num_perm=128, threshold=0.8, n_grams=5, **bands)
    seen = InlineDeduplicator()
    task.write(asked.out / "kept.jsonl", _accepted(map(seen.apply, _through(keys, asked))))


def _through(chain: Filter, asked: Task) -> Iterator[Document]:
    documents = (
        Document(row["text"], extras={"id": row["id"], "url": row["url"]})
        for row in task.rows(asked.source)
    )
    if asked.workers == 1:
        yield from map(chain.apply, documents)
    else:
        with Parallel(Compose([chain]), num_jobs=asked.workers, ordered=True) as parallel:
            yield from parallel.imap_apply(documents)


def _accepted(documents: Iterable[Document]) -> Iterator[dict[str, str]]:
    for document in documents:
        if not document.is_rejected:
            yield {"id": document.extras["id"], "text": document.text}


if __name__ == "__main__":
    task.run({"t1": t1, "t2": t2})
