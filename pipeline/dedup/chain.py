"""A chain of steps: each reads what others have sent, and is committed before the next begins."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain as together
from pathlib import Path

from pipeline import storage
from pipeline.dedup.exchange import Slice, slices
from pipeline.dedup.stages import Pack, Part, Partition, Stage, T
from pipeline.execution import Execution, run_step
from pipeline.tasks import Commit


@dataclass(frozen=True, slots=True)
class Done:
    """A step that is committed.

    Attributes:
        folder: where.
        commits: by task.
    """

    folder: str
    commits: Mapping[str, Commit]

    def total(self, counter: str) -> int:
        """A counter, over all tasks."""
        return sum(commit.counters.get(counter, 0) for commit in self.commits.values())

    def boxes(self, role: str, addresses: int) -> list[tuple[Slice, ...]]:
        """What there is for each of so many addresses."""
        found = slices(self.folder, self.commits, role)
        return found + [()] * (addresses - len(found))

    def handed_out(self, pack: Pack) -> list[Part]:
        """The parts of a pack, each with what this step has for it."""
        boxes = slices(self.folder, {pack.id: self.commits[pack.id]}, "places")
        return [
            replace(part, places=box, counts=pack.counts)
            for part, box in zip(pack.parts, boxes, strict=True)
        ]


@dataclass(slots=True)
class Chain:
    """The steps between `documents` and `groups`, each committed in a folder of its own.

    Attributes:
        folder: where those folders are.
        settings: the digest of everything that shapes the groups.
        count: how many partitions there are.
        execution: where the work is done.
    """

    folder: str
    settings: str
    count: int
    execution: Execution

    def run(self, name: str, stage: Callable[..., Stage[T]], tasks: Sequence[T]) -> Done:
        """Run a step, or find that it has been run."""
        folder = storage.join(self.folder, name)
        work = stage(folder, self.settings, self.count)
        done = run_step(f"group: {name}", work, tasks, folder, self.settings, self.execution)
        return Done(folder, done)

    def partitions(self, **senders: Sequence[Done]) -> list[Partition]:
        """A task a partition, with the rows that were sent to it, by role."""
        return [
            Partition(f"{number:05}", dict(zip(senders, boxes, strict=True)))
            for number, *boxes in zip(
                range(self.count), *(self._gathered(*sent) for sent in senders.items()), strict=True
            )
        ]

    def _gathered(self, role: str, dones: Sequence[Done]) -> list[tuple[Slice, ...]]:
        """For each partition, what there is for it in several steps."""
        each = [done.boxes(role, self.count) for done in dones]
        return [tuple(together(*(boxes[n] for boxes in each))) for n in range(self.count)]

    def clear(self) -> None:
        """Remove what only steps needed, most of it band rows; also what a run that died left."""
        folders = [storage.join(self.folder, name) for name in storage.folders(self.folder)]
        for folder in folders:
            for name in storage.names(folder):
                if name.endswith((".json", ".parquet")):
                    storage.remove(storage.join(folder, name))
        for folder in [*folders, self.folder]:
            if storage.is_local(folder):
                with suppress(OSError):  # something that is not ours lies there
                    Path(storage.local(folder)).rmdir()
