"""The commands `seimai classifiers …`."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import click

from classifiers.bundle import Bundle, load, save
from classifiers.calibrate import as_text as calibration_as_text
from classifiers.calibrate import calibrate
from classifiers.card import model_card
from classifiers.compare import compare
from classifiers.evaluate import Judged, as_text, evaluate, sites_with_errors, worst_errors
from classifiers.explain import explain, explain_page
from classifiers.labels import CLASSES, Doubt, Label, alike, read_doubts, read_labels, summary
from classifiers.page import Evaluation, render
from classifiers.propose import proposals
from classifiers.runs import (
    check_scored_by,
    document_at,
    documents,
    judged,
    judged_now,
    labelled_documents,
)
from classifiers.train import Settings, train_bundle
from pipeline.decode import decode
from pipeline.errors import OptionError
from pipeline.text import normalise


@click.group("classifiers")
def classifiers() -> None:
    """Train, judge and explain the noise, affiliate and adult classifiers."""


_run = click.option("--run", required=True, metavar="RUN", help="A run's folder.")
_labels = click.option(
    "--labels", required=True, metavar="FILE", help="Labelled pages: TSV, JSONL or Parquet."
)
_doubts = click.option(
    "--doubts",
    metavar="FILE",
    help="Labels that look wrong (as docs/labels.tsv): figures are given with and without them.",
)


@classifiers.command("train")
@_run
@click.option(
    "--labels",
    required=True,
    multiple=True,
    metavar="FILE",
    help="Labelled pages: TSV, JSONL or Parquet; several times for several tables. Pages that a "
    "table calls synthetic train the models and are never judged.",
)
@click.option("--out", required=True, metavar="FOLDER", help="The bundle's folder; its name too.")
@_doubts
@click.option("--licence", default="", help="What may be done with the bundle, for its card.")
def train_command(
    run: str, labels: tuple[str, ...], out: str, doubts: str | None, licence: str
) -> None:
    """Train a bundle on a run's labelled documents, and judge it on sites not trained on.

    \b
    Example:
      seimai classifiers train --run RUN --labels labels.tsv --out my-bundle
    """
    known = _japanese([label for table in labels for label in read_labels(table)])
    doubted = read_doubts(doubts) if doubts else []
    heads, manifest = train_bundle(labelled_documents(run, known), Settings(), doubted)
    save(Path(out), heads, {**manifest, "licence": licence})
    for name, form in manifest["cross_validation"].items():
        click.echo(f"{name}, on sites and owners not trained on:")
        for line in as_text(form):
            click.echo(line)


@classifiers.command("calibrate")
@_run
@_labels
@click.option("--bundle", metavar="FOLDER", help="A bundle's folder; the shipped one if unset.")
@click.option("--out", required=True, metavar="FOLDER", help="The new bundle's folder.")
def calibrate_command(run: str, labels: str, bundle: str | None, out: str) -> None:
    """Set a bundle's chances right on labelled pages of sites that it was not trained on.

    Models and order of the pages stay; thresholds move along, so that the same pages are flagged.
    Prints Brier score and expected calibration error before and after, each measured on other sites
    than it was fitted on.

    \b
    Example:
      seimai classifiers calibrate --run RUN --labels own-sites.tsv --out my-bundle
    """
    known = _japanese(read_labels(labels, complete=False))
    heads, manifest = calibrate(load(bundle), labelled_documents(run, known))
    save(Path(out), heads, manifest)
    for line in calibration_as_text(manifest["calibration"]):
        click.echo(line)
    click.echo(f"{load(out).digest} is the digest of {out}")


@classifiers.command("evaluate")
@_run
@_labels
@click.option(
    "--bundle",
    metavar="BUNDLE",
    help="Whose scores and thresholds: a bundle's folder, or its name below RUN/scores; the "
    "shipped one if unset.",
)
@click.option(
    "--thresholds",
    metavar="FOLDER",
    help="Judge at the thresholds of this bundle instead of at its own.",
)
@_doubts
@click.option(
    "--text-only",
    is_flag=True,
    help="Judge what the bundle says of the whole page's text, title and address alone, asked now; "
    "not the scores.",
)
@click.option("--out", metavar="FILE", help="Write all figures there, as JSON.")
@click.option(
    "--page", metavar="FILE", help="Write a page there: curves, slices, worst errors with text."
)
@click.option("--errors", is_flag=True, help="Show the worst errors, with the start of their text.")
def evaluate_command(  # noqa: PLR0913, PLR0917 - an argument for each option
    run: str,
    labels: str,
    bundle: str | None,
    thresholds: str | None,
    doubts: str | None,
    text_only: bool,
    out: str | None,
    page: str | None,
    errors: bool,
) -> None:
    """Hold a run's scores against labels: any table of the same form, of any pages of the run.

    Classes that the table says nothing of are not measured. With --bundle FOLDER, the run's scores
    of that name are checked to be that bundle's.

    \b
    Example:
      seimai classifiers evaluate --run RUN --labels labels.tsv --page evaluation.html
    """
    asked = _bundle_named(bundle)
    cutting = load(thresholds) if thresholds else asked
    if cutting is None or (text_only and asked is None):
        raise OptionError(
            f"--bundle {bundle}: this is no bundle's folder, so only the scores of that name are "
            "known. Give the folder of the bundle; or, to judge those scores at the thresholds of "
            "another, --thresholds with the other's folder."
        )
    known = read_labels(labels, complete=False)
    doubted = read_doubts(doubts) if doubts else []
    if asked and text_only:
        judgement, texts = judged_now(run, asked, known, text_only=True)
    else:
        judgement, texts = _judged_by_scores(run, asked or str(bundle), known)
    cuts = cutting.thresholds
    figures = evaluate(judgement, cuts, doubted)
    unmatched = len({label.url for label in known} - {label.url for label in judgement.labels})
    figures["labels_not_in_the_run"] = unmatched
    for place, (name, of_class) in enumerate(figures["classes"].items()):
        of_class["sites"] = sites_with_errors(judgement, place, cuts[name])
    if out:
        Path(out).write_text(json.dumps(figures, ensure_ascii=False, indent=1) + "\n", "utf-8")
    if page:
        names = {
            "bundle": asked.name if asked else str(bundle),
            "thresholds": f"{cutting.name} {cutting.digest}",
            "evidence": "whole text, title and address" if text_only else "all that the run holds",
            "run": run,
            "labels": labels,
        }
        shown = Evaluation(names, judgement, texts, figures, asked, doubted, unmatched)
        Path(page).write_text(render(shown), "utf-8")
    if asked and alike(summary(_japanese(judgement.labels)), asked.manifest["labels"]):
        click.echo(
            f"These are the labels that {asked.name} was trained on: the figures say nothing of "
            "other sites. Those of sites that it did not see are in its model card.\n"
        )
    click.echo(f"{figures['pages']} labelled documents; {unmatched} labels of pages not in the run")
    for line in as_text(figures):
        click.echo(line)
    if errors:
        for line in _errors_as_text(judgement, texts, doubted):
            click.echo(line)


def _japanese(labels: Sequence[Label]) -> list[Label]:
    """The labels of pages that a classifier of Japanese is made from."""
    return [label for label in labels if label.language in {"", "ja", "mixed-ja-en"}]


def _bundle_named(named: str | None) -> Bundle | None:
    """The bundle in a folder, or the shipped one by its name; None for the name of another."""
    shipped = load()
    if named is None or named == shipped.name:
        return shipped
    return load(named) if Path(named).is_dir() else None


def _judged_by_scores(
    run: str, bundle: Bundle | str, labels: list[Label]
) -> tuple[Judged, list[str]]:
    """A run's scores with labels; that they are a bundle's is checked if it is at hand."""
    if isinstance(bundle, str):
        return judged(run, bundle, labels)
    check_scored_by(run, bundle)
    return judged(run, bundle.name, labels)


def _errors_as_text(
    judgement: Judged, texts: Sequence[str], doubts: Sequence[Doubt]
) -> Iterator[str]:
    for place, name in enumerate(CLASSES):
        yield f"\n{name}: furthest from their label"
        for row in worst_errors(judgement, place, doubts=doubts):
            said, label = judgement.chances[row, place], judgement.labels[row]
            start = texts[row][:80].replace("\n", " / ")
            yield f"{said:.3f} labelled {label.truth[place]:d}  {label.url}\n    {start}"


@classifiers.command("compare")
@_run
@_labels
@click.argument("first", metavar="BUNDLE")
@click.argument("second", metavar="BUNDLE")
def compare_command(run: str, labels: str, first: str, second: str) -> None:
    """Hold two bundles that a run is scored with against each other.

    The interval is of the second's gain, over samples of sites: if it leaves 0 out, the
    difference is more than the choice of sites.

    \b
    Example:
      seimai classifiers compare --run RUN --labels labels.tsv base my-bundle
    """
    known = read_labels(labels, complete=False)
    (one, _), (other, _) = judged(run, first, known), judged(run, second, known)
    for found in compare(one, other):
        for pages, gain in found.gains.items():
            low, high = gain.interval
            click.echo(
                f"{found.name:10} {pages:10}  {first} {gain.first:.3f}  {second} {gain.second:.3f} "
                f" gain {gain.second - gain.first:+.3f} [{low:+.3f}, {high:+.3f}]"
            )
        place = CLASSES.index(found.name)
        for row in found.rows:
            label = one.labels[row]
            click.echo(
                f"    {one.chances[row, place]:.3f} → {other.chances[row, place]:.3f}  "
                f"labelled {label.truth[place]:d}  {label.url}"
            )


@classifiers.command("explain")
@click.argument("text", type=click.File("rb"), required=False)
@click.option("--run", metavar="RUN", help="Explain a document of this run, with its facts.")
@click.option("--url", metavar="URL", help="Which document of the run.")
@click.option("--bundle", metavar="FOLDER", help="A bundle's folder; the shipped one if unset.")
def explain_command(
    text: BinaryIO | None, run: str | None, url: str | None, bundle: str | None
) -> None:
    """Say which n-grams and features speak for and against each class, in a text or a document.

    \b
    Examples:
      seimai classifiers explain page.txt
      seimai classifiers explain --run RUN --url https://example.jp/ranking/
    """
    if text and not run and not url:
        lines = explain(load(bundle), normalise(decode(text.read(), None).text))
    elif run and url and not text:
        lines = explain_page(load(bundle), document_at(run, url))
    else:
        raise OptionError("Name either a text file, or both --run and --url of a document.")
    for line in lines:
        click.echo(line)


@classifiers.command("card")
@click.option("--bundle", metavar="FOLDER", help="A bundle's folder; the shipped one if unset.")
def card_command(bundle: str | None) -> None:
    """Write a bundle's model card, in Markdown.

    \b
    Example:
      seimai classifiers card > docs/model-card.md
    """
    click.echo(model_card(load(bundle)), nl=False)


@classifiers.command("label")
@click.argument("run")
@click.option("--out", required=True, metavar="FILE", help="JSONL of proposals to confirm.")
@click.option("--bundle", metavar="FOLDER", help="A bundle's folder; the shipped one if unset.")
def label_command(run: str, out: str, bundle: str | None) -> None:
    """Propose labels for a run's pages from facts of their HTML, the most doubtful first.

    What people confirm, they mark with another `confidence` than low; the file then serves
    `train` and `evaluate` as it is.

    \b
    Example:
      seimai classifiers label RUN --out proposals.jsonl
    """
    loaded = load(bundle)
    proposed = [row for batch in documents(run) for row in proposals(batch, loaded)]
    proposed.sort(key=lambda row: -float(row["urgency"]))
    with Path(out).open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in proposed)
    click.echo(f"{len(proposed)} proposals in {out}")
