"""What the commands print: tables of counts for a person at a terminal."""

from collections.abc import Iterable, Mapping, Sequence
from unicodedata import east_asian_width

import click

from pipeline.accounts import Account


def show_account(account: Account) -> None:
    """What extract read, and what became of it."""
    rows = [("records read", "", account.records)]
    rows += [("  left out", reason, count) for reason, count in _by_size(account.left_out)]
    rows += [("  problems", reason, count) for reason, count in _by_size(account.problems)]
    rows += [("  documents", "Japanese, kept with all their columns", account.documents)]
    show_table("extract", rows)


def show_table(title: str, rows: Iterable[Sequence[object]]) -> None:
    """A table under a title; numbers are set to the right, with thousands marked.

    A row's first cell may be indented. Full-width characters count as two columns.
    """
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
