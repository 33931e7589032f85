"""What every contestant is asked, in the environment of a peer: the standard library only.

    python -m bench.peers.run_PEER TASK INPUT OUT [--workers N] [--variant NAME]

Tasks: `t1` filters texts and writes what is kept, `t2` removes near-duplicates and writes what is
kept, `t3` takes a WARC to filtered texts. INPUT is JSONL with `id`, `url` and `text`, or a WARC.
OUT is a folder; what is kept is `kept.jsonl` in it or JSONL below `kept`, or `kept.txt` names it.
"""

import argparse
import gzip
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LANGUAGE_MODEL = os.environ.get("LANGUAGE_MODEL", "")
"""The fastText model of 176 languages, which peers would download; the same file for everybody."""


@dataclass(frozen=True)
class Task:
    """One run.

    Attributes:
        source: the input.
        out: the folder of the output.
        workers: processes.
        variant: what else is asked of this contestant; empty for nothing.
    """

    source: Path
    out: Path
    workers: int
    variant: str


def run(tasks: Mapping[str, Callable[[Task], None]]) -> None:
    """The command: does the task that is asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=sorted(tasks))
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--variant", default="")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True)
    tasks[asked.task](Task(asked.source, asked.out, asked.workers, asked.variant))


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a JSONL file."""
    with (
        gzip.open(path, "rt", encoding="utf-8")
        if path.suffix == ".gz"
        else path.open(encoding="utf-8") as lines
    ):
        yield from map(json.loads, lines)


def write(path: Path, kept: Iterable[Mapping[str, Any]]) -> None:
    """Rows as JSONL."""
    with path.open("w", encoding="utf-8") as file:
        for row in kept:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def split(task: Task, folder: Path, pieces: int) -> Path:
    """The input as so many files, for those who spread work by file; one is only linked."""
    folder.mkdir()
    if pieces == 1:
        (folder / task.source.name).symlink_to(task.source.resolve())
        return folder
    lines = task.source.read_bytes().splitlines(keepends=True)
    for piece in range(pieces):
        (folder / f"{piece}.jsonl").write_bytes(b"".join(lines[piece::pieces]))
    return folder


def kept(out: Path) -> list[str]:
    """The ids of what a contestant kept; of pages, their addresses."""
    if (out / "kept.txt").exists():
        return (out / "kept.txt").read_text("utf-8").splitlines()
    files = [out / "kept.jsonl", *sorted((out / "kept").glob("**/*.json*"))]
    return [_name(row) for path in files if path.is_file() for row in rows(path)]


def _name(row: Mapping[str, Any]) -> str:
    url: str = row.get("metadata", {}).get("url") or row["id"]
    return url
