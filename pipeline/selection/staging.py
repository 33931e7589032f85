"""How a new selection takes the place of an old one under the same name.

The new one is committed task by task in a folder of its own, `RUN/selected/NAME/staged`, so that a
select that is cut short goes on where it stopped, and the old selection stays whole meanwhile.
Then the old manifest is removed, the new files are moved to their plain names, and the new
manifest is put. A reader that finds a manifest finds all that it lists.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline import storage
from pipeline.errors import IntegrityError
from pipeline.selection import manifest
from pipeline.selection.manifest import Manifest
from pipeline.tasks import Commit, sweep, withdraw


@dataclass(frozen=True, slots=True)
class Staging:
    """The place where a selection is made ready.

    Attributes:
        folder: the selection's folder.
    """

    folder: str

    @property
    def decisions(self) -> str:
        """Where decisions are committed first."""
        return storage.join(self.folder, "staged", "decisions")

    @property
    def shards(self) -> str:
        """Where shards are committed first."""
        return storage.join(self.folder, "staged", "shards")

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder on this machine for what need not outlive the work; empty, and gone at the end.

        It lies among the staged files where these are on this machine too, so that the next select
        finds and removes what one that was killed has left.
        """
        if not storage.is_local(self.folder):
            with tempfile.TemporaryDirectory(prefix="seimai-") as folder:
                yield Path(folder)
            return
        path = Path(storage.local(storage.join(self.folder, "staged", "scratch")))
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        try:
            yield path
        finally:
            shutil.rmtree(path)

    def take_place(
        self,
        new: Manifest,
        decisions: Mapping[str, Commit],
        shards: Mapping[str, Commit],
        pages: Mapping[str, str],
    ) -> None:
        """Move a finished selection to its place, with its pages; the manifest is put last.

        It can be cut short and done again: what has been moved already is left where it is.

        Raises:
            IntegrityError: if a committed file is in neither place.
        """
        storage.remove(storage.join(self.folder, manifest.NAME))
        home = storage.join(self.folder, "decisions")
        for task, commit in decisions.items():
            _move(
                commit,
                "decisions",
                self.decisions,
                storage.join(home, commit.files["decisions"].name),
            )
            storage.put(storage.join(home, f"{task}.json"), commit.to_json())
        for commit in shards.values():
            _move(
                commit,
                "documents",
                self.shards,
                storage.join(self.folder, f"{commit.task}.parquet"),
            )
        for name, text in pages.items():
            storage.put(storage.join(self.folder, name), text.encode())
        self._remove_old(new)
        storage.put_json(storage.join(self.folder, manifest.NAME), new)
        self.clear()

    def clear(self) -> None:
        """Remove what was staged; also what a command left that was killed as it did so."""
        storage.remove_folder(storage.join(self.folder, "staged"))

    def _remove_old(self, new: Manifest) -> None:
        """Remove the shards and decisions of an older selection."""
        home = storage.join(self.folder, "decisions")
        tasks = {f"{part['task']}.json" for part in new["decisions"]}
        for name in storage.names(home):
            if name.endswith(".json") and name not in tasks:
                storage.remove(storage.join(home, name))
        sweep(home)
        listed = {shard["name"] for shard in new["shards"]}
        for name in storage.names(self.folder):
            if name.startswith("shard-") and name not in listed:
                storage.remove(storage.join(self.folder, name))


def _move(commit: Commit, role: str, folder: str, target: str) -> None:
    """Move a committed file to its place, if it is not there already."""
    file = commit.files[role]
    staged = storage.join(folder, file.name)
    if storage.exists(staged):
        storage.move(staged, target)
    elif not storage.exists(target) or storage.size(target) != file.bytes:
        withdraw(folder, commit.task)
        raise IntegrityError(
            f"{staged}: committed, but the file is gone. Run the same command again: "
            "this task is then redone."
        )
