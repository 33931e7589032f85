"""What grouping reads: parts of `documents`, put together into packs that fit a worker."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate

from pipeline import storage
from pipeline.dedup.buckets import BandShape
from pipeline.dedup.increment import OldPack
from pipeline.dedup.stages import Pack, Part
from pipeline.errors import RunError
from pipeline.run import Run
from pipeline.tasks import Commit, commits, part_path

PACK_DOCUMENTS = 250_000
"""Documents of a pack, and contents of a partition: band rows of 420 MB, in a worker of 2 GiB."""

MOST_PACKS = 1_000
"""Beyond this many packs they grow instead: a shuffle has packs times partitions slices."""


@dataclass(frozen=True, slots=True)
class OldRun:
    """A grouped run that a new one is joined to.

    Attributes:
        settings: the digest of everything that shaped its groups.
        packs: its parts.
    """

    settings: str
    packs: tuple[OldPack, ...]


def old_run(path: str, shape: BandShape) -> OldRun:
    """Finds an old run's parts, and makes sure that a new one can be joined to it.

    Raises:
        RunError: if it is not grouped, or not with this shape, or was itself joined to another.
    """
    run = Run(path)
    documents, groups = run.extracted(), commits(run.groups)
    if missing := documents.keys() - groups.keys():
        raise RunError(
            f"{run.groups}: {len(missing)} of {len(documents)} parts are not there. "
            f"Group the old run first: seimai group {path}."
        )
    for task in documents:
        notes = groups[task].notes
        if notes.get("shape") != asdict(shape) or notes.get("against"):
            raise RunError(
                f"{run.groups}: grouped as {notes.get('shape')} against {notes.get('against')}; "
                f"{asdict(shape)}, against no other run, expected. Give the old run's shape, or "
                f"group the old run again by itself: seimai group {path}."
            )
    parts = parts_of(run.documents, documents, "documents")
    places = parts_of(run.groups, {task: groups[task] for task in documents}, "groups")
    place_of = {place.id: place for place in places}
    packs = [
        OldPack(pack.id, tuple((part, place_of[part.id]) for part in pack.parts))
        for pack in packs_of(parts)
    ]
    settings = storage.digest(sorted({done.settings for done in groups.values()}))
    return OldRun(settings, tuple(packs))


def parts_of(folder: str, done: Mapping[str, Commit], role: str) -> list[Part]:
    """The committed parts of a table."""
    return [
        Part(task, part_path(folder, commit, role), commit.files[role].rows)
        for task, commit in done.items()
    ]


def packs_of(parts: Sequence[Part]) -> list[Pack]:
    """Puts parts together, in order, until a pack is full."""
    documents = sum(part.rows for part in parts)
    size = max(PACK_DOCUMENTS, documents // MOST_PACKS)
    filled: dict[int, list[Part]] = {}
    for part, end in zip(parts, accumulate(part.rows for part in parts), strict=True):
        filled.setdefault((end - part.rows) // size, []).append(part)
    return [
        Pack(f"{number:05}", number, tuple(together))
        for number, together in enumerate(filled.values())
    ]
