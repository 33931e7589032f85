"""The schemas: sound in themselves, and the generated pages say what they say."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from schemas import DOCUMENTS, SHARDS, TABLES, Table
from schemas.files import file_schema

ROOT = Path(__file__).parent.parent
CHANGES = ROOT / "schemas" / "CHANGES.md"
GOLDEN = Path(__file__).parent / "golden" / "schemas.json"
FIRST = GOLDEN.with_name("schemas-1.0.json")


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_column_has_one_name_and_a_sentence(table: Table) -> None:
    assert len(set(table.names)) == len(table.names)
    for column in table.columns:
        assert column.doc.endswith((".", "…")), column.name


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_file_can_tell_which_table_it_holds(table: Table) -> None:
    assert table.arrow.metadata == {
        b"seimai.schema": table.name.encode(),
        b"seimai.version": table.version.encode(),
    }


def test_shards_hold_what_training_may_see() -> None:
    assert {"id", "text", "url", "noise", "cluster_size", "flags"} <= set(SHARDS.names)
    assert not {"page_text", "signature"} & set(SHARDS.names)
    assert set(DOCUMENTS.names) - set(SHARDS.names) == {"page_text", "signature"}


def stored_form() -> dict[str, Any]:
    """The schemas as another program meets them: versions, names, types, and what may be null."""
    return {
        "tables": {
            table.name: {
                "version": table.version,
                "columns": {
                    field.name: f"{field.type}{'?' if field.nullable else ''}"
                    for field in table.arrow
                },
            }
            for table in TABLES
        },
        "files": {
            name: file_schema(name)["properties"]["schema"]["const"]
            for name in ("commit", "manifest", "run")
        },
    }


def test_no_schema_changes_unknowingly() -> None:
    """A new copy is written by `python -m tests.test_schemas`, beside a line in CHANGES.md."""
    assert json.loads(GOLDEN.read_text("utf-8")) == stored_form()


def test_the_latest_version_of_everything_stands_in_the_list_of_changes() -> None:
    rows = re.findall(r"^\| (\w+) \| ([0-9.]+) \|", CHANGES.read_text("utf-8"), re.MULTILINE)
    listed = dict(rows)  # the last line of each counts
    tables = {name: table["version"] for name, table in stored_form()["tables"].items()}
    files = {name: said.rpartition("/")[2] for name, said in stored_form()["files"].items()}
    assert listed == {**tables, **files}


def test_a_new_column_of_the_same_major_version_may_be_null() -> None:
    """As CHANGES.md promises readers of an older minor version: columns only come, and as null."""
    for name, table in json.loads(FIRST.read_text("utf-8"))["tables"].items():
        now = stored_form()["tables"][name]
        if now["version"].partition(".")[0] == table["version"].partition(".")[0]:
            assert table["columns"].items() <= now["columns"].items()
            added = now["columns"].keys() - table["columns"].keys()
            assert all(now["columns"][column].endswith("?") for column in added), name


def test_the_generated_pages_are_what_the_code_says() -> None:
    ended = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("name", ["commit", "manifest", "recipe", "run"])
def test_every_file_beside_the_tables_has_a_schema(name: str) -> None:
    assert file_schema(name)["$schema"].startswith("https://json-schema.org/")


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(stored_form(), indent=2, ensure_ascii=False) + "\n", "utf-8")
