"""What each line of a recipe costs and brings, by the labels of the labelled crawl.

    python -m bench.recipe_cost table RUN default ../shared/data/labels-dev.tsv

RUN is a run over the crawl that has the selection. Labels of low confidence are left out. For every
reason: how many clean pages and how many faulty ones it speaks against, how many of each would come
back without it, and of how many owners these are. Classifiers that were trained on these labels
look better here than they are, and make the rules beside them look worse. So

    python -m bench.recipe_cost halves ../shared/data/labels-dev.tsv FOLDER

writes the labels as two files, no owner in both; with a bundle trained on each, each half is judged
by what the other has learnt:

    seimai classifiers train --run RUN --labels FOLDER/half0.tsv --out FOLDER/of0   (and of1)
    seimai score RUN --bundle FOLDER/of0
    seimai select RUN --bundle FOLDER/of0 --name of0
    python -m bench.recipe_cost table RUN of0 FOLDER/half1.tsv of1 FOLDER/half0.tsv
"""

import csv
import hashlib
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from pipeline import storage
from pipeline.run import Run
from pipeline.selection.selected import Selected

CLASSES = ("noise", "affiliate", "adult")
OWNERS_SHOWN = 4


@dataclass(frozen=True)
class Label:
    """What people say of a page.

    Attributes:
        owner: whose site it is on.
        is_clean: whether it has none of the three faults.
    """

    owner: str
    is_clean: bool


@dataclass
class Cost:
    """The pages that a reason speaks against, and those that would come back without it.

    Attributes:
        against: pages, by whether they are clean.
        alone: pages without another reason, by whether they are clean and by owner.
    """

    against: Counter[bool] = field(default_factory=Counter)
    alone: dict[bool, Counter[str]] = field(
        default_factory=lambda: {True: Counter(), False: Counter()}
    )

    def row(self) -> tuple[int, ...]:
        """Clean and faulty: pages against, pages alone, and the owners of these."""
        clean, faulty = self.alone[True], self.alone[False]
        return (
            self.against[True],
            self.against[False],
            clean.total(),
            faulty.total(),
            len(clean),
            len(faulty),
        )


@click.group()
def main() -> None:
    """What each line of a recipe costs and brings."""


@main.command()
@click.argument("labels", type=click.Path(exists=True, path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
def halves(labels: Path, folder: Path) -> None:
    """Write the labels as two files, no owner in both."""
    rows = _rows(labels)
    folder.mkdir(parents=True, exist_ok=True)
    for half in (0, 1):
        mine = [row for row in rows if _half(row["owner"]) == half]
        with (folder / f"half{half}.tsv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="\t", lineterminator="\n")
            writer.writeheader()
            writer.writerows(mine)


@main.command()
@click.argument("run", type=Run)
@click.argument("pairs", nargs=-1, metavar="SELECTION LABELS...")
def table(run: Run, pairs: Sequence[str]) -> None:
    """Print the table, over all pairs of a selection and the labels to judge it by."""
    kept: Counter[tuple[bool, bool]] = Counter()
    costs: dict[str, Cost] = defaultdict(Cost)
    for selection, labels in zip(pairs[::2], pairs[1::2], strict=True):
        labelled = _labelled(Path(labels))
        for url, is_kept, names in _verdicts(run, selection):
            if url in labelled:
                _add(labelled[url], is_kept, names, kept, costs)
    for good, name in ((True, "clean"), (False, "faulty")):
        total = kept[good, True] + kept[good, False]
        sys.stdout.write(f"{name}: {kept[good, True]:,} of {total:,} kept\n")
    sys.stdout.write(f"\n{'':22}{'against':>16}{'alone against':>16}{'of owners':>16}\n")
    sys.stdout.write(f"{'':22}{3 * '   clean  faulty'}\n")
    for rule, cost in sorted(costs.items(), key=lambda item: -item[1].against[False]):
        figures = "".join(f"{figure:8,}" for figure in cost.row())
        most = ", ".join(f"{who} {n}" for who, n in cost.alone[True].most_common(OWNERS_SHOWN))
        sys.stdout.write(f"{rule:22}{figures}   {most}\n")


def _add(
    label: Label,
    is_kept: bool,
    names: Sequence[str],
    kept: Counter[tuple[bool, bool]],
    costs: dict[str, Cost],
) -> None:
    kept[label.is_clean, is_kept] += 1
    for name in names:
        costs[name].against[label.is_clean] += 1
    if len(names) == 1:
        costs[names[0]].alone[label.is_clean][label.owner] += 1


def _labelled(path: Path) -> dict[str, Label]:
    """The labels of some confidence, by URL."""
    return {
        row["url"]: Label(row["owner"], all(row[name] == "0" for name in CLASSES))
        for row in _rows(path)
        if row["confidence"] != "low"
    }


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def _half(owner: str) -> int:
    return hashlib.sha256(owner.encode()).digest()[0] % 2


def _verdicts(run: Run, selection: str) -> Iterator[tuple[str, bool, list[str]]]:
    """Every document's URL, whether it is kept, and all reasons against it."""
    selected = Selected.stored(run, selection)
    for part, decided in zip(selected.parts, selected.decided, strict=True):
        urls = part.read(["url"])["url"].to_pylist()
        verdicts = storage.read_table(decided, ["kept", "reasons"])
        for url, is_kept, reasons in zip(
            urls, verdicts["kept"].to_pylist(), verdicts["reasons"].to_pylist(), strict=True
        ):
            yield url, is_kept, [reason["rule"] for reason in reasons]


if __name__ == "__main__":
    main()
