"""The runs that a selection is made of: one, or several crawls that were joined one to the next.

Several are read as if they were one run: their documents side by side, with the names and sizes
that the older runs' groups have since the newer ones were joined to them.
"""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from pipeline import storage
from pipeline.accounts import Account
from pipeline.dedup.joined import Renaming, grouped, in_line, renamings
from pipeline.errors import OptionError
from pipeline.run import Run
from pipeline.selection.parts import Part, aligned_parts, digests
from pipeline.tasks import Commit


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One of the runs.

    Attributes:
        run: the run.
        name: what decisions and manifest call it; empty where it is the only one.
        renamings: what newer runs say of its groups, in order.
    """

    run: Run
    name: str = ""
    renamings: tuple[Renaming, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshots:
    """The runs, the oldest first.

    Attributes:
        home: the newest run, in whose folder the selection is.
        members: all of them.
    """

    home: Run
    members: tuple[Snapshot, ...]

    @classmethod
    def of(cls, run: Run, older: Sequence[str] = ()) -> "Snapshots":
        """A run, and the folders of older ones that it was joined to, in any order.

        Raises:
            OptionError: if a run is named twice.
            RunError: if a run is not grouped, or not joined to the next.
        """
        if not older:
            return cls(run, (Snapshot(run),))
        places = [storage.absolute(path) for path in (run.path, *older)]
        if twice := [path for path, times in Counter(places).items() if times > 1]:
            raise OptionError(f"--with: {twice[0]} is named twice, each run once expected.")
        line = in_line(grouped(run), [grouped(Run(path)) for path in older])
        runs = [one.run for one in line]
        members = zip(runs, _names(runs), renamings(line), strict=True)
        return cls(run, tuple(Snapshot(*member) for member in members)[::-1])

    @classmethod
    def of_manifest(cls, home: Run, said: Mapping[str, Any]) -> "Snapshots":
        """The runs that a selection was made of, from where they lay beside its own."""
        return cls.of(home, [_from(home, one["path"]) for one in said.get("runs", [])[:-1]])

    @property
    def are_several(self) -> bool:
        """Whether there is more than one run."""
        return len(self.members) > 1

    def parts(self, bundle: str) -> list[Part]:
        """The parts of all runs, run by run.

        Raises:
            RunError: if a stage of a run has not finished, or has no scores of this bundle.
            IntegrityError: if the stages of a run disagree on the number of rows.
        """
        return [
            part
            for member in self.members
            for part in aligned_parts(member.run, bundle, member.name, member.renamings)
        ]

    def account(self) -> Account:
        """The books of all runs, added up."""
        return Account.of(chain.from_iterable(self._extracted()))

    def origin(self, parts: Sequence[Part], bundle: str) -> dict[str, object]:
        """What a selection is made of: digests of the inputs, the settings, and every part."""
        records = [member.run.record() for member in self.members]
        inputs = [record.get("inputs") for record in records]
        settings = [record["settings"] for record in records]
        return {
            "inputs": storage.digest(inputs if self.are_several else inputs[0]),
            "run_settings": storage.digest(settings if self.are_several else settings[0]),
            "bundle": bundle,
            **digests(parts),
        }

    def listed(self) -> list[dict[str, object]]:
        """The runs as a manifest lists them, the home last; none where there is one only."""
        if not self.are_several:
            return []
        return [
            {
                "name": member.name,
                "path": _seen_from(self.home, member.run),
                "records": account.records,
                "documents": account.documents,
            }
            for member, account in zip(
                self.members, map(Account.of, self._extracted()), strict=True
            )
        ]

    def _extracted(self) -> Iterator[Iterable[Commit]]:
        return (member.run.extracted().values() for member in self.members)


def _names(runs: Sequence[Run]) -> list[str]:
    """The names of the runs' folders, all numbered from the oldest on where two are the same."""
    plain = [storage.absolute(run.path).rstrip("/").rsplit("/", 1)[-1] for run in runs]
    if len(set(plain)) == len(plain):
        return plain
    return [f"{len(plain) - place}-{name}" for place, name in enumerate(plain)]


def _seen_from(home: Run, run: Run) -> str:
    """Where a run lies, so that it is found again where both are moved together."""
    if storage.is_local(home.path) and storage.is_local(run.path):
        return os.path.relpath(storage.local(run.path), storage.local(home.path))
    return storage.absolute(run.path)


def _from(home: Run, path: str) -> str:
    is_elsewhere = "://" in path or path.startswith("/")
    return path if is_elsewhere else os.path.normpath(f"{storage.local(home.path)}/{path}")
