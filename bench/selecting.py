"""How long select takes over generated rows, and in how much memory.

    python -m bench.selecting 1000000 /tmp/generated-run

makes a run of so many documents (unless it is there already), selects it by `default`, then by
`strict`, and prints seconds, processor seconds of all processes, and the largest resident memory of
the driver and of a worker.
"""

import argparse
import resource
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from bench import results
from bench.measure import spent_in_all
from pipeline import hosts
from pipeline.execution import Execution
from pipeline.jobs.select import select
from pipeline.rules import RULES
from pipeline.run import SCHEMA, Run
from pipeline.selection import recipe
from pipeline.tasks import Attempt
from schemas import DOCUMENTS, GROUPS, SCORES, Table

BUNDLE = "generated"
ROWS_A_TASK = 50_000
ROWS_A_BATCH = 5_000
SENTENCES_A_TEXT = 24
COPIED = 0.3
"""Share of the documents that stand in a cluster, in clusters of about three."""

_PHRASES = (
    "春の朝は庭の梅を見ながら茶を飲む",
    "駅から山の方へ十五分ほど歩くと古い橋がある",
    "母は若いころ隣町の工場で働いていた",
    "雨が上がったので自転車で川まで行った",
    "この本を読むたびに違うところが気になる",
    "夕飯には残った大根で味噌汁を作った",
    "会議は予定より一時間も長くかかった",
    "図書館で借りた地図に昔の道が載っていた",
)


def generate(folder: Path, rows: int, seed: int = 0) -> Run:
    """Make a run of random documents, scores and groups; a third of the documents are copies."""
    run = Run(str(folder))
    random = np.random.default_rng(seed)
    tasks = [f"task{number:05d}" for number in range(-(-rows // ROWS_A_TASK))]
    for task in tasks:
        _task(run, task, min(ROWS_A_TASK, rows), random)
    run.write(
        {"schema": SCHEMA, "settings": {"generated": seed}, "plan": {"tasks": tasks}, "inputs": []}
    )
    return run


def _task(run: Run, task: str, rows: int, random: np.random.Generator) -> None:
    with (
        Attempt(run.documents, task, "generated") as documents,
        Attempt(run.scores(BUNDLE), task, "generated") as scores,
        Attempt(run.groups, task, "generated") as groups,
    ):
        written = {
            table.name: attempt.table(table.name, table.arrow)
            for table, attempt in ((DOCUMENTS, documents), (SCORES, scores), (GROUPS, groups))
        }
        for batch in _batches(rows, random):
            for table in (DOCUMENTS, SCORES, GROUPS):
                written[table.name].write(_rows(table, batch))
        documents.count("records", rows)
        documents.count("documents", rows)
        for attempt in (documents, scores, groups):
            attempt.commit()


def _batches(rows: int, random: np.random.Generator) -> Iterator[dict[str, object]]:
    """Columns of `ROWS_A_BATCH` rows at a time."""
    for start in range(0, rows, ROWS_A_BATCH):
        count = min(ROWS_A_BATCH, rows - start)
        ids = np.array([random.bytes(16).hex() for _ in range(count)])
        leader = np.arange(count)
        copied = random.random(count) < COPIED
        leader[copied] -= np.arange(count)[copied] % 3
        signatures = random.integers(0, 1 << 16, (count, 128), np.uint16)
        signatures[copied, :120] = signatures[leader[copied], :120]
        _, cluster, sizes = np.unique(leader, return_inverse=True, return_counts=True)
        texts = [_text(random) for _ in range(count)]
        names = [f"blog{number}.example.jp" for number in random.zipf(1.5, count) % 50_000]
        yield {
            "id": ids,
            "url": [f"https://{name}/{key[:8]}" for name, key in zip(names, ids, strict=True)],
            "host": names,
            "crawl_time": random.integers(1_600_000_000_000, 1_700_000_000_000, count),
            "source": [{"input": "generated", "record": row} for row in range(count)],
            "split": [hosts.split(name) for name in names],
            "title": ["題"] * count,
            "text": texts,
            "n_chars": [len(text) for text in texts],
            "ja_score": random.random(count),
            "flags": [_flags(random) for _ in range(count)],
            "content_hash": [random.bytes(16) for _ in range(count)],
            "signature": [row.tobytes() for row in signatures],
            **{name: random.random(count) ** 4 for name in ("noise", "affiliate", "adult")},
            "exact_id": ids,
            "exact_size": np.ones(count),
            "cluster_id": ids[leader],
            "cluster_size": sizes[cluster],
            "frequent_paragraphs": [[]] * count,
            "host_pages": np.ones(count),
        }


def _text(random: np.random.Generator) -> str:
    chosen = random.integers(0, len(_PHRASES), SENTENCES_A_TEXT)
    numbers = random.integers(0, 1 << 30, SENTENCES_A_TEXT)
    return "。".join(f"{_PHRASES[i]}{n:x}" for i, n in zip(chosen, numbers, strict=True))


def _flags(random: np.random.Generator) -> list[str]:
    return [RULES[number].name for number in np.flatnonzero(random.random(len(RULES)) < 0.01)]


def _rows(table: Table, columns: dict[str, object]) -> pa.RecordBatch:
    """The columns in the table's types; what nobody named is null or random."""
    count = len(columns["url"])  # type: ignore[arg-type]
    arrays = []
    for column in table.columns:
        values = columns.get(column.name)
        if values is None:
            values = [None] * count if column.nullable else np.linspace(0, 1, count)
        if isinstance(values, np.ndarray) and values.dtype.kind == "f":
            arrays.append(pa.array(values).cast(column.type, safe=False))
        else:
            arrays.append(pa.array(values, column.type))
    return pa.RecordBatch.from_arrays(arrays, schema=table.arrow)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    if not (asked.folder / "run.json").exists():
        generate(asked.folder, asked.rows)
    shutil.rmtree(asked.folder / "selected", ignore_errors=True)
    run = Run(str(asked.folder))
    for name in ("default", "strict"):
        begun, busy = time.perf_counter(), spent_in_all()
        with Execution(asked.workers) as execution:
            made = select(run, recipe.load(name), name, execution, BUNDLE)
        seconds, busy = time.perf_counter() - begun, spent_in_all() - busy
        results.add({f"select.{asked.rows}.{name}.seconds": seconds})
        totals = made["totals"]
        sys.stdout.write(
            f"{name}: {totals['documents']:,} documents, {totals['kept']:,} kept in "
            f"{len(made['shards'])} shards of {[shard['bytes'] >> 20 for shard in made['shards']]} "
            f"MiB, {seconds:.1f} s, {busy:.1f} s of processor time\n"
        )
    results.add(results.describe_machine("select"))
    for who, whose in (("driver", resource.RUSAGE_SELF), ("worker", resource.RUSAGE_CHILDREN)):
        peak = resource.getrusage(whose).ru_maxrss / 1024
        sys.stdout.write(f"largest resident memory of the {who}: {peak:,.0f} MiB\n")


if __name__ == "__main__":
    main()
