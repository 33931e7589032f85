"""dolma 1.2: taggers write attributes beside the documents, its mixer in Rust filters by them."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

from dolma.core.runtime import create_and_run_tagger
from dolma.taggers.language import FastTextAllLanguagesDocumentTagger

from bench.peers import task
from bench.peers.task import LANGUAGE_MODEL, Task

# At module level, since its workers import this module again.
FastTextAllLanguagesDocumentTagger.MODEL_PATH = LANGUAGE_MODEL

TAGGERS = ["ft_lang_id_1e2", "gopher_v2", "char_length_v1"]
_JAPANESE = "@.tags__ft_lang_id_1e2__ja"
_LENGTH = "@.tags__char_length_v1__length"
_REPEATED = "@.tags__gopher_v2__fraction_of_duplicate_lines"


def t1(asked: Task) -> None:
    """Language, Gopher's statistics and length as tags; then the mixer over them."""
    documents = asked.out / "input" / "documents"
    _compressed(asked, documents)
    create_and_run_tagger(
        documents=[f"{documents}/*.gz"],
        taggers=TAGGERS,
        experiment="tags",
        destination=[str(asked.out / "input" / "attributes" / "tags")],
        num_processes=asked.workers,
        debug=False,
        ignore_existing=True,
    )
    config = asked.out / "mix.json"
    config.write_text(json.dumps(_mix(documents, asked)))
    command = [str(Path(sys.executable).with_name("dolma")), "-c", str(config), "mix"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    for path in documents.iterdir():
        path.unlink()


def _compressed(asked: Task, folder: Path) -> None:
    """The input in dolma's form, a file a worker."""
    folder.mkdir(parents=True)
    lines = [
        json.dumps(
            {**row, "source": "bench", "added": "2025-06-01T00:00:00.000Z"}, ensure_ascii=False
        )
        for row in task.rows(asked.source)
    ]
    for worker in range(asked.workers):
        with gzip.open(folder / f"{worker}.jsonl.gz", "wt", 1, encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines[worker :: asked.workers])


def _mix(documents: Path, asked: Task) -> dict[str, object]:
    def where(tag: str, test: str) -> str:
        return f"$.attributes[?({tag} && {tag}[0] && {tag}[0][2] {test})]"

    stream = {
        "name": "kept",
        "documents": [f"{documents}/*.gz"],
        "attributes": ["tags"],
        "output": {"path": str(asked.out / "kept"), "max_size_in_bytes": 1_000_000_000},
        "filter": {
            "include": [where(_JAPANESE, ">= 0.5")],
            "exclude": [where(_LENGTH, "< 100"), where(_REPEATED, "> 0.3")],
        },
    }
    return {"processes": asked.workers, "streams": [stream]}


if __name__ == "__main__":
    task.run({"t1": t1})
