"""The hand-over to training: each document once an epoch, whoever reads, and exact resume."""

import json
import subprocess
import sys
from collections import Counter
from itertools import islice
from pathlib import Path

import pyarrow.dataset as ds
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.selection.recipe import Recipe, ShardSizes
from schemas import SHARDS
from schemas.reader import Documents, ManifestError
from tests.made_run import Page, make_run, selected

PAGES = [
    Page(f"{n}枚目の切手には、{chr(0x4E00 + n) * 30}という町の風景が描かれていた。", f"u{n}")
    for n in range(90)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A selection of several shards of several row groups."""
    run = make_run(tmp_path_factory.mktemp("reader") / "run", {"t": PAGES[:50], "u": PAGES[50:]})
    made = selected(run, Recipe("r", shards=ShardSizes(8000, 3000), duplicates=None))
    assert len(made["shards"]) > 1
    assert any(shard["row_groups"] > 1 for shard in made["shards"])
    return run.selected("trial")


def urls(documents: Documents) -> list[str]:
    return [document["url"] for document in documents]


def test_one_consumer_reads_every_document_once_in_the_shards_order(folder: str) -> None:
    documents = Documents(folder, ["url", "text"])
    read = list(documents)
    assert len(read) == len(documents) == 90
    assert set(read[0]) == {"url", "text"}
    shards = [str(path) for path in sorted(Path(folder).glob("shard-*.parquet"))]
    assert [one["url"] for one in read] == ds.dataset(shards).to_table()["url"].to_pylist()
    assert urls(documents) == [one["url"] for one in read]  # another epoch


@pytest.mark.parametrize("consumers", [2, 3, 7, 100])
def test_consumers_together_read_each_document_exactly_once(folder: str, consumers: int) -> None:
    read = Counter[str]()
    for consumer in range(consumers):
        documents = Documents(folder, ["url"], consumer, consumers)
        found = urls(documents)
        assert len(found) == len(documents)
        read.update(found)
    assert read == Counter(page.url for page in PAGES)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(consumers=st.integers(1, 5), stop=st.integers(0, 60))
def test_a_restored_reader_goes_on_with_the_very_next_document(
    folder: str, consumers: int, stop: int
) -> None:
    whole = urls(Documents(folder, ["url"], consumers - 1, consumers))
    first = Documents(folder, ["url"], consumers - 1, consumers)
    begun = [document["url"] for document in islice(first, stop)]
    state = json.loads(json.dumps(first.state()))
    second = Documents(folder, ["url"], consumers - 1, consumers)
    second.restore(state)
    assert begun + urls(second) == whole or begun == whole


def test_a_state_of_another_selection_or_consumer_is_refused(folder: str) -> None:
    state = Documents(folder, consumer=0, consumers=2).state()
    with pytest.raises(ManifestError, match="consumer 1 of 2"):
        Documents(folder, consumer=1, consumers=2).restore(state)
    with pytest.raises(ManifestError, match="of this selection"):
        Documents(folder, consumer=0, consumers=2).restore({**state, "settings": "0" * 16})


def test_a_selection_without_a_manifest_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="not finished"):
        Documents(str(tmp_path))


def test_there_is_no_consumer_beyond_the_last(folder: str) -> None:
    with pytest.raises(ValueError, match="0 to 1 expected"):
        Documents(folder, consumer=2, consumers=2)


def test_the_reader_needs_nothing_of_the_pipeline() -> None:
    told = "import sys, schemas.reader; print(any(n.startswith('pipeline') for n in sys.modules))"
    ended = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "False"


def test_a_pyarrow_dataset_filters_by_split_and_has_the_promised_schema(folder: str) -> None:
    shards = ds.dataset([str(path) for path in sorted(Path(folder).glob("shard-*.parquet"))])
    assert shards.schema.equals(SHARDS.arrow)
    train = shards.count_rows(filter=ds.field("split") == "train")
    assert train + shards.count_rows(filter=ds.field("split") == "validation") == 90
