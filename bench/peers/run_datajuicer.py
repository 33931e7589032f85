"""data-juicer 1.6: operators over Hugging Face datasets."""

import os
import shutil
import sys
from pathlib import Path

from data_juicer.core.data import NestedDataset
from data_juicer.ops import filter as ops
from data_juicer.ops.deduplicator import DocumentMinhashDeduplicator
from datasets import load_dataset
from loguru import logger

from bench.peers import task
from bench.peers.task import LANGUAGE_MODEL, Task


def t1(asked: Task) -> None:
    """Language, lengths, repetition and symbols: its operators that fit Japanese."""
    models = Path(os.environ["DATA_JUICER_CACHE_HOME"], "models")
    models.mkdir(parents=True)
    shutil.copy(LANGUAGE_MODEL, models / "lid.176.bin")  # the name that it would download
    processes = {"num_proc": asked.workers}
    _process(
        asked,
        [
            ops.LanguageIDScoreFilter(lang="ja", min_score=0.5, **processes),
            ops.TextLengthFilter(min_len=100, max_len=50_000, **processes),
            ops.CharacterRepetitionFilter(rep_len=5, max_ratio=0.33, **processes),
            ops.WordRepetitionFilter(lang="ja", rep_len=10, max_ratio=0.5, **processes),
            ops.SpecialCharactersFilter(max_ratio=0.5, **processes),
            ops.AverageLineLengthFilter(min_len=10, max_len=20_000, **processes),
            ops.MaximumLineLengthFilter(min_len=20, max_len=50_000, **processes),
        ],
    )


def t2(asked: Task) -> None:
    """Character 5-grams, 128 permutations, a threshold of 0.8."""
    minhash = DocumentMinhashDeduplicator(
        tokenization="character",
        window_size=5,
        num_permutations=128,
        jaccard_threshold=0.8,
        num_proc=asked.workers,
    )
    _process(asked, [minhash])


def _process(asked: Task, operators: list[object]) -> None:
    data = NestedDataset(load_dataset("json", data_files=str(asked.source), split="train"))
    processed = data.process(operators, open_monitor=False)
    # A single text is left with its sketch, which are bytes and no JSON.
    processed.select_columns(data.column_names).to_json(
        str(asked.out / "kept.jsonl"), force_ascii=False
    )


if __name__ == "__main__":
    logger.remove()
    logger.add(sys.stderr, level="ERROR")
    task.run({"t1": t1, "t2": t2})
