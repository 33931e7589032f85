"""Export for trainers: a selection as Megatron's indexed dataset, by a tokenizer of the user's.

The tokenizer belongs to training, so it is named by its file: a `.json` of the `tokenizers`
library, or a `.model` of sentencepiece. Neither is needed for anything else, so they are installed
by whoever exports.

`PREFIX.bin` holds the tokens of all documents one after another; `PREFIX.idx` says where each
begins, as `megatron/core/datasets/indexed_dataset.py` reads it: magic, version, code of the token
type, counts, lengths, offsets in bytes, and the ends of documents. What was written, and how many
tokens it came to, is added to the selection's manifest.
"""

import hashlib
import importlib
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import storage
from pipeline.errors import OptionError
from pipeline.selection import manifest
from schemas.reader import Documents

MAGIC = b"MMIDIDX\x00\x00"
VERSION = 1
_CODES = {np.dtype(np.uint16): 8, np.dtype(np.int32): 4}  # Megatron's `DType`
_LARGEST_SHORT_VOCABULARY = 65_500  # as Megatron's `optimal_dtype` has it


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """What an export needs of a tokenizer.

    Attributes:
        encode: the token ids of a text, without special tokens.
        vocabulary: how many ids there are.
        end: the id that ends a document, or None to end documents by the index alone.
        name: the file's name.
        sha256: the digest of the file's bytes.
    """

    encode: Callable[[str], Sequence[int]]
    vocabulary: int
    end: int | None
    name: str
    sha256: str

    @property
    def facts(self) -> dict[str, object]:
        """What the manifest says of it."""
        return {
            "name": self.name,
            "sha256": self.sha256,
            "vocabulary": self.vocabulary,
            "end": self.end,
        }


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes:
        documents: documents.
        tokens: tokens, the ends of documents included.
    """

    documents: int
    tokens: int


def load_tokenizer(path: str, end: str | None) -> Tokenizer:
    """A tokenizer from its file.

    Args:
        path: a `.json` of `tokenizers`, or a `.model` of sentencepiece.
        end: the token that ends a document, such as `</s>`; None for none.

    Raises:
        OptionError: if the file is missing or of another kind, its library is not installed, or
            it has no such token.
    """
    readers = {".json": _read_tokenizers, ".model": _read_sentencepiece}
    reader = readers.get(Path(path).suffix)
    if reader is None:
        raise OptionError(f"--tokenizer: {path!r} found, a .json or .model file expected.")
    if not Path(path).is_file():
        raise OptionError(f"--tokenizer: {path!r}: no such file.")
    try:
        encode, vocabulary, token_id = reader(path)
    except ModuleNotFoundError as error:
        raise OptionError(
            f"--tokenizer: {path} needs the library {error.name!r}: pip install {error.name}"
        ) from error
    ending = None if end is None else token_id(end)
    if end is not None and ending is None:
        raise OptionError(f"--end-token: {path} has no token {end!r}.")
    return Tokenizer(encode, vocabulary, ending, Path(path).name, storage.sha256(path))


def export_megatron(folder: str, prefix: str, tokenizer: Tokenizer, split: str) -> Exported:
    """Write a selection's documents as `PREFIX.bin` and `PREFIX.idx`, with `PREFIX.json` last.

    Args:
        folder: the selection's folder; its manifest says what is read, and in which order, and is
            told what came of it.
        prefix: local path of the files, without ending.
        tokenizer: the user's.
        split: which documents: `train` or `validation`.

    Returns:
        The counts, which `PREFIX.json` and the manifest say too.

    Raises:
        RunError: if the selection was made anew meanwhile.
    """
    short = tokenizer.vocabulary < _LARGEST_SHORT_VOCABULARY
    kind = np.dtype(np.uint16 if short else np.int32)
    ending = [] if tokenizer.end is None else [tokenizer.end]
    documents = Documents(folder, ["text", "split"])
    lengths: list[int] = []
    written = hashlib.sha256()
    Path(prefix).parent.mkdir(parents=True, exist_ok=True)
    with Path(f"{prefix}.bin").open("wb") as tokens:
        for document in documents:
            if document["split"] == split:
                data = np.array([*tokenizer.encode(document["text"]), *ending], kind)
                tokens.write(data.tobytes())
                written.update(data.tobytes())
                lengths.append(len(data))
    pointers = index(lengths, kind)
    Path(f"{prefix}.idx").write_bytes(pointers)
    exported = Exported(len(lengths), sum(lengths))
    digests = {".bin": written.hexdigest(), ".idx": hashlib.sha256(pointers).hexdigest()}
    facts = {
        "format": "megatron",
        "split": split,
        "tokenizer": tokenizer.facts,
        "documents": exported.documents,
        "tokens": exported.tokens,
        "files": [
            {"name": f"{Path(prefix).name}{suffix}", "sha256": digest}
            for suffix, digest in digests.items()
        ],
    }
    settings = documents.state()["settings"]
    manifest.add_export(folder, settings, facts)
    storage.put_json(f"{prefix}.json", {**facts, "settings": settings})
    return exported


def index(lengths: Sequence[int], kind: "np.dtype[Any]") -> bytes:
    """The bytes of an index: one sequence a document.

    Args:
        lengths: tokens of each document.
        kind: the type of a token.
    """
    counts = np.array(lengths, np.int32)
    offsets = np.zeros(len(lengths), np.int64)
    np.cumsum(counts[:-1], out=offsets[1:], dtype=np.int64)
    head = struct.pack("<QBQQ", VERSION, _CODES[kind], len(lengths), len(lengths) + 1)
    ends = np.arange(len(lengths) + 1, dtype=np.int64)
    return b"".join(
        [MAGIC, head, counts.tobytes(), (offsets * kind.itemsize).tobytes(), ends.tobytes()]
    )


_Parts = tuple[Callable[[str], Sequence[int]], int, Callable[[str], int | None]]


def _read_tokenizers(path: str) -> _Parts:
    read = importlib.import_module("tokenizers").Tokenizer.from_file(path)

    def encode(text: str) -> Sequence[int]:
        ids: Sequence[int] = read.encode(text, add_special_tokens=False).ids
        return ids

    return encode, read.get_vocab_size(), read.token_to_id


def _read_sentencepiece(path: str) -> _Parts:
    read = importlib.import_module("sentencepiece").SentencePieceProcessor(model_file=path)

    def token_id(token: str) -> int | None:
        found: int = read.piece_to_id(token)
        return None if found == read.unk_id() else found

    return read.encode, read.get_piece_size(), token_id
