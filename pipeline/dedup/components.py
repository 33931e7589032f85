"""Connected components: everything that links hold together, named by its smallest node.

Two ways to the same answer. `forest` is one worker's union-find, for as many nodes as fit into its
memory. `large_star` and `small_star` are the two halves of a round that needs no worker to see more
than the neighbours of its nodes (Kiveris, Lattanzi, Mirrokni, Rastogi, Vassilvitskii: "Connected
Components in MapReduce and Beyond", SoCC 2014): alternated, they turn the links into one star a
component, in a number of rounds that grows with the logarithm of the nodes.

Both report how many links they moved, so a driver knows that it is done, and never guesses.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConvergenceError

ROUNDS_CAP = 50
"""Rounds after which something must be wrong: a shuffled path of a million nodes takes 17."""

_LINKS_AT_ONCE = 1 << 22

_Words = NDArray[np.uint64]


def forest(left: _Words, right: _Words) -> tuple[_Words, _Words]:
    """Finds components with union-find, in one go.

    Args:
        left: one end of each link, shape (n,); a link may recur, or join a node to itself.
        right: the other end.

    Returns:
        Each node that is not the smallest of its component, ascending, and that smallest node.
        These pairs are themselves links, of the same components.

    >>> nodes, roots = forest(np.uint64([7, 3, 9]), np.uint64([3, 5, 8]))
    >>> nodes.tolist(), roots.tolist()
    ([5, 7, 9], [3, 3, 8])
    """
    # Only here, as most that import this module find no components, and scipy is slow to load.
    from scipy.sparse import coo_array  # noqa: PLC0415
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    names, ends = np.unique(np.concatenate([left, right]), return_inverse=True)
    links = coo_array(
        (np.ones(len(left), np.int8), (ends[: len(left)], ends[len(left) :])),
        shape=(len(names), len(names)),
    )
    _, component = connected_components(links, directed=False)
    smallest = np.empty(len(names), np.intp)
    smallest[component[::-1]] = np.arange(len(names))[::-1]  # the last to be written is the first
    roots = names[smallest[component]]
    below = roots != names
    return names[below], roots[below]


def forest_of(blocks: Iterable[tuple[_Words, _Words]]) -> tuple[_Words, _Words]:
    """Finds components of links that come in blocks, in memory for their nodes only.

    Args:
        blocks: both ends of links, as `forest` takes them.

    Returns:
        What `forest` would return for all of them.
    """
    nodes = roots = np.empty(0, np.uint64)
    for left, right in _joined(blocks):
        nodes, roots = forest(np.concatenate([nodes, left]), np.concatenate([roots, right]))
    return nodes, roots


def large_star(ours: _Words, theirs: _Words) -> tuple[_Words, _Words, int]:
    """Joins each node's larger neighbours to its smallest one (or to itself).

    Args:
        ours: nodes, shape (n,), each with all its neighbours.
        theirs: the neighbours: each link is given from both of its ends.

    Returns:
        Links, the larger node first, a few perhaps twice; and how many of them are new.
    """
    ours, theirs, smallest = _neighbourhoods(ours, theirs)
    smallest = np.minimum(smallest, ours)
    larger = theirs > ours
    moved = larger & (smallest != ours)
    return theirs[larger], smallest[larger], int(moved.sum())


def small_star(ours: _Words, theirs: _Words) -> tuple[_Words, _Words, int]:
    """Joins each node and its smaller neighbours to the smallest of them.

    Args:
        ours: nodes, shape (n,), each with all its smaller neighbours.
        theirs: these neighbours: each link is given from its larger end.

    Returns:
        Links, the larger node first, a few perhaps twice; and how many of them are new. If none
        is, they are as `forest` gives them: ascending, each once.
    """
    ours, theirs, smallest = _neighbourhoods(ours, theirs)
    moved = theirs != smallest
    nodes = np.concatenate([ours[~moved], theirs[moved]])
    roots = np.concatenate([smallest[~moved], smallest[moved]])
    return nodes, roots, int(moved.sum())


def alternate(left: _Words, right: _Words) -> tuple[_Words, _Words, int]:
    """Alternates large and small stars until no link moves, in one process.

    Args:
        left: one end of each link.
        right: the other end.

    Returns:
        What `forest` returns, and the number of rounds that it took.

    Raises:
        ConvergenceError: if links still move after `ROUNDS_CAP` rounds.
    """
    nodes, roots = np.maximum(left, right), np.minimum(left, right)
    for done in range(1, ROUNDS_CAP + 1):
        ours, theirs = np.concatenate([nodes, roots]), np.concatenate([roots, nodes])
        nodes, roots, moved_large = large_star(ours, theirs)
        nodes, roots, moved_small = small_star(nodes, roots)
        if not moved_large + moved_small:
            return nodes, roots, done
    raise not_converged(moved_large + moved_small)


def not_converged(moved: int) -> ConvergenceError:
    """The error of links that still move at the cap."""
    return ConvergenceError(
        f"Connected components: {moved} links still moved in round {ROUNDS_CAP}, none expected. "
        "Nothing was written. This is a defect of seimai: please report it with the run's folder."
    )


def _neighbourhoods(ours: _Words, theirs: _Words) -> tuple[_Words, _Words, _Words]:
    """Sorts links by node, drops repeats and loops, and finds each node's smallest neighbour."""
    order = np.lexsort((theirs, ours))
    ours, theirs = ours[order], theirs[order]
    wanted = ours != theirs
    wanted[1:] &= (ours[1:] != ours[:-1]) | (theirs[1:] != theirs[:-1])
    ours, theirs = ours[wanted], theirs[wanted]
    begins = np.ones(len(ours), bool)
    begins[1:] = ours[1:] != ours[:-1]
    starts = np.flatnonzero(begins)
    return ours, theirs, theirs[np.repeat(starts, np.diff(starts, append=len(ours)))]


def _joined(blocks: Iterable[tuple[_Words, _Words]]) -> Iterator[tuple[_Words, _Words]]:
    """Joins blocks of links to blocks that are worth a pass over all nodes."""
    waiting: list[tuple[_Words, _Words]] = []
    count = 0
    for block in blocks:
        waiting.append(block)
        count += len(block[0])
        if count >= _LINKS_AT_ONCE:
            yield _concatenated(waiting)
            waiting, count = [], 0
    if waiting:
        yield _concatenated(waiting)


def _concatenated(blocks: list[tuple[_Words, _Words]]) -> tuple[_Words, _Words]:
    left, right = zip(*blocks, strict=True)
    return np.concatenate(left), np.concatenate(right)
