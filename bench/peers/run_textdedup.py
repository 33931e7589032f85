"""text-dedup 0.4: MinHash over words, which it cuts where Japanese has hardly any cut.

Variant `spaced` gives it the text with a space between characters, so that its 5-grams are those of
characters. That is no feature of text-dedup, but what makes it find anything.
"""

import subprocess
import sys

import datasets

from bench.peers import task
from bench.peers.task import Task


def t2(asked: Task) -> None:
    """Its command with 128 permutations and a threshold of 0.8, and the kept ids read back."""
    source, column = asked.source.resolve(), "text"
    if asked.variant == "spaced":
        source, column = asked.out.resolve() / "spaced-input.json", "spaced"
        task.write(
            source,
            (
                row | {"spaced": " ".join("".join(row["text"].split()))}
                for row in task.rows(asked.source)
            ),
        )
    out = asked.out.resolve()
    options = {
        "path": "json",
        "data_files": source,
        "split": "train",
        "cache_dir": out / "cache",
        "output": out / "kept",
        "column": column,
        "ngram": 5,
        "num_perm": 128,
        "threshold": 0.8,
        "min_length": 0,
        "hash_func": "xxh3",
        "hash_bits": 32,
        "num_proc": asked.workers,
        "batch_size": 10_000,
    }
    command = [sys.executable, "-m", "text_dedup.minhash"]
    command += [str(part) for name, value in options.items() for part in (f"--{name}", value)]
    subprocess.run(command, check=True, cwd=out)
    names = datasets.load_from_disk(str(out / "kept"))["id"]
    (out / "kept.txt").write_text("\n".join(names), "utf-8")


if __name__ == "__main__":
    task.run({"t2": t2})
