"""Calibration: a bundle's chances set right on labelled pages of sites that it was not trained on.

Two ways are measured, always on other sites than they are fitted on: Platt's logistic curve
(Advances in Large Margin Classifiers, 1999), two numbers a class, and isotonic regression (Zadrozny
and Elkan, KDD 2002), any curve that rises. A bundle holds Platt's two numbers: they keep the order
of the pages, which the steps of an isotonic curve do not, and on the labelled crawl they lose
nothing beside it (`docs/classifiers.md`). The isotonic figures show what a free curve
would bring.

Pages that two readers label alike count four times as much as others, since wrong labels make
honest chances look too sure.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from classifiers.bundle import Bundle
from classifiers.evaluate import SELECTIONS
from classifiers.facts import has_html
from classifiers.features import Head
from classifiers.heads import BY_TEXT, LinearHead, as_chances
from classifiers.labels import CLASSES, Label, alike, folds, summary
from classifiers.metrics import Chances, Truth, brier, calibration_error
from classifiers.runs import text_alone
from pipeline.errors import RunError

LogOdds = NDArray[np.float64]
Weights = NDArray[np.float64]
Curve = Callable[[LogOdds], Chances]
"""From log-odds to chances."""

AS_IT_IS, PLATT, ISOTONIC = METHODS = ("as it is", "Platt", "isotonic")

_UNCONFIRMED: Final = 0.25  # what a label counts that no second reader gave too
_SUREST: Final = 1e-6  # chances nearer to 0 or 1 are taken as this far from it
_NEVER_SURE: Final = 1e-3  # an isotonic curve that says 0 or 1 has seen too little


@dataclass(frozen=True, slots=True)
class Line:
    """Platt's curve: a line in log-odds."""

    slope: float = 1.0
    offset: float = 0.0

    def chances(self, log_odds: LogOdds) -> Chances:
        """Returns the chances of what was said with these log-odds."""
        return as_chances(log_odds * self.slope + self.offset)


@dataclass(frozen=True)
class Heard:
    """What one head of a bundle says of labelled pages.

    Attributes:
        head: which head.
        labels: a label a row; a page may stand here in several forms.
        log_odds: `(rows, classes)`, as the bundle calibrates them now.
    """

    head: Head
    labels: Sequence[Label]
    log_odds: LogOdds


@dataclass(frozen=True)
class Evidence:
    """What a calibration of one class is fitted on and measured by, row for row.

    Attributes:
        labels: labels that are worth hearing: agreed on by two readers, or not of confidence low.
        log_odds: what a head says.
        truth: what the labels say.
        weights: how much each counts.
    """

    labels: Sequence[Label]
    log_odds: LogOdds
    truth: Truth
    weights: Weights

    @classmethod
    def of(cls, heard: Heard, place: int) -> "Evidence":
        """Gathers what speaks of the class at `place` of `CLASSES`."""
        rows = [
            row
            for row, label in enumerate(heard.labels)
            if label.known[place] and (label.agreed(place) or label.confidence != "low")
        ]
        labels = [heard.labels[row] for row in rows]
        agreed = np.array([label.agreed(place) for label in labels], dtype=bool)
        return cls(
            labels,
            heard.log_odds[rows, place],
            np.array([label.truth[place] for label in labels], dtype=bool),
            np.where(agreed, 1.0, _UNCONFIRMED),
        )

    def selected(self, place: int) -> dict[str, NDArray[np.bool_]]:
        """The rows of each of `evaluate.SELECTIONS`."""
        agreed = [label.agreed(place) for label in self.labels]
        sure = [label.confidence != "low" for label in self.labels]
        return dict(zip(SELECTIONS, map(np.array, (agreed, sure)), strict=True))


