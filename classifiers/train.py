"""Training: from a run's documents and labels to a bundle, judged on sites not trained on.

One linear model a class and a head: logistic regression on n-grams and cut-up dense features. What
a page sells or shows is said by rare n-grams, so for affiliate and adult pages n-grams weigh by
their rarity among sites; whether it is running text at all is said by the commonest, so for noise
they do not. A site's pages count by the square root of their number, so that one large site does
not write the model; pages whose label is doubtful count less, and none is dropped.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from classifiers import calibrate
from classifiers.evaluate import Judged, evaluate
from classifiers.facts import has_html
from classifiers.features import (
    DENSE,
    VIEWS,
    Features,
    Head,
    View,
    by_main_text,
    by_page_text,
    family_of,
    features,
    nameless,
)
from classifiers.heads import BY_TEXT, LinearHead, ViewWeights, as_chances, over_cuts
from classifiers.kinds import kinds
from classifiers.labels import (
    CLASSES,
    IN_NO_FOLD,
    Doubt,
    Label,
    folds,
    groups,
    rows_of_sites,
    summary,
)
from classifiers.metrics import threshold_at_precision
from classifiers.ngrams import BUCKET_BITS
from pipeline.errors import RunError

# As cross-validation chose them: `docs/decisions/06-classifiers.md` has the figures.
_COST: Final = {"noise": 10.0, "affiliate": 10.0, "adult": 15.0}
_VIEW_UNITS: Final = {
    "noise": {"page": 1.0, "main": 1.0, "text": 1.0, "title": 0.5, "path": 0.3},
    "affiliate": {"page": 1.0, "main": 0.5, "text": 1.0, "title": 0.3},
    "adult": {"text": 1.0},
}
_DENSE_UNITS: Final = {
    "noise": {"shape": 0.05, "facts": 0.1},
    "affiliate": {"facts": 0.035},
    "adult": {"lexicon": 0.085},
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What shapes a training.

    Attributes:
        cost: by class, the inverse strength of the L2 penalty (`C` of scikit-learn).
        view_units: by class and view, how long its n-gram vector is, 1 for plain; a view that is
            not named is left out, and a head none of whose views is named does not judge the class.
        by_rarity: the classes whose n-grams weigh by their rarity among site groups.
        dense_units: by class and family of dense features, how large a step is beside an n-gram
            vector of length 1; a family that is not named is left out.
        cuts: steps that a dense feature is cut into, at its quantiles.
        min_groups: site groups that an n-gram must occur in; rarer ones are a template's.
        low_weight: what a page labelled with low confidence counts.
        agreed_weight: what a page counts on which two readers agree.
        disputed_weight: what a page counts on which two readers disagree.
        synthetic_weight: what a page counts that was written to train on.
        n_folds: folds of the cross-validation, each of whole site groups.
    """

    cost: Mapping[str, float] = field(default_factory=lambda: _COST)
    view_units: Mapping[str, Mapping[str, float]] = field(default_factory=lambda: _VIEW_UNITS)
    by_rarity: tuple[str, ...] = ("affiliate", "adult")
    dense_units: Mapping[str, Mapping[str, float]] = field(default_factory=lambda: _DENSE_UNITS)
    cuts: int = 7
    min_groups: int = 10
    low_weight: float = 0.5
    agreed_weight: float = 4.0
    disputed_weight: float = 0.1
    synthetic_weight: float = 0.2
    n_folds: int = 5


@dataclass(frozen=True)
class Examples:
    """Labelled documents of one head, as matrices.

    Attributes:
        head: the kind of evidence.
        ngrams: a CSR matrix `(documents, buckets)` a view, rows of length 1.
        dense: `(documents, features)`, float32.
        labels: a label a document.
    """

    head: Head
    ngrams: tuple[sp.csr_matrix, ...]
    dense: NDArray[np.float32]
    labels: Sequence[Label]

    @classmethod
    def of(cls, head: Head, documents: Iterable[Features], labels: Sequence[Label]) -> "Examples":
        """Gathers the features of documents, a label each."""
        listed = list(documents)
        ngrams = tuple(
            _matrix([document.views[place] for document in listed])
            for place in range(len(VIEWS[head]))
        )
        return cls(head, ngrams, np.array([document.dense for document in listed]), labels)

    def of_sites(self) -> "Examples":
        """Those that are pages of sites; synthetic ones are not."""
        rows = rows_of_sites(self.labels)
        ngrams = tuple(matrix[rows] for matrix in self.ngrams)
        return Examples(self.head, ngrams, self.dense[rows], [self.labels[row] for row in rows])


