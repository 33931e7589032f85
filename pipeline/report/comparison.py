"""The comparison's page: one HTML file that needs nothing else."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.report.page import HEIGHT, WIDTH, environment

_COLOURS = ("#2f7d6d", "#bf5137", "#8a6d1f", "#4a6fa5", "#7a4f8f", "#5d6b3a", "#a14a6d")
HOSTS_SHOWN = 60
KINDS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Line:
    """One recipe's distribution as a line."""

    name: str
    colour: str
    path: str


def render(found: Mapping[str, Any], samples: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """The page of a comparison; the same bytes for the same comparison.

    Args:
        found: what the JSON holds.
        samples: documents that only one of two recipes keeps, by `ours − theirs`.
    """
    names = list(found["recipes"])
    kinds = {
        column: dict(list(counted.items())[:KINDS_SHOWN])
        for column, counted in found["kinds"].items()
    }
    hosts = dict(list(found["hosts"].items())[:HOSTS_SHOWN])
    return (
        environment()
        .get_template("comparison.html.j2")
        .render(
            found=found,
            names=names,
            hosts=hosts,
            kinds=kinds,
            samples=samples,
            colours=dict(zip(names, _cycle(len(names)), strict=True)),
            charts={
                column: list(lines(distribution))
                for column, distribution in found["distributions"].items()
            },
            ends={
                column: ("1", "1M") if distribution["logarithmic"] else ("0", "1")
                for column, distribution in found["distributions"].items()
            },
            width=WIDTH,
            height=HEIGHT,
        )
    )


def lines(distribution: Mapping[str, Any]) -> Iterator[Line]:
    """A line for all documents and one for each recipe; heights by the square root."""
    counts = {"": distribution["all"], **distribution["kept"]}
    tallest = math.sqrt(max(1, *distribution["all"]))
    colours = ["currentColor", *_cycle(len(counts) - 1)]
    for (name, bins), colour in zip(counts.items(), colours, strict=True):
        step = WIDTH / len(bins)
        heights = [HEIGHT - (HEIGHT - 10) * math.sqrt(count) / tallest for count in bins]
        points = (
            f"{number * step:.1f},{height:.1f} {(number + 1) * step:.1f},{height:.1f}"
            for number, height in enumerate(heights)
        )
        yield Line(name, colour, " ".join(points))


def _cycle(count: int) -> list[str]:
    return [_COLOURS[number % len(_COLOURS)] for number in range(count)]
