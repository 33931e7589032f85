"""What grouping costs: generated signatures in, groups out, on local workers.

    python -m bench.dedup 100000 1000000 10000000
    python -m bench.dedup 100000 --against 1000000
    python -m bench.dedup 100000 1000000 --contained --paragraphs

For each size it makes a run that holds ids, hashes and signatures only (6 of 10 documents alone, 3
near-duplicates of others at similarities from 0.75 up, 1 an exact copy), groups it, and prints the
time of each step, documents a second, the largest memory of all processes together, and the most
room that the steps took on disk. Ten million documents need 40 GB of disk. With `--against`, an old
run of so many documents is grouped first, and each size is then joined to it.

With `--contained` or `--paragraphs` the run has texts too, which are then read for these: 50 pages
a host, each of 20 paragraphs of 65 random characters, of which the last three are the host's; one
page in ten is the first half of the page before it. They have nothing to do with the signatures.
"""

import argparse
import itertools
import multiprocessing
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

from bench import results
from bench.measure import spent_in_all
from pipeline.execution import Execution
from pipeline.jobs.group import LINKS_FOR_ONE_WORKER, InTexts, group
from pipeline.run import Run
from pipeline.tasks import Attempt
from schemas import SIGNATURE_SLOTS

DOCUMENTS_A_PART = 50_000
SECONDS_BETWEEN_LOOKS = 0.5
PAGES_A_HOST = 50
PARAGRAPHS_A_PAGE = 20
CHARS_A_PARAGRAPH = 65

_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("content_hash", pa.binary(16)),
        pa.field("signature", pa.binary(2 * SIGNATURE_SLOTS)),
    ]
)


class Timed(Execution):
    """An execution that keeps the seconds of each step."""

    def __init__(self, workers: int) -> None:
        super().__init__(workers)
        self.seconds: dict[str, float] = {}

    def run(
        self, name: str, work: Callable[[Any], None], tasks: Sequence[Any], folder: str
    ) -> None:
        """Do the tasks of a step."""
        start = time.perf_counter()
        super().run(name, work, tasks, folder)
        self.seconds[name] = time.perf_counter() - start


