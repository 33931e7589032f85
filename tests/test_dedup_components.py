"""Components: both ways find what networkx finds, and name it by its smallest node."""

import random
from collections.abc import Sequence
from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dedup import components
from pipeline.dedup.components import alternate, forest, forest_of
from pipeline.errors import ConvergenceError

Link = tuple[int, int]

NODES = st.integers(0, 40) | st.integers(2**64 - 40, 2**64 - 1)
GRAPHS = st.lists(st.tuples(NODES, NODES), max_size=80)


def ends(links: Sequence[Link]) -> tuple[np.ndarray, np.ndarray]:
    table = np.array(links, np.uint64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def by_networkx(links: Sequence[Link]) -> dict[int, int]:
    found = nx.connected_components(nx.Graph(list(links)))
    return {node: min(group) for group in found for node in group if node != min(group)}


def as_dict(nodes: np.ndarray, roots: np.ndarray) -> dict[int, int]:
    assert (np.diff(nodes.astype(object)) > 0).all(), "each node once, ascending"
    return dict(zip(nodes.tolist(), roots.tolist(), strict=True))


def shuffled_path(length: int) -> list[Link]:
    order = np.random.default_rng(length).permutation(length).tolist()
    return list(pairwise(order))


@given(GRAPHS)
def test_union_find_finds_what_networkx_finds(links: list[Link]) -> None:
    assert as_dict(*forest(*ends(links))) == by_networkx(links)


@given(GRAPHS)
def test_alternating_stars_find_what_networkx_finds(links: list[Link]) -> None:
    nodes, roots, _ = alternate(*ends(links))
    assert as_dict(nodes, roots) == by_networkx(links)


@given(GRAPHS, st.randoms(use_true_random=False))
def test_neither_order_nor_direction_nor_blocks_matter(
    links: list[Link], chance: random.Random
) -> None:
    mixed = [link[:: chance.choice([1, -1])] for link in links]
    chance.shuffle(mixed)
    blocks = [ends(mixed[start : start + 7]) for start in range(0, len(mixed), 7)]
    assert as_dict(*forest_of(blocks)) == as_dict(*forest(*ends(links)))


@pytest.mark.parametrize(
    ("shape", "links", "most_rounds"),
    [
        ("path in order", [(n, n + 1) for n in range(2_000)], 15),
        ("shuffled path", shuffled_path(2_000), 15),
        ("star around the largest", [(2_000, n) for n in range(2_000)], 3),
        ("clique", [(n, m) for n in range(60) for m in range(n)], 3),
        ("two cliques on a path", nx.barbell_graph(40, 200).edges, 12),
        ("binary tree", nx.balanced_tree(2, 10).edges, 12),
    ],
)
def test_rounds_grow_with_the_logarithm(
    shape: str, links: Sequence[Link], most_rounds: int
) -> None:
    nodes, roots, rounds = alternate(*ends(list(links)))
    assert as_dict(nodes, roots) == as_dict(*forest(*ends(list(links)))), shape
    assert rounds <= most_rounds


def test_links_that_never_settle_are_an_error_and_no_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(components, "ROUNDS_CAP", 3)
    with pytest.raises(ConvergenceError, match="still moved in round 3"):
        alternate(*ends(shuffled_path(1_000)))
