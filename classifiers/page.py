"""The page of an evaluation: one HTML file that needs nothing else, in Japanese and in English."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jinja2 import ChoiceLoader, Environment, PackageLoader
from numpy.typing import NDArray

from classifiers.bundle import Bundle
from classifiers.evaluate import SELECTIONS, Judged, sites_with_errors, worst_errors
from classifiers.explain import votes
from classifiers.labels import CLASSES, Doubt, Label
from classifiers.metrics import Chances, Ranking, Truth, reliability
from pipeline.report.facts import BINS, MARKS_A_SAMPLE, SAMPLE_CHARACTERS, Histogram, Threshold
from pipeline.report.page import HEIGHT, WIDTH, Mark, bars, environment, thresholds, ticks

CURVE_HEIGHT: Final = 260
"""The height of a drawing of curves; as `WIDTH`, in its own units."""

_SITES: Final = 15
_POINTS: Final = 400  # of a curve at most; more are not seen
_RAREST: Final = 1e-3  # the left end of the axis of false-positive rates
_COLOURS: Final = dict(zip(SELECTIONS, ("var(--kept)", "var(--cut)"), strict=True))


@dataclass(frozen=True)
class Evaluation:
    """What a page shows.

    Attributes:
        names: what was judged, by what it is: run, labels, bundle, whose thresholds.
        judged: scored, labelled pages.
        texts: the main text of each.
        figures: what `evaluate` measured of them.
        bundle: the bundle that scored, whose n-grams are marked in the errors; None if it is not
            at hand.
        doubts: doubtful labels; their pages are not shown as errors.
        unmatched: labelled pages that are no document of the run.
    """

    names: Mapping[str, str]
    judged: Judged
    texts: Sequence[str]
    figures: Mapping[str, Any]
    bundle: Bundle | None
    doubts: Sequence[Doubt]
    unmatched: int


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a drawing: which pages it is of, its points, and its point at the threshold."""

    pages: str
    colour: str
    points: str
    at_threshold: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Drawing:
    """Curves in a frame; titles and axes in Japanese and in English."""

    title: tuple[str, str]
    across: tuple[str, str]
    up: tuple[str, str]
    curves: Sequence[Curve]
    ticks: Sequence[Mark]
    diagonal: bool = False


@dataclass(frozen=True, slots=True)
class Wrong:
    """A page on which a class's chance and label are far apart, with what the classifier heard."""

    label: Label
    of_class: bool
    second: bool | None
    chance: float
    n_chars: int
    text: str
    marks: Sequence[str]


def render(evaluation: Evaluation) -> str:
    """Writes the page; the same bytes for the same evaluation."""
    judged = evaluation.judged
    cuts = [evaluation.figures["classes"][name]["threshold"] for name in CLASSES]
    classes = list(zip(range(len(CLASSES)), CLASSES, cuts, strict=True))
    return (
        _environment()
        .get_template("evaluation.html.j2")
        .render(
            of=evaluation,
            drawings={name: list(drawings(judged, place, cut)) for place, name, cut in classes},
            charts={name: _histogram(judged, place, cut) for place, name, cut in classes},
            sites={
                name: sites_with_errors(judged, place, cut)[:_SITES] for place, name, cut in classes
            },
            errors={
                f"{name}: {kind}": list(_errors(evaluation, place, of_class))
                for place, name in enumerate(CLASSES)
                for kind, of_class in (("wrongly flagged", False), ("overlooked", True))
            },
            width=WIDTH,
            height=HEIGHT,
            curve_height=CURVE_HEIGHT,
        )
    )


def drawings(judged: Judged, place: int, threshold: float) -> Iterator[Drawing]:
    """Draws precision over recall, recall over false-positive rate, and what became of chances.

    Args:
        judged: scored, labelled pages.
        place: the class, as a place in `CLASSES`.
        threshold: the chance from which a page counts as of the class.
    """
    truth, chances = judged.truth(place), judged.chances[:, place]
    chosen = {
        title: (truth[rows], chances[rows])
        for title, rows in judged.selections(place).items()
        if truth[rows].any() and not truth[rows].all()
    }
    shares = [Mark(WIDTH * value, f"{value:g}") for value in (0, 0.25, 0.5, 0.75, 1)]
    rates = [
        Mark(float(_by_power(np.array(rate))) * WIDTH, f"{rate:g}") for rate in (1e-3, 1e-2, 0.1, 1)
    ]
    yield Drawing(
        ("適合率と再現率", "Precision and recall"),
        ("再現率", "recall"),
        ("適合率", "precision"),
        [_curve(title, *of, threshold, _precision_recall) for title, of in chosen.items()],
        shares,
    )
    yield Drawing(
        ("誤検出と再現率", "False positives and recall"),
        ("誤検出率(対数)", "false-positive rate, logarithmic"),
        ("再現率", "recall"),
        [_curve(title, *of, threshold, _receiver) for title, of in chosen.items()],
        rates,
    )
    yield Drawing(
        ("確率の信頼性", "Reliability of chances"),
        ("予測した確率", "chance said"),
        ("実際の割合", "share that came true"),
        [_curve(title, *of, None, _reliability) for title, of in chosen.items()],
        shares,
        diagonal=True,
    )


