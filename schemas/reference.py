"""The reference page of the data contract, written from the tables and the JSON Schemas."""

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from schemas.fields import Table
from schemas.files import FILES, file_schema
from schemas.tables import TABLES

_INTRODUCTION = """\
# The data contract

Written from `schemas/` by `make docs`: do not edit this page. The rule for changing any of it
stands in [`schemas/CHANGES.md`](../schemas/CHANGES.md).

A run is a folder. Every stage commits its parts task by task: task T's documents, scores, groups
and decisions have the same rows in the same order.

```
RUN/run.json                      what the run is made of
RUN/documents/TASK.json           the commit of a task, put last, and the files that it names
RUN/scores/BUNDLE/TASK.json
RUN/groups/TASK.json
RUN/selected/NAME/manifest.json   put last: what a reader of the shards may trust
RUN/selected/NAME/shard-*.parquet
RUN/selected/NAME/decisions/TASK.json
```
"""


def data_contract() -> str:
    """The page, as Markdown.

    >>> "| `ja_score` | float |" in data_contract()
    True
    """
    tables = (line for table in TABLES for line in _table(table))
    files = (line for name in FILES for line in _file(name))
    return "\n".join([_INTRODUCTION, "## Tables", "", *tables, "## JSON files", "", *files])


def _table(table: Table) -> Iterator[str]:
    yield f"### {table.name} {table.version}"
    yield ""
    yield table.doc
    yield ""
    yield "| column | type | null | meaning |"
    yield "|---|---|---|---|"
    for column in table.columns:
        null = "yes" if column.nullable else ""
        yield f"| `{column.name}` | {_type(column.type)} | {null} | {_cell(column.doc)} |"
    yield ""


def _type(kind: pa.DataType) -> str:
    """An Arrow type without the remarks on nulls inside it."""
    return str(kind).replace(" not null", "").replace("element: ", "").replace("item: ", "")


def _file(name: str) -> Iterator[str]:
    schema = file_schema(name)
    yield f"### {schema['title']}"
    yield ""
    yield f"{schema['description']} Schema: `schemas/{name}.schema.json`."
    yield ""
    yield "| key | meaning |"
    yield "|---|---|"
    for key, meaning in _keys(schema.get("properties", {}).items(), ""):
        yield f"| `{key}` | {_cell(meaning)} |"
    yield ""


def _keys(properties: Iterable[tuple[str, Any]], prefix: str) -> Iterator[tuple[str, str]]:
    """Every key below a schema, by its path, with what it means."""
    for name, schema in properties:
        key = f"{prefix}{name}"
        items = schema.get("items", {})
        meaning = schema.get("description") or _constant(schema)
        if schema.get("type") == "array" and "properties" in items:
            yield f"{key}[]", meaning
            yield from _keys(items["properties"].items(), f"{key}[].")
        elif "properties" in schema:
            yield key, meaning
            yield from _keys(schema["properties"].items(), f"{key}.")
        else:
            yield key, meaning


def _constant(schema: dict[str, Any]) -> str:
    known = [schema["const"]] if "const" in schema else schema.get("enum", [])
    return "one of " * (len(known) > 1) + ", ".join(f"`{value}`" for value in known)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
