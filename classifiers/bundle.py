"""The one door to a trained classifier: a folder of data, checked before it is used.

A bundle holds no code and no pickle: a manifest in JSON, which names every other file with its
SHA-256, and arrays in NumPy's format. `load` refuses a bundle that is not what its manifest says.

    >>> import pyarrow as pa
    >>> page = {"id": ["a"], "text": ["公園を歩いた。"], "page_text": [None]}
    >>> load().score(pa.RecordBatch.from_pydict(page)).column_names
    ['id', 'noise', 'affiliate', 'adult', 'noun_share']
"""

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from classifiers.ngrams import Counter, code_points
from pipeline.errors import BundleError
from schemas.tables import SCORES

CLASSES: Final = ("noise", "affiliate", "adult")
"""What a bundle scores, in the order of its coefficients."""

FORMAT: Final = 1
"""The version of the bundle's form; a bundle of another form is refused."""

_MODELS: Final = Path(__file__).parent / "models"
_DEFAULT: Final = "base"


@dataclass(frozen=True)
class Bundle:
    """Trained models with their calibration.

    Attributes:
        name: the bundle's name, a folder name.
        digest: 16 hexadecimal digits of the manifest, which holds the digests of all the rest.
        manifest: what it was made from and what it reached: `docs/model-card.md` is its reading.
        coefficients: `(buckets, classes)`, int8: what each n-gram says for each class.
        scale: `(classes,)`: what one unit of a coefficient is worth in log-odds.
        offset: `(classes,)`: the log-odds where no n-gram speaks.
    """

    name: str
    digest: str
    manifest: dict[str, Any]
    coefficients: NDArray[np.int8]
    scale: NDArray[np.float64]
    offset: NDArray[np.float64]

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Scores a batch of documents.

        The scores of a document depend on that document alone: they are the same, to the bit, in
        whatever batch it stands.

        Args:
            batch: documents, with the columns `id`, `text` and `page_text`.

        Returns:
            A row a document, in order, of the schema `schemas.SCORES`.
        """
        text, page = batch["text"].to_pylist(), batch["page_text"].to_pylist()
        views = [
            whole if whole is not None else main or ""
            for main, whole in zip(text, page, strict=True)
        ]
        chances = 1 / (1 + np.exp(-self._log_odds(views))).astype(np.float32)
        columns = [pa.array(chances[:, place]) for place in range(len(CLASSES))]
        unknown = pa.nulls(len(batch), pa.float32())
        return pa.RecordBatch.from_arrays([batch["id"], *columns, unknown], schema=SCORES.arrow)

    def _log_odds(self, views: list[str]) -> NDArray[np.float64]:
        counter = Counter()
        sums = np.zeros((len(views), len(CLASSES)))
        for row, view in enumerate(views):
            found, weights = counter.count(code_points(view))
            if len(found):
                length = np.sqrt(weights @ weights)
                sums[row] = weights @ self.coefficients[found].astype(np.float64) / length
        return sums * self.scale + self.offset


def load(path: str | None = None) -> Bundle:
    """Loads a bundle and checks every file of it.

    Args:
        path: the bundle's folder; None loads the one that comes with the program.

    Raises:
        BundleError: a file is missing, is not what the manifest says, or has another form.
    """
    folder = Path(path) if path else _MODELS / _DEFAULT
    text = _read(folder / "manifest.json")
    try:
        manifest = json.loads(text)
    except ValueError as error:
        raise BundleError(f"{folder}/manifest.json is not JSON ({error}).") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise BundleError(f"{folder} is not a bundle of form {FORMAT}: train it again.")
    return Bundle(
        name=manifest["name"],
        digest=hashlib.sha256(text).hexdigest()[:16],
        manifest=manifest,
        coefficients=_array(folder, manifest, "ngrams.npy"),
        scale=np.array([manifest["classes"][name]["scale"] for name in CLASSES]),
        offset=np.array([manifest["classes"][name]["offset"] for name in CLASSES]),
    )


def save(folder: Path, manifest: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
    """Writes a bundle: the arrays, then the manifest with their digests."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for name, array in sorted(arrays.items()):
        stored = io.BytesIO()
        np.save(stored, array, allow_pickle=False)
        (folder / name).write_bytes(stored.getvalue())
        files[name] = hashlib.sha256(stored.getvalue()).hexdigest()
    whole = {"format": FORMAT, **manifest, "files": files}
    (folder / "manifest.json").write_text(
        json.dumps(whole, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8"
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f"The bundle file {path} cannot be read ({error.strerror}).") from error


def _array(folder: Path, manifest: dict[str, Any], name: str) -> NDArray[Any]:
    data = _read(folder / name)
    found, expected = hashlib.sha256(data).hexdigest(), manifest["files"][name]
    if found != expected:
        raise BundleError(
            f"{folder / name} has SHA-256 {found[:16]}…, its manifest says {expected[:16]}…: "
            "it was changed or damaged; take the bundle again from where it came."
        )
    array: NDArray[Any] = np.load(io.BytesIO(data), allow_pickle=False)
    return array
