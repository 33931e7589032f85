"""The comparison's page: one HTML file that needs nothing else."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.report.page import HEIGHT, WIDTH, environment

_COLOURS = ("#2f7d6d", "#bf5137", "#8a6d1f", "#4a6fa5", "#7a4f8f", "#5d6b3a", "#a14a6d")
HOSTS_SHOWN = 60
KINDS_SHOWN = 12
SHRUNK_SHOWN = 12

_KINDS = {
    "page_type": ("自己申告 (og:type)", "declares itself (og:type)"),
    "link_share": ("リンクの割合", "share of links"),
    "aside_share": ("メニューや枠の割合", "share of menus and frames"),
    "n_forms": ("フォームの数", "forms"),
    "n_images": ("画像の数", "images"),
    "affiliate_links": ("広告リンクの数", "commission links"),
}


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
            kind_names=_KINDS,
            shrunk=found["shrunk"][:SHRUNK_SHOWN],
            copies=list(_copies(found)),
            reasons=by_size(found["recipes"]),
            alarms=alarms(found["alarms"]),
            samples=samples,
            only={
                f"{ours} − {theirs}": kept[ours] - kept[theirs]
                for ours, kept in found["overlap"].items()
                for theirs in names
            },
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


def _copies(found: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, int], Mapping[str, int]]]:
    """Near-duplicates of all documents, then of each recipe's, with what they are part of."""
    whole = {"kept": found["documents"], "kept_characters": found["characters"]}
    yield "", found["near_duplicates"]["all"], whole
    for name, mass in found["near_duplicates"]["kept"].items():
        yield name, mass, found["recipes"][name]


def by_size(recipes: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, list[int]]]:
    """What each recipe leaves out by first reason; the reason that costs most first.

    >>> by_size({"a": {"left_out_by_first_reason": {"stub_v1": 2}},
    ...          "b": {"left_out_by_first_reason": {"duplicate": 3, "stub_v1": 1}}})
    [('duplicate', [0, 3]), ('stub_v1', [2, 1])]
    """
    counted = [one["left_out_by_first_reason"] for one in recipes.values()]
    rules = sorted({rule for counts in counted for rule in counts})
    rows = [(rule, [counts.get(rule, 0) for counts in counted]) for rule in rules]
    return sorted(rows, key=lambda row: (-max(row[1]), row[0]))


def alarms(raised: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The hosts that some recipe nearly wipes out, the largest first, and what each leaves them.

    >>> alarms([{"recipe": "a", "host": "h.jp", "documents": 30, "kept": 1}])
    {'h.jp': {'documents': 30, 'kept': {'a': 1}}}
    """
    hosts: dict[str, dict[str, Any]] = {}
    for alarm in sorted(raised, key=lambda one: (-one["documents"], one["host"])):
        of_host = hosts.setdefault(alarm["host"], {"documents": alarm["documents"], "kept": {}})
        of_host["kept"][alarm["recipe"]] = alarm["kept"]
    return hosts


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
