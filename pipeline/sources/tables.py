"""Rows of a table as pages: what the columns are called, and what their values become."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from pipeline.errors import OptionError
from pipeline.sources.fields import BAD_DATE, TOO_LARGE, checked, in_range, parse_time
from pipeline.sources.records import Problem, Record, Skipped

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "html": ("html",),
    "text": ("text", "content"),
    "url": ("url", "uri"),
    "crawl_time": ("crawl_time", "crawl_date", "timestamp", "date"),
    "title": ("title",),
    "charset": ("charset",),
}
"""What a table can give, and the names that are looked for, in order. A page is taken from its
HTML where there is some, else from its text; `charset` tells how HTML given as bytes is encoded."""

_BODIES = ("html", "text")
_MOST_NAMED = 20


class ColumnError(Exception):
    """A table has not the columns that a page is made of; reason and detail as for a `Problem`."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


@dataclass(frozen=True, slots=True)
class Oversized:
    """Stands for a value of so many bytes, too large to be taken out of its column."""

    size: int


def column_names(columns: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The names to look for, by what they give: those of `COLUMNS` but for what the user maps.

    Who maps `text` or `html` says where the page is: the other of the two is not looked for.

    >>> names = column_names({"text": "body"})
    >>> names["text"], names["html"], names["url"]
    (('body',), (), ('url', 'uri'))

    Raises:
        OptionError: a key of the mapping is not one of `COLUMNS`.
    """
    unknown = sorted(set(columns) - set(COLUMNS))
    if unknown:
        raise OptionError(
            f"column {', '.join(unknown)}: a table gives no such thing; "
            f"expected one of {', '.join(COLUMNS)}"
        )
    names = dict(COLUMNS)
    if any(body in columns for body in _BODIES):
        names |= dict.fromkeys(_BODIES, ())
    return names | {field: (name,) for field, name in columns.items()}


def choose(found: Sequence[str], names: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The column for each thing that a table gives.

    Args:
        found: the names of the table's columns.
        names: as `column_names` gives them.

    Raises:
        ColumnError: neither text nor HTML is there.
    """
    chosen = {}
    for field, candidates in names.items():
        present = [name for name in candidates if name in found]
        if present:
            chosen[field] = present[0]
    if not any(body in chosen for body in _BODIES):
        wanted = ", ".join(name for body in _BODIES for name in names[body])
        listed = ", ".join(found[:_MOST_NAMED]) or "none"
        raise ColumnError("column_missing", f"found {listed}; expected one of {wanted}")
    return chosen


def page(values: Mapping[str, object], path: str, position: int) -> Record | Skipped | Problem:
    """A row as a page.

    Args:
        values: by the keys of `COLUMNS`. Bodies are `str`, `bytes` or `Oversized`; times are ISO
            8601, the 14 digits of an archive, or seconds (or milli-, micro-, nanoseconds) since
            1970; the others are `str`. Any may be None or absent.
        path: the input.
        position: of the row in it.

    Returns:
        The page; `Skipped` where text and HTML are null; a `Problem` where a value is of a wrong
        type or too large.
    """
    wrong = _wrong_type(values)
    url, title, moment = _text(values, "url"), _text(values, "title"), values.get("crawl_time")
    if wrong is not None:
        return Problem(path, position, url, "column_type", wrong)
    html = values.get("html")
    body = html or values.get("text")
    if isinstance(body, Oversized):
        return Problem(path, position, url, TOO_LARGE, f"{body.size} bytes")
    if not isinstance(body, str | bytes):
        return Skipped("table.null_text")
    is_html = body is html
    crawl_time = _time(moment)
    record = Record(
        path,
        position,
        url or "",
        crawl_time,
        _utf8(body),
        is_html,
        charset=_text(values, "charset") if is_html and isinstance(body, bytes) else "utf-8",
        title=title,
        remarks=(BAD_DATE,) if moment is not None and crawl_time is None else (),
    )
    return checked(record)


def _text(values: Mapping[str, object], field: str) -> str | None:
    value = values.get(field)
    return _utf8(value).decode("utf-8") if isinstance(value, str) else None


def _utf8(body: str | bytes) -> bytes:
    """A string in UTF-8; a surrogate without its other half, as JSON can hold, is U+FFFD."""
    if isinstance(body, bytes):
        return body
    try:
        return body.encode("utf-8")
    except UnicodeEncodeError:
        return body.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode("utf-8")


def _time(value: object) -> int | None:
    """Milliseconds since 1970 of a time however written; None where it is no usable time."""
    if isinstance(value, str):
        text = value.strip()
        if text.isdecimal() and len(text) == len("20240609154931"):
            text = f"{text[:8]}T{text[8:]}"
        return parse_time(text.replace("/", "-"))
    if not isinstance(value, int | float):
        return None
    # 1990 to 2100 in one unit lies wholly before 1990 in the next smaller one.
    for factor in (1e3, 1, 1e-3, 1e-6):
        with suppress(OverflowError, ValueError):
            found = in_range(int(value * factor))
            if found is not None:
                return found
    return None


def _wrong_type(values: Mapping[str, object]) -> str | None:
    """The first value that is not of a type it may have, in words."""
    for field, value in values.items():
        if value is None or isinstance(value, str):
            continue
        if field in _BODIES and isinstance(value, bytes | Oversized):
            continue
        if field == "crawl_time" and isinstance(value, int | float):
            continue
        return f"{field} is {type(value).__name__}"
    return None