@dataclass(frozen=True)
class Trained:
    """A head and how it did on sites that it was not trained on.

    Attributes:
        head: the head, trained on all examples.
        chances: `(documents, classes)`: calibrated, each by models and a calibration that saw no
            page of the document's site or owner. Of synthetic pages there are none.
    """

    head: LinearHead
    chances: NDArray[np.float64]


TEXT_FORMS: Final[Mapping[str, Callable[[Features], Features]]] = {
    "text, whole page": lambda page: nameless(by_page_text(page)),
    "text, main text": lambda page: nameless(by_main_text(page)),
    "text, whole page, title and address": by_page_text,
    "text, main text, title and address": by_main_text,
}
"""What an input without HTML may hold of a page."""

PRECISION: Final = 0.9
"""The precision that a default threshold has to reach."""

HARD_NEGATIVES: Final = {"noise": 0.05, "affiliate": 0.02, "adult": 0.01}
"""The largest share of a class's hard negatives that a default threshold may flag."""

_DOUBTFUL: Final = "low"
_CERTAIN: Final = 6.0  # log-odds, where all pages or none of a training set are of the class
_CLIPPED_FROM: Final = 0.9999  # the few largest weights are clipped: eight bits serve the rest


def train(examples: Examples, settings: Settings) -> Trained:
    """Trains a head, with the cross-validation that calibrates it.

    Args:
        examples: labelled documents; one page may stand in it in several forms.
        settings: what shapes the training.
    """
    truth = np.array([label.truth for label in examples.labels])
    weights = np.stack(
        [_weights(examples.labels, place, settings) for place in range(len(CLASSES))]
    )
    fold = folds(examples.labels, settings.n_folds)
    sites = examples.of_sites()
    spoken = _widespread(sites, settings.min_groups)
    cuts = _cuts(sites.dense, settings.cuts)
    inputs = _inputs(examples, spoken, cuts)
    units = _units(examples.head, spoken, settings)
    cost = [settings.cost[name] for name in CLASSES]
    held_out = np.zeros(truth.shape)
    for number in range(settings.n_folds):
        seen, unseen = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        coefficients, offset = _fit(inputs[seen], truth[seen], weights[:, seen], units, cost)
        held_out[unseen] = inputs[unseen] @ coefficients + offset
    coefficients, offset = _fit(inputs, truth, weights, units, cost)
    judged = fold != IN_NO_FOLD
    of_judged = held_out[judged], truth[judged], sites.labels
    calibration = platt(*of_judged, settings)
    views, steps = _stored(spoken, settings.cuts, coefficients)
    head = LinearHead(examples.head, views, cuts, steps, offset, calibration)
    return Trained(head, cross_calibrated(*of_judged, fold[judged], settings))


def train_bundle(
    documents: Iterable[tuple[pa.RecordBatch, Sequence[Label]]],
    settings: Settings,
    doubts: Sequence[Doubt] = (),
) -> tuple[dict[Head, LinearHead], dict[str, Any]]:
    """Trains both heads on the same pages, and judges each on sites it was not trained on.

    The text head sees every page four times, as its whole text and as its main text, each with and
    without title and address: inputs without HTML may hold any of these. Synthetic pages train
    the models, those of each fold too, and nothing is judged, calibrated or chosen by them.

    Args:
        documents: batches of documents with HTML, a label a row.
        settings: what shapes the training.
        doubts: doubtful labels; they train the models all the same, and where there are any,
            figures are also given without them.

    Returns:
        The heads, and what the manifest says of them: settings, label counts, figures by form of
        the input, thresholds.

    Raises:
        RunError: there are no documents to judge by, or some without HTML.
    """
    pages = _Pages.of(documents)
    sites = pages.of_sites()
    html = train(Examples.of("html", pages.seen, pages.labels), settings)
    text = train(as_text(pages.seen, pages.labels), settings)
    of_text = np.split(text.chances, len(TEXT_FORMS))
    html.chances[:, BY_TEXT] = of_text[0][:, BY_TEXT]
    thresholds = choose_thresholds(sites.labels, html.chances)
    results = {
        "html": sites.judged(html.chances, with_html=True),
        **{
            form: sites.judged(chances, with_html=False)
            for form, chances in zip(TEXT_FORMS, of_text, strict=True)
        },
    }
    manifest = {
        "settings": asdict(settings),
        "labels": summary(sites.labels),
        "synthetic": summary(label for label in pages.labels if label.synthetic),
        "thresholds": thresholds,
        "cross_validation": {
            form: evaluate(result, thresholds, doubts) for form, result in results.items()
        },
        "calibrated_by": calibrate.PLATT,
    }
    return {"html": html.head, "text": text.head}, manifest


