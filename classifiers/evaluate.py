"""Judging scores by labels: what `seimai classifiers evaluate` prints and writes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from classifiers.labels import CLASSES, Label, groups
from classifiers.metrics import (
    average_precision,
    brier,
    calibration_error,
    interval_over_groups,
    precision_recall_f1,
    threshold_at_precision,
)

PRECISIONS: Final = (0.99, 0.95)
"""The precisions at which recall is stated."""

_LENGTHS: Final = ((0, 200), (200, 1000), (1000, 5000), (5000, 10**9))
_WORST: Final = 10
_FEWEST: Final = 20
_DOUBTFUL: Final = "low"


@dataclass(frozen=True)
class Judged:
    """Scored pages with their labels, row for row.

    Attributes:
        labels: what people say.
        chances: `(pages, classes)`: what the classifiers say.
        with_html: whether the page's HTML was read.
        n_chars: characters of its main text.
    """

    labels: Sequence[Label]
    chances: NDArray[np.float64]
    with_html: NDArray[np.bool_]
    n_chars: NDArray[np.int64]


def evaluate(judged: Judged, thresholds: dict[str, float]) -> dict[str, Any]:
    """Measures each class.

    Args:
        judged: scored, labelled pages.
        thresholds: the chance from which a page counts as of the class, by class.

    Returns:
        JSON-able figures by class. `both_agree`: pages that two readers labelled alike;
        `high_mid`: pages of those confidences. NaN is given as None.
    """
    result: dict[str, Any] = {"pages": len(judged.labels), "classes": {}}
    group = groups(judged.labels)
    sure = np.array([label.confidence != _DOUBTFUL for label in judged.labels], dtype=bool)
    for place, name in enumerate(CLASSES):
        truth = np.array([label.truth[place] for label in judged.labels], dtype=bool)
        agreed = np.array([label.agreed(place) for label in judged.labels], dtype=bool)
        column = _Column(truth, judged.chances[:, place], group, thresholds[name])
        result["classes"][name] = {
            "threshold": thresholds[name],
            "both_agree": column.figures(agreed),
            "high_mid": column.figures(sure),
            "hard_negatives": column.hard_negatives(judged.labels, name),
            "slices": {title: column.slice_figures(rows & sure) for title, rows in _slices(judged)},
        }
    return {key: _without_nan(value) for key, value in result.items()}


def worst_errors(judged: Judged, place: int) -> list[int]:
    """Returns the rows whose chance is furthest from their label, doubtful labels left out."""
    truth = np.array([label.truth[place] for label in judged.labels], dtype=float)
    sure = np.array([label.confidence != _DOUBTFUL for label in judged.labels], dtype=bool)
    distance = np.abs(judged.chances[:, place] - truth) * sure
    return [int(row) for row in np.argsort(-distance, kind="stable")[:_WORST] if distance[row] > 0]


def as_text(figures: dict[str, Any]) -> Iterator[str]:
    """Writes the chief figures as the lines of a table."""
    yield (
        f"{'class':10} {'pages':11} {'n':>6} {'pos':>5} {'AP':>6} {'95 % of samples':>17} "
        f"{'prec':>6} {'recall':>6} {'F1':>6} {'R@.99':>6} {'R@.95':>6} {'ECE':>6} {'Brier':>6}"
    )
    for name, by_class in figures["classes"].items():
        for title in ("both_agree", "high_mid"):
            of = by_class[title]
            low, high = of["average_precision_interval"]
            yield (
                f"{name:10} {title:11} {of['pages']:6} {of['positive']:5} "
                f"{_number(of['average_precision'])} [{_number(low)}, {_number(high)}] "
                f"{_number(of['precision'])} {_number(of['recall'])} {_number(of['f1'])} "
                f"{_number(of['recall_at_precision']['0.99'])} "
                f"{_number(of['recall_at_precision']['0.95'])} "
                f"{_number(of['calibration_error'])} {_number(of['brier'])}"
            )
    for name, by_class in figures["classes"].items():
        hard = by_class["hard_negatives"]
        yield (
            f"{name}: of {hard['pages']} hard negatives {hard['flagged']} are flagged at "
            f"{by_class['threshold']:.2f} ({_number(hard['share']).strip()})"
        )


@dataclass(frozen=True)
class _Column:
    """One class: its labels and chances."""

    truth: NDArray[np.bool_]
    chances: NDArray[np.float64]
    group: NDArray[np.intp]
    threshold: float

    def figures(self, among: NDArray[np.bool_]) -> dict[str, Any]:
        truth, chances = self.truth[among], self.chances[among]
        flagged = chances >= self.threshold
        precision, recall, f1 = precision_recall_f1(truth, flagged)

        def interval(measure: Callable[[NDArray[np.intp]], float]) -> list[float]:
            return list(interval_over_groups(measure, self.group[among]))

        return {
            "pages": int(among.sum()),
            "positive": int(truth.sum()),
            "average_precision": average_precision(truth, chances),
            "average_precision_interval": interval(
                lambda rows: average_precision(truth[rows], chances[rows])
            ),
            "precision": precision,
            "precision_interval": interval(
                lambda rows: precision_recall_f1(truth[rows], flagged[rows])[0]
            ),
            "recall": recall,
            "recall_interval": interval(
                lambda rows: precision_recall_f1(truth[rows], flagged[rows])[1]
            ),
            "f1": f1,
            "recall_at_precision": {
                str(wanted): threshold_at_precision(truth, chances, wanted)[1]
                for wanted in PRECISIONS
            },
            "calibration_error": calibration_error(truth, chances),
            "brier": brier(truth, chances),
        }

    def slice_figures(self, among: NDArray[np.bool_]) -> dict[str, Any]:
        truth, chances = self.truth[among], self.chances[among]
        flagged = chances >= self.threshold
        precision, recall, _ = precision_recall_f1(truth, flagged)
        return {
            "pages": int(among.sum()),
            "positive": int(truth.sum()),
            "flagged": int(flagged.sum()),
            "wrongly_flagged": int((flagged & ~truth).sum()),
            "average_precision": average_precision(truth, chances),
            "precision": precision,
            "recall": recall,
        }

    def hard_negatives(self, labels: Sequence[Label], name: str) -> dict[str, Any]:
        among = np.array([name in label.hard_negative for label in labels], dtype=bool)
        among &= ~self.truth
        flagged = (self.chances[among] >= self.threshold).sum()
        return {
            "pages": int(among.sum()),
            "flagged": int(flagged),
            "share": float(flagged / among.sum()) if among.any() else float("nan"),
        }


def _slices(judged: Judged) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    yield "with HTML", judged.with_html
    yield "without HTML", ~judged.with_html
    for low, high in _LENGTHS:
        title = f"{low} to {high - 1} characters" if high < 10**9 else f"{low} characters or more"
        yield title, (judged.n_chars >= low) & (judged.n_chars < high)
    genres = np.array([label.genre for label in judged.labels], dtype=object)
    for genre in sorted({label.genre for label in judged.labels} - {""}):
        if (genres == genre).sum() >= _FEWEST:
            yield f"genre {genre}", genres == genre


def _number(value: float | None) -> str:
    return "     –" if value is None else f"{value:6.3f}"


def _without_nan(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and np.isnan(value) else value