def calibrate(
    bundle: Bundle, documents: Iterable[tuple[pa.RecordBatch, Sequence[Label]]]
) -> tuple[dict[Head, LinearHead], dict[str, Any]]:
    """Calibrates a bundle anew, each head and class for which that does better on other sites.

    Args:
        bundle: the bundle.
        documents: batches of documents, a label a row, of sites that it was not trained on.

    Returns:
        The heads; and the bundle's manifest, its thresholds moved along, so that the same pages
        stay flagged, and under `calibration` what was chosen by head and class, with Brier score
        and expected calibration error of each way.

    Raises:
        RunError: there is no labelled page, or they are those that the bundle was trained on.
    """
    listed = list(documents)
    labels = [label for _, of_batch in listed for label in of_batch]
    _check(labels, bundle)
    heads, thresholds = dict(bundle.heads), dict(bundle.thresholds)
    report: dict[str, dict[str, Any]] = {}
    for heard in hear(bundle, listed):
        calibration = heads[heard.head].calibration.copy()
        report[heard.head] = {}
        for place in _judged_by(heard.head):
            name = CLASSES[place]
            report[heard.head][name], line = _chosen(Evidence.of(heard, place), place)
            calibration[:, place] = calibration[:, place] * line.slope + (0, line.offset)
            if heard.head == _head_with_html(place):
                thresholds[name] = float(line.chances(_as_log_odds(np.array(thresholds[name]))))
        heads[heard.head] = replace(heads[heard.head], calibration=calibration)
    made = {"bundle": bundle.digest, "labels": summary(labels), "heads": report}
    return heads, {**bundle.manifest, "thresholds": thresholds, "calibration": made}


def _chosen(evidence: Evidence, place: int) -> tuple[dict[str, Any], Line]:
    """Platt's line where it does better on other sites and keeps the order, with the figures."""
    figures = measure(evidence, place)
    if figures[PLATT]["score"] < figures[AS_IT_IS]["score"]:
        line = platt(evidence.log_odds, evidence.truth, evidence.weights)
        if line.slope > 0:
            return {"chosen": PLATT, "ways": figures}, line
    return {"chosen": AS_IT_IS, "ways": figures}, Line()


def hear(
    bundle: Bundle, documents: Iterable[tuple[pa.RecordBatch, Sequence[Label]]]
) -> list[Heard]:
    """Asks a bundle about labelled documents, each head about what it is for.

    The head for text alone is asked about the whole text and about the main text of a document:
    inputs without HTML may hold either.
    """
    said: dict[Head, list[NDArray[np.float32]]] = {"html": [], "text": []}
    labels: dict[Head, list[Label]] = {"html": [], "text": []}
    for batch, of_batch in documents:
        read = has_html(batch)
        of_read = [label for label, known in zip(of_batch, read.tolist(), strict=True) if known]
        whole = batch.filter(pa.array(read))
        said["html"].append(bundle.chances(whole))
        said["text"].append(bundle.chances(text_alone(whole, "page_text")))
        said["text"].append(bundle.chances(text_alone(batch, "text")))
        labels["html"] += of_read
        labels["text"] += [*of_read, *of_batch]
    return [
        Heard(head, labels[head], _as_log_odds(np.concatenate(said[head])))
        for head in said
        if labels[head]
    ]


def measure(evidence: Evidence, place: int) -> dict[str, dict[str, Any]]:
    """Measures each of `METHODS`, fitted on other sites and owners than it is measured on.

    Args:
        evidence: what speaks of a class.
        place: the class, as a place in `CLASSES`.

    Returns:
        For each way its `score`, the Brier score weighted as the fit is, and for each of
        `SELECTIONS` the plain `brier` and `calibration_error`; None where there is no page.
    """
    fold = folds(evidence.labels)
    found = {}
    for way, fit in _FITS.items():
        chances = as_chances(evidence.log_odds)
        for number in np.unique(fold):
            own, others = fold == number, fold != number
            if len(set(evidence.truth[others].tolist())) == 2:
                curve = fit(
                    evidence.log_odds[others], evidence.truth[others], evidence.weights[others]
                )
                chances[own] = curve(evidence.log_odds[own])
        squares = evidence.weights * (chances - evidence.truth) ** 2
        found[way] = {
            "score": float(squares.sum() / max(1.0, evidence.weights.sum())),
            **{
                pages: _figures(evidence.truth[rows], chances[rows])
                for pages, rows in evidence.selected(place).items()
            },
        }
    return found