@dataclass(frozen=True, slots=True)
class _Pages:
    """Labelled pages with HTML.

    Attributes:
        seen: what the models see of each.
        labels: the label of each.
        n_chars: characters of the main text of each.
        kinds: the kind of each, by each way to tell them apart.
    """

    seen: list[Features]
    labels: list[Label]
    n_chars: NDArray[np.int64]
    kinds: dict[str, NDArray[np.str_]]

    @classmethod
    def of(cls, documents: Iterable[tuple[pa.RecordBatch, Sequence[Label]]]) -> "_Pages":
        seen: list[Features] = []
        labels: list[Label] = []
        n_chars: list[int] = []
        of_kind: dict[str, list[str]] = {}
        for batch, batch_labels in documents:
            if not has_html(batch).all():
                raise RunError(
                    "Training needs documents that were read from HTML, and "
                    f"{(~has_html(batch)).sum()} were not. Label the pages of a run on WARC files."
                )
            seen += features(batch)
            labels += batch_labels
            n_chars += map(len, batch["text"].to_pylist())
            for way, kind in kinds(batch).items():
                of_kind.setdefault(way, []).extend(kind.tolist())
        if all(label.synthetic for label in labels):
            raise RunError(
                "Training needs documents of the run that have a label, of pages that were not "
                "written for it: there are none."
            )
        told = {way: np.array(kind) for way, kind in of_kind.items()}
        return cls(seen, labels, np.array(n_chars), told)

    def of_sites(self) -> "_Pages":
        """Those that are pages of sites; synthetic ones are not."""
        rows = rows_of_sites(self.labels)
        return _Pages(
            [self.seen[row] for row in rows],
            [self.labels[row] for row in rows],
            self.n_chars[rows],
            {way: kind[rows] for way, kind in self.kinds.items()},
        )

    def judged(self, chances: NDArray[np.float64], *, with_html: bool) -> Judged:
        """The pages with chances, as those of documents that have HTML or not."""
        of_html = np.full(len(self.labels), with_html)
        return Judged(self.labels, chances, of_html, self.n_chars, self.kinds)


def as_text(pages: Sequence[Features], labels: Sequence[Label]) -> Examples:
    """Shows pages with HTML as the text head sees them, in each of `TEXT_FORMS`, one after another.

    Args:
        pages: the pages.
        labels: a label a page.
    """
    forms = [form(page) for form in TEXT_FORMS.values() for page in pages]
    return Examples.of("text", forms, [*labels] * len(TEXT_FORMS))


def choose_thresholds(labels: Sequence[Label], chances: NDArray[np.float64]) -> dict[str, float]:
    """Chooses the default threshold of each class, on sites not trained on.

    It is the lowest at which precision is `PRECISION` on pages that two readers label alike, raised
    if need be until no more than `HARD_NEGATIVES` of the class's hard negatives are flagged.

    Args:
        labels: what people say.
        chances: `(pages, classes)`, held out.
    """
    chosen = {}
    for place, name in enumerate(CLASSES):
        truth = np.array([label.truth[place] for label in labels])
        agreed = np.array([label.agreed(place) for label in labels])
        hard = np.array([name in label.hard_negative for label in labels]) & ~truth
        precise, _ = threshold_at_precision(truth[agreed], chances[agreed, place], PRECISION)
        allowed = int(HARD_NEGATIVES[name] * hard.sum())
        spared = np.sort(chances[hard, place])[::-1][allowed:].max(initial=0.0)
        chosen[name] = float(
            min(100, max(np.ceil(precise * 100), np.floor(spared * 100) + 1)) / 100
        )
    return chosen


