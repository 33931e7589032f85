"""Grouping: which documents are copies of one another, exactly or nearly.

A chain of steps over packed rows (`pipeline.dedup.stages`); only ids, hashes and signatures move;
looking for contained texts reads the texts too, and moves hashes of a sixteenth of their grams.
Each step is committed task by task, so a run that was stopped goes on where it was, between the
rounds of the components too.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from pipeline import storage
from pipeline.dedup import containment, increment, stages
from pipeline.dedup.buckets import BUCKET_CAP, DEFAULT, BandShape
from pipeline.dedup.chain import Chain, Done
from pipeline.dedup.components import ROUNDS_CAP, not_converged
from pipeline.dedup.joined import folder_of
from pipeline.dedup.packs import OldRuns, old_runs, packs_of, parts_of
from pipeline.dedup.paragraphs import Recurring, Runs
from pipeline.dedup.stages import Pack, Partition
from pipeline.dedup.table import Groups
from pipeline.execution import Execution, run_step
from pipeline.run import Run
from pipeline.tasks import Commit, intact

LINKS_FOR_ONE_WORKER = 100_000_000
"""Links up to which one worker finds the components: a minute or two, in memory for the nodes."""

_VERSION = "groups/6"


@dataclass(frozen=True, slots=True)
class InTexts:
    """What to look for in the texts themselves, which are read for it.

    Attributes:
        contained: texts that stand in longer ones.
        paragraphs: paragraphs that recur over many pages.
    """

    contained: bool = True
    paragraphs: bool = True


ALL = InTexts()


@dataclass(frozen=True, slots=True)
class Grouped:
    """What grouping found.

    Attributes:
        documents: documents in the run.
        exact_copies: those that are an exact copy of a document with a smaller id.
        clustered: those in a cluster with others, exact copies included.
        contained: those of which half or more stands in a longer document of their site.
        frequent_paragraphs: paragraphs that recur, with their neighbours, on other pages.
        clusters: clusters whose smallest document is here, those of one document included.
        rounds: rounds of large and small stars; 0 where one worker found the components.
        buckets_over_cap: buckets in which not all pairs were compared.
        rows_left_over: rows of these buckets that no hub was like.
    """

    documents: int
    exact_copies: int
    clustered: int
    contained: int
    frequent_paragraphs: int
    clusters: int
    rounds: int
    buckets_over_cap: int
    rows_left_over: int


def group(
    run: Run,
    execution: Execution,
    shape: BandShape = DEFAULT,
    against: Sequence[str] = (),
    in_texts: InTexts = ALL,
    links_for_one_worker: int = LINKS_FOR_ONE_WORKER,
) -> Grouped:
    """Writes `RUN/groups`: for each document its exact copies and its near-duplicate candidates.

    Args:
        run: a run that is extracted.
        execution: where the work is done.
        shape: how signatures are cut into bands, and the threshold that this is for.
        against: the folder of an old run, grouped with the same shape, whose documents count as
            members too: the groups of this run are then those of grouping both together. The old
            run's files stay as they are; what has changed of its groups is written beside this
            run's. If the old run was itself joined to others, these have to be named too, in any
            order. Containers and frequent paragraphs are looked for in this run only.
        in_texts: what to look for in the texts; without that no text is read.
        links_for_one_worker: links up to which one worker finds the components; the result does
            not depend on it.

    Returns:
        What was found; also where everything had been grouped before and nothing was done.

    Raises:
        RunError: if extract has not finished, or the old run cannot be joined to.
        ConvergenceError: if the components do not settle.
    """
    documents = run.extracted()
    packs = packs_of(parts_of(run.documents, documents, "documents"))
    old = old_runs(against, shape)
    settings = _settings(documents, shape, len(packs), old, in_texts)
    done = intact(run.groups)
    chain = Chain(storage.join(run.groups, "steps"), settings, len(packs), execution)
    if any(task not in done or done[task].settings != settings for task in documents):
        if in_texts.contained:
            packs = _contained(chain, packs)
        packs, notes = _copies(chain, packs, shape, old, links_for_one_worker, run)
        if in_texts.paragraphs:
            packs = _frequent(chain, packs)
        in_order = chain.run("sorted", stages.Sorted, packs)
        parts = [part for pack in packs for part in in_order.handed_out(pack)]
        work = Groups(run.groups, settings, chain.count, in_texts.paragraphs, notes)
        done = run_step("group", work, parts, run.groups, settings, execution)
    chain.clear()
    return _summary(done.values())


def _copies(
    chain: Chain,
    packs: Sequence[Pack],
    shape: BandShape,
    old: OldRuns | None,
    one_worker: int,
    run: Run,
) -> tuple[list[Pack], dict[str, object]]:
    """The packs, each with the places of its documents, and notes on the whole."""
    documents = chain.run("occurrences", stages.Occurrences, packs)
    told = chain.partitions(occurrences=[documents], signatures=[documents])
    contents = chain.run("contents", partial(stages.Contents, shape=shape), told)
    known, elders = _join(chain, contents, shape, old) if old else ([], [])
    told = chain.partitions(bands=[contents, *known], sketches=[contents, *known])
    linked = chain.run("linking", partial(stages.Linking, shape=shape), told)
    joined, rounds = _components(chain, [linked, *elders], linked.total("links") <= one_worker)
    told = chain.partitions(contents=[contents], elders=elders, links=[joined])
    members = chain.run("members", stages.Members, told)
    clusters = chain.run("clusters", stages.Clusters, chain.partitions(members=[members]))
    told = chain.partitions(contents=[contents], known=known, elders=elders, clusters=[clusters])
    _rename(chain, told if old else [], folder_of(run))
    told = chain.partitions(
        contents=[contents], known=known, clusters=[clusters], occurrences=[documents]
    )
    places = chain.run("places", stages.Places, told)
    boxes = places.boxes("places", len(packs))
    packs = [replace(pack, places=boxes[pack.number]) for pack in packs]
    notes: dict[str, object] = {
        "shape": asdict(shape),
        "against": old.settings if old else None,
        "rounds": rounds,
        "buckets_over_cap": linked.total("buckets_over_cap"),
        "rows_left_over": linked.total("rows_left_over"),
    }
    return packs, notes


def _frequent(chain: Chain, packs: Sequence[Pack]) -> list[Pack]:
    """The packs, each with the counts of its paragraphs."""
    told = chain.partitions(runs=[chain.run("runs", Runs, packs)])
    counted = chain.run("recurring", Recurring, told)
    boxes = counted.boxes("counts", len(packs))
    return [replace(pack, counts=boxes[pack.number]) for pack in packs]


def _contained(chain: Chain, packs: Sequence[Pack]) -> list[Pack]:
    """The packs, each with the containers of its documents."""
    count = len(packs)
    fragments = chain.run("fragments", containment.Fragments, packs)
    told = chain.partitions(fragments=[fragments])
    told = chain.partitions(pairs=[chain.run("holders", containment.Holders, told)])
    chosen = chain.run("containers", containment.Containers, told)
    boxes = chosen.boxes("containers", count)
    outer = [replace(pack, containers=boxes[pack.number]) for pack in packs]
    boxes = chain.run("named", containment.Named, outer).boxes("held", count)
    return [replace(pack, held=boxes[pack.number]) for pack in packs]


def _join(
    chain: Chain, contents: Done, shape: BandShape, old: OldRuns
) -> tuple[list[Done], list[Done]]:
    """What an old run has to do with the new contents: band rows and places, and clusters."""
    told = chain.partitions(bands=[contents], contents=[contents])
    (filters,) = chain.run("sought", increment.Sought, told).boxes("sought", 1)
    known = chain.run("known", partial(increment.Known, shape=shape, sought=filters), old.packs)
    elders = chain.run("elders", increment.Elders, chain.partitions(known=[known]))
    return [known], [elders]


def _rename(chain: Chain, partitions: Sequence[Partition], folder: str) -> None:
    """Says what the old runs' groups are called from now on; nothing where there are none."""
    work = increment.Joined(folder, chain.settings, chain.count)
    run_step("group: joined", work, partitions, folder, chain.settings, chain.execution)


def _components(chain: Chain, links: Sequence[Done], one_worker: bool) -> tuple[Done, int]:
    """The components of all links, and the rounds that took: none where one worker does it."""
    if not one_worker:
        return _in_rounds(chain, links)
    partitions = chain.partitions(links=links)
    everything = tuple(piece for partition in partitions for piece in partition.boxes["links"])
    task = Partition("all", {"links": everything})
    return chain.run("components", stages.OneWorker, [task]), 0


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


def _settings(
    documents: Mapping[str, Commit],
    shape: BandShape,
    packs: int,
    old: OldRuns | None,
    in_texts: InTexts,
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
            **asdict(in_texts),
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
        contained=counted["contained"],
        frequent_paragraphs=counted["frequent_paragraphs"],
        clusters=counted["clusters"],
        rounds=notes["rounds"],
        buckets_over_cap=notes["buckets_over_cap"],
        rows_left_over=notes["rows_left_over"],
    )
