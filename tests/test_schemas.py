"""The schemas: sound in themselves, and the generated pages say what they say."""

import subprocess
import sys
from pathlib import Path

import pytest

from schemas import DOCUMENTS, SHARDS, TABLES, Table
from schemas.files import file_schema

ROOT = Path(__file__).parent.parent


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
