r"""Markdown around text of others, which stays text: it adds no heading, link, tag or fence.

Text is escaped as CommonMark and GitHub's tables, mathematics and strikethrough ask for it.

>>> text("<b> | [x](javascript:y)")
'&lt;b&gt; \\| \\[x\\](javascript:y)'
"""

import json
import re

_MEANS_SOMETHING = re.compile(r"[\\`*_~\[\]|$]")
_BEGINS_A_BLOCK = re.compile(r"^(?:(?=[#+=-])|(\d+)(?=[.)](?: |$)))")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


class Markdown(str):
    """Markdown of our own, which stands as it is."""

    __slots__ = ()


def text(value: object) -> Markdown:
    r"""A value as text in a line or in a cell of a table; Markdown of our own as it is.

    >>> text("# 1 * 2\n---"), text("1. first"), text(3)
    ('\\# 1 \\* 2 ---', '1\\. first', '3')
    """
    if isinstance(value, Markdown):
        return value
    escaped = _MEANS_SOMETHING.sub(r"\\\g<0>", one_line(value))
    escaped = _BEGINS_A_BLOCK.sub(r"\1\\", escaped)
    return Markdown(re.sub("[&<>]", lambda found: _ENTITIES[found[0]], escaped))


def code(value: object) -> Markdown:
    r"""A value as code in a cell of a table.

    >>> code("stub_v1"), code("a|`b`")
    ('`stub_v1`', '`` a\\|`b` ``')
    """
    line = one_line(value).replace("|", "\\|")
    ticks = _ticks(line, 1)
    space = " " if "`" in line else ""
    return Markdown(f"{ticks}{space}{line}{space}{ticks}")


def block(lines: str, language: str) -> Markdown:
    """Lines as a block of code, in a fence that is longer than any in it."""
    fence = _ticks(lines, 3)
    return Markdown(f"{fence}{language}\n{lines}\n{fence}")


def literal(value: str) -> Markdown:
    """A string as Python and JSON write it down."""
    return Markdown(json.dumps(value, ensure_ascii=False))


def one_line(value: object) -> str:
    """A value without line breaks and doubled spaces."""
    return " ".join(str(value).split())


def _ticks(within: str, least: int) -> str:
    """Backquotes that do not stand in a row in a text."""
    longest = max(map(len, re.findall("`+", within)), default=0)
    return "`" * max(least, longest + 1)
