"""Survivors: nobody is removed but against a kept member that is close enough to stand for it."""

import random
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dedup.signatures import signatures, similarity, slots
from pipeline.dedup.survivors import MEMBERS, KeepPolicy, remove_copies
from pipeline.errors import OptionError
from tests.planted import article, drifting, edited, members, seeded

TEXT = article(seeded(1), 600)
NEAR = edited(seeded(2), TEXT, 0.01)
NEARER_THE_NEAR = edited(seeded(3), NEAR, 0.01)
FAR = edited(seeded(4), TEXT, 0.2)


def member(name: str, text: str = TEXT, **columns: Any) -> dict[str, Any]:
    return {
        "id": name,
        "cluster_id": "c",
        "exact_id": name,
        "signature": signatures([text])[0].as_py(),
        "quality": 0.5,
        "n_chars": 600,
        "crawl_time": 0,
        **columns,
    }


def survivors(rows: Sequence[dict[str, Any]], policy: KeepPolicy) -> dict[str, str | None]:
    answer = remove_copies(pa.Table.from_pylist(list(rows), MEMBERS), policy)
    names = [row["id"] for row in rows]
    return dict(zip(names, answer["survivor_id"].to_pylist(), strict=True))


@pytest.mark.parametrize(
    ("keep", "survivor"),
    [("best", "good"), ("longest", "long"), ("earliest", "early"), ("latest", "late")],
)
def test_the_policy_says_who_stays(keep: Any, survivor: str) -> None:
    rows = [
        member("good", quality=0.9),
        member("long", n_chars=900),
        member("early", crawl_time=-5),
        member("late", crawl_time=5),
        member("undated", crawl_time=None),
    ]
    found = survivors(rows, KeepPolicy(keep))
    assert found.pop(survivor) is None
    assert set(found.values()) == {survivor}


def test_ties_go_on_to_length_then_time_then_id() -> None:
    rows = [member("b"), member("a"), member("long", n_chars=700, crawl_time=None)]
    assert survivors(rows, KeepPolicy()) == {"b": "long", "a": "long", "long": None}
    assert survivors(rows[:2], KeepPolicy()) == {"b": "a", "a": None}


def test_an_unlike_member_of_the_cluster_stays() -> None:
    rows = [member("a"), member("b", NEAR), member("far", FAR)]
    assert survivors(rows, KeepPolicy()) == {"a": None, "b": "a", "far": None}


def test_what_a_better_member_does_not_cover_gets_a_survivor_of_its_own() -> None:
    rows = [
        member("a", quality=0.9),
        member("far", FAR, quality=0.5),
        member("far too", edited(seeded(5), FAR, 0.005), quality=0.1),
    ]
    assert survivors(rows, KeepPolicy()) == {"a": None, "far": None, "far too": "far"}


def test_exact_copies_go_even_where_the_text_is_too_short_for_a_signature() -> None:
    rows = [
        member("a", signature=None, exact_id="a"),
        member("b", signature=None, exact_id="a"),
        member("c", signature=None, exact_id="c"),
    ]
    assert survivors(rows, KeepPolicy()) == {"a": None, "b": "a", "c": None}
    assert remove_copies(pa.Table.from_pylist(rows, MEMBERS), KeepPolicy())[
        "similarity"
    ].to_pylist() == [None, 1.0, None]


def test_some_copies_may_stay() -> None:
    rows = [member(name, quality=-place) for place, name in enumerate("abcd")]
    assert survivors(rows, KeepPolicy(copies=3)) == {"a": None, "b": None, "c": None, "d": "a"}


def test_clusters_are_told_apart() -> None:
    rows = [member("a"), member("b", cluster_id="other")]
    assert survivors(rows, KeepPolicy()) == {"a": None, "b": None}


def test_nobody_is_nobodys_copy() -> None:
    assert remove_copies(MEMBERS.empty_table(), KeepPolicy()).num_rows == 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"keep": "newest"}, "keep: 'newest' found, one of best, latest, earliest, longest"),
        ({"threshold": 0.0}, "threshold: 0.0 found"),
        ({"threshold": 75}, "threshold: 75 found"),
        ({"copies": 0}, "copies: 0 found, 1 or more"),
    ],
)
def test_a_wrong_policy_says_what_is_wrong(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        KeepPolicy(**wrong)


VERSIONS = [TEXT, NEAR, NEARER_THE_NEAR, FAR, edited(seeded(6), FAR, 0.02), "短い文"]
ROWS = st.lists(
    st.tuples(
        st.integers(0, len(VERSIONS) - 1),
        st.integers(0, 2),
        st.integers(0, 2),
        st.integers(0, 2),
        st.none() | st.integers(0, 2),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(
    ROWS,
    st.sampled_from(["best", "latest", "earliest", "longest"]),
    st.sampled_from([0.5, 0.75, 0.95]),
    st.integers(1, 3),
    st.randoms(use_true_random=False),
)
def test_the_rules_hold_for_any_group(
    drawn: list[tuple[int, int, int, int, int | None]],
    keep: Any,
    threshold: float,
    copies: int,
    chance: random.Random,
) -> None:
    rows = [
        member(
            f"{number:02}",
            VERSIONS[version],
            cluster_id=str(cluster),
            exact_id=f"{cluster} {version}",
            quality=float(quality),
            n_chars=length,
            crawl_time=time,
        )
        for number, (version, cluster, quality, length, time) in enumerate(drawn)
    ]
    policy = KeepPolicy(keep, threshold, copies)
    found = survivors(rows, policy)
    by_id = {row["id"]: row for row in rows}

    circles: defaultdict[str, int] = defaultdict(int)
    for name, survivor in found.items():
        if survivor is None:
            continue
        ours, theirs = by_id[name], by_id[survivor]
        assert found[survivor] is None, "a survivor stays"
        assert ours["cluster_id"] == theirs["cluster_id"]
        assert likeness(ours, theirs) >= threshold
        circles[survivor] += 1
    if copies == 1:
        kept = [by_id[name] for name, survivor in found.items() if survivor is None]
        for ours in kept:
            for theirs in kept:
                if ours["cluster_id"] == theirs["cluster_id"] and ours is not theirs:
                    assert likeness(ours, theirs) < threshold, "of two alike one goes"

    mixed = rows.copy()
    chance.shuffle(mixed)
    assert survivors(mixed, policy) == found, "the order of the rows does not matter"


def likeness(ours: dict[str, Any], theirs: dict[str, Any]) -> float:
    if ours["exact_id"] == theirs["exact_id"]:
        return 1.0
    if ours["signature"] is None or theirs["signature"] is None:
        return 0.0
    pair = slots(pa.array([ours["signature"], theirs["signature"]], pa.binary(256)))
    return float(similarity(pair[0], pair[1]))


@pytest.mark.parametrize("versions", [400, 1_000])
def test_a_drifting_chain_keeps_all_that_nobody_stands_for(versions: int) -> None:
    chance = seeded(versions)
    chain = drifting(chance, article(chance, 800), versions, 0.02)
    table = members(chain)
    answer = remove_copies(table, KeepPolicy())
    removed = answer["survivor_id"].is_valid().to_numpy()
    numbers = slots(table["signature"])
    rows = np.flatnonzero(removed)
    survivor = [int(name, 16) for name in answer["survivor_id"].filter(removed).to_pylist()]
    assert len(set(table["cluster_id"].to_pylist())) < versions / 50, "closure swallows the chain"
    assert versions / 10 < len(rows) < versions * 0.9
    assert (similarity(numbers[rows], numbers[survivor]) >= 0.75).all()
    assert not removed[survivor].any()
