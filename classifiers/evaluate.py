"""Judging scores by labels: what `seimai classifiers evaluate` prints and writes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from classifiers.labels import CLASSES, Doubt, Label, groups
from classifiers.metrics import (
    Chances,
    Ranking,
    Truth,
    average_precision,
    brier,
    calibration_error,
    intervals_over_groups,
    precision_recall_f1,
)

PRECISIONS: Final = (0.99, 0.95)
"""The precisions at which recall is stated."""

SELECTIONS: Final = ("both_agree", "high_mid")
"""The pages that a class is judged on: two readers label them alike; confidence high or mid."""

UNDOUBTED: Final = "_undoubted"
"""What ends the name of a selection from which doubtful labels are left out."""

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
        kinds: further ways to tell pages apart: by the way's name, the kind of each page.
    """

    labels: Sequence[Label]
    chances: NDArray[np.float64]
    with_html: NDArray[np.bool_]
    n_chars: NDArray[np.int64]
    kinds: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)

    def truth(self, place: int) -> Truth:
        """What the labels say of the class at `place` of `CLASSES`."""
        return np.array([label.truth[place] for label in self.labels], dtype=bool)

    def selections(self, place: int, doubts: Sequence[Doubt] = ()) -> dict[str, NDArray[np.bool_]]:
        """Chooses the pages that a class is judged on.

        Args:
            place: the class, as a place in `CLASSES`.
            doubts: doubtful labels.

        Returns:
            The pages of each of `SELECTIONS` and, where there are doubts, the same without the
            pages whose label of this class is doubtful.
        """
        known = np.array([label.known[place] for label in self.labels], dtype=bool)
        agreed = np.array([label.agreed(place) for label in self.labels], dtype=bool)
        sure = np.array([label.confidence != _DOUBTFUL for label in self.labels], dtype=bool)
        chosen = dict(zip(SELECTIONS, (known & agreed, known & sure), strict=True))
        if doubts:
            doubted = {doubt.url for doubt in doubts if doubt.name == CLASSES[place]}
            trusted = np.array([label.url not in doubted for label in self.labels], dtype=bool)
            chosen |= {name + UNDOUBTED: rows & trusted for name, rows in chosen.items()}
        return chosen


def evaluate(
    judged: Judged, thresholds: Mapping[str, float], doubts: Sequence[Doubt] = ()
) -> dict[str, Any]:
    """Measures each class.

    Args:
        judged: scored, labelled pages.
        thresholds: the chance from which a page counts as of the class, by class.
        doubts: doubtful labels; where there are any, figures are also given without them.

    Returns:
        JSON-able figures by class: those of each of `Judged.selections`, each with the 95 %
        interval over site groups; those of the hard negatives, by genre; and those of the slices,
        of pages of confidence high and mid. What cannot be measured is None.
    """
    classes = {}
    group = groups(judged.labels)
    for place, name in enumerate(CLASSES):
        column = _Column(judged.truth(place), judged.chances[:, place], group, thresholds[name])
        selections = judged.selections(place, doubts)
        classes[name] = {
            "threshold": thresholds[name],
            **{title: column.figures(rows) for title, rows in selections.items()},
            "hard_negatives": column.hard_negatives(judged.labels, place),
            "slices": {
                title: column.slice_figures(rows & selections["high_mid"])
                for title, rows in _slices(judged)
            },
        }
    return {"pages": len(judged.labels), "classes": _without_nan(classes)}


def sites_with_errors(judged: Judged, place: int, threshold: float) -> list[dict[str, Any]]:
    """Counts the errors of a class by site, on pages of confidence high and mid.

    Args:
        judged: scored, labelled pages.
        place: the class, as a place in `CLASSES`.
        threshold: the chance from which a page counts as of the class.

    Returns:
        `site`, `owner`, `pages`, `positive`, `wrongly_flagged` and `overlooked` of each site that
        has an error, the most errors first.
    """
    truth, flagged = judged.truth(place), judged.chances[:, place] >= threshold
    found: dict[tuple[str, str], NDArray[np.int64]] = {}
    for row in np.flatnonzero(judged.selections(place)["high_mid"]).tolist():
        label, of, said = judged.labels[row], truth[row], flagged[row]
        counts = found.setdefault((label.site, label.owner), np.zeros(4, np.int64))
        counts += np.array([1, of, said and not of, of and not said])
    names = ("pages", "positive", "wrongly_flagged", "overlooked")
    rows = [
        {"site": site, "owner": owner, **dict(zip(names, counts.tolist(), strict=True))}
        for (site, owner), counts in found.items()
        if counts[2:].any()
    ]
    return sorted(rows, key=lambda row: (-row["wrongly_flagged"] - row["overlooked"], row["site"]))


def worst_errors(
    judged: Judged, place: int, of_class: bool | None = None, doubts: Sequence[Doubt] = ()
) -> list[int]:
    """Returns the rows whose chance is furthest from their label, the furthest first.

    Args:
        judged: scored, labelled pages; those of confidence low are passed over.
        place: the class, as a place in `CLASSES`.
        of_class: only pages that are labelled as of the class, or only those that are not.
        doubts: doubtful labels, passed over too.
    """
    truth = judged.truth(place)
    selections = judged.selections(place, doubts)
    among = selections.get("high_mid" + UNDOUBTED, selections["high_mid"])
    if of_class is not None:
        among = among & (truth == of_class)
    distance = np.abs(judged.chances[:, place] - truth) * among
    return [int(row) for row in np.argsort(-distance, kind="stable")[:_WORST] if distance[row] > 0]


