"""The model card: a bundle's manifest, for a person to read."""

from collections.abc import Iterator
from typing import Any

from classifiers.bundle import Bundle
from classifiers.calibrate import AS_IT_IS
from classifiers.evaluate import UNDOUBTED
from classifiers.labels import CLASSES

_FEWEST = 10
_LOW_RECALL = 0.5
_HIGH_SHARE = 0.05
_HARM = {
    "noise": "short but real diary entries, recipes, poems, forms and tables; people who write "
    "little, or in lists",
    "affiliate": "honest reviews, pages that warn of affiliate marketing, small shops; people who "
    "live by recommending things that they know",
    "adult": "sex education, medicine, law, and texts by and for LGBT people: a corpus without "
    "them teaches a model that they do not exist",
}
_PAGES = {"both readers agree": "both_agree", "high and mid": "high_mid"}
"""What the pages are called that figures are of."""


def model_card(bundle: Bundle) -> str:
    """Writes a bundle's card in Markdown; every figure is read from the manifest."""
    return "\n".join(_lines(bundle)) + "\n"


def _lines(bundle: Bundle) -> Iterator[str]:
    manifest = bundle.manifest
    yield f"# Model card: {bundle.name}"
    yield ""
    yield (
        f"Made from the bundle by `seimai classifiers card`. Digest {bundle.digest}. "
        "Three linear "
        "models (noise, affiliate, adult) over hashed character 1- to 4-grams, the shape of the "
        "text, an adult word list and facts of the HTML; one head for pages whose HTML was read "
        "and one for text alone, which judges adult pages always; calibrated "
        f"by the method of {manifest['calibrated_by']}, on sites not trained on."
    )
    yield ""
    yield f"Licence: {manifest.get('licence') or 'not stated'}."
    yield ""
    yield from _data(manifest["labels"], manifest.get("synthetic"))
    if "calibration" in manifest:
        yield from _calibration(manifest["calibration"])
    for form, figures in manifest["cross_validation"].items():
        yield from _figures(form, figures)
    yield from _slices(manifest["cross_validation"]["html"])
    yield from _limits(manifest["labels"])


def _data(labels: dict[str, Any], synthetic: dict[str, Any] | None) -> Iterator[str]:
    yield "## Data"
    yield ""
    yield (
        f"{labels['pages']} labelled Japanese pages of {labels['sites']} sites and "
        f"{labels['owners']} owners; confidence "
        + ", ".join(f"{name} {count}" for name, count in labels["confidence"].items())
        + "."
    )
    yield ""
    yield "| class | pages | sites | owners |"
    yield "|---|---|---|---|"
    for name in CLASSES:
        of = labels["classes"][name]
        yield f"| {name} | {of['pages']} | {of['sites']} | {of['owners']} |"
    yield ""
    if synthetic and synthetic["pages"]:
        of_class = (f"{synthetic['classes'][name]['pages']} {name}" for name in CLASSES)
        yield (
            f"Beside them {synthetic['pages']} synthetic pages ({', '.join(of_class)}), each of a "
            "site of its own, train the models. No figure below is of them, and no chance or "
            "threshold was set by them."
        )
        yield ""


def _calibration(calibration: dict[str, Any]) -> Iterator[str]:
    yield "## Calibrated anew"
    yield ""
    labels = calibration["labels"]
    yield (
        f"From bundle {calibration['bundle']}, on {labels['pages']} pages of {labels['sites']} "
        "other sites. The figures of the cross-validation below are from before; the order of the "
        "pages, and so the average precision, is the same. On other sites than each was fitted on:"
    )
    yield ""
    yield "| head | class | chosen | ECE before | ECE after | Brier before | Brier after |"
    yield "|---" * 7 + "|"
    for head, classes in calibration["heads"].items():
        for name, of_class in classes.items():
            before, after = (
                of_class["ways"][way]["high_mid"] for way in (AS_IT_IS, of_class["chosen"])
            )
            measures = ("calibration_error", "brier")
            cells = (_number(of[measure]) for measure in measures for of in (before, after))
            yield f"| {head} | {name} | {of_class['chosen']} | {' | '.join(cells)} |"
    yield ""


