"""The commands `seimai classifiers …`."""

import json
from pathlib import Path
from typing import TextIO

import click

from classifiers.bundle import load, save
from classifiers.card import model_card
from classifiers.compare import compare
from classifiers.evaluate import as_text, evaluate, worst_errors
from classifiers.explain import explain
from classifiers.labels import CLASSES, read_labels
from classifiers.propose import proposals
from classifiers.runs import documents, judged, labelled_documents
from classifiers.train import Settings, train_bundle


@click.group("classifiers")
def classifiers() -> None:
    """Train, judge and explain the noise, affiliate and adult classifiers."""


_run = click.option("--run", required=True, metavar="RUN", help="A run's folder.")
_labels = click.option(
    "--labels", required=True, metavar="FILE", help="Labelled pages: TSV, JSONL or Parquet."
)


@classifiers.command("train")
@_run
@_labels
@click.option("--out", required=True, metavar="FOLDER", help="The bundle's folder; its name too.")
@click.option("--licence", default="", help="What may be done with the bundle, for its card.")
def train_command(run: str, labels: str, out: str, licence: str) -> None:
    r"""Train a bundle on a run's labelled documents, and judge it on sites not trained on.

    \b
    Example:
      seimai classifiers train --run RUN --labels labels.tsv --out my-bundle
    """
    known = [label for label in read_labels(labels) if label.language in {"", "ja", "mixed-ja-en"}]
    heads, manifest = train_bundle(labelled_documents(run, known), Settings())
    save(Path(out), heads, {**manifest, "licence": licence})
    for name, form in manifest["cross_validation"].items():
        click.echo(f"{name}, on sites and owners not trained on:")
        for line in as_text(form):
            click.echo(line)


@classifiers.command("evaluate")
@_run
@_labels
@click.option("--bundle", metavar="NAME", help="Whose scores; the shipped one's if unset.")
@click.option("--out", metavar="FILE", help="Write all figures there, as JSON.")
@click.option("--errors", is_flag=True, help="Show the worst errors, with the start of their text.")
def evaluate_command(
    run: str, labels: str, bundle: str | None, out: str | None, errors: bool
) -> None:
    r"""Hold a run's scores against labels; thresholds are the shipped bundle's.

    \b
    Example:
      seimai classifiers evaluate --run RUN --labels labels.tsv --out figures.json
    """
    shipped = load()
    pages, texts = judged(run, bundle or shipped.name, read_labels(labels))
    figures = evaluate(pages, shipped.thresholds)
    if out:
        Path(out).write_text(json.dumps(figures, ensure_ascii=False, indent=1) + "\n", "utf-8")
    for line in as_text(figures):
        click.echo(line)
    if errors:
        for place, name in enumerate(CLASSES):
            click.echo(f"\n{name}: furthest from their label")
            for row in worst_errors(pages, place):
                said, label = pages.chances[row, place], pages.labels[row]
                start = texts[row][:80].replace("\n", " / ")
                click.echo(f"{said:.3f} labelled {label.truth[place]:d}  {label.url}\n    {start}")


@classifiers.command("compare")
@_run
@_labels
@click.argument("first", metavar="BUNDLE")
@click.argument("second", metavar="BUNDLE")
def compare_command(run: str, labels: str, first: str, second: str) -> None:
    r"""Hold two bundles that a run is scored with against each other.

    The interval is of the second's gain, over samples of sites: if it leaves 0 out, the
    difference is more than the choice of sites.

    \b
    Example:
      seimai classifiers compare --run RUN --labels labels.tsv base my-bundle
    """
    known = read_labels(labels)
    (one, _), (other, _) = judged(run, first, known), judged(run, second, known)
    for found in compare(one, other):
        place, (low, high) = CLASSES.index(found.name), found.interval
        click.echo(
            f"{found.name:10} {first} {found.first:.3f}  {second} {found.second:.3f}  "
            f"gain {found.second - found.first:+.3f} [{low:+.3f}, {high:+.3f}]"
        )
        for row in found.rows:
            label = one.labels[row]
            click.echo(
                f"    {one.chances[row, place]:.3f} → {other.chances[row, place]:.3f}  "
                f"labelled {label.truth[place]:d}  {label.url}"
            )


@classifiers.command("explain")
@click.argument("text", type=click.File("r", encoding="utf-8"))
@click.option("--bundle", metavar="FOLDER", help="A bundle's folder; the shipped one if unset.")
def explain_command(text: TextIO, bundle: str | None) -> None:
    r"""Say which n-grams and features speak for and against each class, in a text.

    \b
    Example:
      seimai classifiers explain page.txt
    """
    for line in explain(load(bundle), text.read()):
        click.echo(line)


@classifiers.command("card")
@click.option("--bundle", metavar="FOLDER", help="A bundle's folder; the shipped one if unset.")
def card_command(bundle: str | None) -> None:
    r"""Write a bundle's model card, in Markdown.

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
    r"""Propose labels for a run's pages from facts of their HTML, the most doubtful first.

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
