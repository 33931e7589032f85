"""The contract with training, held by the programs that train: not by our idea of them."""

import errno
import json
import signal
import socket
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import NoReturn

import datasets
import numpy as np
import pyarrow.dataset as ds
import pytest
from click.testing import CliRunner
from datasets.distributed import split_dataset_by_node
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.utils.data import DataLoader

from pipeline.cli import cli
from pipeline.selection import manifest
from pipeline.selection.recipe import Recipe, ShardSizes
from schemas import SHARDS
from tests.made_run import Page, make_run, selected

PAGES = [
    Page(
        f"{n}番目の停留所で降りると、{chr(0x4E00 + n) * 25}という看板の店があり、"
        "焼きたてのパンの匂いがしていた。店主は毎朝四時に起きるという。",
        f"https://h{n}.example{n}.jp/",
    )
    for n in range(120)
]
END = "</s>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A selection of several shards of several row groups."""
    run = make_run(tmp_path_factory.mktemp("hand-over") / "run", {"t": PAGES[:70], "u": PAGES[70:]})
    made = selected(run, Recipe("r", shards=ShardSizes(6000, 4000), duplicates=None))
    assert len(made["shards"]) >= 4
    assert any(shard["row_groups"] > 1 for shard in made["shards"])
    return run.selected("trial")


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A selection must open without asking anybody, even of those who take no for an answer."""
    asked: list[object] = []

    def refuse(_socket: socket.socket, address: object) -> NoReturn:
        asked.append(address)
        raise OSError(errno.ENETUNREACH, "no network in this test")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    yield
    assert not asked


def each_once(ids: list[str]) -> bool:
    return Counter(ids) == Counter(page.id for page in PAGES)


# ---- pyarrow


def test_a_pyarrow_dataset_streams_every_document_once_in_the_promised_types(folder: str) -> None:
    listed = [f"{folder}/{shard['name']}" for shard in manifest.read(folder)["shards"]]
    shards = ds.dataset(listed)
    assert shards.schema.equals(SHARDS.arrow)
    ids = [name for batch in shards.to_batches(columns=["id"]) for name in batch["id"].to_pylist()]
    assert each_once(ids)


def test_a_filter_skips_by_what_the_row_groups_say(folder: str) -> None:
    shards = ds.dataset(sorted(map(str, Path(folder).glob("shard-*.parquet"))))
    found = shards.to_table(filter=ds.field("id") == PAGES[7].id, columns=["text"])
    assert found["text"].to_pylist() == [PAGES[7].text]


# ---- Hugging Face datasets


@pytest.fixture
def streamed(folder: str) -> datasets.IterableDataset:
    """The folder as the hub would open it: by the front matter of the data card."""
    found = datasets.load_dataset(folder, split="train", streaming=True)
    assert isinstance(found, datasets.IterableDataset)
    return found


def test_the_folder_loads_as_a_table_by_its_card(folder: str, tmp_path: Path) -> None:
    loaded = datasets.load_dataset(folder, split="train", cache_dir=str(tmp_path))
    assert each_once(loaded["id"])
    assert list(loaded.features) == list(SHARDS.names)
    by_id = dict(zip(loaded["id"], loaded["text"], strict=True))
    assert by_id == {page.id: page.text for page in PAGES}


def test_streaming_gives_every_document_once_an_epoch(streamed: datasets.IterableDataset) -> None:
    for _epoch in range(2):
        assert each_once([row["id"] for row in streamed])


@pytest.mark.parametrize("stop", [0, 1, 17, 64, 119])
def test_a_saved_state_goes_on_with_the_next_document(
    streamed: datasets.IterableDataset, folder: str, stop: int
) -> None:
    begun = [row["id"] for row in islice(streamed, stop)]
    state = json.loads(json.dumps(streamed.state_dict()))
    again = datasets.load_dataset(folder, split="train", streaming=True)
    again.load_state_dict(state)
    assert each_once(begun + [row["id"] for row in again])


def test_ranks_and_workers_of_datasets_share_the_documents(
    streamed: datasets.IterableDataset,
) -> None:
    ids: list[str] = []
    for rank in range(2):
        theirs = split_dataset_by_node(streamed.select_columns(["id"]), rank, world_size=2)
        loader = DataLoader(theirs, batch_size=8, num_workers=2)
        ids += [name for batch in loader for name in batch["id"]]
    assert each_once(ids)


# ---- torch, by schemas.reader


def training(folder: str, checkpoint: Path, rank: int, steps: int) -> "subprocess.Popen[bytes]":
    told = [sys.executable, "-m", "tests.torch_training", folder, str(checkpoint)]
    return subprocess.Popen([*told, str(rank), "2", str(steps)], cwd=Path(__file__).parent.parent)


def test_two_ranks_of_two_workers_lose_and_repeat_nothing_when_one_is_killed(
    folder: str, tmp_path: Path
) -> None:
    checkpoints = [tmp_path / f"rank-{rank}.json" for rank in range(2)]
    whole = training(folder, checkpoints[0], 0, steps=1000)
    killed = training(folder, checkpoints[1], 1, steps=7)
    assert (whole.wait(), killed.wait()) == (0, -signal.SIGKILL)
    before = json.loads(checkpoints[1].read_text())["seen"]
    assert len(before) == 7 * 4
    assert training(folder, checkpoints[1], 1, steps=1000).wait() == 0
    seen = [json.loads(checkpoint.read_text())["seen"] for checkpoint in checkpoints]
    assert seen[1][: len(before)] == before
    assert each_once(seen[0] + seen[1])


# ---- Megatron


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A byte-level BPE tokenizer, trained on the spot as a user's would be."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator([page.text for page in PAGES], trainer)
    path = tmp_path_factory.mktemp("tokenizer") / "ja.json"
    made.save(str(path))
    return path


def read_megatron(prefix: Path) -> list[list[int]]:
    """The documents of an indexed dataset, by Megatron's own account of the format."""
    index = np.memmap(f"{prefix}.idx", np.uint8, "r")
    magic, version, code, sequences, ends = struct.unpack_from("<9sQBQQ", index)
    assert (magic, version, code) == (b"MMIDIDX\0\0", 1, 8)
    at = struct.calcsize("<9sQBQQ")
    lengths = np.frombuffer(index, np.int32, sequences, at)
    pointers = np.frombuffer(index, np.int64, sequences, at + 4 * sequences)
    documents = np.frombuffer(index, np.int64, ends, at + 12 * sequences)
    assert len(index) == at + 12 * sequences + 8 * ends
    tokens = np.memmap(f"{prefix}.bin", np.uint8, "r")
    read = [
        np.frombuffer(tokens, np.uint16, length, pointer).tolist()
        for length, pointer in zip(lengths, pointers, strict=True)
    ]
    return [list(chain(*read[begin:end])) for begin, end in pairwise(documents)]


def export(folder: str, tokenizer: Path, prefix: Path, split: str) -> None:
    told = ["export", "megatron", folder, "--tokenizer", str(tokenizer), "--out", str(prefix)]
    ended = CliRunner().invoke(cli, [*told, "--end-token", END, "--split", split])
    assert ended.exit_code == 0, ended.output


def test_megatron_reads_every_document_once_as_the_tokenizer_says(
    folder: str, tokenizer: Path, tmp_path: Path
) -> None:
    known = Tokenizer.from_file(str(tokenizer))
    texts: list[str] = []
    counted: dict[str, int] = {}
    for split in ("train", "validation"):
        export(folder, tokenizer, tmp_path / split, split)
        read = read_megatron(tmp_path / split)
        counted[split] = sum(map(len, read))
        for tokens in read:
            assert tokens[-1] == known.token_to_id(END)
            texts.append(known.decode(tokens[:-1]))
    assert Counter(texts) == Counter(page.text for page in PAGES)
    exports = manifest.read(folder)["exports"]
    assert {export["split"]: export["tokens"] for export in exports} == counted
