"""The JSON files of a run, by their JSON Schemas: what a reader in any language may rely on."""

import json
from functools import cache
from pathlib import Path
from typing import Any

FILES = ("run", "commit", "manifest", "recipe")
"""The files that have a schema: `run.json`, the sidecars, `manifest.json`, and recipes."""


@cache
def file_schema(name: str) -> dict[str, Any]:
    """The JSON Schema of one of `FILES`.

    >>> file_schema("manifest")["title"]
    'manifest.json of a selection'
    """
    path = Path(__file__).parent / f"{name}.schema.json"
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema
