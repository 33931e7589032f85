"""The row-aligned parts of a run: one task's documents, scores and groups, read side by side."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import storage
from pipeline.dedup.joined import ROLES, Renaming
from pipeline.errors import IntegrityError, RunError
from pipeline.run import Run
from pipeline.tasks import Commit, commits, part_path
from schemas import DOCUMENTS, GROUPS, SCORES, Table

TABLES = {"documents": DOCUMENTS, "scores": SCORES, "groups": GROUPS}

_MADE_AGAIN = {
    "documents": "Extract into a new folder with this version.",
    "scores": "Run `seimai score` again: the documents stay as they are.",
    "groups": "Run `seimai group` again: the documents stay as they are.",
}


@dataclass(frozen=True, slots=True)
class Part:
    """What one task left behind, stage by stage.

    Attributes:
        task: the task's id.
        rows: documents in it.
        paths: the committed file of each table, by the table's name.
        sha256: the digest of each of those files.
        run: what the run is called among several; empty where it is the only one.
        renamings: what newer runs say of its groups, in order.
    """

    task: str
    rows: int
    paths: dict[str, str]
    sha256: dict[str, str]
    run: str = ""
    renamings: tuple[Renaming, ...] = ()

    @property
    def id(self) -> str:
        """The task, told from those of other runs."""
        return f"{self.run}-{self.task}" if self.run else self.task

    def read(self, columns: Iterable[str]) -> pa.Table:
        """Some columns of all rows, each from the table that holds it; never more than is asked.

        Raises:
            IntegrityError: if the tables have not the same rows.
        """
        wanted = list(columns)
        read = [
            self._read(table, [name for name in wanted if name in table.names])
            for table in TABLES.values()
        ]
        by_name = {name: table[name] for table in reversed(read) for name in table.column_names}
        return pa.table({name: by_name[name].combine_chunks() for name in wanted})

    def check(self) -> None:
        """Make sure that the three tables are of this version, and hold the same documents.

        Raises:
            RunError: if another version of the program wrote one of them.
            IntegrityError: if they do not hold the same documents in the same order.
        """
        ids = {name: self._ids_of(table) for name, table in TABLES.items()}
        for name in ("scores", "groups"):
            if not ids[name].equals(ids["documents"]):
                raise IntegrityError(
                    f"{self.paths[name]}: its rows are not those of {self.paths['documents']}, "
                    f"in the same order. Remove the folder of the {name} and run that stage again."
                )

    def _ids_of(self, table: Table) -> pa.ChunkedArray:
        """The ids that stand in a table of this version."""
        path = self.paths[table.name]
        with storage.open_read(path) as file:
            parquet = pq.ParquetFile(file)
            found = parquet.schema_arrow
            there = set(found.names)
            missing = [name for name in table.names if name not in there]
            if missing:
                version = (found.metadata or {}).get(b"seimai.version", b"none").decode()
                raise RunError(
                    f"{path}: schema {table.name} {version} without the column {missing[0]!r} "
                    f"found, {table.name} {table.version} expected: another version of seimai "
                    f"wrote it. {_MADE_AGAIN[table.name]}"
                )
            return parquet.read(["id"], use_threads=False)["id"]

    def _read(self, table: Table, columns: Sequence[str]) -> pa.Table:
        if not columns:
            return pa.table({})
        if table is GROUPS and self.renamings:
            names = [name for name, size in ROLES.values() if size in columns]
            read = storage.read_table(self.paths["groups"], [*dict.fromkeys([*columns, *names])])
            return joined_groups(read, self.renamings).select(columns)
        return storage.read_table(self.paths[table.name], columns)


def joined_groups(groups: pa.Table, renamings: Iterable[Renaming]) -> pa.Table:
    """Columns of a run's groups, as they are since newer runs were joined to it."""
    for renaming in renamings:
        groups = renaming.apply(groups)
    return groups


def aligned_parts(
    run: Run, bundle: str, name: str = "", renamings: tuple[Renaming, ...] = ()
) -> list[Part]:
    """The parts of a run that is extracted, scored and grouped, sorted by task.

    Args:
        run: the run.
        bundle: the classifier bundle whose scores are read.
        name: what the run is called among several.
        renamings: what newer runs say of its groups, in order.

    Raises:
        RunError: if a stage has not finished; the message names the command that finishes it.
        IntegrityError: if the stages disagree on the number of rows.
    """
    documents = run.extracted()
    scores = _complete(run.scores(bundle), documents, f"seimai score {run.path}")
    groups = _complete(run.groups, documents, f"seimai group {run.path}")
    aligned = [
        _part(
            task,
            (run.documents, documents[task]),
            (run.scores(bundle), scores[task]),
            (run.groups, groups[task]),
        )
        for task in documents
    ]
    return [replace(part, run=name, renamings=renamings) for part in aligned]


def digests(parts: Sequence[Part]) -> dict[str, str]:
    """A digest of all parts of each table: whether a run is still what a selection was made of."""
    return {table: storage.digest([part.sha256[table] for part in parts]) for table in TABLES}


def _complete(folder: str, wanted: Iterable[str], command: str) -> dict[str, Commit]:
    done = commits(folder)
    missing = sorted(set(wanted) - done.keys())
    if missing:
        raise RunError(
            f"{folder}: {len(missing)} tasks are not there, {missing[0]} first. "
            f"Run `{command}` first: it goes on where it stopped."
        )
    return done


def _part(task: str, *stages: tuple[str, Commit]) -> Part:
    committed = dict(zip(TABLES, stages, strict=True))
    files = {name: commit.files[name] for name, (_, commit) in committed.items()}
    rows = {name: file.rows for name, file in files.items()}
    if len(set(rows.values())) > 1:
        raise IntegrityError(
            f"task {task}: {rows['documents']} documents, but {rows['scores']} rows of scores and "
            f"{rows['groups']} of groups. Score and group the run again."
        )
    return Part(
        task,
        rows["documents"],
        {name: part_path(folder, commit, name) for name, (folder, commit) in committed.items()},
        {name: file.sha256 for name, file in files.items()},
    )
