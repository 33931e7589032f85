"""Labelled pages: read, grouped by who made them, split so that no site is on both sides."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.errors import InputError

CLASSES: Final = ("noise", "affiliate", "adult")
"""What pages are labelled with; a page can carry several."""

CONFIDENCES: Final = ("high", "mid", "low")

IN_NO_FOLD: Final = -1
"""The fold of a synthetic page."""

_SAID: Final = {"0": False, "1": True, "0.0": False, "1.0": True, "false": False, "true": True}
_UNSAID: Final = {"", "none", "nan"}


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
        known: of which classes the table says anything; `truth` is False of the others.
        synthetic: whether the page was written to train on. It is on no site, so nothing is judged
            by it.
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
    known: tuple[bool, ...] = (True,) * len(CLASSES)
    synthetic: bool = False

    def agreed(self, place: int) -> bool:
        """Whether two readers gave the class at `place` of `CLASSES` the same label."""
        return self.second is not None and self.second[place] == self.truth[place]


@dataclass(frozen=True, slots=True)
class Doubt:
    """A label that was read again and looks wrong.

    Attributes:
        url: the page.
        name: the class.
        label: what its label says.
        should_be: what it should say; None where readers may differ.
        reason: why, in a few words.
    """

    url: str
    name: str
    label: bool
    should_be: bool | None
    reason: str


def read_labels(path: str, complete: bool = True) -> list[Label]:
    """Reads a label table: TSV with a header, JSONL or Parquet, by the file's ending.

    Args:
        path: the file. The column `url` is needed, and 0 or 1 in `noise`, `affiliate` and `adult`;
            `site`, `owner`, `audit`, `hard_negative`, `genre`, `confidence`, `lang` and `synthetic`
            are read where they are.
        complete: whether every page of a site must have a label for every class, as training
            needs; a synthetic page trains the classes that it has a label for, and judging leaves
            a page out of the others.

    Raises:
        InputError: the file cannot be read, or a row lacks a label; names the row.
    """
    labels = []
    for number, row in enumerate(_rows(Path(path)), start=1):
        try:
            labels.append(_label(row, complete))
        except (KeyError, ValueError, TypeError) as error:
            raise InputError(
                f"{path}: row {number} is no label ({error!r}); a row needs url, and 0 or 1 for "
                f"{'each' if complete else 'any'} of {', '.join(CLASSES)}."
            ) from error
    return labels


def read_doubts(path: str) -> list[Doubt]:
    """Reads a table of doubtful labels, in the forms that `read_labels` reads.

    Args:
        path: the file, with the columns `url`, `class`, `label` (0 or 1), `should_be` (0, 1 or
            `open`) and `reason`.

    Raises:
        InputError: the file cannot be read, or a row is none of that; names the row.
    """
    doubts = []
    for number, row in enumerate(_rows(Path(path)), start=1):
        try:
            doubts.append(_doubt(row))
        except (KeyError, ValueError, TypeError) as error:
            raise InputError(
                f"{path}: row {number} is no doubt about a label ({error!r}); a row needs url, "
                f"class (one of {', '.join(CLASSES)}), label (0 or 1), should_be (0, 1 or open) "
                "and reason."
            ) from error
    return doubts


def as_markdown(doubts: Iterable[Doubt]) -> Iterator[str]:
    """Writes doubtful labels as the lines of a table, in their order."""
    yield "| page | class | label | should be | why |"
    yield "|---|---|---|---|---|"
    for doubt in doubts:
        should_be = "open" if doubt.should_be is None else f"{doubt.should_be:d}"
        page = doubt.url.removeprefix("https://").removeprefix("http://")
        yield f"| `{page}` | {doubt.name} | {doubt.label:d} | {should_be} | {doubt.reason} |"


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


def rows_of_sites(labels: Sequence[Label]) -> list[int]:
    """Returns the rows of pages of sites, by which alone is judged; synthetic ones are of none."""
    return [row for row, label in enumerate(labels) if not label.synthetic]


def folds(labels: Sequence[Label], n_folds: int = 5) -> NDArray[np.intp]:
    """Splits pages into folds of whole groups, alike in size and in pages of each class.

    The largest group is placed first, each into the fold that stays the most even.

    Returns:
        A fold number a label, 0 to `n_folds - 1`; `IN_NO_FOLD` for synthetic pages, which every
        fold's models are trained on.
    """
    rows = rows_of_sites(labels)
    fold_of = np.full(len(labels), IN_NO_FOLD)
    fold_of[rows] = _folds([labels[row] for row in rows], n_folds)
    return fold_of


def _folds(labels: Sequence[Label], n_folds: int) -> NDArray[np.intp]:
    group = groups(labels)
    traits = np.array(
        [(True, *label.truth, label.second is not None) for label in labels], dtype=float
    ).reshape(len(labels), len(CLASSES) + 2)
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


def alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tells whether two summaries count the same sites and owners, in all and of each class.

    Two tables hardly do so by chance: they are the same, or nearly.
    """
    first, second = (
        [(of["sites"], of["owners"]) for of in (counted, *map(counted["classes"].get, CLASSES))]
        for counted in (one, other)
    )
    return first == second


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
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".jsonl":
            return [json.loads(line) for line in text.split("\n") if line.strip()]
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InputError(
            f"The label file {path} cannot be read ({error}); TSV with a header, .jsonl and "
            ".parquet are known, in UTF-8."
        ) from error
    return list(csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE))


def _label(row: Mapping[str, Any], complete: bool) -> Label:
    site = row.get("site") or row["url"]
    said = [_unless_unsaid(row.get(name)) for name in CLASSES]
    known = tuple(answer is not None for answer in said)
    synthetic = _yes(row.get("synthetic") or 0)
    if not all(known) if complete and not synthetic else not any(known):
        missing = [name for name, there in zip(CLASSES, known, strict=True) if not there]
        raise ValueError(f"no label for {', '.join(missing)}")
    return Label(
        url=row["url"],
        site=site,
        owner=row.get("owner") or site,
        truth=tuple(map(bool, said)),
        second=_second(row.get("audit")),
        hard_negative=frozenset(_words(row.get("hard_negative"))),
        genre=row.get("genre") or "",
        confidence=row.get("confidence") or "high",
        language=row.get("lang") or "",
        known=known,
        synthetic=synthetic,
    )


def _doubt(row: Mapping[str, Any]) -> Doubt:
    if (name := row["class"]) not in CLASSES:
        raise ValueError(f"{name!r} is no class")
    should_be = None if row["should_be"] == "open" else _yes(row["should_be"])
    return Doubt(row["url"], name, _yes(row["label"]), should_be, row["reason"])


def _second(audit: object) -> tuple[bool, ...] | None:
    """The labels of the second reader, a digit a class; tables of numbers lose leading zeros."""
    if str(audit).lower() in _UNSAID:
        return None
    digits = str(audit).removesuffix(".0").zfill(len(CLASSES))
    if len(digits) != len(CLASSES):
        raise ValueError(f"audit {audit!r} is not {len(CLASSES)} digits")
    return tuple(map(_yes, digits))


def _words(names: str | Sequence[str] | None) -> Sequence[str]:
    return names.replace(",", " ").split() if isinstance(names, str) else names or ()


def _unless_unsaid(value: object) -> bool | None:
    return None if str(value).strip().lower() in _UNSAID else _yes(value)


def _yes(value: object) -> bool:
    said = _SAID.get(str(value).strip().lower())
    if said is None:
        raise ValueError(f"{value!r} is neither 0 nor 1")
    return said
