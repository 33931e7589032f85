"""Explain: one document's whole story in plain words, and what would make it end otherwise."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from classifiers.bundle import Bundle, load
from classifiers.explain import votes
from pipeline import storage
from pipeline.documents import from_texts
from pipeline.errors import OptionError, RunError
from pipeline.run import Run
from pipeline.selection import decisions
from pipeline.selection.cutting import CutPolicy
from pipeline.selection.decisions import Judge
from pipeline.selection.manifest import Manifest
from pipeline.selection.parts import Part
from pipeline.selection.reasons import Reason, in_words, remedy
from pipeline.selection.recipe import CLASSIFIERS, Recipe
from pipeline.selection.selected import Selected
from schemas import GROUPS, SCORES

_READ = [
    "id",
    "url",
    "host",
    "title",
    "text",
    "crawl_time",
    "source",
    "n_chars",
    "ja_score",
    "flags",
]
_MOST_STORIES = 20
_EVIDENCE = 6


@dataclass(frozen=True, slots=True)
class _Found:
    """One document with all that the run says of it."""

    document: Mapping[str, Any]
    scores: Mapping[str, Any]
    group: Mapping[str, Any]
    decision: Mapping[str, Any]


def explain(run: str, document: str | None, url: str | None, selection: str) -> str:
    """Tell the story of a document, or of every crawl of a URL.

    Args:
        run: the run's folder.
        document: the document's id; or None, and
        url: its URL, exactly as the crawl has it.
        selection: the name of the selection whose decision is told.

    Raises:
        OptionError: if not exactly one of id and URL is given.
        RunError: if there is no such selection, or no such document in the run.
    """
    if (document is None) == (url is None):
        raise OptionError("explain: give either a document's ID or --url, and not both.")
    selected = Selected.stored(Run(run), selection)
    column, wanted = ("id", document) if document else ("url", url)
    found = list(_find(selected, column, str(wanted)))
    if not found:
        raise RunError(
            f"{run}: no document with the {column} {wanted!r}. It may have been left out before "
            "it became a document: `problems` lists damage, and run.json counts the rest."
        )
    return "\n\n".join(_story(selected, one) for one in found)


def explain_text(text: str, recipe: Recipe) -> str:
    """Say what a recipe would say of any text, judged by itself and without copies.

    Args:
        text: the text, as a page's main text would be.
        recipe: what to judge by; its cuts by share, and of frequent paragraphs, are left out,
            since they need a whole run.
    """
    document, bundle = from_texts([text]), load()
    judged = document["text"][0].as_py()
    scores = bundle.score(document)
    columns = {name: batch[name] for batch in (scores, document) for name in batch.schema.names}
    shares = {name: float("inf") for name in recipe.scores}
    hits = Judge(replace(recipe, paragraphs=CutPolicy())).hits(columns, shares)
    found = [Reason(**reason) for reason in decisions.reasons(hits, 1)[0].as_py()]
    verdict = "It would be left out:" if found else "Nothing in the recipe speaks against it."
    lines = [
        f"{columns['n_chars'][0].as_py():,} characters, "
        f"Japanese by {columns['ja_score'][0].as_py():.2f}; recipe {recipe.name}.",
        verdict,
        *(line for reason in found for line in _told(reason, judged, bundle)),
        *_scores({name: columns[name][0].as_py() for name in CLASSIFIERS}),
        *_harmless_flags(columns["flags"][0].as_py(), found),
    ]
    return "\n".join(lines)


def _find(selected: Selected, column: str, wanted: str) -> Iterator[_Found]:
    """The first documents whose column has that value, part by part."""
    places = (
        (part, decided, row)
        for part, decided in zip(selected.parts, selected.decided, strict=True)
        for row in _rows_with(part, column, wanted)
    )
    for part, decided, row in itertools.islice(places, _MOST_STORIES):
        yield _Found(
            _row(part.read(_READ), row),
            _row(part.read(SCORES.names), row),
            _row(part.read(GROUPS.names), row),
            _row(storage.read_table(decided), row),
        )


def _rows_with(part: Part, column: str, wanted: str) -> list[int]:
    rows: list[int] = pc.indices_nonzero(pc.equal(part.read([column])[column], wanted)).to_pylist()
    return rows


def _row(table: pa.Table, row: int) -> dict[str, Any]:
    found: list[dict[str, Any]] = table.slice(row, 1).to_pylist()
    return found[0]


def _story(selected: Selected, found: _Found) -> str:
    said = selected.said
    recipe = said["recipe"]
    reasons = [Reason(**reason) for reason in found.decision["reasons"]]
    fate = "kept" if found.decision["kept"] else "left out"
    text, bundle = found.document["text"], _bundle(said)
    return "\n".join(
        [
            *_introduction(found.document),
            *_place(found.decision),
            "",
            f"Recipe {recipe['name']} ({recipe['digest']}): {fate}.",
            *(line for reason in reasons for line in _told(reason, text, bundle)),
            *_survivor(selected, found.decision),
            *_copies(found.group, "runs" if selected.snapshots.are_several else "run"),
            *_cut(found.group, found.decision),
            *_scores(found.scores),
            *_harmless_flags(found.document["flags"], reasons),
            "",
            *_otherwise(reasons, found.scores, recipe["content"]),
        ]
    )


def _told(reason: Reason, text: str, bundle: Bundle | None) -> Iterator[str]:
    """A reason in words; where a classifier spoke, what in the text it heard most."""
    yield f"  - {in_words(reason)}"
    head, _, kind = reason.rule.rpartition(".")
    if bundle and text and kind in {"keep_below", "drop_worst"}:
        heard = [v for v in votes(bundle, text, CLASSIFIERS.index(head)) if v.value > 0]
        if heard:
            said = ", ".join(f"{vote.evidence!r} {vote.value:+.2f}" for vote in heard[:_EVIDENCE])
            yield f"    what speaks for it in the text: {said}"


def _bundle(said: Manifest) -> Bundle | None:
    """The shipped bundle, if the selection's scores are its own."""
    bundle = load()
    return bundle if bundle.name == said["origin"]["bundle"] else None


