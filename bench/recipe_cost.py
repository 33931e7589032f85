"""What each line of a recipe costs and brings, by the labels of the labelled crawl.

    python -m bench.recipe_cost RUN default ../shared/data/labels-dev.tsv

RUN is a run over the crawl that has the selection. Labels of low confidence are left out. For every
reason: how many clean pages and how many faulty ones it speaks against, and how many of each would
come back without it. Classifiers that were trained on these labels look better here than they are.
"""

import csv
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import click
import pyarrow.parquet as pq

from pipeline.run import Run
from pipeline.selection import manifest
from pipeline.selection.parts import aligned_parts
from pipeline.tasks import commits, part_path

CLASSES = ("noise", "affiliate", "adult")


@click.command()
@click.argument("run", type=Run)
@click.argument("selection")
@click.argument("labels", type=click.Path(exists=True, path_type=Path))
def main(run: Run, selection: str, labels: Path) -> None:
    """Print the table."""
    clean = _clean_by_url(labels)
    kept: Counter[tuple[bool, bool]] = Counter()
    against: Counter[tuple[bool, str]] = Counter()
    alone: Counter[tuple[bool, str]] = Counter()
    for url, verdict in _verdicts(run, selection):
        if url not in clean:
            continue
        kept[clean[url], verdict["kept"]] += 1
        names = [reason["rule"] for reason in verdict["reasons"]]
        against.update((clean[url], name) for name in names)
        alone.update((clean[url], name) for name in names[:1] if len(names) == 1)
    for good, name in ((True, "clean"), (False, "faulty")):
        total = kept[good, True] + kept[good, False]
        sys.stdout.write(f"{name}: {kept[good, True]:,} of {total:,} kept\n")
    sys.stdout.write(f"\n{'':28}{'against':>16}{'alone against':>18}\n")
    sys.stdout.write(f"{'':28}{'clean':>8}{'faulty':>8}{'clean':>10}{'faulty':>8}\n")
    for rule in sorted({rule for _, rule in against}, key=lambda rule: -against[False, rule]):
        figures = (against[True, rule], against[False, rule], alone[True, rule], alone[False, rule])
        sys.stdout.write("{:28}{:8,}{:8,}{:10,}{:8,}\n".format(rule, *figures))


def _clean_by_url(labels: Path) -> dict[str, bool]:
    """Whether a page has none of the three faults, for labels of some confidence."""
    with labels.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {
        row["url"]: all(row[name] == "0" for name in CLASSES)
        for row in rows
        if row["confidence"] != "low"
    }


def _verdicts(run: Run, selection: str) -> list[tuple[str, dict[str, Any]]]:
    """Every document's URL with what was decided on it."""
    folder = f"{run.selected(selection)}/decisions"
    bundle = manifest.read(run.selected(selection))["origin"]["bundle"]
    done = commits(folder)
    found = []
    for part in aligned_parts(run, bundle):
        urls = part.read(["url"])["url"].to_pylist()
        rows = pq.read_table(part_path(folder, done[part.task], "decisions")).to_pylist()
        found += list(zip(urls, rows, strict=True))
    return found


if __name__ == "__main__":
    main()
