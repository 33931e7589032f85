"""The one door to trained classifiers: a folder of data, checked before it is used.

A bundle holds no code and no pickle: a manifest in JSON, which names every other file with its
SHA-256, and arrays in NumPy's format. `load` refuses a bundle that is not what its manifest says.

    >>> import pyarrow as pa
    >>> page = {"id": ["a"], "text": ["母と近所の公園を歩いた。"], "page_text": [None]}
    >>> load().score(pa.RecordBatch.from_pydict(page)).column_names
    ['id', 'noise', 'affiliate', 'adult', 'noun_share']
"""

import hashlib
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from classifiers.features import DENSE, VIEWS, Features, Head, features
from classifiers.heads import BY_TEXT, LinearHead, ViewWeights, as_chances
from classifiers.labels import CLASSES
from classifiers.morphology import noun_share
from classifiers.stored import LARGEST_FILE, head_arrays
from pipeline.errors import BundleError
from schemas.tables import SCORES

FORMAT: Final = 3
"""The version of a bundle's form and of the features that it reads; others are refused."""

UNSURE: Final = (0.2, 0.8)
"""Between these chances a document counts as uncertain, and `auto` analyses its words."""

Morphology = Literal["auto", "all", "none"]

_MODELS: Final = Path(__file__).parent / "models"
_DEFAULT: Final = "base"
_MANIFEST: Final = "manifest.json"

_NAME: Final = re.compile(r"[^\s./\\`<>|\x00-\x1f][^/\\`<>|\x00-\x1f]{0,99}")
"""A bundle's name becomes a folder's: it leads nowhere else."""

_FORMS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "name": lambda name: isinstance(name, str) and _NAME.fullmatch(name) is not None,
    "files": lambda files: isinstance(files, dict) and all(map(_is_text, files.values())),
    "features": lambda features: isinstance(features, dict),
    "thresholds": lambda cuts: (
        isinstance(cuts, dict)
        and cuts.keys() == set(CLASSES)
        and all(isinstance(cut, int | float) and 0 <= cut <= 1 for cut in cuts.values())
    ),
}
"""What must be in a manifest, and how it is told from what must not."""


@dataclass(frozen=True)
class Bundle:
    """Trained classifiers with their calibration.

    Attributes:
        name: the bundle's name.
        digest: 16 hexadecimal digits of the manifest, which holds the digests of all the rest.
        manifest: what it was made from and what it reached; the model card is its reading.
        heads: the models by the evidence that a document offers.
    """

    name: str
    digest: str
    manifest: dict[str, Any]
    heads: Mapping[Head, LinearHead]

    @property
    def thresholds(self) -> dict[str, float]:
        """The chance from which a page counts as of a class, by class."""
        chosen: dict[str, float] = self.manifest["thresholds"]
        return chosen

    def score(self, batch: pa.RecordBatch, morphology: Morphology = "auto") -> pa.RecordBatch:
        """Scores a batch of documents.

        The scores of a document depend on that document alone: they are the same in whatever batch
        it stands.

        Args:
            batch: documents: the columns `id`, `text`, `page_text` and, where they are known,
                `title`, `url` and, where the HTML was read, the page facts.
            morphology: whose words are analysed for `noun_share`: those of uncertain documents
                (`UNSURE`), all, or none. It does not change the other scores.

        Returns:
            A row a document, in order, of the schema `schemas.SCORES`.
        """
        chances = self.chances(batch)
        unsure = np.any((chances > UNSURE[0]) & (chances < UNSURE[1]), axis=1)
        every = np.ones(len(batch), dtype=bool)
        analysed = {"auto": unsure, "all": every, "none": ~every}[morphology]
        shares = [
            noun_share(text or "") if wanted else None
            for text, wanted in zip(batch["text"].to_pylist(), analysed, strict=True)
        ]
        columns = [pa.array(chances[:, place], pa.float32()) for place in range(len(CLASSES))]
        return pa.RecordBatch.from_arrays(
            [batch["id"], *columns, pa.array(shares, pa.float32())], schema=SCORES.arrow
        )

    def chances(self, batch: pa.RecordBatch) -> NDArray[np.float32]:
        """Returns the calibrated chance of each of `CLASSES` for each document, float32."""
        log_odds = [self.log_odds(seen) for seen in features(batch)]
        return as_chances(np.array(log_odds).reshape(-1, len(CLASSES))).astype(np.float32)

    def log_odds(self, document: Features) -> NDArray[np.float64]:
        """Returns the calibrated log-odds of each of `CLASSES` for one document."""
        html, text = self.heads["html"], self.heads["text"]
        if document.head == "text":
            return text.log_odds(document)
        page, main, *names = document.views
        said = np.zeros(len(CLASSES))
        for weights, view in zip(self._shared, (page, *names), strict=True):
            said += weights.log_odds(view)
        log_odds = html.calibrated(said + html.views[1].log_odds(main), document.dense)
        log_odds[BY_TEXT] = text.calibrated(said, page.dense)[BY_TEXT]
        return log_odds

    @cached_property
    def _shared(self) -> list[ViewWeights]:
        """What the n-grams of page, title and path say in both heads, to be looked up once."""
        page, _, *names = self.heads["html"].views
        of_text = self.heads["text"].views
        return [
            one.with_classes_of(other, BY_TEXT)
            for one, other in zip((page, *names), of_text, strict=True)
        ]


