"""The report: one HTML file that needs nothing else, in Japanese and in English."""

import difflib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray

from pipeline.report.facts import BINS, Facts, Histogram
from pipeline.selection import decisions
from pipeline.selection.manifest import Manifest
from pipeline.selection.reasons import Reason, in_words

WIDTH, HEIGHT = 400, 150
"""The size of a histogram in its own units; the page scales it."""

_HALF = HEIGHT / 2
_ROOM = _HALF - 14  # for bars on each side of the axis, leaving room for the labels

_STAGES = (
    ("repeated", "再度読んだ文書", "documents read twice"),
    ("takedown", "削除依頼リスト", "takedown lists"),
    ("robots", "機械への意思表示 (robots)", "robots directives"),
    ("time", "期間", "time window"),
    ("flags", "ルール", "rules"),
    ("ranges", "値の範囲", "ranges"),
    ("scores", "分類器", "classifiers"),
    ("paragraphs", "定型文を除いた残り", "what is left without boilerplate"),
    ("duplicates", "重複", "duplicates"),
    ("caps", "上限", "caps"),
    ("sample", "標本抽出", "sample"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the funnel: what is left after it, and what it took."""

    japanese: str
    english: str
    left: int
    taken: int


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a histogram: `y` and `height` in the units of the drawing."""

    x: float
    width: float
    y: float
    height: float
    kept: bool
    title: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of an axis, from `x` on, of which so many documents may stay."""

    x: float
    width: float
    label: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A tick of an axis, or a threshold, at `x`."""

    x: float
    label: str


def render(said: Manifest, facts: Facts) -> str:
    """The page of a selection; the same bytes for the same selection.

    Args:
        said: the manifest.
        facts: what was gathered beside it.
    """
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            said=said,
            totals=said["totals"],
            facts=facts,
            funnel=funnel(said["totals"]),
            reasons=reason_rows(said["totals"], facts),
            charts=[(h, list(bars(h)), ticks(h), thresholds(h), band(h)) for h in facts.histograms],
            pairs=[(pair, list(differences(pair))) for pair in facts.pairs],
            width=WIDTH,
            height=HEIGHT,
            axis=_HALF,
        )
    )


