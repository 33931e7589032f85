"""The JSON files of a run, read as what they are: text that anyone may have altered."""

from typing import Any

import jsonschema
import orjson

from pipeline import storage
from pipeline.errors import IntegrityError
from schemas.files import file_schema


def read(path: str, kind: str, advice: str) -> dict[str, Any]:
    """A JSON file that fulfils its JSON Schema.

    Args:
        path: the file.
        kind: the name of its schema, one of `schemas.files.FILES`.
        advice: what to do if it does not, a sentence.

    Raises:
        IntegrityError: if it is not JSON, or not of that form; the message names the key.
    """
    try:
        value: dict[str, Any] = orjson.loads(storage.read_bytes(path))
    except orjson.JSONDecodeError as error:
        raise IntegrityError(f"{path}: not JSON ({error}). {advice}") from error
    checker = jsonschema.Draft202012Validator(file_schema(kind))
    fault = jsonschema.exceptions.best_match(checker.iter_errors(value))
    if fault:
        raise IntegrityError(f"{path}: {fault.json_path}: {fault.message:.200}. {advice}")
    return value