def platt(
    log_odds: NDArray[np.float64],
    truth: NDArray[np.bool_],
    labels: Sequence[Label],
    settings: Settings,
) -> NDArray[np.float64]:
    """Fits slope and offset from log-odds to chances, on pages whose label is not in doubt.

    A page counts by how far its label is to be trusted, and all sites' pages alike.
    A class of which all pages or none are, or that the head does not judge, keeps its log-odds.

    Returns:
        `(2, classes)`: slope and offset.
    """
    sure = np.array([label.confidence != _DOUBTFUL for label in labels])
    fitted = np.empty((2, len(CLASSES)))
    for place in range(len(CLASSES)):
        if np.ptp(truth[sure, place].astype(int)) == 0 or np.ptp(log_odds[sure, place]) == 0:
            fitted[:, place] = 1, 0
            continue
        trust = _trust(labels, place, settings)
        line = calibrate.platt(log_odds[sure, place], truth[sure, place], trust[sure])
        fitted[:, place] = line.slope, line.offset
    return fitted


def cross_calibrated(
    log_odds: NDArray[np.float64],
    truth: NDArray[np.bool_],
    labels: Sequence[Label],
    fold: NDArray[np.intp],
    settings: Settings,
) -> NDArray[np.float64]:
    """Turns held-out log-odds into chances, each fold by a calibration fitted on the others."""
    chances = np.empty(log_odds.shape)
    for number in range(fold.max() + 1):
        others, own = np.flatnonzero(fold != number).tolist(), fold == number
        slope, offset = platt(
            log_odds[others], truth[others], [labels[row] for row in others], settings
        )
        chances[own] = as_chances(log_odds[own] * slope + offset)
    return chances


def _matrix(views: Sequence[View]) -> sp.csr_matrix:
    rows = np.repeat(np.arange(len(views)), [len(view.buckets) for view in views])
    columns = np.concatenate([view.buckets for view in views]).astype(np.int32)
    values = np.concatenate([view.weights / view.length for view in views]).astype(np.float32)
    return sp.csr_matrix((values, (rows, columns)), shape=(len(views), 2**BUCKET_BITS))


def _weights(labels: Sequence[Label], place: int, settings: Settings) -> NDArray[np.float64]:
    """What each page counts, 1 on average, 0 where its label does not say the class."""
    group = groups(labels)
    known = np.array([label.known[place] for label in labels])
    weights = known * _trust(labels, place, settings) / np.sqrt(np.bincount(group)[group])
    normal: NDArray[np.float64] = weights / weights[known].mean()
    return normal


def _trust(labels: Sequence[Label], place: int, settings: Settings) -> NDArray[np.float64]:
    """How far the labels of a class are to be trusted, 1 for one that nobody read again."""
    trust = np.ones(len(labels))
    for row, label in enumerate(labels):
        if label.confidence == _DOUBTFUL:
            trust[row] *= settings.low_weight
        if label.synthetic:
            trust[row] *= settings.synthetic_weight
        if label.second is not None:
            agreed = label.agreed(place)
            trust[row] *= settings.agreed_weight if agreed else settings.disputed_weight
    return trust


@dataclass(frozen=True, slots=True)
class _Spoken:
    """The n-grams of one view that a head listens to.

    Attributes:
        buckets: those that occur in enough site groups.
        rarity: the logarithm of all site groups by those that it occurs in, scaled so that the
            documents' vectors, weighed by it, are of length 1 on average.
    """

    buckets: NDArray[np.intp]
    rarity: NDArray[np.float64]


def _widespread(examples: Examples, min_groups: int) -> list[_Spoken]:
    """The n-grams, a view each, that occur in at least so many site groups."""
    group = groups(examples.labels)
    membership = sp.csr_matrix((np.ones(len(group)), (group, np.arange(len(group)))))
    found = []
    for matrix in examples.ngrams:
        presence = matrix.astype(bool).astype(np.float64)
        in_groups = np.asarray(((membership @ presence) > 0).sum(0)).ravel()
        kept = np.flatnonzero(in_groups >= min_groups)
        rarity = np.log((1 + membership.shape[0]) / (1 + in_groups[kept]))
        squares = np.asarray(matrix.power(2).sum(0)).ravel()[kept] / max(1, len(group))
        length = np.sqrt((squares * rarity**2).sum()) or 1.0
        found.append(_Spoken(kept, rarity / length))
    return found


