"""What README and guide show can be done: the commands are there, the code runs."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from classifiers.bundle import load
from pipeline.cli import cli
from pipeline.dedup.buckets import SHAPES
from pipeline.selection.recipe import from_text
from tests.made_run import BUNDLE, Page, make_run

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", "README.ja.md", "docs/guide.md", "docs/guide.ja.md")
PAIRS = (("README.md", "README.ja.md"), ("docs/guide.md", "docs/guide.ja.md"))

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_NEEDS_A_RUN = "RUN/"


def _blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return [body for found, body in _FENCE.findall(text) if found == language]


def _commands(page: str) -> list[list[str]]:
    """The seimai commands of a page, without Beam's own options."""
    lines = "".join(_blocks(page, "")).replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines if line.startswith("seimai ")]
    return [command[: command.index("--")] if "--" in command else command for command in words]


def _without_prose(block: str) -> str:
    return re.sub(r" *(#|description:).*", "", block)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_that_is_shown_is_there_with_its_options(page: str) -> None:
    commands = _commands(page)
    assert commands
    for _, *arguments in commands:
        command: click.Command = cli
        while isinstance(command, click.Group):
            name = arguments.pop(0)
            named = command.get_command(click.Context(command), name)
            assert named is not None, f"{page}: there is no `seimai {name}`"
            command = named
        known = {option for parameter in command.params for option in parameter.opts}
        shown = {argument for argument in arguments if argument.startswith("--")}
        assert shown <= known, f"{page}: seimai {command.name} has no {shown - known}"


def _commands_of(group: click.Group) -> Iterator[click.Command]:
    for name in group.list_commands(context := click.Context(group)):
        command = group.get_command(context, name)
        assert command is not None
        yield command
        if isinstance(command, click.Group):
            yield from _commands_of(command)


def test_every_help_shows_its_examples_a_line_each() -> None:
    helped = {
        command.name: command.get_help(click.Context(command)) for command in _commands_of(cli)
    }
    for name in ("select", "calibrate", "megatron"):
        assert re.search(r"\n  Examples?:\n    seimai ", helped[name]), helped[name]
    assert not [name for name, shown in helped.items() if "\\b" in shown]


def loaded_by(*arguments: str) -> set[str]:
    """The modules that a command has loaded at its end."""
    program = (
        "import sys; from pipeline import cli; sys.argv[0] = 'seimai'\n"
        "try: cli.main()\n"
        "except SystemExit as end: sys.exit(end.code or print(*sys.modules))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, *arguments], check=True, capture_output=True, text=True
    )
    return set(ended.stdout.splitlines()[-1].split())


def test_help_loads_no_library_of_the_work() -> None:
    loaded = loaded_by("--help")
    assert "click" in loaded
    assert not loaded & {"numpy", "pyarrow", "apache_beam"}


def test_selecting_loads_only_what_it_needs(tmp_path: Path) -> None:
    text = "今日は市場で米を買い、家に帰って研いで、土鍋で炊いた。"
    pages = [Page(text, "https://a.example.jp/"), Page("今すぐ登録" * 9, noise=0.99)]
    run = make_run(tmp_path / "run", {"t": pages})
    Path(run.scores(BUNDLE)).rename(run.scores(load().name))
    loaded = loaded_by("select", run.path, "--quiet")
    assert Path(run.selected("default"), "manifest.json").exists()
    assert "pyarrow" in loaded
    assert not loaded & {"apache_beam", "pandas", "numba", "scipy", "sklearn", "fasttext"}


def test_every_shape_of_bands_can_be_asked_for() -> None:
    shape = next(option for option in cli.commands["group"].params if option.name == "shape")
    assert isinstance(shape.type, click.Choice)
    assert list(shape.type.choices) == list(SHAPES)


@pytest.mark.parametrize("page", PAGES)
def test_the_code_that_is_shown_runs(page: str) -> None:
    text = "朝いちばんに八百屋へ行ったら、青梅が二キロで八百円になっていた。去年より二百円高い。"
    blocks = [block for block in _blocks(page, "python") if _NEEDS_A_RUN not in block]
    assert blocks
    for block in blocks:
        exec(compile(block, page, "exec"), {"text": text})  # noqa: S102 - our own pages


@pytest.mark.parametrize("page", ["docs/guide.md", "docs/guide.ja.md"])
def test_the_recipes_that_are_shown_are_taken(page: str) -> None:
    recipes = [from_text(block) for block in _blocks(page, "yaml")]
    assert [recipe.paragraphs.frequent for recipe in recipes] == ["keep", "cut"]


def test_every_page_of_the_docs_is_linked_from_their_index() -> None:
    pages = {path.name for path in (ROOT / "docs").iterdir() if path.suffix in {".md", ".tsv"}}
    linked = re.findall(r"\]\(([^)#]+)\)", (ROOT / "docs/index.md").read_text(encoding="utf-8"))
    assert pages - set(linked) == {"index.md"}


@pytest.mark.parametrize(("english", "japanese"), PAIRS)
def test_both_languages_show_the_same_code(english: str, japanese: str) -> None:
    for language in ("python", "yaml"):
        ours, theirs = (
            [_without_prose(block) for block in _blocks(page, language)]
            for page in (english, japanese)
        )
        assert ours == theirs
    assert _commands(english) == _commands(japanese)


@pytest.mark.parametrize("page", [*PAGES, "docs/index.md"])
def test_every_link_leads_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)#]+)[)#]", text) if "://" not in target]
    for target in targets:
        assert ((ROOT / page).parent / target).exists(), f"{page}: {target} is not there"