def _introduction(document: Mapping[str, Any]) -> Iterator[str]:
    source, time = document["source"], document["crawl_time"]
    fetched = f"fetched on {time:%Y-%m-%d}" if time else "fetched nobody knows when"
    yield f"{document['id']}  {document['url']}"
    if document["title"]:
        yield f"  {document['title']}"
    yield (
        f"  {document['n_chars']:,} characters, Japanese by {document['ja_score']:.2f}, {fetched}, "
        f"from {source['input']} at {source['record']}"
    )


def _place(decision: Mapping[str, Any]) -> Iterator[str]:
    if decision["run"]:
        yield f"  in the run {decision['run']}"


def _survivor(selected: Selected, decision: Mapping[str, Any]) -> Iterator[str]:
    survivor, where = decision["survivor_id"], decision["survivor_run"] or ""
    if survivor is None:
        return
    for part in selected.parts:
        for row in _rows_with(part, "id", survivor) if part.run == where else []:
            found = _row(part.read(["url", "n_chars"]), row)
            of_run = f" of {where}" if where else ""
            yield (
                f"    {survivor}{of_run} stands for it: {found['url']}, "
                f"{found['n_chars']:,} characters."
            )
            return


def _copies(group: Mapping[str, Any], where: str) -> Iterator[str]:
    exact, cluster = group["exact_size"] - 1, group["cluster_size"] - 1
    if cluster:
        yield f"It has {exact:,} exact copies, and {cluster:,} candidates for near-duplicates."
    else:
        yield f"It has no copies in the {where}."


def _cut(group: Mapping[str, Any], decision: Mapping[str, Any]) -> Iterator[str]:
    """How much of it is on other pages too, and goes."""
    marks = group["frequent_paragraphs"]
    if not marks:
        return
    chars, most = sum(mark["chars"] for mark in marks), max(mark["on_host"] for mark in marks)
    yield (
        f"{len(marks):,} of its paragraphs ({chars:,} characters) recur on other pages, on up to "
        f"{most:,} of the {group['host_pages']:,} of its host; "
        f"{decision['cut_chars'] or 0:,} characters of them are cut."
    )


def _scores(scores: Mapping[str, Any]) -> Iterator[str]:
    said = ", ".join(f"{name} {scores[name]:.3f}" for name in CLASSIFIERS)
    yield f"Probabilities: {said}."


def _harmless_flags(flags: Iterable[str], reasons: Iterable[Reason]) -> Iterator[str]:
    counted = {reason.rule for reason in reasons}
    harmless = [name for name in flags if name not in counted]
    if harmless:
        yield f"Flags that this recipe does not mind: {', '.join(harmless)}."


def _otherwise(
    reasons: Sequence[Reason], scores: Mapping[str, Any], content: Mapping[str, Any]
) -> Iterator[str]:
    """What would have to change for the opposite."""
    if reasons:
        yield "To keep it, the recipe would have to:"
        yield from (f"  - {remedy(reason)}" for reason in reasons)
        return
    yield "It would be left out, if for instance:"
    for name in CLASSIFIERS:
        cut = (content["scores"].get(name) or {}).get("keep_below")
        now = f" (now {cut})" if cut is not None else ""
        yield f"  - `scores.{name}.keep_below` were {scores[name]:.3f} or less{now}"
