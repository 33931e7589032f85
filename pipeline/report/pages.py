"""The pages of a selection: its report and its data card, made with it or again at any time."""

from pipeline import storage
from pipeline.errors import RunError
from pipeline.report import card, page
from pipeline.report.facts import gather
from pipeline.run import Run
from pipeline.selection.selected import Selected


def pages(selected: Selected) -> dict[str, str]:
    """The report and the data card of a selection, by the name of their file."""
    facts, said = gather(selected), selected.said
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
    selected = Selected.stored(run, name)
    if changed := selected.changed():
        raise RunError(
            f"{folder}: the run's {' and '.join(changed)} have changed since it was selected. "
            "Select again: that writes the pages too."
        )
    paths = {storage.join(folder, name): text for name, text in pages(selected).items()}
    for path, text in paths.items():
        storage.put(path, text.encode())
    return list(paths)
