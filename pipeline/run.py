"""A run's folder: what lies where, what made it, and who may write to it."""

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import json_files, storage
from pipeline.errors import RunError
from pipeline.tasks import Commit, commits

_RECORD = "run.json"
_LOCK = ".lock"
SCHEMA = "seimai.run/1"


@dataclass(frozen=True, slots=True)
class Run:
    """A run: `RUN/documents`, `RUN/scores/BUNDLE`, `RUN/groups`, `RUN/selected/NAME`.

    Attributes:
        path: the run's folder, a local path or an fsspec URL.
    """

    path: str

    @property
    def documents(self) -> str:
        """The folder of the documents' parts."""
        return storage.join(self.path, "documents")

    @property
    def groups(self) -> str:
        """The folder of the groups' parts."""
        return storage.join(self.path, "groups")

    def scores(self, bundle: str) -> str:
        """The folder of one bundle's scores."""
        return storage.join(self.path, "scores", bundle)

    def selected(self, name: str) -> str:
        """The folder of one selection."""
        return storage.join(self.path, "selected", name)

    def record(self) -> dict[str, Any]:
        """What `run.json` says.

        Raises:
            RunError: if there is no run in the folder.
            IntegrityError: if the file was damaged.
        """
        path = storage.join(self.path, _RECORD)
        if not storage.exists(path):
            raise RunError(
                f"{self.path}: no run here ({_RECORD} is missing). "
                f"Make one with `seimai extract INPUT… --out {self.path}`."
            )
        return json_files.read(
            path, "run", "Take it from a copy, or remove the run's folder and begin again."
        )

    def begin(self, settings: dict[str, object], plan: Mapping[str, object]) -> None:
        """Write `run.json` before the first task; a run that is there must be the same one.

        Raises:
            RunError: if the folder holds a run of other inputs or settings.
        """
        wanted: dict[str, object] = {"schema": SCHEMA, "settings": settings, "plan": plan}
        if not storage.exists(storage.join(self.path, _RECORD)):
            self.write(wanted)
            return
        found = self.record()
        differing = [key for key in wanted if _normal(found.get(key)) != _normal(wanted[key])]
        if differing:
            raise RunError(
                f"{self.path}: holds a run with other {_what_differs(found, wanted)}. "
                "Name another folder with --out, or remove this one to begin again."
            )

    def add(self, facts: Mapping[str, object]) -> None:
        """Add what became known later to `run.json`."""
        self.write({**self.record(), **facts})

    def write(self, record: Mapping[str, object]) -> None:
        """Replace `run.json`."""
        storage.put_json(storage.join(self.path, _RECORD), record)

    def extracted(self) -> dict[str, Commit]:
        """The commits of the documents, all of them, by task id.

        Raises:
            RunError: if extract has not finished.
        """
        tasks = set(self.task_ids())
        done = commits(self.documents)
        if missing := tasks - done.keys():
            raise RunError(
                f"{self.path}: extract is not finished, {len(missing)} of {len(tasks)} tasks are "
                "left. Run the same `seimai extract` or `seimai run` command again: it goes on "
                "where it stopped."
            )
        return {task: done[task] for task in sorted(tasks)}

    def task_ids(self) -> list[str]:
        """The ids of the tasks that extract planned."""
        return list(self.record()["plan"]["tasks"])


@contextmanager
def sole_writer(path: str, *, begins: bool = False) -> Iterator[None]:
    """Keep a second command from writing to the same run at the same time.

    Args:
        path: the run's folder.
        begins: whether the run may be begun here; else it has to be there, and no folder is left
            where its name was mistyped.

    What a command that was killed had only begun to write is removed first; what a worker that was
    killed had begun, at the end.

    On an object store there is no such lock: there racing commands are safe by the commit
    protocol, and merely do the work twice.

    Raises:
        RunError: if another command is at work in the folder, it cannot be written to, or holds
            no run and none may begin.
    """
    if not begins:
        Run(path).record()
    if not storage.is_local(path):
        yield
        return
    with storage.failures_told(path):
        folder = Path(storage.local(path))
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / _LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise RunError(
                    f"{path}: another seimai command is writing to this run. "
                    "Wait for it to end, or name another folder with --out."
                ) from error
            _remove_scratch(folder)
            try:
                yield
            finally:
                with suppress(OSError):  # the next command tries again
                    _remove_scratch(folder)


def _remove_scratch(folder: Path) -> None:
    for path in folder.rglob(f"{storage.SCRATCH_PREFIX}*"):
        if storage.is_scratch(path.name):
            path.unlink(missing_ok=True)


def _normal(value: object) -> bytes:
    return storage.canonical_json(value)


def _what_differs(found: Mapping[str, object], wanted: Mapping[str, object]) -> str:
    """The names of the settings that are not the same, for a person.

    Under the same settings other tasks come of other inputs.
    """
    old, new = found.get("settings"), wanted["settings"]
    if isinstance(old, dict) and isinstance(new, dict):
        keys = sorted(old.keys() | new.keys())
        names = [key for key in keys if _normal(old.get(key)) != _normal(new.get(key))]
        if names:
            return ", ".join(names)
    return "inputs" if _normal(found.get("plan")) != _normal(wanted["plan"]) else "contents"
