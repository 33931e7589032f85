"""Verify: everything that is stored, held against everything that was promised.

Each folder of a run is compared with its sidecars, each selection with its manifest: digest, rows
and schema of every file, nothing missing, nothing foreign; the same documents in every stage; the
same kept documents in decisions and shards; and totals that add up to the record.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import storage
from pipeline.accounts import Account
from pipeline.dedup.joined import ROLES, folder_of
from pipeline.errors import RunError, SeimaiError
from pipeline.run import Run
from pipeline.selection import manifest
from pipeline.selection.manifest import Manifest
from pipeline.selection.parts import aligned_parts, digests
from pipeline.selection.snapshots import Snapshots
from pipeline.tasks import Commit, CommittedFile, commits
from schemas import DECISIONS, DOCUMENTS, GROUPS, JOINED, PROBLEMS, SCORES, SHARDS, Table

_SELECTION_FILES = frozenset({manifest.NAME, "README.md", "report.html", "report.json"})
_REDO_STAGE = "Remove it and the sidecar of its task (.json), and run that stage again."
_SELECT_AGAIN = "Remove it and select again."


@dataclass(frozen=True, slots=True)
class Check:
    """One promise that was looked at.

    Attributes:
        subject: the folder or file.
        promise: what was checked.
        problems: what is wrong, a sentence each; empty if the promise holds.
    """

    subject: str
    promise: str
    problems: tuple[str, ...] = ()


@dataclass(slots=True)
class Verification:
    """What `verify` found.

    Attributes:
        checks: every promise that was looked at, in order.
    """

    checks: list[Check] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether every promise holds."""
        return not self.problems

    @property
    def problems(self) -> list[str]:
        """All that is wrong, a sentence each."""
        return [problem for check in self.checks for problem in check.problems]

    def table(self) -> str:
        """A table of the checks, the problems below each, and the sum of it."""
        width = max((len(check.subject) for check in self.checks), default=0)
        lines = []
        for check in self.checks:
            mark = "wrong" if check.problems else "ok"
            lines.append(f"{check.subject:{width}}  {mark:5}  {check.promise}")
            lines.extend(f"{'':{width}}         {problem}" for problem in check.problems)
        wrong = len(self.problems)
        verdict = "all of it holds" if self.sound else f"{wrong} thing{'s' * (wrong > 1)} wrong"
        return "\n".join([*lines, f"{len(self.checks)} checks: {verdict}."])


def verify(path: str) -> Verification:
    """Check a run with all its selections, or one selection alone, wherever it was moved to.

    Args:
        path: the folder of a run, or of a selection.

    Raises:
        RunError: if the folder holds neither.
    """
    found = Verification()
    if storage.exists(storage.join(path, manifest.NAME)):
        _selection(path, "", None, found)
    elif storage.exists(storage.join(path, "run.json")):
        _run(Run(path), found)
    else:
        raise RunError(
            f"{path}: neither a run (run.json) nor a selection ({manifest.NAME}) is here. "
            "Name the folder that was given to --out, or one below its `selected`."
        )
    return found


def _run(run: Run, found: Verification) -> None:
    _check(found, "run.json", "every planned task is extracted", lambda: _plan(run))
    extracted = {"documents": DOCUMENTS, "problems": PROBLEMS}
    _stage(run.documents, "documents", extracted, found)
    _check(found, "documents", "records = documents + no document + problems", lambda: _books(run))
    bundles = storage.folders(storage.join(run.path, "scores"))
    for bundle in bundles:
        _stage(run.scores(bundle), f"scores/{bundle}", {"scores": SCORES}, found)
    if storage.names(run.groups):
        _stage(run.groups, "groups", {"groups": GROUPS}, found)
        if storage.names(folder_of(run)):
            _stage(folder_of(run), "groups/joined", dict.fromkeys(ROLES, JOINED), found)
        for bundle in bundles:
            _check(
                found,
                f"scores/{bundle}",
                "the rows of documents, scores and groups are the same, in the same order",
                partial(_alignment, run, bundle),
            )
    for name in storage.folders(storage.join(run.path, "selected")):
        _selection(run.selected(name), f"selected/{name}/", run, found)


