"""The manifest of a selection: what a reader may trust, written last.

It lists every shard with its rows, bytes and digest, says what made them, and gives totals that
add up from the records that were read to the documents that were kept.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pipeline import json_files, storage
from pipeline.accounts import Account
from pipeline.errors import IntegrityError, RunError
from pipeline.selection.recipe import Recipe
from pipeline.selection.snapshots import Snapshots
from pipeline.tasks import Commit
from schemas import TABLES

NAME = "manifest.json"
SCHEMA = "seimai.manifest/1"

Manifest = dict[str, Any]
"""The manifest as JSON; `schemas/manifest.schema.json` describes it."""


def make(
    snapshots: Snapshots,
    recipe: Recipe,
    origin: Mapping[str, object],
    decisions: Mapping[str, Commit],
    shards: Mapping[str, Commit],
) -> Manifest:
    """Put the manifest of a selection together.

    Args:
        snapshots: the run, or the runs, it was selected from.
        recipe: what it keeps.
        origin: what else made it: `Snapshots.origin`, and the digest of the settings.
        decisions: the commits of the decisions, by task.
        shards: the commits of the shards, by shard.

    Raises:
        IntegrityError: if the totals do not add up.
    """
    totals = _totals(snapshots.account(), decisions.values(), shards.values())
    check_totals(totals)
    shares = next(iter(decisions.values())).notes["shares"] if decisions else {}
    runs = snapshots.listed()
    return {
        **({"runs": runs} if runs else {}),
        "schema": SCHEMA,
        "recipe": {
            "name": recipe.name,
            "description": recipe.description,
            "digest": recipe.digest,
            "content": recipe.content(),
        },
        "seed": recipe.seed,
        "shares": shares,
        "origin": dict(origin),
        "schemas": {table.name: table.version for table in TABLES},
        "totals": totals,
        "shards": [_shard(shards[name]) for name in sorted(shards)],
        "decisions": [_decisions(decisions[task]) for task in sorted(decisions)],
    }


def read(folder: str) -> Manifest:
    """The manifest of a selection.

    Raises:
        RunError: if the folder has none: the selection was not finished.
        IntegrityError: if it is not one that this version can read.
    """
    path = storage.join(folder, NAME)
    if not storage.exists(path):
        raise RunError(
            f"{folder}: no {NAME} here, so this is no finished selection. "
            "Run `seimai select` again: it goes on where it stopped."
        )
    return json_files.read(path, "manifest", "Select again with this version of seimai.")


def add_export(folder: str, settings: str, export: Mapping[str, Any]) -> None:
    """Add to a selection's manifest what was exported from it, by one atomic put.

    An export of the same split, by the same tokenizer, takes the place of an earlier one. A
    selection that is made anew begins without exports.

    Args:
        folder: the selection's folder.
        settings: of the selection that was exported.
        export: an item of `exports`, as `schemas/manifest.schema.json` describes it.

    Raises:
        RunError: if the selection was made anew meanwhile.
    """
    with _sole_editor(folder):
        said = read(folder)
        if said["origin"]["settings"] != settings:
            raise RunError(
                f"{folder}: was selected anew while it was exported, so what was written is of "
                "neither selection. Export again."
            )
        others = [one for one in said.get("exports", []) if _what(one) != _what(export)]
        exports = sorted([*others, export], key=_what)
        storage.put_json(storage.join(folder, NAME), {**said, "exports": exports})


def _what(export: Mapping[str, Any]) -> bytes:
    """What an export is of, whatever came of it."""
    return storage.canonical_json([export[key] for key in ("format", "split", "tokenizer")])


@contextmanager
def _sole_editor(folder: str) -> Iterator[None]:
    """Let exports that end together add to a manifest one after another; a lock leaves no file."""
    if not storage.is_local(folder):
        yield
        return
    opened = os.open(storage.local(folder), os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


def check_totals(totals: Mapping[str, Any]) -> None:
    """Make sure that the totals add up, to the record.

    Raises:
        IntegrityError: naming the equation that does not hold.
    """
    not_read = sum(totals["no_document"].values()) + sum(totals["problems"].values())
    equations = {
        "records = documents + no_document + problems": (
            totals["records"],
            totals["documents"] + not_read,
        ),
        "documents = kept + left_out": (
            totals["documents"],
            totals["kept"] + totals["left_out"],
        ),
        "left_out = the sum of left_out_by_first_reason": (
            totals["left_out"],
            sum(totals["left_out_by_first_reason"].values()),
        ),
        "kept = rows of all shards": (totals["kept"], totals["in_shards"]),
    }
    for equation, (left, right) in equations.items():
        if left != right:
            raise IntegrityError(
                f"the totals do not add up: {equation}, but {left} is not {right}. "
                "A file was altered, or this is a defect of seimai: please report it."
            )


def _totals(
    account: Account, decisions: Iterable[Commit], shards: Iterable[Commit]
) -> dict[str, object]:
    judged, written = _added(decisions), _added(shards)
    documents, kept = judged.get("documents", 0), judged.get("kept", 0)
    return {
        "records": account.records,
        "no_document": account.left_out,
        "problems": account.problems,
        "documents": documents,
        "kept": kept,
        "left_out": documents - kept,
        "left_out_by_first_reason": _under("first.", judged),
        "left_out_by_any_reason": _under("any.", judged),
        "in_shards": written.get("documents", 0),
        "characters": judged.get("characters", 0),
        "kept_characters": written.get("characters", 0),
        "masked": _under("masked.", written),
        "cut": _under("cut.", written),
    }


def _added(commits: Iterable[Commit]) -> dict[str, int]:
    total: dict[str, int] = {}
    for commit in commits:
        for name, count in commit.counters.items():
            total[name] = total.get(name, 0) + count
    return total


def _under(prefix: str, counts: Mapping[str, int]) -> dict[str, int]:
    found = {name: n for name, n in counts.items() if name.startswith(prefix) and n}
    return {name.removeprefix(prefix): n for name, n in sorted(found.items())}


def _shard(commit: Commit) -> dict[str, object]:
    file = commit.files["documents"]
    return {
        "name": f"{commit.task}.parquet",
        "rows": file.rows,
        "bytes": file.bytes,
        "sha256": file.sha256,
        "row_groups": commit.counters["row_groups"],
        "characters": commit.counters["characters"],
        "first_id": commit.notes["first_id"],
        "last_id": commit.notes["last_id"],
    }


def _decisions(commit: Commit) -> dict[str, object]:
    file = commit.files["decisions"]
    return {
        "task": commit.task,
        "name": file.name,
        "rows": file.rows,
        "bytes": file.bytes,
        "sha256": file.sha256,
    }
