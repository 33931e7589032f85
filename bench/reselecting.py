"""What it costs to select again, beside reading and scoring: `strict` after `default`.

    python -m bench.reselecting [FOLDER] [--workers N]

takes the WARC files of a folder through the stages, each a command of its own as a person gives it,
and selects by `default`. Then the files are taken away, so that no page can be read any more, and
it selects by `strict`.
"""

import argparse
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import results
from bench.measure import Taken, take
from bench.memory import link

RUNS = 5
"""How often the last step is done, each time as if for the first; the median counts."""


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    with TemporaryDirectory() as folder:
        show(measured(asked.data, Path(folder), asked.workers), asked.workers)


def measured(data: Path, folder: Path, workers: int) -> dict[str, list[Taken]]:
    """What each step took, by its name; all but the last are done once."""
    crawl, run = folder / "crawl", folder / "run"
    crawl.mkdir()
    link(data, crawl, times=1)

    def seimai(*arguments: object) -> Taken:
        ending = ("--workers", workers, "--quiet")
        return take([sys.executable, "-m", "pipeline", *map(str, (*arguments, *ending))])

    taken = {
        "extract": [seimai("extract", crawl, "--out", run)],
        "score": [seimai("score", run)],
        "group": [seimai("group", run)],
        "select default": [seimai("select", run)],
        "select strict": [],
    }
    shutil.rmtree(crawl)
    for _ in range(RUNS):
        shutil.rmtree(run / "selected" / "strict", ignore_errors=True)
        taken["select strict"].append(seimai("select", run, "--recipe", "strict"))
    return taken


def show(taken: dict[str, list[Taken]], workers: int) -> None:
    """Print the steps, and put down what the last is of the first two."""
    figures: dict[str, results.Figure] = {"reselect.workers": workers}
    for name, runs in taken.items():
        key = f"reselect.{name.replace(' ', '_')}"
        figures[f"{key}.seconds"] = [one.wall for one in runs]
        figures[f"{key}.core_seconds"] = [one.processor for one in runs]
    results.forget("reselect.")
    results.add({**figures, **results.describe_machine("reselect")})
    stored = results.read()
    for unit in ("seconds", "core_seconds"):
        steps = {name: stored[f"reselect.{name.replace(' ', '_')}.{unit}"] for name in taken}
        read = float(steps["extract"]) + float(steps["score"])
        share = float(steps["select strict"]) / read
        results.add({f"reselect.share_of_{unit}": share})
        told = ", ".join(f"{name} {spent:.2f}" for name, spent in steps.items())
        sys.stdout.write(
            f"{unit.replace('_', ' ')}: {told}; `select strict` is {share:.1%} of extract and "
            f"score ({read:.2f})\n"
        )


if __name__ == "__main__":
    main()
