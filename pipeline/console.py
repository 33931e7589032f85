"""What the commands print: tables of counts for a person at a terminal."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from unicodedata import east_asian_width

import click

if TYPE_CHECKING:  # a command that prints one of these has loaded it
    from pipeline.accounts import Account
    from pipeline.jobs.group import Grouped
    from pipeline.run import Run
    from pipeline.selection.manifest import Manifest

_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    r"""A text of which a terminal obeys nothing: what controls it is told as an escape.

    >>> plain("\x1b[2J\u202ejp.example")
    '\\x1b[2J\\u202ejp.example'
    """
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def show_account(account: "Account", run: "Run") -> None:
    """What extract read, and what became of it."""
    rows = [("records read", "", account.records)]
    rows += [("  left out", reason, count) for reason, count in _by_size(account.left_out)]
    rows += [("  problems", reason, count) for reason, count in _by_size(account.problems)]
    rows += [("  documents", "Japanese, kept with all their columns", account.documents)]
    show_table("extract", rows)
    if account.problems:
        click.echo(f"\nproblems: {run.documents}/*-problems-*.parquet")


def show_groups(grouped: "Grouped") -> None:
    """How many of the documents are copies."""
    rows = [
        ("documents", grouped.documents),
        ("  exact copies of another", grouped.exact_copies),
        ("  in a cluster of near-duplicate candidates", grouped.clustered),
        ("  standing in a longer page of their site", grouped.contained),
        ("clusters", grouped.clusters),
        ("frequent paragraphs, marked", grouped.frequent_paragraphs),
        ("buckets over the cap, compared with hubs only", grouped.buckets_over_cap),
    ]
    show_table("group", rows)


def show_selection(folder: str, manifest: "Manifest") -> None:
    """What the recipe kept and left out, and why; and where the shards are."""
    totals, recipe = manifest["totals"], manifest["recipe"]
    rows = [("documents", "", totals["documents"])]
    reasons = _by_size(totals["left_out_by_any_reason"])
    rows += [("  left out", "for any of these, often several:", totals["left_out"])]
    rows += [("    ", reason, count) for reason, count in reasons]
    rows += [("  kept", f"in shards: {len(manifest['shards'])}", totals["kept"])]
    rows += [("  cut", f"{what} of frequent paragraphs", n) for what, n in totals["cut"].items()]
    show_table(f"select: recipe {recipe['name']} ({recipe['digest']})", rows)
    click.echo(f"\nshards:   {folder}/manifest.json")
    click.echo(f"report:   {folder}/report.html")


def show_comparison(folder: str, comparison: Mapping[str, Any]) -> None:
    """What each recipe keeps, side by side."""
    rows: list[Sequence[object]] = [("", "documents", "characters", "hosts")]
    rows += [
        ("all", *(comparison[name] for name in ("documents", "characters", "hosts_of_documents")))
    ]
    rows += [
        (f"  {name}", *(said[key] for key in ("kept", "kept_characters", "hosts")))
        for name, said in comparison["recipes"].items()
    ]
    show_table("compare: what each recipe keeps", rows)
    for alarm in comparison["alarms"]:
        told = "alarm: {recipe} keeps {kept:,} of {documents:,} documents of {host}".format(**alarm)
        click.echo(plain(told))
    click.echo(f"\npage:     {folder.rstrip('/')}/comparison.html")
    click.echo(f"figures:  {folder.rstrip('/')}/comparison.json")


def show_table(title: str, rows: Iterable[Sequence[object]]) -> None:
    """A table under a title; numbers are set to the right, with thousands marked.

    A row's first cell may be indented. Full-width characters count as two columns.
    """
    rows = list(rows)
    cells = [[_text(cell) for cell in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    click.echo(f"\n{title}")
    for row, texts in zip(rows, cells, strict=True):
        columns = zip(row, texts, widths, strict=True)
        click.echo("  " + "  ".join(_aligned(*column) for column in columns).rstrip())


def _by_size(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _text(cell: object) -> str:
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def _aligned(cell: object, text: str, width: int) -> str:
    filling = " " * (width - _width(text))
    return filling + text if isinstance(cell, int) else text + filling


def _width(text: str) -> int:
    return sum(2 if east_asian_width(character) in "FW" else 1 for character in text)
