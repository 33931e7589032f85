"""Select: a recipe over stored columns → decisions → shards, with the manifest last."""

from collections.abc import Mapping, Sequence

from pipeline import storage
from pipeline.errors import OptionError
from pipeline.execution import Execution, run_step
from pipeline.report.pages import pages
from pipeline.run import Run
from pipeline.selection import contest, manifest, shards
from pipeline.selection.manifest import Manifest
from pipeline.selection.parts import Part
from pipeline.selection.recipe import Recipe
from pipeline.selection.selected import Selected
from pipeline.selection.snapshots import Snapshots
from pipeline.selection.staging import Staging
from pipeline.tasks import Commit, commits, intact, part_path, sweep, withdraw
from schemas import TABLES


def select(
    run: Run,
    recipe: Recipe,
    name: str,
    execution: Execution,
    bundle: str,
    older: Sequence[str] = (),
) -> Manifest:
    """Choose training documents by a recipe; no source page is read, and no text to decide.

    What is there already under the same settings is not done again. A new selection under an old
    name is made ready beside the old one, which stays whole until the new one takes its place.

    Args:
        run: a run that is extracted, scored and grouped.
        recipe: what to keep.
        name: the selection's name; its folder is `RUN/selected/NAME`.
        execution: where the shards are written.
        bundle: the classifier bundle whose scores are used.
        older: the folders of older runs, to which this one was joined, to choose from as well.

    Returns:
        The manifest.

    Raises:
        RunError: if a stage before has not finished, or a run is not joined to the next.
        IntegrityError: if stored data is not what was committed, or the totals do not add up.
    """
    if not name or "/" in name or name.startswith("."):
        raise OptionError(f"name: {name!r} found, a plain folder name expected.")
    snapshots = Snapshots.of(run, older)
    parts = snapshots.parts(bundle)
    origin = snapshots.origin(parts, bundle)
    settings = _settings(recipe, origin, [part.id for part in parts])
    folder = run.selected(name)
    staging = Staging(folder)
    if finished := _finished(folder, settings):
        staging.clear()
        return finished
    decided = _decide(parts, recipe, staging, settings)
    paths = [part_path(staging.decisions, decided[part.id], "decisions") for part in parts]
    tasks = shards.plan(parts, paths, recipe.shards, recipe.seed)
    work = shards.WriteShard(staging.shards, settings, recipe)
    written = run_step("select", work, tasks, staging.shards, settings, execution)
    made = manifest.make(snapshots, recipe, {**origin, "settings": settings}, decided, written)
    selected = Selected(snapshots, parts, paths, recipe, made)
    staging.take_place(made, decided, written, pages(selected))
    return made


def _settings(recipe: Recipe, origin: Mapping[str, object], parts: Sequence[str]) -> str:
    versions = [table.version for table in TABLES]
    return storage.digest(
        {"recipe": recipe.content(), "origin": origin, "parts": parts, "schemas": versions}
    )


def _decide(
    parts: Sequence[Part], recipe: Recipe, staging: Staging, settings: str
) -> Mapping[str, Commit]:
    """The decisions on all parts; all of them are made again unless all are there."""
    folder = staging.decisions
    done = intact(folder)
    if done.keys() == {part.id for part in parts} and all(
        commit.settings == settings for commit in done.values()
    ):
        return done
    for task in commits(folder):
        withdraw(folder, task)
    with staging.scratch() as scratch:
        contest.decide(parts, recipe, folder, settings, scratch)
    sweep(folder)
    return commits(folder)


def _finished(folder: str, settings: str) -> Manifest | None:
    """The manifest of a selection that was made under these settings and is still there."""
    if not storage.exists(storage.join(folder, manifest.NAME)):
        return None
    found = manifest.read(folder)
    if found["origin"]["settings"] != settings:
        return None
    sizes = storage.sizes(folder)
    whole = all(sizes.get(shard["name"]) == shard["bytes"] for shard in found["shards"])
    return found if whole and _decided(folder, found) else None


def _decided(folder: str, said: Manifest) -> bool:
    """Whether the decisions that a manifest lists are there to the byte: pages are made of them."""
    home = storage.join(folder, "decisions")
    there = {commit.files["decisions"].name for commit in intact(home).values()}
    return all(
        part["name"] in there and storage.sha256(storage.join(home, part["name"])) == part["sha256"]
        for part in said["decisions"]
    )