def platt(log_odds: LogOdds, truth: Truth, weights: Weights) -> Line:
    """Fits the line that turns log-odds into better ones; both classes must be there.

    >>> said = np.array([-2.0, -2.0, -2.0, 2.0, 2.0, 2.0])
    >>> line = platt(said, np.array([False, False, True, False, True, True]), np.ones(6))
    >>> round(line.slope, 2)
    0.35
    """
    fitted = LogisticRegression(C=1e6).fit(log_odds[:, None], truth, weights)
    return Line(float(fitted.coef_[0, 0]), float(fitted.intercept_[0]))


def as_text(calibration: Mapping[str, Any]) -> Iterator[str]:
    """Writes what `calibrate` put under `calibration`, as the lines of a table."""
    titles = "".join(f"{pages + ' ECE':>18}{'Brier':>8}" for pages in SELECTIONS)
    yield f"{'head':6}{'class':11}{'way':10}{titles}"
    for head, classes in calibration["heads"].items():
        for name, of_class in classes.items():
            for way, figures in of_class["ways"].items():
                cells = "".join(
                    f"{_number(figures[pages]['calibration_error']):>18}"
                    f"{_number(figures[pages]['brier']):>8}"
                    for pages in SELECTIONS
                )
                mark = "  chosen" if way == of_class["chosen"] else ""
                yield f"{head:6}{name:11}{way:10}{cells}{mark}"


def _same_curve(_log_odds: LogOdds, _truth: Truth, _weights: Weights) -> Curve:
    return Line().chances


def _platt_curve(log_odds: LogOdds, truth: Truth, weights: Weights) -> Curve:
    return platt(log_odds, truth, weights).chances


def _isotonic_curve(log_odds: LogOdds, truth: Truth, weights: Weights) -> Curve:
    fitted = IsotonicRegression(y_min=_NEVER_SURE, y_max=1 - _NEVER_SURE, out_of_bounds="clip")
    curve: Curve = fitted.fit(log_odds, truth, sample_weight=weights).predict
    return curve


_FITS: Final = dict(zip(METHODS, (_same_curve, _platt_curve, _isotonic_curve), strict=True))


def _check(labels: Sequence[Label], bundle: Bundle) -> None:
    if not labels:
        raise RunError("Calibration needs documents of the run that have a label: there are none.")
    if alike(summary(labels), bundle.manifest["labels"]):
        raise RunError(
            f"These are the labels that {bundle.name} was trained on, and it knows them too well: "
            "calibrate on pages of other sites. (Training calibrates by itself, on sites that the "
            "models had not seen.)"
        )


def _judged_by(head: Head) -> list[int]:
    """The classes that a head has a say in."""
    return [
        place for place in range(len(CLASSES)) if head == _head_with_html(place) or head == "text"
    ]


def _head_with_html(place: int) -> Head:
    """The head that judges a class where the HTML was read."""
    return "text" if place in BY_TEXT else "html"


def _as_log_odds(chances: NDArray[np.floating]) -> LogOdds:
    bounded = np.clip(chances.astype(np.float64), _SUREST, 1 - _SUREST)
    log_odds: LogOdds = np.log(bounded / (1 - bounded))
    return log_odds


def _figures(truth: Truth, chances: Chances) -> dict[str, float | None]:
    if not len(truth):
        return {"calibration_error": None, "brier": None}
    return {
        "calibration_error": calibration_error(truth, chances),
        "brier": brier(truth, chances),
    }


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
