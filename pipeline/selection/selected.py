"""A selection beside the runs that it was made of: what reports, comparisons and stories read."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline import storage
from pipeline.errors import IntegrityError, RunError
from pipeline.run import Run
from pipeline.selection import manifest
from pipeline.selection.manifest import Manifest
from pipeline.selection.parts import Part, digests
from pipeline.selection.recipe import Recipe, restored
from pipeline.selection.snapshots import Snapshots


@dataclass(frozen=True, slots=True)
class Selected:
    """A selection, and what it was made of.

    Attributes:
        snapshots: the run, or the runs, that it was selected from.
        parts: their parts, in order.
        decided: the path of each part's decisions, in the same order.
        recipe: what was selected by.
        said: its manifest.
    """

    snapshots: Snapshots
    parts: Sequence[Part]
    decided: Sequence[str]
    recipe: Recipe
    said: Manifest

    @classmethod
    def stored(cls, run: Run, name: str) -> "Selected":
        """A finished selection of a run.

        Raises:
            RunError: if there is no such run or selection, it is not finished, or a run that it was
                made of is not there any more.
            IntegrityError: if the runs hold parts that it has not decided on.
        """
        run.record()
        made = storage.folders(storage.join(run.path, "selected"))
        if name not in made:
            there = f"there are {', '.join(sorted(made))}" if made else "none is made yet"
            raise RunError(
                f"{run.path}: no selection {name!r}; {there}. `seimai select` makes one, and "
                "--selection names it."
            )
        folder = run.selected(name)
        said = manifest.read(folder)
        snapshots = Snapshots.of_manifest(run, said)
        parts = snapshots.parts(said["origin"]["bundle"])
        names = {part["task"]: part["name"] for part in said["decisions"]}
        if names.keys() != {part.id for part in parts}:
            raise IntegrityError(
                f"{folder}: decides on {len(names)} parts, but the run has {len(parts)}, and not "
                "the same ones. Select again."
            )
        decided = [storage.join(folder, "decisions", names[part.id]) for part in parts]
        return cls(snapshots, parts, decided, restored(said["recipe"]), said)

    @property
    def bundle(self) -> str:
        """The classifier bundle whose scores were used."""
        return str(self.said["origin"]["bundle"])

    def changed(self) -> list[str]:
        """The tables of the runs that have changed since it was made."""
        then, now = self.said["origin"], digests(self.parts)
        return [table for table, digest in now.items() if digest != then[table]]