def as_text(figures: Mapping[str, Any]) -> Iterator[str]:
    """Writes the chief figures as the lines of tables."""
    yield (
        f"{'class':10} {'pages':20} {'n':>6} {'pos':>5} {'AP':>6} {'95 % of samples':>17} "
        f"{'prec':>6} {'recall':>6} {'F1':>6} {'R@.99':>6} {'R@.95':>6} {'ECE':>6} {'Brier':>6}"
    )
    for name, by_class in figures["classes"].items():
        for title in _selections_of(by_class):
            of = by_class[title]
            low, high = of["average_precision_interval"]
            yield (
                f"{name:10} {title:20} {of['pages']:6} {of['positive']:5} "
                f"{_number(of['average_precision'])} [{_number(low)}, {_number(high)}] "
                f"{_number(of['precision'])} {_number(of['recall'])} {_number(of['f1'])} "
                f"{_number(of['recall_at_precision']['0.99'])} "
                f"{_number(of['recall_at_precision']['0.95'])} "
                f"{_number(of['calibration_error'])} {_number(of['brier'])}"
            )
    yield from _intervals_as_text(figures)
    yield from _hard_negatives_as_text(figures)


def _intervals_as_text(figures: Mapping[str, Any]) -> Iterator[str]:
    yield "\nat the threshold, with 95 % of samples of sites:"
    for name, by_class in figures["classes"].items():
        for title in _selections_of(by_class):
            of = by_class[title]
            said = (
                f"{short} {_number(of[measure])} [{_number(low)}, {_number(high)}]"
                for short, measure in (("P", "precision"), ("R", "recall"), ("F1", "f1"))
                for low, high in [of[f"{measure}_interval"]]
            )
            yield f"{name:10} at {by_class['threshold']:.2f} {title:20} {'  '.join(said)}"


def _hard_negatives_as_text(figures: Mapping[str, Any]) -> Iterator[str]:
    yield "\nhard negatives, pages that look like the class and are not:"
    for name, by_class in figures["classes"].items():
        hard = by_class["hard_negatives"]
        yield (
            f"{name}: of {hard['pages']} hard negatives {hard['flagged']} are flagged at "
            f"{by_class['threshold']:.2f} ({_number(hard['share']).strip()})"
        )
        for genre, of in hard["genres"].items():
            if of["flagged"]:
                yield f"    {genre or 'no genre'}: {of['flagged']} of {of['pages']}"


def _selections_of(by_class: Mapping[str, Any]) -> list[str]:
    return [title for title in by_class if title.removesuffix(UNDOUBTED) in SELECTIONS]


@dataclass(frozen=True)
class _Column:
    """One class: its labels and chances."""

    truth: Truth
    chances: Chances
    group: NDArray[np.intp]
    threshold: float

    def figures(self, among: NDArray[np.bool_]) -> dict[str, Any]:
        truth, chances = self.truth[among], self.chances[among]

        def measured(rows: NDArray[np.intp]) -> dict[str, float]:
            return _measures(truth[rows], chances[rows], self.threshold)

        measures = measured(np.arange(len(truth)))
        intervals = intervals_over_groups(measured, self.group[among])
        named: dict[str, Any] = {"pages": len(truth), "positive": int(truth.sum())}
        for name, value in measures.items():
            named |= {name: value, f"{name}_interval": list(intervals[name])}
        at_precision = {str(wanted): named.pop(_recall_at(wanted)) for wanted in PRECISIONS}
        at_intervals = {
            str(wanted): named.pop(f"{_recall_at(wanted)}_interval") for wanted in PRECISIONS
        }
        return {
            **named,
            "recall_at_precision": at_precision,
            "recall_at_precision_interval": at_intervals,
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

    def hard_negatives(self, labels: Sequence[Label], place: int) -> dict[str, Any]:
        among = np.array(
            [CLASSES[place] in label.hard_negative and label.known[place] for label in labels],
            dtype=bool,
        )
        among &= ~self.truth
        genres = np.array([label.genre for label in labels], dtype=object)
        return {
            **self._flagged(among),
            "genres": {
                genre: self._flagged(among & (genres == genre))
                for genre in sorted(set(genres[among].tolist()))
            },
        }

    def _flagged(self, among: NDArray[np.bool_]) -> dict[str, Any]:
        flagged = int((self.chances[among] >= self.threshold).sum())
        pages = int(among.sum())
        return {
            "pages": pages,
            "flagged": flagged,
            "share": flagged / pages if pages else float("nan"),
        }


def _measures(truth: Truth, chances: Chances, threshold: float) -> dict[str, float]:
    precision, recall, f1 = precision_recall_f1(truth, chances >= threshold)
    ranking = Ranking.of(truth, chances)
    return {
        "average_precision": ranking.average_precision(),
        "precision": precision,
        "recall": recall,
        "f1": f1,
        **{_recall_at(wanted): ranking.threshold_at_precision(wanted)[1] for wanted in PRECISIONS},
        "calibration_error": calibration_error(truth, chances),
        "brier": brier(truth, chances),
    }


def _recall_at(precision: float) -> str:
    return f"recall_at_precision_{precision}"


def _slices(judged: Judged) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    yield "with HTML", judged.with_html
    yield "without HTML", ~judged.with_html
    for low, high in _LENGTHS:
        title = f"{low} to {high - 1} characters" if high < 10**9 else f"{low} characters or more"
        yield title, (judged.n_chars >= low) & (judged.n_chars < high)
    for way, kinds in judged.kinds.items():
        for kind in sorted(set(kinds.tolist())):
            yield f"{way} {kind}", kinds == kind
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