def _cuts(dense: NDArray[np.float32], n_cuts: int) -> NDArray[np.float64]:
    """Cuts each feature at its quantiles, NaN where it has fewer.

    Of one that is mostly at its least, as counts of adult words are at 0, the rest is cut: else it
    would say only that there is one, and a lesson in sex education has one.
    """
    shares = np.arange(1, n_cuts + 1) / (n_cuts + 1)
    cuts = np.full((dense.shape[1], n_cuts), np.nan)
    for place, column in enumerate(dense.T.astype(np.float64)):
        distinct = np.unique(np.quantile(column, shares))
        if len(distinct) < n_cuts and (column > column.min()).any():
            rest = np.quantile(column[column > column.min()], np.arange(1, n_cuts) / n_cuts)
            distinct = np.unique([column.min(), *rest])
        cuts[place, : len(distinct)] = distinct
    return cuts


def _inputs(
    examples: Examples,
    spoken: Sequence[_Spoken],
    cuts: NDArray[np.float64],
) -> sp.csr_matrix:
    steps = over_cuts(examples.dense, cuts).reshape(len(examples.dense), -1)
    parts = [
        matrix.tocsc()[:, of_view.buckets]
        for matrix, of_view in zip(examples.ngrams, spoken, strict=True)
    ]
    inputs: sp.csr_matrix = sp.hstack(
        [*parts, sp.csr_matrix(steps.astype(np.float32))], format="csr"
    )
    return inputs


def _units(head: Head, spoken: Sequence[_Spoken], settings: Settings) -> NDArray[np.float64]:
    """What each input is multiplied by, a class a column; all 0 for a class it does not judge."""
    families = [family_of(name) for name in DENSE[head]]
    units = []
    for name in CLASSES:
        lengths = [settings.view_units[name].get(view, 0.0) for view in VIEWS[head]]
        of_ngrams = [
            length
            * (of_view.rarity if name in settings.by_rarity else np.ones(len(of_view.rarity)))
            for length, of_view in zip(lengths, spoken, strict=True)
        ]
        of_features = [settings.dense_units[name].get(family, 0.0) for family in families]
        of_steps = np.repeat(of_features, settings.cuts) * any(lengths)
        units.append(np.concatenate([*of_ngrams, of_steps]))
    return np.stack(units, axis=1)


def _fit(
    inputs: sp.csr_matrix,
    truth: NDArray[np.bool_],
    weights: NDArray[np.float64],
    units: NDArray[np.float64],
    cost: Sequence[float],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    coefficients = np.zeros((inputs.shape[1], len(CLASSES)))
    offset = np.empty(len(CLASSES))
    for place in range(len(CLASSES)):
        if not units[:, place].any() or len(set(truth[:, place].tolist())) < 2:
            offset[place] = _CERTAIN if truth[:, place].all() else -_CERTAIN
            continue
        scaled = inputs.copy()
        scaled.data *= units[scaled.indices, place].astype(scaled.dtype)
        model = LogisticRegression(
            C=cost[place], solver="liblinear", dual=True, tol=0.02, max_iter=300, random_state=0
        ).fit(scaled, truth[:, place], weights[place])
        coefficients[:, place] = model.coef_[0] * units[:, place]
        offset[place] = model.intercept_[0]
    return coefficients, offset


def _stored(
    spoken: Sequence[_Spoken], n_cuts: int, coefficients: NDArray[np.float64]
) -> tuple[tuple[ViewWeights, ...], NDArray[np.float64]]:
    """Splits coefficients into 8-bit n-gram weights, a view each, and steps of dense features."""
    views, start = [], 0
    for of_view in spoken:
        part = coefficients[start : start + len(of_view.buckets)]
        start += len(of_view.buckets)
        if len(part):
            largest = np.quantile(np.abs(part), _CLIPPED_FROM, axis=0)
        else:  # no n-gram of this view is widespread
            largest = np.zeros(len(CLASSES))
        scale = np.maximum(largest / 127, 1e-9)
        weights = np.clip(np.round(part / scale), -127, 127).astype(np.int8)
        views.append(ViewWeights.of(of_view.buckets, weights, scale))
    return tuple(views), coefficients[start:].reshape(-1, n_cuts, len(CLASSES))
