"""Grouping: which documents are copies of one another, exactly or nearly.

A chain of steps over packed rows (`pipeline.dedup.stages`); only ids, hashes and signatures move.
Each step is committed task by task, so a run that was stopped goes on where it was, between the
rounds of the components too.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import accumulate
from typing import Any

from pipeline import storage
from pipeline.dedup import increment, stages
from pipeline.dedup.buckets import BUCKET_CAP, DEFAULT, BandShape
from pipeline.dedup.chain import Chain, Done
from pipeline.dedup.components import ROUNDS_CAP, not_converged
from pipeline.dedup.increment import OldPack
from pipeline.dedup.stages import Pack, Part, Partition
from pipeline.errors import RunError
from pipeline.execution import Execution, run_step
from pipeline.run import Run
from pipeline.tasks import Commit, commits, part_path

PACK_DOCUMENTS = 250_000
"""Documents of a pack, and contents of a partition: band rows of 420 MB, in a worker of 2 GiB."""

MOST_PACKS = 1_000
"""Beyond this many packs they grow instead: a shuffle has packs times partitions slices."""

LINKS_FOR_ONE_WORKER = 100_000_000
"""Links up to which one worker finds the components: a minute or two, in memory for the nodes."""

_VERSION = "groups/2"


@dataclass(frozen=True, slots=True)
class Grouped:
    """What grouping found.

    Attributes:
        documents: documents in the run.
        exact_copies: those that are an exact copy of a document with a smaller id.
        clustered: those in a cluster with others, exact copies included.
        clusters: clusters whose smallest document is here, those of one document included.
        rounds: rounds of large and small stars; 0 where one worker found the components.
        buckets_over_cap: buckets in which not all pairs were compared.
        rows_left_over: rows of these buckets that no hub was like.
    """

    documents: int
    exact_copies: int
    clustered: int
    clusters: int
    rounds: int
    buckets_over_cap: int
    rows_left_over: int


def group(
    run: str,
    execution: Execution,
    shape: BandShape = DEFAULT,
    against: str | None = None,
    links_for_one_worker: int = LINKS_FOR_ONE_WORKER,
) -> Grouped:
    """Writes `RUN/groups`: for each document its exact copies and its near-duplicate candidates.

    Args:
        run: the folder of a run that is extracted.
        execution: where the work is done.
        shape: how signatures are cut into bands, and the threshold that this is for.
        against: the folder of an old run, grouped with the same shape, whose documents count as
            members too: the groups of this run are then those of grouping both together, while
            the old run's files stay as they are.
        links_for_one_worker: links up to which one worker finds the components; the result does
            not depend on it.

    Returns:
        What was found; also where everything had been grouped before and nothing was done.

    Raises:
        RunError: if extract has not finished, or the old run cannot be joined to.
        ConvergenceError: if the components do not settle.
    """
    whole = Run(run)
    documents = whole.extracted()
    packs = _packs(_parts(whole.documents, documents, "documents"))
    old = _old_run(against, shape) if against else None
    settings = _settings(documents, shape, len(packs), old)
    done = commits(whole.groups)
    if any(task not in done or done[task].settings != settings for task in documents):
        chain = Chain(storage.join(whole.groups, "steps"), settings, len(packs), execution)
        done = _group(chain, packs, shape, old, links_for_one_worker, whole.groups)
        chain.clear()
    return _summary(done.values())


def _group(
    chain: Chain,
    packs: Sequence[Pack],
    shape: BandShape,
    old: "_OldRun | None",
    one_worker: int,
    folder: str,
) -> dict[str, Commit]:
    documents = [chain.run("occurrences", stages.Occurrences, packs)]
    contents = [
        chain.run(
            "contents",
            partial(stages.Contents, shape=shape),
            chain.partitions(occurrences=documents, signatures=documents),
        )
    ]
    known, elders = _join(chain, contents, shape, old) if old else ([], [])
    linked = chain.run(
        "linking",
        partial(stages.Linking, shape=shape),
        chain.partitions(bands=[*contents, *known]),
    )
    links = [linked, *elders]
    if linked.total("links") <= one_worker:
        joined, rounds = _in_one_worker(chain, links), 0
    else:
        joined, rounds = _in_rounds(chain, links)
    members = chain.run(
        "members",
        stages.Members,
        chain.partitions(contents=[*contents, *elders], links=[joined]),
    )
    clusters = chain.run("clusters", stages.Clusters, chain.partitions(members=[members]))
    places = chain.run(
        "places",
        partial(stages.Places, packs=len(packs)),
        chain.partitions(
            contents=contents, known=known, clusters=[clusters], occurrences=documents
        ),
    )
    boxes = places.boxes("places", len(packs))
    packs = [replace(pack, places=boxes[pack.number]) for pack in packs]
    in_order = chain.run("sorted", stages.Sorted, packs)
    parts = [part for pack in packs for part in in_order.handed_out(pack)]
    notes = {
        "shape": asdict(shape),
        "against": old.settings if old else None,
        "rounds": rounds,
        "buckets_over_cap": linked.total("buckets_over_cap"),
        "rows_left_over": linked.total("rows_left_over"),
    }
    work = stages.Groups(folder, chain.settings, chain.count, notes)
    return run_step("group", work, parts, folder, chain.settings, chain.execution)


def _join(
    chain: Chain, contents: Sequence[Done], shape: BandShape, old: "_OldRun"
) -> tuple[list[Done], list[Done]]:
    """What an old run has to do with the new contents: band rows and places, and clusters."""
    sought = chain.run(
        "sought", increment.Sought, chain.partitions(bands=contents, contents=contents)
    )
    (filters,) = sought.boxes("sought", 1)
    known = chain.run("known", partial(increment.Known, shape=shape, sought=filters), old.packs)
    elders = chain.run("elders", increment.Elders, chain.partitions(known=[known]))
    return [known], [elders]


def _in_one_worker(chain: Chain, links: Sequence[Done]) -> Done:
    partitions = chain.partitions(links=links)
    everything = tuple(piece for partition in partitions for piece in partition.boxes["links"])
    task = Partition("all", {"links": everything})
    return chain.run("components", stages.OneWorker, [task])


def _in_rounds(chain: Chain, links: Sequence[Done]) -> tuple[Done, int]:
    """Alternates large and small stars, a step each, until a round moves no link."""
    moved = 0
    for done in range(1, ROUNDS_CAP + 1):
        stars = chain.run(f"round-{done:02}-large", stages.LargeStar, chain.partitions(links=links))
        joined = chain.run(
            f"round-{done:02}-small", stages.SmallStar, chain.partitions(links=[stars])
        )
        moved = stars.total("moved") + joined.total("moved")
        if not moved:
            return joined, done
        links = [joined]
    raise not_converged(moved)


@dataclass(frozen=True, slots=True)
class _OldRun:
    """A grouped run that a new one is joined to.

    Attributes:
        settings: the digest of everything that shaped its groups.
        packs: its parts.
    """

    settings: str
    packs: tuple[OldPack, ...]


def _old_run(path: str, shape: BandShape) -> _OldRun:
    run = Run(path)
    documents, groups = run.extracted(), commits(run.groups)
    if missing := documents.keys() - groups.keys():
        raise RunError(
            f"{run.groups}: {len(missing)} of {len(documents)} parts are not there. "
            f"Group the old run first: seimai group {path}."
        )
    for task in documents:
        notes = groups[task].notes
        if notes.get("shape") != asdict(shape) or notes.get("against"):
            raise RunError(
                f"{run.groups}: grouped as {notes.get('shape')} against {notes.get('against')}; "
                f"{asdict(shape)}, against no other run, expected. Give the old run's shape, or "
                f"group the old run again by itself: seimai group {path}."
            )
    parts = _parts(run.documents, documents, "documents")
    places = _parts(run.groups, {task: groups[task] for task in documents}, "groups")
    place_of = {place.id: place for place in places}
    packs = [
        OldPack(pack.id, tuple((part, place_of[part.id]) for part in pack.parts))
        for pack in _packs(parts)
    ]
    settings = storage.digest(sorted({done.settings for done in groups.values()}))
    return _OldRun(settings, tuple(packs))


def _parts(folder: str, done: Mapping[str, Commit], role: str) -> list[Part]:
    return [
        Part(task, part_path(folder, commit, role), commit.files[role].rows)
        for task, commit in done.items()
    ]


def _packs(parts: Sequence[Part]) -> list[Pack]:
    """Puts parts together, in order, until a pack is full."""
    documents = sum(part.rows for part in parts)
    size = max(PACK_DOCUMENTS, documents // MOST_PACKS)
    filled: dict[int, list[Part]] = {}
    for part, end in zip(parts, accumulate(part.rows for part in parts), strict=True):
        filled.setdefault((end - part.rows) // size, []).append(part)
    return [
        Pack(f"{number:05}", number, tuple(together))
        for number, together in enumerate(filled.values())
    ]


def _settings(
    documents: Mapping[str, Commit], shape: BandShape, packs: int, old: _OldRun | None
) -> str:
    """The digest of everything that shapes the groups: the documents' commits above all."""
    return storage.digest(
        {
            "version": _VERSION,
            "documents": {task: done.files["documents"].sha256 for task, done in documents.items()},
            "shape": asdict(shape),
            "bucket_cap": BUCKET_CAP,
            "packs": packs,
            "against": old.settings if old else None,
        }
    )


def _summary(done: Iterable[Commit]) -> Grouped:
    counted: Counter[str] = Counter()
    notes: dict[str, Any] = {}
    for commit in done:
        counted.update(commit.counters)
        notes = commit.notes
    return Grouped(
        documents=counted["documents"],
        exact_copies=counted["exact_copies"],
        clustered=counted["clustered"],
        clusters=counted["clusters"],
        rounds=notes["rounds"],
        buckets_over_cap=notes["buckets_over_cap"],
        rows_left_over=notes["rows_left_over"],
    )
