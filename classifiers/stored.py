"""A head's arrays as a file holds them, read as what they are: data that anyone may have made.

The file is what `numpy.savez_compressed` writes, a zip of arrays. It is read without `numpy.load`,
which evaluates each array's description and takes the room that it asks for: here a description
has the one form that NumPy writes, and a kind and shape that a head has, before any room is taken.
"""

import io
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from typing import IO, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from classifiers.features import DENSE, VIEWS, Head
from classifiers.labels import CLASSES
from classifiers.ngrams import BUCKET_BITS

LARGEST_FILE: Final = 16 << 20
"""Bytes of a file of a bundle; a head in which every n-gram speaks takes less."""

_MOST_CUTS: Final = 1 << 10
_VERSION: Final = b"\x93NUMPY\x01\x00"
_LONGEST_DESCRIPTION: Final = 256
_DESCRIPTION: Final = re.compile(
    rb"\{'descr': '([<|][a-z]\d)', 'fortran_order': (True|False), "
    rb"'shape': \(((?:\d{1,9}, ?){0,3}(?:\d{1,9})?)\), \} *\n"
)
_UNREADABLE: Final = (
    EOFError,
    KeyError,
    OSError,
    RuntimeError,  # of an encrypted file, or of a way to compress that zipfile does not know
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)

_Order = Literal["C", "F"]
_Form = tuple[str, tuple[int | range, ...]]
"""The kind of an array's numbers; for each dimension its size, or the sizes that it may have."""


def head_arrays(head: Head, data: bytes) -> dict[str, NDArray[Any]]:
    """Reads the arrays of a head, as `LinearHead.arrays` gave them.

    Args:
        head: which head they are of, which tells their kinds and shapes.
        data: the file.

    Raises:
        ValueError: the file is not what a head is stored as; the message says what was found.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            arrays = {name: _array(archive, name, form) for name, form in _forms(head).items()}
    except _UNREADABLE as error:
        raise ValueError(f"it is no head of a bundle: {error}") from error
    for view in VIEWS[head]:
        _check_buckets(view, arrays[f"{view}_buckets"], arrays[f"{view}_weights"])
    if arrays["cuts"].shape != arrays["steps"].shape[:2]:
        raise ValueError("it is no head of a bundle: as many steps as cuts are expected")
    for name, array in arrays.items():
        if name != "cuts" and not np.isfinite(array).all():  # NaN is where a feature has fewer cuts
            raise ValueError(f"it is no head of a bundle: {name} holds what is no number")
    return arrays


def _forms(head: Head) -> Mapping[str, _Form]:
    classes, features, cuts = len(CLASSES), len(DENSE[head]), range(_MOST_CUTS + 1)
    spoken = range(2**BUCKET_BITS + 1)
    forms: dict[str, _Form] = {
        "cuts": ("<f8", (features, cuts)),
        "steps": ("<f8", (features, cuts, classes)),
        "offset": ("<f8", (classes,)),
        "calibration": ("<f8", (2, classes)),
    }
    for view in VIEWS[head]:
        forms[f"{view}_buckets"] = ("<u4", (spoken,))
        forms[f"{view}_weights"] = ("|i1", (spoken, classes))
        forms[f"{view}_scale"] = ("<f8", (classes,))
    return forms


def _array(archive: zipfile.ZipFile, name: str, form: _Form) -> NDArray[Any]:
    member = archive.getinfo(f"{name}.npy")
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise ValueError(f"{name} is compressed in another way than NumPy does")
    with archive.open(member) as file:
        shape, order = _described(file, name, form)
        kind = np.dtype(form[0])
        wanted = math.prod(shape) * kind.itemsize
        numbers = file.read(wanted)
        if len(numbers) != wanted or file.read(1):
            raise ValueError(f"{name} does not hold the {wanted} bytes that it describes")
    return np.frombuffer(numbers, kind).reshape(shape, order=order)


def _described(file: IO[bytes], name: str, form: _Form) -> tuple[tuple[int, ...], _Order]:
    """The shape and the order of the array whose description comes next, if it has that form."""
    if file.read(len(_VERSION)) != _VERSION:
        raise ValueError(f"{name} is no array as NumPy writes them")
    size = int.from_bytes(file.read(2), "little")
    found = _DESCRIPTION.fullmatch(file.read(min(size, _LONGEST_DESCRIPTION)))
    if found is None:
        raise ValueError(f"{name} is described in another way than NumPy does")
    kind, in_columns, sizes = (part.decode() for part in found.groups())
    shape = tuple(int(part) for part in sizes.split(",") if part.strip())
    fits = len(shape) == len(form[1]) and all(map(_fits, shape, form[1]))
    if kind != form[0] or not fits:
        raise ValueError(f"{name} is {kind} of shape {shape}, which no head has")
    return shape, "F" if in_columns == "True" else "C"


def _fits(size: int, wanted: int | range) -> bool:
    return size in wanted if isinstance(wanted, range) else size == wanted


def _check_buckets(view: str, buckets: NDArray[Any], weights: NDArray[Any]) -> None:
    if len(buckets) != len(weights) or np.any(buckets >= 2**BUCKET_BITS):
        raise ValueError(f"it is no head of a bundle: the {view}_buckets are none of n-grams")
