"""The notebooks: each runs on the sample crawl, in order, and none carries what it once showed."""

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from click.testing import CliRunner
from nbclient import NotebookClient

from classifiers.bundle import load
from classifiers.labels import CLASSES, read_labels
from pipeline.cli import cli
from tests.sample_crawl import build

NOTEBOOKS = Path(__file__).parents[1] / "classifiers" / "notebooks"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sample crawl, extracted; the notebooks write beside it."""
    made = tmp_path_factory.mktemp("notebooks")
    build(made / "crawl")
    command = ["extract", str(made / "crawl"), "--out", str(made / "run")]
    result = CliRunner().invoke(cli, command, obj=())
    assert result.exit_code == 0, repr(result.exception)
    return made


def executed(name: str, **paths: Path) -> list[dict[str, Any]]:
    """Runs a notebook with other paths than its own, and returns what its cells put out."""
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    notebook.cells[1].source = "\n".join(f"{key} = {str(path)!r}" for key, path in paths.items())
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


def plots(outputs: list[dict[str, Any]]) -> int:
    """Counts the plots; each must have found a font for its Japanese."""
    assert not any("missing from" in output.get("text", "") for output in outputs)
    return sum("image/png" in output.get("data", {}) for output in outputs)


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.name)
def test_no_notebook_carries_what_it_showed(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert cells[0]["cell_type"] == "markdown"
    for cell in cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.slow
def test_labels_are_proposed_and_then_trained_on(folder: Path) -> None:
    labels, bundle = folder / "labels.jsonl", folder / "own"
    assert plots(executed("1_labels.ipynb", RUN=folder / "run", LABELS=labels)) == 1
    written = read_labels(str(labels))
    assert {label.confidence for label in written} == {"high", "low"}
    cities = [label for label in written if label.site == "mizu-110.example"]
    assert cities
    assert all(label.truth[CLASSES.index("noise")] for label in cities)

    outputs = executed("2_train.ipynb", RUN=folder / "run", LABELS=labels, BUNDLE=bundle)
    assert plots(outputs) == 2
    printed = "".join(output.get("text", "") for output in outputs)
    assert "without lexicon" in printed
    trained, calibrated = load(str(bundle)), load(f"{bundle}-calibrated")
    assert calibrated.manifest["calibration"]["bundle"] == trained.digest


@pytest.mark.slow
def test_a_run_is_inspected(folder: Path) -> None:
    outputs = executed("3_inspect.ipynb", RUN=folder / "run", OTHER=folder / "run")
    assert plots(outputs) == 5
    assert any("affiliate: " in output.get("text", "") for output in outputs)
