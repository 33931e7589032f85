"""Megatron's indexed dataset: read back as Megatron reads it, every document once."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import OptionError
from pipeline.export import MAGIC, Tokenizer, export_megatron, load_tokenizer
from pipeline.recipe import Recipe
from pipeline.run import Run
from schemas.reader import Documents
from tests.made_run import Page, make_run, selected

END = 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    pages = [
        Page(
            f"{n}通目の手紙には、{chr(0x4E00 + n) * 20}と書いてあった。",
            f"https://h{n}.example{n}.jp/",
        )
        for n in range(40)
    ]
    run: Run = make_run(tmp_path_factory.mktemp("export") / "run", {"t": pages})
    selected(run, Recipe("r", duplicates=None))
    return run.selected("trial")


def characters(vocabulary: int) -> Tokenizer:
    """A tokenizer that any reader of this test can undo."""
    return Tokenizer(lambda text: [ord(character) for character in text], vocabulary, END)


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
    for path in (str(other), str(tmp_path / "missing.json")):
        with pytest.raises(OptionError, match=r"a \.json or \.model file expected"):
            load_tokenizer(path, None)