class Watch:
    """Looks at the memory of all processes, and at the size of a folder, and keeps the most."""

    def __init__(self, folder: Path) -> None:
        self.memory = self.disk = 0
        self._folder = folder
        self._finished = threading.Event()

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look while the context lasts."""
        thread = threading.Thread(target=self._look, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._finished.set()
            thread.join()

    def _look(self) -> None:
        while not self._finished.wait(SECONDS_BETWEEN_LOOKS):
            processes = [child.pid for child in multiprocessing.active_children()]
            self.memory = max(self.memory, sum(map(_resident, ["self", *processes])))
            self.disk = max(self.disk, sum(map(_size, self._folder.rglob("*.parquet"))))


def _resident(process: int | str | None) -> int:
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:  # it has ended
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # it has been removed
        return 0


def make_run(folder: Path, first: int, end: int, texts: bool = False) -> Run:
    """A run of generated documents, by number; any of them may be a copy of any other."""
    run = Run(str(folder))
    starts = range(first, end, DOCUMENTS_A_PART)
    for start in starts:
        rows = np.arange(start, min(start + DOCUMENTS_A_PART, end), dtype=np.uint64)
        with Attempt(run.documents, f"{start:012}", "generated") as attempt:
            documents = _documents(rows, first or end)
            for name, column in (_pages(rows) if texts else {}).items():
                documents = documents.append_column(name, column)
            attempt.table("documents", documents.schema).write(documents)
            attempt.commit()
    tasks = [f"{start:012}" for start in starts]
    run.write({"schema": "seimai.run/1", "settings": {}, "plan": {"tasks": tasks}})
    return run


def _documents(rows: NDArray[np.uint64], documents: int) -> pa.Table:
    """Rows as documents: each a version of an original, which many have to themselves."""
    lot = _uniform(rows, 1)
    original = rows + np.uint64(documents)
    original = np.where(lot < 0.4, _pick(rows, documents * 3 // 25), original)
    original = np.where(lot < 0.1, _pick(rows, documents // 30), original)
    changed = np.where((lot >= 0.1) & (lot < 0.4), 0.25 * _uniform(rows, 2) ** 2, 0)
    slot = np.arange(SIGNATURE_SLOTS, dtype=np.uint64)
    own = _mixed(rows[:, None] * np.uint64(1_000) + slot)
    signature = _mixed(_mixed(original)[:, None] + slot).astype("<u2")
    is_changed = (own >> np.uint64(40)) < (changed[:, None] * 2**24)
    signature = np.where(is_changed, own.astype("<u2"), signature)
    packed = [row.tobytes() for row in signature]
    ids = np.stack([_mixed(rows), _mixed(rows + np.uint64(2**40))], axis=1).tobytes().hex()
    return pa.table(
        [
            [ids[start : start + 32] for start in range(0, len(ids), 32)],
            pa.array([xxhash.xxh3_128_digest(row) for row in packed], pa.binary(16)),
            pa.array(packed, pa.binary(2 * SIGNATURE_SLOTS)),
        ],
        schema=_SCHEMA,
    )


def _pages(rows: NDArray[np.uint64]) -> dict[str, pa.Array]:
    """The hosts and texts of documents."""
    hosts = rows // np.uint64(PAGES_A_HOST)
    texts = [_text(row, host) for row, host in zip(rows.tolist(), hosts.tolist(), strict=True)]
    return {
        "host": pa.array([f"site{host}.example.jp" for host in hosts.tolist()], pa.string()),
        "text": pa.array(texts, pa.string()),
    }


def _text(row: int, host: int) -> str:
    if row % 10 == 9:
        return "\n".join(_paragraphs(row - 1, PARAGRAPHS_A_PAGE // 2))
    site = _paragraphs(host + (1 << 40), 3)
    return "\n".join([*_paragraphs(row, PARAGRAPHS_A_PAGE - len(site)), *site])


def _paragraphs(seed: int, count: int) -> list[str]:
    codes = np.random.default_rng(seed).integers(0x4E00, 0x6E00, count * CHARS_A_PARAGRAPH)
    chars = codes.astype("<u2").tobytes().decode("utf-16-le")
    bounds = range(0, len(chars) + 1, CHARS_A_PARAGRAPH)
    return [chars[start:end] for start, end in itertools.pairwise(bounds)]


def _pick(rows: NDArray[np.uint64], among: int) -> NDArray[np.uint64]:
    return _mixed(rows + np.uint64(2**50)) % np.uint64(max(1, among))


def _uniform(rows: NDArray[np.uint64], stream: int) -> NDArray[np.float64]:
    return (_mixed(rows + np.uint64(stream << 52)) >> np.uint64(11)) / 2.0**53


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64: chance that depends on nothing but the number."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def measure(run: Run, documents: int, options: argparse.Namespace, against: Sequence[str]) -> None:
    """Group a run and print what that took."""
    watch = Watch(Path(run.groups))
    limit = 0 if options.rounds else LINKS_FOR_ONE_WORKER
    start, used = time.perf_counter(), spent_in_all()
    with watch.looking(), Timed(options.workers) as execution:
        found = group(
            run,
            execution,
            against=against,
            in_texts=InTexts(options.contained, options.paragraphs),
            links_for_one_worker=limit,
        )
    seconds, used = time.perf_counter() - start, spent_in_all() - used
    for name, step in execution.seconds.items():
        print(f"    {name:<28} {step:8.1f} s")
    print(
        f"{documents:>11,} documents  {seconds:7.1f} s  {documents / seconds:9,.0f} documents/s  "
        f"{used:7.1f} s of processor  "
        f"{watch.memory / 2**30:5.2f} GiB memory  {watch.disk / 1e9:6.2f} GB disk  "
        f"{found.clusters:,} clusters, {found.rounds} rounds",
        flush=True,
    )
    asked = {
        "against": against,
        "contained": options.contained,
        "paragraphs": options.paragraphs,
        "rounds": options.rounds,
    }
    key = ".".join(("group", str(documents), *(name for name, value in asked.items() if value)))
    results.add(
        {
            f"{key}.seconds": seconds,
            f"{key}.docs_per_s": documents / seconds,
            f"{key}.us_of_processor": 1e6 * used / documents,
            f"{key}.memory_gib": watch.memory / 2**30,
            f"{key}.disk_gb": watch.disk / 1e9,
            **results.describe_machine("group"),
        }
    )


def main() -> None:
    """Measure every size that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("documents", type=int, nargs="+")
    parser.add_argument("--against", type=int, default=0, help="documents of an old run to join to")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", action="store_true", help="find components in rounds")
    parser.add_argument("--contained", action="store_true", help="look for contained texts too")
    parser.add_argument("--paragraphs", action="store_true", help="count frequent paragraphs too")
    parser.add_argument("--folder", help="where to work; a temporary folder by default")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as scratch:
        old = None
        if options.against:
            old = make_run(Path(scratch, "old"), 0, options.against)
            measure(old, options.against, options, ())
        for documents in options.documents:
            folder = Path(scratch, str(documents))
            texts = options.contained or options.paragraphs
            run = make_run(folder, options.against, options.against + documents, texts)
            measure(run, documents, options, [old.path] if old else ())
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
