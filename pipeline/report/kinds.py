"""Kinds of page, as far as a page's facts can tell them: which of them does a recipe shrink?

Strict filters are known to take whole kinds of page with them. A topic is nowhere written, but what
a page declares itself to be, how much of it is links, and whether it has forms, is.

>>> bands(np.array([0.05, 0.9, np.nan]), (0.1, 0.4)).tolist()
['< 0.1', '≥ 0.4', 'unknown']
"""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.selection import decisions

UNKNOWN = "unknown"
DECLARED = "page_type"
EDGES: Mapping[str, tuple[float, ...]] = {
    "link_share": (0.1, 0.2, 0.4, 0.8),  # 0.4 and 0.8 are the links rules' own lines
    "aside_share": (0.2, 0.5),
    "n_forms": (1,),
    "n_images": (1, 10),
    "affiliate_links": (1,),
}
COLUMNS = (DECLARED, *EDGES)


def of_pages(columns: Mapping[str, pa.Array]) -> dict[str, NDArray[np.str_]]:
    """The kind of each page, by each of `COLUMNS`.

    Args:
        columns: arrays of equal length, by name.

    Returns:
        For each column, shape (n,): what the page declares (`og:type`), or the band that its
        value lies in; `unknown` for inputs without HTML.
    """
    declared = [(said or "").strip().lower() or UNKNOWN for said in columns[DECLARED].to_pylist()]
    by_band = {name: bands(decisions.numbers(columns[name]), EDGES[name]) for name in EDGES}
    return {DECLARED: np.array(declared, np.str_), **by_band}


def in_order(column: str, found: Counter[str]) -> list[str]:
    """The kinds that were found: bands from low to high, declared kinds by how many they are."""
    if column in EDGES:
        return [name for name in _names(EDGES[column]) if found[name]]
    return sorted(found, key=lambda name: (-found[name], name))


def bands(values: NDArray[np.float64], edges: Sequence[float]) -> NDArray[np.str_]:
    """The name of the band that each value lies in; an edge belongs to the band above it."""
    names = np.array(_names(edges))
    # A share is stored in 32 bits: 0.1 must not fall below itself.
    place = np.digitize(values.astype(np.float32), np.array(edges, np.float32))
    return names[np.where(np.isnan(values), len(names) - 1, place)]


def _names(edges: Sequence[float]) -> list[str]:
    between = (f"{low:g} – {high:g}" for low, high in itertools.pairwise(edges))
    return [f"< {edges[0]:g}", *between, f"≥ {edges[-1]:g}", UNKNOWN]
