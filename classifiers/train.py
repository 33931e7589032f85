"""Training: from a run's documents and labels to a bundle, judged on sites not trained on.

One linear model a class and a head: logistic regression on n-grams and cut-up dense features. A
site's pages count by the square root of their number, so that one large site does not write the
model; pages whose label is doubtful count less, and none is dropped.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from classifiers.evaluate import Judged, evaluate
from classifiers.facts import has_html
from classifiers.features import (
    DENSE,
    VIEWS,
    Features,
    Head,
    View,
    as_document,
    family_of,
    features,
)
from classifiers.heads import BY_TEXT, LinearHead, ViewWeights, over_cuts
from classifiers.labels import CLASSES, Label, folds, groups, summary
from classifiers.metrics import threshold_at_precision
from classifiers.ngrams import BUCKET_BITS, Counter
from pipeline.errors import RunError

_DENSE_UNITS: Final = {
    "noise": {"shape": 0.05, "facts": 0.1},
    "affiliate": {"lexicon": 0.1, "facts": 0.1},
    "adult": {"lexicon": 0.1},
}
"""As cross-validation chose them: `docs/decisions/06-classifiers.md` has the figures."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What shapes a training.

    Attributes:
        cost: the inverse strength of the L2 penalty (`C` of scikit-learn).
        dense_units: by class and family of dense features, how large a step is beside an n-gram
            vector of length 1; a family that is not named is left out.
        cuts: steps that a dense feature is cut into, at its quantiles.
        min_groups: site groups that an n-gram must occur in; rarer ones are a template's.
        low_weight: what a page labelled with low confidence counts.
        disputed_weight: what a page counts on which two readers disagree.
        n_folds: folds of the cross-validation, each of whole site groups.
    """

    cost: float = 10.0
    dense_units: Mapping[str, Mapping[str, float]] = field(default_factory=lambda: _DENSE_UNITS)
    cuts: int = 7
    min_groups: int = 10
    low_weight: float = 0.5
    disputed_weight: float = 0.25
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


@dataclass(frozen=True)
class Trained:
    """A head and how it did on sites that it was not trained on.

    Attributes:
        head: the head, trained on all examples.
        chances: `(documents, classes)`: calibrated, each by models and a calibration that saw no
            page of the document's site or owner.
    """

    head: LinearHead
    chances: NDArray[np.float64]


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
    spoken = _widespread(examples, settings.min_groups)
    cuts = _cuts(examples.dense, settings.cuts)
    inputs = _inputs(examples, spoken, cuts)
    units = _units(examples.head, sum(map(len, spoken)), settings)
    held_out = np.zeros(truth.shape)
    for number in range(settings.n_folds):
        seen, unseen = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        coefficients, offset = _fit(
            inputs[seen], truth[seen], weights[:, seen], units, settings.cost
        )
        held_out[unseen] = inputs[unseen] @ coefficients + offset
    coefficients, offset = _fit(inputs, truth, weights, units, settings.cost)
    calibration = platt(held_out, truth, examples.labels)
    views, steps = _stored(spoken, settings.cuts, coefficients)
    head = LinearHead(examples.head, views, cuts, steps, offset, calibration)
    return Trained(head, cross_calibrated(held_out, truth, examples.labels, fold))


def train_bundle(
    documents: Iterable[tuple[pa.RecordBatch, Sequence[Label]]], settings: Settings
) -> tuple[dict[Head, LinearHead], dict[str, Any]]:
    """Trains both heads on the same pages, and judges each on sites it was not trained on.

    The text head sees every page twice, as its whole text and as its main text: inputs without
    HTML may hold either.

    Args:
        documents: batches of documents with HTML, a label a row.
        settings: what shapes the training.

    Returns:
        The heads, and what the manifest says of them: settings, label counts, figures by form of
        the input, thresholds.
    """
    pages: list[Features] = []
    whole: list[Features] = []
    main: list[Features] = []
    labels: list[Label] = []
    n_chars: list[int] = []
    counter = Counter()
    for batch, batch_labels in documents:
        if not has_html(batch).all():
            raise RunError(
                "Training needs documents that were read from HTML, and "
                f"{(~has_html(batch)).sum()} were not. Label the pages of a run on WARC files."
            )
        pages += features(batch)
        whole += [as_document(text, counter) for text in batch["page_text"].to_pylist()]
        main += [as_document(text, counter) for text in batch["text"].to_pylist()]
        labels += batch_labels
        n_chars += map(len, batch["text"].to_pylist())
    if not pages:
        raise RunError("Training needs documents of the run that have a label: there are none.")
    html = train(Examples.of("html", pages, labels), settings)
    text = train(Examples.of("text", whole + main, labels + labels), settings)
    html.chances[:, BY_TEXT] = text.chances[: len(labels), BY_TEXT]
    forms = {
        "html": (html.chances, True),
        "text, whole page": (text.chances[: len(labels)], False),
        "text, main text": (text.chances[len(labels) :], False),
    }
    results = {
        form: Judged(labels, chances, np.full(len(labels), with_html), np.array(n_chars))
        for form, (chances, with_html) in forms.items()
    }
    thresholds = choose_thresholds(labels, html.chances)
    manifest = {
        "settings": asdict(settings),
        "labels": summary(labels),
        "thresholds": thresholds,
        "cross_validation": {
            form: evaluate(result, thresholds) for form, result in results.items()
        },
    }
    return {"html": html.head, "text": text.head}, manifest


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
        spared = np.quantile(chances[hard, place], 1 - HARD_NEGATIVES[name]) if hard.any() else 0.0
        chosen[name] = float(np.ceil(max(precise, float(spared)) * 100) / 100)
    return chosen


def platt(
    log_odds: NDArray[np.float64], truth: NDArray[np.bool_], labels: Sequence[Label]
) -> NDArray[np.float64]:
    """Fits slope and offset from log-odds to chances, on pages whose label is not in doubt.

    A class of which all pages or none are keeps its log-odds.

    Returns:
        `(2, classes)`: slope and offset.
    """
    sure = np.array([label.confidence != _DOUBTFUL for label in labels])
    fitted = np.empty((2, len(CLASSES)))
    for place in range(len(CLASSES)):
        if len(set(truth[sure, place].tolist())) < 2:
            fitted[:, place] = 1, 0
            continue
        model = LogisticRegression(C=1e6).fit(log_odds[sure, place, None], truth[sure, place])
        fitted[:, place] = model.coef_[0, 0], model.intercept_[0]
    return fitted


def cross_calibrated(
    log_odds: NDArray[np.float64],
    truth: NDArray[np.bool_],
    labels: Sequence[Label],
    fold: NDArray[np.intp],
) -> NDArray[np.float64]:
    """Turns held-out log-odds into chances, each fold by a calibration fitted on the others."""
    chances = np.empty(log_odds.shape)
    for number in range(fold.max() + 1):
        others, own = np.flatnonzero(fold != number).tolist(), fold == number
        slope, offset = platt(log_odds[others], truth[others], [labels[row] for row in others])
        chances[own] = 1 / (1 + np.exp(-(log_odds[own] * slope + offset)))
    return chances


def _matrix(views: Sequence[View]) -> sp.csr_matrix:
    rows = np.repeat(np.arange(len(views)), [len(view.buckets) for view in views])
    columns = np.concatenate([view.buckets for view in views]).astype(np.int32)
    values = np.concatenate([view.weights / view.length for view in views]).astype(np.float32)
    return sp.csr_matrix((values, (rows, columns)), shape=(len(views), 2**BUCKET_BITS))


def _weights(labels: Sequence[Label], place: int, settings: Settings) -> NDArray[np.float64]:
    group = groups(labels)
    weights = 1 / np.sqrt(np.bincount(group)[group])
    for row, label in enumerate(labels):
        if label.confidence == _DOUBTFUL:
            weights[row] *= settings.low_weight
        if label.second is not None and not label.agreed(place):
            weights[row] *= settings.disputed_weight
    normal: NDArray[np.float64] = weights / weights.mean()
    return normal


def _widespread(examples: Examples, min_groups: int) -> list[NDArray[np.intp]]:
    """The buckets, a view each, that occur in at least so many site groups."""
    group = groups(examples.labels)
    membership = sp.csr_matrix((np.ones(len(group)), (group, np.arange(len(group)))))
    found = []
    for matrix in examples.ngrams:
        presence = matrix.astype(bool).astype(np.float64)
        in_groups = np.asarray(((membership @ presence) > 0).sum(0)).ravel()
        found.append(np.flatnonzero(in_groups >= min_groups))
    return found


def _cuts(dense: NDArray[np.float32], n_cuts: int) -> NDArray[np.float64]:
    quantiles = np.quantile(
        dense.astype(np.float64), np.arange(1, n_cuts + 1) / (n_cuts + 1), axis=0
    )
    cuts = np.full((dense.shape[1], n_cuts), np.nan)
    for place, column in enumerate(quantiles.T):
        distinct = np.unique(column)
        cuts[place, : len(distinct)] = distinct
    return cuts


def _inputs(
    examples: Examples,
    spoken: Sequence[NDArray[np.intp]],
    cuts: NDArray[np.float64],
) -> sp.csr_matrix:
    steps = over_cuts(examples.dense, cuts).reshape(len(examples.dense), -1)
    parts = [matrix.tocsc()[:, kept] for matrix, kept in zip(examples.ngrams, spoken, strict=True)]
    inputs: sp.csr_matrix = sp.hstack(
        [*parts, sp.csr_matrix(steps.astype(np.float32))], format="csr"
    )
    return inputs


def _units(head: Head, n_spoken: int, settings: Settings) -> NDArray[np.float64]:
    """What each input is multiplied by, a class a column: n-grams by 1, steps by their family's."""
    families = [family_of(name) for name in DENSE[head]]
    units = []
    for name in CLASSES:
        of_features = [settings.dense_units[name].get(family, 0.0) for family in families]
        units.append(np.append(np.ones(n_spoken), np.repeat(of_features, settings.cuts)))
    return np.stack(units, axis=1)


