"""A recipe's YAML as a tree in which every value knows the file and line it came from.

Only plain YAML is read: no tags, no anchors, and no key twice. So whatever is wrong with a recipe,
the message can point at it.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeAlias

import yaml

from pipeline.errors import RecipeError

SHIPPED = Path(__file__).parent.parent / "recipes"

Data: TypeAlias = "dict[str, Value] | list[Value] | str | int | float | bool | None"


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a recipe file, and where it stands.

    Attributes:
        data: a scalar, a list of values, or a mapping of values.
        file: the file it was read from.
        line: its line there, counted from 1.
        key: the keys that lead to it, joined by dots; empty for the whole file.
    """

    data: Data
    file: str
    line: int
    key: str

    def fail(self, expected: str) -> NoReturn:
        """Refuse this value, saying where it stands and what was expected.

        Raises:
            RecipeError: always.
        """
        subject = f"`{self.key}`" if self.key else "the recipe"
        raise RecipeError(
            f"{self.file}, line {self.line}: {subject} is {shown(self.data)}; "
            f"{expected} was expected."
        )

    @property
    def mapping(self) -> "dict[str, Value]":
        """The value as a mapping; an empty value is an empty mapping."""
        if self.data is None:
            return {}
        if not isinstance(self.data, dict):
            self.fail("a mapping of keys to values")
        return self.data

    def refuse_unknown(self, known: Iterable[str], what: str) -> None:
        """Refuse any key of this mapping that is not known, naming the nearest that is.

        Args:
            known: the keys that may stand here.
            what: what such a key is called in the message.

        Raises:
            RecipeError: at the first unknown key.
        """
        names = list(known)
        for name, value in self.mapping.items():
            if name not in names:
                raise RecipeError(
                    f"{value.file}, line {value.line}: there is no {what} `{name}`"
                    f"{f' in `{self.key}`' if self.key else ''}; {nearest(name, names)}"
                )


def shipped() -> list[str]:
    """The names of the recipes that come with the program."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def read(path: Path) -> Value:
    """Read a recipe file into a tree.

    Raises:
        RecipeError: if the file is missing, is not YAML, or uses tags, anchors or a key twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise RecipeError(f"{path}: cannot be read as a UTF-8 file ({error}).") from error
    return parse(text, str(path))


def parse(text: str, file: str) -> Value:
    """Read a recipe's text into a tree; `file` is what messages call it.

    Raises:
        RecipeError: as `read`.
    """
    try:
        _refuse_tags_and_anchors(text, file)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        tree = _Builder(file).value(root, "") if root else Value({}, file, 1, "")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{file}, line {mark.line + 1}" if mark else file
        raise RecipeError(f"{place}: not valid YAML: {error.problem}.") from error
    except RecursionError as error:
        raise RecipeError(f"{file}: nested deeper than a recipe can be.") from error
    except (yaml.YAMLError, ValueError) as error:
        raise RecipeError(f"{file}: not valid YAML: {error}") from error
    if not isinstance(tree.data, dict):
        tree.fail("a mapping of keys to values")
    return tree


def merged(base: Value, over: Value, depth: int = 2) -> Value:
    """One recipe on top of another.

    Sections are merged entry by entry, but an entry is replaced whole: it says all of itself, so
    that `noise: {drop_worst: 10%}` never lives together with an inherited `keep_below`.
    """
    if depth == 0 or not isinstance(base.data, dict) or not isinstance(over.data, dict):
        return over
    both: dict[str, Value] = dict(base.data)
    for name, value in over.data.items():
        both[name] = merged(both[name], value, depth - 1) if name in both else value
    return Value(both, over.file, over.line, over.key)


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the nearest known one, or all of them.

    >>> nearest("nois", ["noise", "adult"])
    'did you mean `noise`?'
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean `{close[0]}`?"
    return "known are " + ", ".join(f"`{other}`" for other in names) + "."


def shown(data: Data) -> str:
    """A value as a message shows it."""
    if isinstance(data, Mapping):
        return "a mapping"
    if isinstance(data, list):
        return "a list"
    return "empty" if data is None else repr(data)


def _refuse_tags_and_anchors(text: str, file: str) -> None:
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        place = f"{file}, line {event.start_mark.line + 1 if event.start_mark else 1}"
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise RecipeError(f"{place}: the tag {tag!r} is not read; remove it.")
        if getattr(event, "anchor", None) is not None:
            raise RecipeError(f"{place}: anchors and aliases are not read; use `extends`.")


class _Builder(yaml.constructor.SafeConstructor):
    """Builds the tree; scalars get the types that YAML's safe schema gives them."""

    def __init__(self, file: str) -> None:
        super().__init__()
        self._file = file

    def value(self, node: yaml.Node, key: str) -> Value:
        line = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            return Value(self._entries(node, key), self._file, line, key)
        if isinstance(node, yaml.SequenceNode):
            items = [self.value(item, key) for item in node.value]
            return Value(items, self._file, line, key)
        data = self.construct_object(node)
        if not isinstance(data, str | int | float | bool | None):
            data = node.value  # a date stays as it was written
        return Value(data, self._file, line, key)

    def _entries(self, node: yaml.MappingNode, parent: str) -> dict[str, Value]:
        entries: dict[str, Value] = {}
        for name_node, value_node in node.value:
            line = name_node.start_mark.line + 1
            if not isinstance(name_node, yaml.ScalarNode):
                raise RecipeError(f"{self._file}, line {line}: a key must be a plain word.")
            name = name_node.value
            if name in entries:
                raise RecipeError(
                    f"{self._file}, line {line}: `{name}` stands here for the second time "
                    f"(first on line {entries[name].line}); say it once."
                )
            key = f"{parent}.{name}" if parent else name
            value = self.value(value_node, key)
            entries[name] = Value(value.data, value.file, line, key)
        return entries
