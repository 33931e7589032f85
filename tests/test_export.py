"""Megatron's indexed dataset: read back as Megatron reads it, every document once."""

import hashlib
import json
import shutil
import struct
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from pipeline import storage
from pipeline.errors import OptionError, RunError
from pipeline.export import MAGIC, Tokenizer, export_megatron, load_tokenizer
from pipeline.report.pages import report
from pipeline.run import Run
from pipeline.selection import manifest
from pipeline.selection.recipe import Recipe
from pipeline.verify import verify
from schemas.files import file_schema
from schemas.reader import Documents
from tests.made_run import Page, make_run, selected

END = 0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Run:
    pages = [
        Page(
            f"{n}通目の手紙には、{chr(0x4E00 + n) * 20}と書いてあった。",
            f"https://h{n}.example{n}.jp/",
        )
        for n in range(40)
    ]
    run: Run = make_run(tmp_path_factory.mktemp("export") / "run", {"t": pages})
    selected(run, Recipe("r", duplicates=None))
    return run


@pytest.fixture
def run(made: Run, tmp_path: Path) -> Run:
    """A run of the test's own, whose manifest it may change."""
    return Run(str(shutil.copytree(made.path, tmp_path / "run")))


@pytest.fixture
def folder(run: Run) -> str:
    return run.selected("trial")


def characters(vocabulary: int) -> Tokenizer:
    """A tokenizer that any reader of this test can undo."""
    return Tokenizer(
        lambda text: [ord(character) for character in text],
        vocabulary,
        END,
        f"characters-{vocabulary}.json",
        f"{vocabulary:064}",
    )


def read_back(prefix: Path) -> list[list[int]]:
    """What `indexed_dataset.py` makes of the two files."""
    data = Path(f"{prefix}.idx").read_bytes()
    assert data[:9] == MAGIC
    version, code, sequences, documents = struct.unpack_from("<QBQQ", data, 9)
    kind = np.dtype({8: np.uint16, 4: np.int32}[code])
    assert version == 1
    at = 9 + struct.calcsize("<QBQQ")
    lengths = np.frombuffer(data, np.int32, sequences, at)
    offsets = np.frombuffer(data, np.int64, sequences, at + lengths.nbytes)
    ends = np.frombuffer(data, np.int64, documents, at + lengths.nbytes + offsets.nbytes)
    assert len(data) == at + lengths.nbytes + offsets.nbytes + ends.nbytes
    assert ends.tolist() == list(range(sequences + 1))
    tokens = Path(f"{prefix}.bin").read_bytes()
    return [
        np.frombuffer(tokens, kind, length, offset).tolist()
        for length, offset in zip(lengths.tolist(), offsets.tolist(), strict=True)
    ]


@pytest.mark.parametrize("vocabulary", [60_000, 1_200_000])
def test_every_document_of_the_split_is_there_once_in_order(
    folder: str, tmp_path: Path, vocabulary: int
) -> None:
    texts = [one["text"] for one in Documents(folder) if one["split"] == "train"]
    exported = export_megatron(
        folder, str(tmp_path / "out" / "train"), characters(vocabulary), "train"
    )
    read = read_back(tmp_path / "out" / "train")
    assert ["".join(map(chr, tokens[:-1])) for tokens in read] == texts
    assert {tokens[-1] for tokens in read} == {END}
    assert (exported.documents, exported.tokens) == (len(texts), sum(map(len, read)))
    said = json.loads((tmp_path / "out" / "train.json").read_text())
    assert (said["documents"], said["tokens"]) == (exported.documents, exported.tokens)


def test_a_split_without_documents_gives_an_empty_dataset(folder: str, tmp_path: Path) -> None:
    prefix = tmp_path / "none"
    assert export_megatron(folder, str(prefix), characters(60_000), "none").documents == 0
    assert read_back(prefix) == []


def test_a_tokenizer_is_a_file_of_a_known_kind(tmp_path: Path) -> None:
    other = tmp_path / "vocabulary.txt"
    other.write_text("語彙", encoding="utf-8")
    with pytest.raises(OptionError, match=r"a \.json or \.model file expected"):
        load_tokenizer(str(other), None)
    with pytest.raises(OptionError, match="no such file"):
        load_tokenizer(str(tmp_path / "missing.json"), None)


def test_token_counts_land_in_the_manifest_and_on_the_card(run: Run, tmp_path: Path) -> None:
    folder = run.selected("trial")
    before = manifest.read(folder)
    counted = {
        split: export_megatron(folder, str(tmp_path / split), characters(60_000), split)
        for split in ("train", "validation")
    }
    said = manifest.read(folder)
    jsonschema.validate(said, file_schema("manifest"))
    exports = {one["split"]: one for one in said.pop("exports")}
    assert said == before
    for split, done in counted.items():
        told = exports[split]
        assert (told["documents"], told["tokens"]) == (done.documents, done.tokens)
        for file in told["files"]:
            data = (tmp_path / file["name"]).read_bytes()
            assert hashlib.sha256(data).hexdigest() == file["sha256"]
    assert verify(run.path).sound
    report(run, "trial")
    card = Path(folder, "README.md").read_text(encoding="utf-8")
    assert f"| {counted['train'].documents} | {counted['train'].tokens:,} |" in card


def test_exporting_again_counts_once_and_another_tokenizer_counts_beside(
    run: Run, tmp_path: Path
) -> None:
    folder = run.selected("trial")
    for vocabulary in (60_000, 60_000, 1_200_000):
        export_megatron(folder, str(tmp_path / "t"), characters(vocabulary), "train")
    told = [one["tokenizer"]["vocabulary"] for one in manifest.read(folder)["exports"]]
    assert sorted(told) == [60_000, 1_200_000]


def test_the_same_selection_keeps_its_counts_and_another_one_begins_without(
    run: Run, tmp_path: Path
) -> None:
    folder = run.selected("trial")
    export_megatron(folder, str(tmp_path / "t"), characters(60_000), "train")
    assert "exports" in selected(run, Recipe("r", duplicates=None))
    assert "exports" not in selected(run, Recipe("r", duplicates=None, seed=1))


def test_a_selection_that_was_made_anew_meanwhile_is_not_credited(run: Run, tmp_path: Path) -> None:
    folder = run.selected("trial")

    def encode(text: str) -> list[int]:
        selected(run, Recipe("r", duplicates=None, seed=1))
        return [ord(character) for character in text]

    tokenizer = replace(characters(60_000), encode=encode)
    with pytest.raises(RunError, match="Export again"):
        export_megatron(folder, str(tmp_path / "t"), tokenizer, "train")


def test_verify_recounts_the_documents_of_an_export(run: Run, tmp_path: Path) -> None:
    folder = run.selected("trial")
    export_megatron(folder, str(tmp_path / "t"), characters(60_000), "train")
    said = manifest.read(folder)
    said["exports"][0]["documents"] -= 1
    storage.put_json(storage.join(folder, manifest.NAME), said)
    assert any("Export again" in problem for problem in verify(folder).problems)
