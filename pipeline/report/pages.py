"""The pages of a selection: its report and its data card, made with it or again at any time."""

from collections.abc import Sequence

from pipeline import storage
from pipeline.errors import RunError
from pipeline.report import card, page
from pipeline.report.facts import gather
from pipeline.run import Run
from pipeline.selection import manifest
from pipeline.selection.manifest import Manifest
from pipeline.selection.parts import Part, aligned_parts, digests
from pipeline.selection.recipe import Recipe, restored


def pages(
    run: Run, parts: Sequence[Part], decided: Sequence[str], recipe: Recipe, said: Manifest
) -> dict[str, str]:
    """The report and the data card of a selection, by the name of their file.

    Args:
        run: the run.
        parts: its parts, sorted by task.
        decided: the path of each part's decisions, in the same order.
        recipe: what was selected by.
        said: the selection's manifest.
    """
    facts = gather(run, parts, decided, recipe, said)
    return {"report.html": page.render(said, facts), "README.md": card.render(said, facts)}


def report(run: Run, name: str) -> list[str]:
    """Write the pages of a finished selection again, from what is stored; nothing is decided.

    Args:
        run: the run.
        name: the selection's name.

    Returns:
        The paths of the pages.

    Raises:
        RunError: if the selection is not finished, or the run has changed since: figures of then
            beside documents of now would be true of neither.
    """
    folder = run.selected(name)
    said = manifest.read(folder)
    parts = aligned_parts(run, said["origin"]["bundle"])
    changed = [table for table, digest in digests(parts).items() if digest != said["origin"][table]]
    if changed:
        raise RunError(
            f"{folder}: the run's {' and '.join(changed)} have changed since it was selected. "
            "Select again: that writes the pages too."
        )
    names = {part["task"]: part["name"] for part in said["decisions"]}
    decided = [storage.join(folder, "decisions", names[part.task]) for part in parts]
    made = pages(run, parts, decided, restored(said["recipe"]), said)
    paths = {storage.join(folder, name): text for name, text in made.items()}
    for path, text in paths.items():
        storage.put(path, text.encode())
    return list(paths)
