"""Labelled pages: read, grouped by who made them, split so that no site is on both sides."""

import csv
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.errors import InputError

CLASSES: Final = ("noise", "affiliate", "adult")
"""What pages are labelled with; a page can carry several."""

CONFIDENCES: Final = ("high", "mid", "low")


@dataclass(frozen=True, slots=True)
class Label:
    """What people say of one page.

    Attributes:
        url: the page, as the crawl recorded it.
        site: the site it is of; pages of one site share a template.
        owner: who makes the site; owners write alike on all their sites.
        truth: whether the page is of each of `CLASSES`.
        second: the same, given blind by a second reader; None where there was none.
        hard_negative: the classes that the page looks like and is not.
        genre: what kind of page it is; empty if not said.
        confidence: high, mid or low.
        language: its language, as labelled; empty if not said.
    """

    url: str
    site: str
    owner: str
    truth: tuple[bool, ...]
    second: tuple[bool, ...] | None
    hard_negative: frozenset[str]
    genre: str
    confidence: str
    language: str

    def agreed(self, place: int) -> bool:
        """Whether two readers gave the class at `place` of `CLASSES` the same label."""
        return self.second is not None and self.second[place] == self.truth[place]


def read_labels(path: str) -> list[Label]:
    """Reads a label table: TSV with a header, JSONL or Parquet, by the file's ending.

    Args:
        path: the file. Columns `url`, `noise`, `affiliate` and `adult` (0 or 1) are needed;
            `site`, `owner`, `audit`, `hard_negative`, `genre`, `confidence` and `lang` are read
            where they are.

    Raises:
        InputError: the file cannot be read, or a row lacks a label; names the row.
    """
    labels = []
    for number, row in enumerate(_rows(Path(path)), start=1):
        try:
            labels.append(_label(row))
        except (KeyError, ValueError, TypeError) as error:
            raise InputError(
                f"{path}: row {number} is no label ({error!r}); a row needs url, and 0 or 1 "
                f"for each of {', '.join(CLASSES)}."
            ) from error
    return labels


def groups(labels: Sequence[Label]) -> NDArray[np.intp]:
    """Numbers the groups of pages that share a site or an owner, directly or through others.

    Returns:
        A group number a label, from 0 in the order of first appearance.
    """
    parents: dict[tuple[str, str], tuple[str, str]] = {}

    def root(node: tuple[str, str]) -> tuple[str, str]:
        while (parent := parents.setdefault(node, node)) != node:
            node = parent
        return node

    for label in labels:
        parents[root(("site", label.site))] = root(("owner", label.owner or label.site))
    numbers: dict[tuple[str, str], int] = {}
    return np.array(
        [numbers.setdefault(root(("site", label.site)), len(numbers)) for label in labels],
        dtype=np.intp,
    )


def folds(labels: Sequence[Label], n_folds: int = 5) -> NDArray[np.intp]:
    """Splits pages into folds of whole groups, alike in size and in pages of each class.

    The largest group is placed first, each into the fold that stays the most even.

    Returns:
        A fold number a label, 0 to `n_folds - 1`.
    """
    group = groups(labels)
    traits = np.array([(True, *label.truth, label.second is not None) for label in labels], float)
    share = np.maximum(traits.sum(0), 1) / n_folds
    of_group = np.zeros((group.max(initial=-1) + 1, traits.shape[1]))
    np.add.at(of_group, group, traits / share)
    fold_of = np.zeros(len(of_group), dtype=np.intp)
    filled = np.zeros((n_folds, traits.shape[1]))
    for number in np.argsort(-of_group[:, 0], kind="stable"):
        growth = ((filled + of_group[number]) ** 2 - filled**2).sum(1)
        fold_of[number] = growth.argmin()
        filled[fold_of[number]] += of_group[number]
    return fold_of[group]


def summary(labels: Iterable[Label]) -> dict[str, Any]:
    """Counts labels: pages, sites, owners, and pages, sites and owners of each class."""
    listed = list(labels)
    return {
        **_extent(listed),
        "confidence": dict(sorted(Counter(label.confidence for label in listed).items())),
        "classes": {
            name: _extent([label for label in listed if label.truth[place]])
            for place, name in enumerate(CLASSES)
        },
    }


def _extent(labels: list[Label]) -> dict[str, int]:
    return {
        "pages": len(labels),
        "sites": len({label.site for label in labels}),
        "owners": len({label.owner for label in labels}),
    }


def _rows(path: Path) -> Iterable[Mapping[str, Any]]:
    try:
        if path.suffix == ".parquet":
            rows: list[Mapping[str, Any]] = pq.read_table(path).to_pylist()
            return rows
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"The label file {path} cannot be read ({error}).") from error
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    return list(csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))


def _label(row: Mapping[str, Any]) -> Label:
    audit = str(row.get("audit") or "")
    site = row.get("site") or row["url"]
    return Label(
        url=row["url"],
        site=site,
        owner=row.get("owner") or site,
        truth=tuple(_yes(row[name]) for name in CLASSES),
        second=tuple(map(_yes, audit.zfill(len(CLASSES)))) if audit else None,
        hard_negative=frozenset((row.get("hard_negative") or "").replace(",", " ").split()),
        genre=row.get("genre") or "",
        confidence=row.get("confidence") or "high",
        language=row.get("lang") or "",
    )


def _yes(value: object) -> bool:
    if str(value) in {"0", "1", "False", "True"}:
        return str(value) in {"1", "True"}
    raise ValueError(f"{value!r} is neither 0 nor 1")
