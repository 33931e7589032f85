"""Who stays among near-duplicates: a member is removed only against a kept one that stands for it.

A cluster is only a set of candidates. Band collisions chain: a page that drifts by 2 % a version
ends, after a hundred versions, in a cluster with texts that it has nothing in common with, and
deleting all but one of such a cluster has been seen to swallow three quarters of a source. So the
members are put in the order in which they deserve to stay; the first one survives and stands for
every later member whose estimated similarity to it reaches the threshold; the first of the rest is
the next survivor, and so on until nobody is left.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.dedup.buckets import sketches, unequal_slots
from pipeline.dedup.signatures import similarity, slots
from pipeline.errors import IntegrityError, OptionError
from schemas import SIGNATURE_SLOTS

Keep = Literal["best", "latest", "earliest", "longest"]
"""Which member of a cluster deserves to stay most; the ties go on to the next key, at last the id.

- `best`: quality, then longest, then earliest crawl.
- `latest`: latest crawl, then quality, then longest.
- `earliest`: earliest crawl, then quality, then longest. Survivors do not change as crawls are
  added.
- `longest`: longest, then quality, then earliest crawl.

A member without a crawl time comes after all that have one.
"""

Contained = Literal["keep", "remove"]
"""What becomes of a text that stands in a longer one of its site, when that one is kept."""

DEFAULT_CONTAINMENT = 0.85
"""Estimated share of a text inside a longer one from which it counts as contained."""

FLOOR = 0.5
"""The smallest containment that `groups` knows."""

DEFAULT_THRESHOLD = 0.75
"""Estimated Jaccard similarity of character 5-grams from which one text stands for another."""

MEMBERS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("cluster_id", pa.string(), nullable=False),
        pa.field("exact_id", pa.string(), nullable=False),
        pa.field("signature", pa.binary(2 * SIGNATURE_SLOTS)),
        pa.field("quality", pa.float64(), nullable=False),
        pa.field("n_chars", pa.int64(), nullable=False),
        pa.field("crawl_time", pa.timestamp("ms", "UTC")),
    ]
)
"""What is asked of each member; `quality` is better the higher it is, and constant if unknown."""

REMOVALS = pa.schema(
    [
        pa.field("survivor_id", pa.string()),
        pa.field("similarity", pa.float32()),
    ]
)
"""What is answered for each member; both null for one that stays."""

_ORDERS: dict[Keep, tuple[str, ...]] = {
    "best": ("quality", "longest", "earliest"),
    "latest": ("latest", "quality", "longest"),
    "earliest": ("earliest", "quality", "longest"),
    "longest": ("longest", "quality", "earliest"),
}

_COMPARED_AT_ONCE = 1 << 14  # pairs of rows: temporaries of a MiB or two

_Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class KeepPolicy:
    """What a recipe says of near-duplicates.

    Attributes:
        keep: which member of a cluster deserves to stay most.
        threshold: the estimated similarity, above 0 and up to 1, from which a survivor stands for
            a member; exact copies have 1.0.
        copies: how many of each such circle may stay, the survivor included; at least 1.
        contained: what becomes of contained texts. `keep` unless told: the longer page is often a
            listing, and worse to train on than the page that it holds.
        containment: the estimated share, 0.5 to 1, from which a text counts as contained.

    Raises:
        OptionError: if a value is out of its range.
    """

    keep: Keep = "best"
    threshold: float = DEFAULT_THRESHOLD
    copies: int = 1
    contained: Contained = "keep"
    containment: float = DEFAULT_CONTAINMENT

    def __post_init__(self) -> None:
        if self.keep not in get_args(Keep):
            expected = ", ".join(get_args(Keep))
            raise OptionError(f"keep: {self.keep!r} found, one of {expected} expected.")
        if not 0 < self.threshold <= 1:
            raise OptionError(
                f"threshold: {self.threshold} found, a similarity above 0 and up to 1 expected."
            )
        if self.contained not in get_args(Contained):
            raise OptionError(f"contained: {self.contained!r} found, keep or remove expected.")
        if not FLOOR <= self.containment <= 1:
            raise OptionError(
                f"containment: {self.containment} found, a share from {FLOOR} to 1 expected."
            )
        if self.copies < 1:
            raise OptionError(
                f"copies: {self.copies} found, 1 or more expected: the survivor itself is one."
            )


def remove_copies(members: pa.Table, policy: KeepPolicy) -> pa.Table:
    """Decides which members of clusters stay, and names the survivor that stands for each other.

    Args:
        members: rows as `MEMBERS` says, in any order, of documents that pass all else in the
            recipe: a document that is left out for another reason must not be here, so that it
            cannot stand for anyone. All such members of a cluster are in one call; documents alone
            in their cluster may be left out, since they always stay.
        policy: the order, the threshold and the number of copies.

    Returns:
        Rows as `REMOVALS` says, in the order of `members`: for a removed member its survivor, who
        stays, and their similarity, which is at least the threshold; nulls for one that stays.
        The answer for a document does not depend on the order of the rows or on other clusters.
    """
    order = _order(members, policy.keep)
    ranked = members.select(["cluster_id", "exact_id", "signature"]).take(order)
    survivor, likeness = _stand_ins(
        _numbers(ranked["cluster_id"]),
        _numbers(ranked["exact_id"]),
        _Signatures(ranked["signature"], policy.threshold),
        policy,
    )
    back = np.argsort(order)
    removed = survivor >= 0
    survivor_ids = pa.array(order[survivor], mask=~removed)
    return pa.table(
        [
            members["id"].combine_chunks().take(survivor_ids.take(back)),
            pa.array(likeness, pa.float32(), mask=~removed).take(back),
        ],
        schema=REMOVALS,
    )


def remove_contained(container: _Rows, stays: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Decides which contained texts go: those whose container stays.

    Args:
        container: for each document the row of the longer one that contains it, -1 for none;
            shape (n,). Containers are longer than what they contain, so there is no circle.
        stays: which documents are still there, shape (n,).

    Returns:
        Which documents are removed, shape (n,). A container that is itself removed, because a
        longer one contains it, does not stand for what it contains.

    >>> remove_contained(np.array([-1, 0, 1, 1]), np.array([True, True, True, False])).tolist()
    [False, True, False, False]
    """
    removed = np.zeros(len(stays), bool)
    waiting = np.flatnonzero(stays & (container >= 0))
    waiting = waiting[stays[container[waiting]]]
    while len(waiting):
        open_still = np.zeros(len(stays), bool)
        open_still[waiting] = True
        settled = ~open_still[container[waiting]]
        if not settled.any():
            raise IntegrityError(
                f"groups.contained_in: {len(waiting)} documents contain one another in a circle; "
                "longer ones expected. Delete the run's `groups` folder and group it again."
            )
        rows = waiting[settled]
        removed[rows] = ~removed[container[rows]]
        waiting = waiting[~settled]
    return removed


