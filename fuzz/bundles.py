"""Any classifier bundle: loaded and scoring with finite chances, or refused with an error of ours.

What is mutated is the structure: descriptions, shapes and kinds of arrays, members of the archive,
keys of the manifest. The digests are made to fit, since who sends a bundle can do that too.
"""

import hashlib
import io
import json
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import atheris
import numpy as np
import pyarrow as pa

with atheris.instrument_imports(include=["classifiers"]):
    from classifiers.bundle import FORMAT, load
    from classifiers.features import DENSE, VIEWS, Head
    from classifiers.labels import CLASSES
    from pipeline.errors import BundleError

FOLDER = Path(tempfile.mkdtemp(prefix="seimai-fuzz-"))
PAGE = pa.RecordBatch.from_pydict(
    {"id": ["a"], "text": ["母と近所の公園を歩いた。"], "page_text": [None]}
)
SHAPES = [
    "()",
    "(3,)",
    "(2, 3)",
    "(-1,)",
    "(99999999999,)",
    "(4294967296, 4294967296)",
    "3",
    "(3, ",
]
KINDS = ["<f8", "<u4", "|i1", "|O", ">f8", "<c16", "|V9", "<U9999", "[('a', '<f8')]"]
VALUES = [None, True, -1, 1e308, "", "..", "a/b", [], {}, [[]], {"a": 1}, "é" * 200]
SPOKEN = 5


def arrays(head: Head) -> dict[str, np.ndarray[Any, Any]]:
    """A small head."""
    features, classes = len(DENSE[head]), len(CLASSES)
    made: dict[str, np.ndarray[Any, Any]] = {
        "cuts": np.full((features, 2), np.nan),
        "steps": np.zeros((features, 2, classes)),
        "offset": np.zeros(classes),
        "calibration": np.ones((2, classes)),
    }
    for view in VIEWS[head]:
        made[f"{view}_buckets"] = np.arange(SPOKEN, dtype=np.uint32)
        made[f"{view}_weights"] = np.ones((SPOKEN, classes), dtype=np.int8)
        made[f"{view}_scale"] = np.ones(classes)
    return made


HEADS = {head: arrays(head) for head in VIEWS}


def stored(array: np.ndarray[Any, Any]) -> bytes:
    """An array as NumPy writes it."""
    written = io.BytesIO()
    np.save(written, array, allow_pickle=False)
    return written.getvalue()


def described(chance: atheris.FuzzedDataProvider, data: bytes) -> bytes:
    """An array with another description."""
    kind, shape = chance.PickValueInList(KINDS), chance.PickValueInList(SHAPES)
    header = f"{{'descr': '{kind}', 'fortran_order': {chance.ConsumeBool()}, 'shape': {shape}, }}"
    if chance.ConsumeBool():
        header = chance.ConsumeUnicode(300)
    text = header.encode("utf-8", "surrogatepass").ljust(118) + b"\n"
    version = bytes([chance.ConsumeIntInRange(0, 3), 0])
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text + data[128:]


def filled(chance: atheris.FuzzedDataProvider, data: bytes) -> bytes:
    """An array of other numbers."""
    return data[:128] + chance.ConsumeBytes(len(data) - 128).ljust(len(data) - 128, b"\xff")


def cut(chance: atheris.FuzzedDataProvider, data: bytes) -> bytes:
    """An array that is cut off, or goes on."""
    return data[: chance.ConsumeIntInRange(0, len(data))] + chance.ConsumeBytes(9)


def swollen(chance: atheris.FuzzedDataProvider, data: bytes) -> bytes:
    """An array behind which megabytes of nothing come."""
    return data + bytes(chance.ConsumeIntInRange(0, 8 << 20))


MUTATIONS: list[Callable[[atheris.FuzzedDataProvider, bytes], bytes]] = [
    described,
    filled,
    cut,
    swollen,
]


def archive(chance: atheris.FuzzedDataProvider, head: Head) -> bytes:
    """A head's file with some of its members, and of its bytes, changed."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as file:
        for name, array in HEADS[head].items():
            data = stored(array)
            if chance.ConsumeIntInRange(0, 7) == 1:
                data = chance.PickValueInList(MUTATIONS)(chance, data)
            way = chance.PickValueInList([zipfile.ZIP_DEFLATED] * 7 + [zipfile.ZIP_LZMA])
            file.writestr(f"{name}.npy", data, way)
    data = bytearray(written.getvalue())
    for _ in range(chance.PickValueInList([0, 0, 0, 1, 4])):
        data[chance.ConsumeIntInRange(0, len(data) - 1)] = chance.ConsumeIntInRange(0, 255)
    return bytes(data)


def manifest(chance: atheris.FuzzedDataProvider, files: dict[str, bytes]) -> bytes:
    """A manifest that fits the files, perhaps with something else under a key."""
    said: dict[str, Any] = {
        "format": FORMAT,
        "name": "fuzz",
        "features": {head: list(DENSE[head]) for head in VIEWS},
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        "thresholds": dict.fromkeys(CLASSES, 0.5),
    }
    if chance.ConsumeIntInRange(0, 3) == 1:
        inside = chance.PickValueInList([said, said["features"], said["files"], said["thresholds"]])
        inside[chance.PickValueInList(sorted(inside))] = chance.PickValueInList(VALUES)
    written = json.dumps(said).encode()
    if chance.ConsumeIntInRange(0, 7) == 1:
        place = chance.ConsumeIntInRange(0, len(written))
        written = written[:place] + chance.ConsumeBytes(20) + written[place:]
    return written


def one_bundle(data: bytes) -> None:
    """Write a bundle, load it, and score a page with it."""
    chance = atheris.FuzzedDataProvider(data)
    files = {f"{head}.npz": archive(chance, head) for head in VIEWS}
    files["manifest.json"] = manifest(chance, files)
    for name, content in files.items():
        (FOLDER / name).write_bytes(content)
    try:
        scored = load(str(FOLDER)).score(PAGE, morphology="none")
    except BundleError:
        return
    chances = [scored[name][0].as_py() for name in CLASSES]
    if not all(0 <= chance <= 1 for chance in chances):
        raise AssertionError(f"no chances: {chances}")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_bundle)
    try:
        atheris.Fuzz()
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)