def _figures(form: str, figures: dict[str, Any]) -> Iterator[str]:
    yield f"## On sites and owners not trained on: {form}"
    yield ""
    columns = (
        "class and threshold",
        "pages",
        "n",
        "positive",
        "average precision",
        "precision",
        "recall",
        "R at 99 %",
        "R at 95 %",
        "ECE",
        "hard negatives flagged",
    )
    yield f"| {' | '.join(columns)} |"
    yield "|---" * len(columns) + "|"
    for name in CLASSES:
        by_class = figures["classes"][name]
        hard = by_class["hard_negatives"]
        for title, of in _rows(by_class):
            yield (
                f"| {name} at {by_class['threshold']:.2f} | {title} | {of['pages']} "
                f"| {of['positive']} | {_with_interval(of, 'average_precision')} "
                f"| {_with_interval(of, 'precision')} | {_with_interval(of, 'recall')} "
                f"| {_number(of['recall_at_precision']['0.99'])} "
                f"| {_number(of['recall_at_precision']['0.95'])} "
                f"| {_number(of['calibration_error'])} | {hard['flagged']} of {hard['pages']} |"
            )
    yield ""


def _rows(by_class: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The figures of a class; without doubted labels too where any are of these pages."""
    for title, key in _PAGES.items():
        yield title, (of := by_class[key])
        trusted = by_class.get(key + UNDOUBTED, of)
        if trusted["pages"] < of["pages"]:
            yield f"{title}, no doubted labels", trusted


def _slices(figures: dict[str, Any]) -> Iterator[str]:
    yield "## Where it errs"
    yield ""
    yield "With HTML; genres of 20 pages and more, of confidence high and mid."
    yield ""
    for name in CLASSES:
        slices = figures["classes"][name]["slices"]
        genres = {
            title.removeprefix("genre "): of
            for title, of in slices.items()
            if title.startswith("genre ")
        }
        overlooked = [
            f"{genre} ({_number(of['recall'])} of {of['positive']})"
            for genre, of in genres.items()
            if of["positive"] >= _FEWEST and of["recall"] < _LOW_RECALL
        ]
        accused = [
            f"{genre} ({of['wrongly_flagged']} of {of['pages']})"
            for genre, of in genres.items()
            if of["wrongly_flagged"] > _HIGH_SHARE * of["pages"]
        ]
        if unlinked := slices.get("commission links none"):
            yield (
                f"- **{name}** without commission links: recall {_number(unlinked['recall'])} of "
                f"{unlinked['positive']}, average precision "
                f"{_number(unlinked['average_precision'])}."
            )
        yield f"- **{name}** overlooked (recall): {', '.join(overlooked) or 'none'}."
        yield f"- **{name}** wrongly flagged (pages): {', '.join(accused) or 'none'}."
    yield ""


def _limits(labels: dict[str, Any]) -> Iterator[str]:
    yield "## Limits, and who may be harmed"
    yield ""
    adult = labels["classes"]["adult"]
    yield (
        f"The adult class was learned from {adult['pages']} pages of {adult['owners']} owners, "
        "nearly all catalogue, shop and guide pages: its recall on other adult text, prose above "
        "all, is not known. The figures above swing with single owners; read the intervals. "
        "Labels were made by rules and corrected by reading; wrong ones are listed in "
        "[labels](labels.md)."
    )
    yield ""
    for name in CLASSES:
        yield f"- A false positive for **{name}** takes away {_HARM[name]}."


def _with_interval(of: dict[str, Any], measure: str) -> str:
    low, high = of[f"{measure}_interval"]
    return f"{_number(of[measure])} ({_number(low)} to {_number(high)})"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