def _fit(
    inputs: sp.csr_matrix,
    truth: NDArray[np.bool_],
    weights: NDArray[np.float64],
    units: NDArray[np.float64],
    cost: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    coefficients = np.zeros((inputs.shape[1], len(CLASSES)))
    offset = np.empty(len(CLASSES))
    for place in range(len(CLASSES)):
        if len(set(truth[:, place].tolist())) < 2:
            offset[place] = _CERTAIN if truth[:, place].any() else -_CERTAIN
            continue
        model = LogisticRegression(
            C=cost, solver="liblinear", dual=True, tol=0.02, max_iter=300, random_state=0
        ).fit(sp.csr_matrix(inputs.multiply(units[:, place])), truth[:, place], weights[place])
        coefficients[:, place] = model.coef_[0] * units[:, place]
        offset[place] = model.intercept_[0]
    return coefficients, offset


def _stored(
    spoken: Sequence[NDArray[np.intp]], n_cuts: int, coefficients: NDArray[np.float64]
) -> tuple[tuple[ViewWeights, ...], NDArray[np.float64]]:
    """Splits coefficients into 8-bit n-gram weights, a view each, and steps of dense features."""
    views, start = [], 0
    for kept in spoken:
        part = coefficients[start : start + len(kept)]
        start += len(kept)
        scale = np.maximum(np.quantile(np.abs(part), _CLIPPED_FROM, axis=0) / 127, 1e-9)
        weights = np.clip(np.round(part / scale), -127, 127).astype(np.int8)
        views.append(ViewWeights.of(kept, weights, scale))
    return tuple(views), coefficients[start:].reshape(-1, n_cuts, len(CLASSES))
