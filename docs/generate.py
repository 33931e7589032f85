"""Writes the pages of docs/, and the schema of recipes, that are made from the code: `make docs`.

`python docs/generate.py --check` writes nothing and fails if a page is not what the code says.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from pipeline.cli import cli
from pipeline.rules import reference as rules_reference
from pipeline.selection.recipe_schema import recipe_schema
from schemas.reference import data_contract

_FOLDER = Path(__file__).parent


def commands() -> str:
    """The commands' help texts as one page."""
    lines = ["# Commands", "", "Made by `make docs` from the commands' own help texts.", ""]
    for path, command in _commands(cli, "seimai"):
        context = click.Context(command, info_name=path, max_content_width=90, terminal_width=90)
        lines += [f"## {path}", "", "```", command.get_help(context).strip(), "```", ""]
    return "\n".join(lines)


def _commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            if below := command.get_command(context, name):
                yield from _commands(below, f"{path} {name}")


PAGES = {
    # First, since the data contract is made from it.
    "../schemas/recipe.schema.json": lambda: json.dumps(
        recipe_schema(), ensure_ascii=False, indent=2
    ),
    "commands.md": commands,
    "data-contract.md": data_contract,
    "rules.md": rules_reference,
}


def main() -> int:
    """Write the pages, or check them."""
    stale = []
    for name, page in PAGES.items():
        path, text = _FOLDER / name, page().rstrip() + "\n"
        if "--check" not in sys.argv:
            path.write_text(text, "utf-8")
        elif not path.exists() or path.read_text("utf-8") != text:
            stale.append(name)
    if stale:
        print(f"docs/: {', '.join(stale)} is not what the code says; run `make docs`.")
    return len(stale)


if __name__ == "__main__":
    sys.exit(main())
