"""datatrove 0.10: blocks in a row, over files; Japanese words by spaCy and Sudachi.

Its language filter would download a model: the same class is given the file at hand. `t2`, variant
`characters`: its tokenizer, which is the dearest part, gives characters instead of words. That is
no option of datatrove but what the other contestants do, and finds more. `kept` of the pages of
`t3` are named by the address that its reader puts into the metadata.
"""

import sys

import datatrove.utils.lid
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.dedup import minhash
from datatrove.pipeline.dedup.minhash import (
    MinhashConfig,
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.extractors import Trafilatura
from datatrove.pipeline.filters import (
    GopherQualityFilter,
    GopherRepetitionFilter,
    LanguageFilter,
)
from datatrove.pipeline.readers import JsonlReader, WarcReader
from datatrove.pipeline.writers import JsonlWriter
from datatrove.utils.hashing import HashConfig
from datatrove.utils.typeshelper import Languages
from datatrove.utils.word_tokenizers import WordTokenizer
from loguru import logger

from bench.peers import task
from bench.peers.task import LANGUAGE_MODEL, Task

JAPANESE = Languages.japanese__jpan


class Characters(WordTokenizer):
    """Characters for words."""

    def word_tokenize(self, text: str) -> list[str]:
        """Every character but white space."""
        return [character for character in text if not character.isspace()]

    def sent_tokenize(self, text: str) -> list[str]:
        """The text."""
        return [text]

    def span_tokenize(self, text: str) -> list[tuple[int, int]]:
        """The text."""
        return [(0, len(text))]


def t1(asked: Task) -> None:
    """Language, then Gopher's filters with thresholds for Japanese."""
    source = task.split(asked, asked.out / "input", asked.workers)
    _run(asked, "1", [JsonlReader(str(source)), *_filters(), _writer(asked)])


def t2(asked: Task) -> None:
    """Its four steps, 14 bands of 8."""
    if asked.variant == "characters":
        minhash.load_word_tokenizer = lambda _: Characters("ja")
    source = str(task.split(asked, asked.out / "input", asked.workers))
    config = MinhashConfig(
        n_grams=5, num_buckets=14, hashes_per_bucket=8, hash_config=HashConfig(precision=64)
    )
    sketches, pairs, removed = (str(asked.out / name) for name in ("sketches", "pairs", "removed"))
    sketch = MinhashDedupSignature(sketches, config=config, language=JAPANESE)
    _run(asked, "1", [JsonlReader(source), sketch])
    buckets = [MinhashDedupBuckets(sketches, pairs, config=config)]
    _run(asked, "2", buckets, tasks=config.num_buckets)
    _run(asked, "3", [MinhashDedupCluster(pairs, removed, config=config)], tasks=1)
    _run(asked, "4", [JsonlReader(source), MinhashDedupFilter(removed), _writer(asked)])


def t3(asked: Task) -> None:
    """Trafilatura, language, and the filters of `t1`, as FineWeb does."""
    source = task.split(asked, asked.out / "input", 1)
    reader = WarcReader(str(source), glob_pattern="*.warc.gz")
    extractor = Trafilatura(favour_precision=True, timeout=5)
    _run(asked, "1", [reader, extractor, *_filters(), _writer(asked)])


def _filters() -> list[PipelineStep]:
    return [
        LanguageFilter(languages=["ja"], language_threshold=0.5),
        GopherRepetitionFilter(
            language=JAPANESE,
            dup_line_frac=0.3,
            top_n_grams=((2, 0.2), (3, 0.18), (4, 0.16)),
            dup_n_grams=((5, 0.15), (6, 0.14), (7, 0.13), (8, 0.12), (9, 0.11), (10, 0.10)),
        ),
        GopherQualityFilter(
            language=JAPANESE,
            min_avg_word_length=1,
            max_avg_word_length=10,
            min_stop_words=0,
            max_non_alpha_words_ratio=0.6,
        ),
    ]


def _writer(asked: Task) -> JsonlWriter:
    return JsonlWriter(str(asked.out / "kept"), compression=None)


def _run(asked: Task, step: str, blocks: list[PipelineStep], tasks: int | None = None) -> None:
    tasks = tasks or asked.workers
    LocalPipelineExecutor(
        blocks,
        tasks=tasks,
        workers=min(tasks, asked.workers),
        logging_dir=str(asked.out / "log" / step),
        skip_completed=False,
    ).run()


if __name__ == "__main__":
    logger.remove()
    logger.add(sys.stderr, level="ERROR")
    datatrove.utils.lid.cached_asset_path_or_download = lambda *_, **__: LANGUAGE_MODEL
    task.run({"t1": t1, "t2": t2, "t3": t3})