def _selection(folder: str, prefix: str, run: Run | None, found: Verification) -> None:
    subject = prefix.rstrip("/") or folder
    try:
        said = manifest.read(folder)
    except SeimaiError as error:
        found.checks.append(Check(subject, "a manifest that can be read", (str(error),)))
        return
    _check(found, subject, "the manifest's totals add up", lambda: _totals(said))
    if run:
        runs = "runs" if "runs" in said else "run"
        _check(found, subject, f"its totals are those of the {runs}", lambda: _books_of(said, run))
        _check(found, subject, f"made of the {runs} as now", lambda: _up_to_date(said, run))
    _check(found, subject, "every shard is as the manifest says", lambda: _shards(folder, said))
    _check(found, subject, "no foreign file", lambda: _foreign(folder, said))
    if exports := said.get("exports"):
        promise = f"{len(exports)} exports hold each document of their split"
        _check(found, subject, promise, lambda: _exports(folder, said))
    home = storage.join(folder, "decisions")
    _stage(home, f"{prefix}decisions", {"decisions": DECISIONS}, found)
    _check(
        found,
        f"{prefix}decisions",
        "kept or with reasons, and the kept are those in the shards",
        lambda: _kept(folder, said),
    )


def _check(
    found: Verification, subject: str, promise: str, look: Callable[[], Iterable[str]]
) -> None:
    """Add one check; an error of our own while looking is what it found."""
    try:
        problems = tuple(look())
    except SeimaiError as error:
        problems = (str(error),)
    except (OSError, pa.ArrowException) as error:
        problems = (f"cannot be read: {error}",)
    found.checks.append(Check(subject, promise, problems))


def _stage(folder: str, subject: str, tables: Mapping[str, Table], found: Verification) -> None:
    """Check one folder against its sidecars."""
    try:
        done = commits(folder)
    except SeimaiError as error:
        found.checks.append(Check(subject, "its sidecars can be read", (str(error),)))
        return
    _check(
        found,
        subject,
        f"{len(done)} tasks: digest, rows and schema of every file",
        lambda: _files(folder, done, tables),
    )
    _check(found, subject, "no foreign file", lambda: _strays(folder, done))


def _plan(run: Run) -> Iterable[str]:
    run.extracted()
    planned = set(run.task_ids())
    for task in commits(run.documents):
        if task not in planned:
            yield f"documents/{task}.json: a task that run.json does not plan. Remove it."


def _books(run: Run) -> Iterable[str]:
    done = run.extracted()
    Account.of(done.values())
    for task, commit in done.items():
        counted = commit.counters.get("documents", 0)
        if counted != commit.files["documents"].rows:
            yield (
                f"documents/{task}.json: {counted} documents counted, but "
                f"{commit.files['documents'].rows} rows committed."
            )


def _alignment(run: Run, bundle: str) -> Iterable[str]:
    for part in aligned_parts(run, bundle):
        part.check()
    return ()


def _files(folder: str, done: Mapping[str, Commit], tables: Mapping[str, Table]) -> Iterable[str]:
    for commit in done.values():
        for role, file in commit.files.items():
            yield from _file(folder, file, tables.get(role), _REDO_STAGE)


def _file(folder: str, file: CommittedFile, table: Table | None, advice: str) -> Iterable[str]:
    """What is wrong with one Parquet file."""
    path = storage.join(folder, file.name)
    if not storage.exists(path):
        yield f"{path}: missing. {advice}"
        return
    digest = storage.sha256(path)
    if digest != file.sha256:
        yield (
            f"{path}: sha256 {digest[:16]}… found, {file.sha256[:16]}… committed: "
            f"its bytes have changed. {advice}"
        )
        return
    with storage.open_read(path) as opened:
        parquet = pq.ParquetFile(opened)
        rows, metadata = parquet.metadata.num_rows, parquet.schema_arrow.metadata or {}
    if rows != file.rows:
        yield f"{path}: {rows} rows found, {file.rows} committed."
    if table:
        said = (
            metadata.get(b"seimai.schema", b"").decode(),
            metadata.get(b"seimai.version", b"").decode(),
        )
        if said != (table.name, table.version):
            yield (
                f"{path}: schema {said[0] or 'none'} {said[1]} found, "
                f"{table.name} {table.version} expected."
            )


def _strays(folder: str, done: Mapping[str, Commit]) -> Iterable[str]:
    listed = {file.name for commit in done.values() for file in commit.files.values()}
    listed |= {f"{task}.json" for task in done}
    for name in storage.names(folder):
        if name not in listed:
            yield f"{folder}/{name}: no commit lists it, so nothing reads it. Remove it."


