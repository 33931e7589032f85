"""What grouping reads: parts of `documents`, put together into packs that fit a worker."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from typing import TypeVar

from pipeline.dedup.buckets import BandShape
from pipeline.dedup.increment import OldPack, OldPart
from pipeline.dedup.joined import Grouped, Renaming, grouped, in_line, renamings
from pipeline.dedup.stages import Pack, Part
from pipeline.errors import RunError
from pipeline.run import Run
from pipeline.tasks import Commit, part_path

PACK_DOCUMENTS = 250_000
"""Documents of a pack, and contents of a partition: band rows of 420 MB, in a worker of 2 GiB."""

MOST_PACKS = 1_000
"""Beyond this many packs they grow instead: a shuffle has packs times partitions slices."""

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class OldRuns:
    """Grouped runs that a new one is joined to.

    Attributes:
        settings: the digest of everything that shaped the newest one's groups, and so all others'.
        packs: their parts.
    """

    settings: str
    packs: tuple[OldPack, ...]


def old_runs(paths: Sequence[str], shape: BandShape) -> OldRuns | None:
    """Finds the parts of old runs, and makes sure that a new one can be joined to them.

    Args:
        paths: their folders: one run, or several of which each was joined to the next, in any
            order.
        shape: how the new run's signatures are cut.

    Returns:
        What to join to; None for no paths.

    Raises:
        RunError: if one is not grouped, or not with this shape, or was itself joined to a run that
            is not among them.
    """
    if not paths:
        return None
    runs = [grouped(Run(path)) for path in paths]
    joined_to = {one.against for one in runs}
    newest = next((one for one in runs if one.settings not in joined_to), runs[0])
    line = in_line(newest, [one for one in runs if one is not newest])
    for one in line:
        if one.shape != asdict(shape):
            raise RunError(
                f"{one.run.groups}: grouped as {one.shape}, {asdict(shape)} expected. Give the old "
                f"run's shape, or group the old run again: seimai group {one.run.path}."
            )
    if line[-1].against:
        raise RunError(
            f"{line[-1].run.path}: was itself joined to another run, which is not named or was "
            "grouped anew since. Name that run with --against too."
        )
    parts = [
        part
        for one, names in zip(line, renamings(line), strict=True)
        for part in _old_parts(one, names)
    ]
    together = _together(parts, [part.documents.rows for part in parts])
    packs = tuple(OldPack(f"{number:05}", pack) for number, pack in enumerate(together))
    return OldRuns(newest.settings, packs)


def _old_parts(old: Grouped, names: tuple[Renaming, ...]) -> list[OldPart]:
    documents = parts_of(old.run.documents, old.run.extracted(), "documents")
    places = parts_of(old.run.groups, old.parts, "groups")
    return [OldPart(*parts, names) for parts in zip(documents, places, strict=True)]


def parts_of(folder: str, done: Mapping[str, Commit], role: str) -> list[Part]:
    """The committed parts of a table."""
    return [
        Part(task, part_path(folder, commit, role), commit.files[role].rows)
        for task, commit in done.items()
    ]


def packs_of(parts: Sequence[Part]) -> list[Pack]:
    """Puts parts together, in order, until a pack is full."""
    together = _together(parts, [part.rows for part in parts])
    return [Pack(f"{number:05}", number, pack) for number, pack in enumerate(together)]


def _together(parts: Sequence[P], rows: Sequence[int]) -> list[tuple[P, ...]]:
    size = max(PACK_DOCUMENTS, sum(rows) // MOST_PACKS)
    filled: dict[int, list[P]] = {}
    for part, count, end in zip(parts, rows, accumulate(rows), strict=True):
        filled.setdefault((end - count) // size, []).append(part)
    return [tuple(pack) for pack in filled.values()]