def load(path: str | None = None, heads: Iterable[Head] = tuple(VIEWS)) -> Bundle:
    """Loads a bundle and checks every file of it.

    Args:
        path: the bundle's folder; None loads the one that comes with the program.
        heads: those that will be asked; the files of others are not looked at.

    Raises:
        BundleError: a file is missing, is not what the manifest says, or has another form.
    """
    folder = Path(path) if path else _MODELS / _DEFAULT
    written = _read(folder / _MANIFEST)
    manifest = _manifest(written, folder)
    return Bundle(
        name=manifest["name"],
        digest=hashlib.sha256(written).hexdigest()[:16],
        manifest=manifest,
        heads={head: _head(folder, manifest["files"], head) for head in heads},
    )


def name_of(path: str | None = None) -> str:
    """The name of a bundle, for who asks it nothing: only its manifest is read.

    Args:
        path: the bundle's folder; None means the one that comes with the program.

    Raises:
        BundleError: its manifest is missing, or has another form.
    """
    return load(path, heads=()).name


def save(folder: Path, heads: Mapping[Head, LinearHead], manifest: Mapping[str, Any]) -> None:
    """Writes a bundle: the heads, then the manifest with their digests.

    Args:
        folder: where to; its name becomes the bundle's.
        heads: a head for each kind of evidence.
        manifest: what else is to be known of it, JSON-able.
    """
    folder.mkdir(parents=True, exist_ok=True)
    digests = {}
    for name, head in heads.items():
        stored = io.BytesIO()
        np.savez_compressed(stored, allow_pickle=False, **head.arrays())
        (folder / f"{name}.npz").write_bytes(stored.getvalue())
        digests[f"{name}.npz"] = hashlib.sha256(stored.getvalue()).hexdigest()
    whole = {
        **manifest,
        "format": FORMAT,
        "name": folder.name,
        "features": {name: list(DENSE[name]) for name in heads},
        "files": digests,
    }
    text = json.dumps(whole, ensure_ascii=False, indent=1, sort_keys=True)
    (folder / _MANIFEST).write_text(text + "\n", encoding="utf-8")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _read(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():  # a FIFO would be waited for
            raise BundleError(f"The bundle file {path} is no regular file.")
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise BundleError(f"The bundle file {path} cannot be read ({error.strerror}).") from error
    if len(data) > LARGEST_FILE:
        raise BundleError(f"The bundle file {path} has over {LARGEST_FILE:,} bytes; none has.")
    return data


def _manifest(written: bytes, folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(written)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{folder / _MANIFEST} is not JSON ({error}).") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise BundleError(
            f"{folder} is not a bundle of form {FORMAT}: train it again with this version."
        )
    if missing := _FORMS.keys() - manifest.keys():
        raise BundleError(f"{folder / _MANIFEST} lacks {', '.join(sorted(missing))}.")
    if wrong := [key for key, is_right in _FORMS.items() if not is_right(manifest[key])]:
        raise BundleError(f"{folder / _MANIFEST}: {', '.join(wrong)} is not what a bundle says.")
    if any(manifest["features"].get(head) != list(DENSE[head]) for head in VIEWS):
        raise BundleError(f"{folder} was trained on other features: train it again.")
    return manifest


def _head(folder: Path, digests: Mapping[str, str], head: Head) -> LinearHead:
    path = folder / f"{head}.npz"
    data = _read(path)
    found, expected = hashlib.sha256(data).hexdigest(), digests.get(path.name, "")
    if found != expected:
        raise BundleError(
            f"{path} has SHA-256 {found[:16]}…, its manifest says {expected[:16]}…: it was changed "
            "or damaged; take the bundle again from where it came."
        )
    try:
        return LinearHead.of_arrays(head, head_arrays(head, data))
    except ValueError as error:
        raise BundleError(f"{path}: {error}. Train the bundle again.") from error