def _totals(said: Manifest) -> Iterable[str]:
    manifest.check_totals(said["totals"])
    listed = sum(shard["rows"] for shard in said["shards"])
    if listed != said["totals"]["kept"]:
        yield f"{listed} rows in the listed shards, but {said['totals']['kept']} documents kept."
    judged = sum(part["rows"] for part in said["decisions"])
    if judged != said["totals"]["documents"]:
        yield f"{judged} decisions listed, but {said['totals']['documents']} documents."


def _up_to_date(said: Manifest, run: Run) -> Iterable[str]:
    """Whether the run still holds what the selection was made of."""
    found = digests(Snapshots.of_manifest(run, said).parts(said["origin"]["bundle"]))
    for table, digest in found.items():
        if digest != said["origin"][table]:
            yield (
                f"stale: the run's {table} have changed since, as they do when a bundle is new or "
                "texts are erased. Select again to bring it up to date."
            )


def _books_of(said: Manifest, run: Run) -> Iterable[str]:
    account = Snapshots.of_manifest(run, said).account()
    ours = (account.records, account.documents, account.left_out, account.problems)
    totals = said["totals"]
    theirs = tuple(totals[name] for name in ("records", "documents", "no_document", "problems"))
    if ours != theirs:
        yield "the run has changed since: select again to bring the selection up to date."


def _shards(folder: str, said: Manifest) -> Iterable[str]:
    for shard in said["shards"]:
        file = CommittedFile(shard["name"], shard["rows"], shard["bytes"], shard["sha256"])
        problems = list(_file(folder, file, SHARDS, _SELECT_AGAIN))
        yield from problems
        if not problems and shard["rows"]:
            ids = _column(storage.join(folder, file.name), "id")
            if (ids[0].as_py(), ids[-1].as_py()) != (shard["first_id"], shard["last_id"]):
                yield f"{folder}/{file.name}: its first and last id are not those listed."


def _exports(folder: str, said: Manifest) -> Iterable[str]:
    """The counts of the exports; their files lie elsewhere, or nowhere any more."""
    splits: Counter[str] = Counter()
    for shard in said["shards"]:
        splits.update(_column(storage.join(folder, shard["name"]), "split").to_pylist())
    for export in said["exports"]:
        split, documents = export["split"], export["documents"]
        if documents != splits[split]:
            yield (
                f"{folder}/{manifest.NAME}: an export of {documents} {split} documents, "
                f"but the shards hold {splits[split]}. Export again."
            )


def _foreign(folder: str, said: Manifest) -> Iterable[str]:
    listed = _SELECTION_FILES | {shard["name"] for shard in said["shards"]}
    for name in storage.names(folder):
        if name not in listed and not name.startswith("."):
            yield f"{folder}/{name}: the manifest does not list it, so nothing reads it. Remove it."


def _kept(folder: str, said: Manifest) -> Iterable[str]:
    """Recount the decisions, and compare the kept ids with those of the shards as a multiset."""
    home = storage.join(folder, "decisions")
    named = [part["name"] for part in said["decisions"]]
    committed = sorted(commit.files["decisions"].name for commit in commits(home).values())
    if sorted(named) != committed:
        yield "the decisions that are there are not those that the manifest lists. Select again."
        return
    kept, shards = _Multiset(), _Multiset()
    for name in named:
        rows = storage.read_table(storage.join(home, name), ["id", "kept", "reasons"])
        without = pc.equal(pc.list_value_length(rows["reasons"]), 0)
        if not rows["kept"].equals(without):
            yield f"{home}/{name}: a document is kept with reasons, or left out without any."
        kept.add(rows["id"].filter(rows["kept"]))
    for shard in said["shards"]:
        shards.add(_column(storage.join(folder, shard["name"]), "id"))
    if kept.sums != shards.sums:
        yield (
            f"{kept.sums[0]} documents are kept and {shards.sums[0]} are in the shards, "
            "but they are not the same ones. Select again."
        )


class _Multiset:
    """A fingerprint of many ids that does not depend on their order: count, sum, sum of squares."""

    def __init__(self) -> None:
        self.sums = (0, 0, 0)

    def add(self, ids: pa.ChunkedArray) -> None:
        numbers = np.fromiter((int(name[:16], 16) for name in ids.to_pylist()), np.uint64)
        added = (len(numbers), int(numbers.sum()), int((numbers * numbers).sum()))
        count, total, squares = (old + new for old, new in zip(self.sums, added, strict=True))
        self.sums = (count, total % 2**64, squares % 2**64)


def _column(path: str, name: str) -> pa.ChunkedArray:
    return storage.read_table(path, [name])[name]