def environment() -> Environment:
    """The templates, with all text escaped."""
    made = Environment(
        loader=PackageLoader("pipeline", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["count"] = lambda n: f"{n:,}"
    made.filters["percent"] = percent
    made.filters["marked"] = marked
    made.filters["reason"] = lambda reason: in_words(Reason(**reason))
    return made


def percent(part: int, whole: int) -> str:
    """A share as a person writes it.

    >>> percent(1, 3), percent(0, 0), percent(1, 100000)
    ('33.3 %', '0 %', '< 0.1 %')
    """
    if not part or not whole:
        return "0 %"
    share = 100 * part / whole
    return "< 0.1 %" if share < 0.1 else f"{share:.1f} %".replace(".0 ", " ")


def marked(text: str, marks: Sequence[str]) -> list[tuple[bool, str]]:
    """A text in pieces, each with whether it is one of the marks, wherever it stands.

    >>> marked("今すぐ申し込む", ["すぐ"])
    [(False, '今'), (True, 'すぐ'), (False, '申し込む')]
    """
    if not marks:
        return [(False, text)]
    longest_first = sorted(marks, key=lambda mark: (-len(mark), mark))
    pieces = re.split(f"({'|'.join(map(re.escape, longest_first))})", text)
    return [(place % 2 == 1, piece) for place, piece in enumerate(pieces) if piece]


def funnel(totals: Mapping[str, Any]) -> list[Step]:
    """From the records read to the documents kept, each document at its first reason."""
    steps = [Step("読んだレコード", "records read", totals["records"], 0)]
    not_read = totals["records"] - totals["documents"]
    steps.append(Step("日本語の文書", "Japanese documents", totals["documents"], not_read))
    left = totals["documents"]
    taken = dict.fromkeys((stage for stage, _, _ in _STAGES), 0)
    for rule, count in totals["left_out_by_first_reason"].items():
        taken[stage_of(rule)] += count
    for stage, japanese, english in _STAGES:
        if taken[stage]:
            left -= taken[stage]
            steps.append(Step(f"{japanese}を経て", f"after {english}", left, taken[stage]))
    return steps


def stage_of(rule: str) -> str:
    """The step of a recipe that a reason belongs to.

    >>> stage_of("noise.keep_below"), stage_of("ja_score.min"), stage_of("short_v1")
    ('scores', 'ranges', 'flags')
    """
    head, _, kind = rule.rpartition(".")
    by_kind = {"keep_below": "scores", "drop_worst": "scores", "min": "ranges", "max": "ranges"}
    by_head = {"takedown": "takedown", "robots": "robots", "crawl_time": "time", "cap": "caps"}
    by_name = {
        decisions.REPEATED: "repeated",
        decisions.ERASED: "takedown",
        decisions.CUT_SHORT: "paragraphs",
        decisions.DUPLICATE: "duplicates",
        decisions.CONTAINED: "duplicates",
        decisions.SAMPLE: "sample",
    }
    return by_name.get(rule) or by_head.get(head) or by_kind.get(kind) or "flags"


def reason_rows(totals: Mapping[str, Any], facts: Facts) -> list[tuple[str, int, int, int]]:
    """Each reason with the documents that it speaks against, is first for, is alone for."""
    first = totals["left_out_by_first_reason"]
    rows = [
        (rule, count, first.get(rule, 0), facts.alone[rule])
        for rule, count in totals["left_out_by_any_reason"].items()
    ]
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def bars(histogram: Histogram) -> Iterator[Bar]:
    """The bars: kept above the axis, left out below, heights by the square root of the counts."""
    tallest = math.sqrt(max(1, int(histogram.kept.max()), int(histogram.left_out.max())))
    width = WIDTH / BINS
    for number in range(BINS):
        span = f"{_short(histogram.edges[number])} – {_short(histogram.edges[number + 1])}"
        for counts, kept in ((histogram.kept, True), (histogram.left_out, False)):
            count = int(counts[number])
            if count:
                height = _ROOM * math.sqrt(count) / tallest
                y = _HALF - height if kept else _HALF
                yield Bar(number * width, width - 1, y, height, kept, f"{span}: {count:,}")


def ticks(histogram: Histogram) -> list[Mark]:
    """Round numbers along the axis."""
    values = [0, 0.25, 0.5, 0.75, 1]
    if histogram.logarithmic:
        values = [1, 10, 100, 1000, 10_000, 100_000]
    return [Mark(_place(histogram, value), _short(value)) for value in values]


def thresholds(histogram: Histogram) -> list[Mark]:
    """Where the recipe cuts."""
    signs = {"below": "≥", "above": "≤", "reaches": "<"}
    return [
        Mark(_place(histogram, line.value), f"{signs[line.fails_if]} {_short(line.value)}")
        for line in histogram.thresholds
    ]


def band(histogram: Histogram) -> Stretch | None:
    """The band of which the recipe keeps so many only, if it has one."""
    if histogram.band is None:
        return None
    begin, below = histogram.band.begin, histogram.band.below
    left = _place(histogram, begin)
    right = WIDTH if below is None else _place(histogram, below)
    span = f"{_short(begin)} – {'' if below is None else _short(below)}".rstrip()
    return Stretch(left, right - left, f"{span}: ≤ {_short(histogram.band.documents)}")


def differences(pair: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The two texts of a pair in pieces: (`same` or `different`, survivor's, removed one's)."""
    ours, theirs = pair["survivor"]["text"], pair["removed"]["text"]
    matcher = difflib.SequenceMatcher(None, ours, theirs, autojunk=False)
    for kind, i1, i2, j1, j2 in matcher.get_opcodes():
        yield ("same" if kind == "equal" else "different", ours[i1:i2], theirs[j1:j2])


def _place(histogram: Histogram, value: float) -> float:
    """Where a value lies on the axis, held within it."""
    edges: NDArray[np.float64] = histogram.edges
    if histogram.logarithmic:
        edges, value = np.log10(edges), math.log10(max(value, 1e-9))
    share = (value - edges[0]) / (edges[-1] - edges[0])
    return float(WIDTH * min(max(share, 0), 1))


def _short(value: float) -> str:
    """A number in few characters.

    >>> [_short(value) for value in (0.25, 1500, 100000)]
    ['0.25', '1.5k', '100k']
    """
    if value >= 1000:
        return f"{value / 1000:.3g}k"
    return f"{value:.3g}"