Line = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def _curve(
    pages: str,
    truth: Truth,
    chances: Chances,
    threshold: float | None,
    line: Callable[[Truth, Chances], Line],
) -> Curve:
    """Scales a line to the drawing; `line` gives x and y from 0 to 1, and the chance at each."""
    x, y, at = line(truth, chances)
    x, y = x * WIDTH, (1 - y) * CURVE_HEIGHT
    shown = np.unique(np.linspace(0, len(x) - 1, min(_POINTS, len(x))).astype(int))
    points = " ".join(f"{x[n]:.1f},{y[n]:.1f}" for n in shown.tolist())
    over = np.flatnonzero(at >= threshold) if threshold is not None else np.array([], int)
    nearest = int(over[at[over].argmin()]) if len(over) else None
    mark = None if nearest is None else (float(x[nearest]), float(y[nearest]))
    return Curve(pages, _COLOURS[pages], points, mark)


def _precision_recall(truth: Truth, chances: Chances) -> Line:
    ranking = Ranking.of(truth, chances)
    return ranking.recalls, ranking.precisions, ranking.thresholds


def _receiver(truth: Truth, chances: Chances) -> Line:
    ranking = Ranking.of(truth, chances)
    return _by_power(ranking.false_positive_rates), ranking.recalls, ranking.thresholds


def _reliability(truth: Truth, chances: Chances) -> Line:
    found = reliability(truth, chances)
    there = found.count > 0
    return found.said[there], found.happened[there], found.said[there]


def _by_power(rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where rates lie on a logarithmic axis from `_RAREST` to 1, as a share of its length."""
    place: NDArray[np.float64] = 1 - np.log10(np.maximum(rates, _RAREST)) / np.log10(_RAREST)
    return place


def _histogram(judged: Judged, place: int, threshold: float) -> dict[str, Any]:
    """The chances of pages that are not of the class, above the axis, and of those that are."""
    edges = np.linspace(0, 1, BINS + 1)
    cut = Threshold(threshold, "reaches", CLASSES[place])
    histogram = Histogram(CLASSES[place], edges, logarithmic=False, thresholds=(cut,))
    among = judged.selections(place)["high_mid"]
    histogram.add(judged.chances[among, place], ~judged.truth(place)[among])
    return {
        "bars": list(bars(histogram)),
        "ticks": ticks(histogram),
        "cuts": thresholds(histogram),
    }


def _errors(evaluation: Evaluation, place: int, of_class: bool) -> Iterator[Wrong]:
    judged, threshold = (
        evaluation.judged,
        evaluation.figures["classes"][CLASSES[place]]["threshold"],
    )
    for row in worst_errors(judged, place, of_class, evaluation.doubts):
        chance = float(judged.chances[row, place])
        if (chance >= threshold) == of_class:
            continue
        text, label = evaluation.texts[row], judged.labels[row]
        yield Wrong(
            label,
            of_class,
            None if label.second is None else label.second[place],
            chance,
            len(text),
            text[:SAMPLE_CHARACTERS],
            _heard(evaluation.bundle, text, place),
        )


def _heard(bundle: Bundle | None, text: str, place: int) -> list[str]:
    """The n-grams of a text that spoke most for a class."""
    heard = votes(bundle, text, place) if bundle else []
    return [
        vote.evidence
        for vote in heard
        if vote.span and vote.value > 0 and len(vote.evidence.strip()) > 1
    ][:MARKS_A_SAMPLE]


def _environment() -> Environment:
    """The report's templates and manner, with the evaluation's template beside them."""
    made = environment()
    if made.loader is not None:
        made.loader = ChoiceLoader([PackageLoader("classifiers", "."), made.loader])
    made.filters["number"] = lambda value: "–" if value is None else f"{value:.3f}"
    return made