def _order(members: pa.Table, keep: Keep) -> _Rows:
    """The rows by cluster, and within a cluster from the one that deserves most to stay."""
    keys = {
        "quality": ("quality", "descending"),
        "longest": ("n_chars", "descending"),
        "earliest": ("crawl_time", "ascending"),
        "latest": ("crawl_time", "descending"),
    }
    by = [("cluster_id", "ascending"), *(keys[key] for key in _ORDERS[keep]), ("id", "ascending")]
    rows = pc.sort_indices(members, sort_keys=by)  # nulls last
    return np.asarray(rows, np.int64)


def _numbers(column: pa.ChunkedArray) -> _Rows:
    """A number for each distinct value."""
    return np.asarray(column.combine_chunks().dictionary_encode().indices, np.int64)


class _Signatures:
    """Signatures, compared in two goes: by their sketches first, which rules most pairs out.

    Sketches differ in no more slots than signatures do, so no pair is lost to them.
    """

    def __init__(self, column: pa.ChunkedArray, threshold: float) -> None:
        self._whole = slots(column)
        self._sketch = sketches(self._whole)
        self._is_there = column.is_valid().to_numpy()
        self._unequal_allowed = int((1 - threshold) * SIGNATURE_SLOTS)

    def likeness(self, ours: _Rows, theirs: _Rows) -> NDArray[np.float32]:
        """The similarity of pairs of rows; 0 for those under the threshold or without signature."""
        estimate = np.zeros(len(ours), np.float32)
        for start in range(0, len(ours), _COMPARED_AT_ONCE):
            left = ours[start : start + _COMPARED_AT_ONCE]
            right = theirs[start : start + _COMPARED_AT_ONCE]
            unequal = unequal_slots(self._sketch[left], self._sketch[right])
            near = np.flatnonzero(unequal <= self._unequal_allowed)
            near = near[self._is_there[left[near]] & self._is_there[right[near]]]
            whole = similarity(self._whole[left[near]], self._whole[right[near]])
            estimate[start + near] = whole
        return estimate


def _stand_ins(
    cluster: _Rows, exact: _Rows, signatures: _Signatures, policy: KeepPolicy
) -> tuple[_Rows, NDArray[np.float32]]:
    """Plays all clusters at once, a survivor of each in every round.

    Args:
        cluster: shape (n,), equal for the members of a cluster, which stand together in order.
        exact: shape (n,), equal for exact copies.
        signatures: of the n members.
        policy: the threshold and the copies.

    Returns:
        For each row the row of its survivor (-1 if it stays) and their similarity, both (n,).
    """
    survivor = np.full(len(cluster), -1, np.int64)
    likeness = np.zeros(len(cluster), np.float32)
    waiting = np.arange(len(cluster), dtype=np.int64)
    while len(waiting):
        first = _first_of_each(cluster[waiting])
        rest = np.flatnonzero(first != np.arange(len(waiting)))
        leader, follower = waiting[first[rest]], waiting[rest]
        alike = signatures.likeness(leader, follower)
        alike[exact[leader] == exact[follower]] = 1
        covered = alike >= policy.threshold
        removed = covered.copy()
        removed[covered] = _count_so_far(leader[covered]) >= policy.copies - 1
        survivor[follower[removed]] = leader[removed]
        likeness[follower[removed]] = alike[removed]
        waiting = follower[~covered]
    return survivor, likeness


def _first_of_each(groups: _Rows) -> _Rows:
    """For each position in runs of equal values, the position at which its run begins."""
    begins = np.ones(len(groups), bool)
    begins[1:] = groups[1:] != groups[:-1]
    starts = np.flatnonzero(begins)
    return np.repeat(starts, np.diff(starts, append=len(groups)))


def _count_so_far(groups: _Rows) -> _Rows:
    """For each position in runs of equal values, how many of its run come before it."""
    return np.arange(len(groups), dtype=np.int64) - _first_of_each(groups)
