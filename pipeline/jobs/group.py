"""Grouping: which documents are copies of one another, exactly or nearly.

A chain of steps over packed rows (`pipeline.dedup.stages`); only ids, hashes and signatures move.
Each step is committed task by task, so a run that was stopped goes on where it was, between the
rounds of the components too.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

from pipeline import storage
from pipeline.dedup import stages
from pipeline.dedup.buckets import BUCKET_CAP, DEFAULT, BandShape
from pipeline.dedup.components import ROUNDS_CAP, not_converged
from pipeline.dedup.exchange import Slice, slices
from pipeline.dedup.stages import Pack, Part, Partition, T
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
        clusters: clusters, those of one document included.
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
    links_for_one_worker: int = LINKS_FOR_ONE_WORKER,
) -> Grouped:
    """Writes `RUN/groups`: for each document its exact copies and its near-duplicate candidates.

    Args:
        run: the folder of a run that is extracted.
        execution: where the work is done.
        shape: how signatures are cut into bands, and the threshold that this is for.
        links_for_one_worker: links up to which one worker finds the components; the result does
            not depend on it.

    Returns:
        What was found; also where everything had been grouped before and nothing was done.

    Raises:
        RunError: if extract has not finished.
        ConvergenceError: if the components do not settle.
    """
    whole = Run(run)
    documents = whole.extracted()
    packs = _packs(_parts(whole.documents, documents))
    settings = _settings(documents, shape, len(packs))
    done = commits(whole.groups)
    if any(task not in done or done[task].settings != settings for task in documents):
        chain = _Chain(storage.join(whole.groups, "steps"), settings, len(packs), execution)
        done = _group(chain, packs, shape, links_for_one_worker, whole.groups)
        chain.clear()
    return _summary(done.values())


def _group(
    chain: "_Chain", packs: Sequence[Pack], shape: BandShape, one_worker: int, folder: str
) -> dict[str, Commit]:
    documents = chain.run("occurrences", stages.Occurrences, packs)
    contents = chain.run(
        "contents",
        partial(stages.Contents, shape=shape),
        chain.partitions(occurrences=documents, signatures=documents),
    )
    linked = chain.run(
        "linking", partial(stages.Linking, shape=shape), chain.partitions(bands=contents)
    )
    if linked.total("links") <= one_worker:
        joined, rounds = _in_one_worker(chain, linked), 0
    else:
        joined, rounds = _in_rounds(chain, linked)
    members = chain.run(
        "members", stages.Members, chain.partitions(contents=contents, links=joined)
    )
    clusters = chain.run("clusters", stages.Clusters, chain.partitions(members=members))
    places = chain.run(
        "places",
        partial(stages.Places, packs=len(packs)),
        chain.partitions(contents=contents, clusters=clusters, occurrences=documents),
    )
    boxes = places.boxes("places", len(packs))
    packs = [replace(pack, places=boxes[pack.number]) for pack in packs]
    in_order = chain.run("sorted", stages.Sorted, packs)
    parts = [part for pack in packs for part in in_order.handed_out(pack)]
    notes = {
        "shape": asdict(shape),
        "rounds": rounds,
        "buckets_over_cap": linked.total("buckets_over_cap"),
        "rows_left_over": linked.total("rows_left_over"),
    }
    work = stages.Groups(folder, chain.settings, chain.count, notes)
    return run_step("group", work, parts, folder, chain.settings, chain.execution)


def _in_one_worker(chain: "_Chain", linked: "_Done") -> "_Done":
    boxes = linked.boxes("links", chain.count)
    everything = Partition("all", {"links": tuple(piece for box in boxes for piece in box)})
    return chain.run("components", stages.OneWorker, [everything])


def _in_rounds(chain: "_Chain", links: "_Done") -> tuple["_Done", int]:
    """Alternates large and small stars, a step each, until a round moves no link."""
    moved = 0
    for done in range(1, ROUNDS_CAP + 1):
        stars = chain.run(f"round-{done:02}-large", stages.LargeStar, chain.partitions(links=links))
        links = chain.run(f"round-{done:02}-small", stages.SmallStar, chain.partitions(links=stars))
        moved = stars.total("moved") + links.total("moved")
        if not moved:
            return links, done
    raise not_converged(moved)


@dataclass(frozen=True, slots=True)
class _Done:
    """A step that is committed."""

    folder: str
    commits: Mapping[str, Commit]

    def total(self, counter: str) -> int:
        return sum(commit.counters.get(counter, 0) for commit in self.commits.values())

    def boxes(self, role: str, addresses: int) -> list[tuple[Slice, ...]]:
        found = slices(self.folder, self.commits, role)
        return found + [()] * (addresses - len(found))

    def handed_out(self, pack: Pack) -> list[Part]:
        """The parts of a pack, each with what this step has for it."""
        boxes = slices(self.folder, {pack.id: self.commits[pack.id]}, "places")
        return [replace(part, places=box) for part, box in zip(pack.parts, boxes, strict=True)]


@dataclass(slots=True)
class _Chain:
    """The steps between `documents` and `groups`, each committed in a folder of its own."""

    folder: str
    settings: str
    count: int
    execution: Execution
    finished: list[_Done] = field(default_factory=list)

    def run(self, name: str, stage: Callable[..., stages.Stage[T]], tasks: Sequence[T]) -> _Done:
        folder = storage.join(self.folder, name)
        work = stage(folder, self.settings, self.count)
        done = run_step(f"group: {name}", work, tasks, folder, self.settings, self.execution)
        self.finished.append(_Done(folder, done))
        return self.finished[-1]

    def partitions(self, **senders: _Done) -> list[Partition]:
        """A task a partition, with the rows that were sent to it, by role."""
        boxes = {role: done.boxes(role, self.count) for role, done in senders.items()}
        return [
            Partition(f"{number:05}", {role: box[number] for role, box in boxes.items()})
            for number in range(self.count)
        ]

    def clear(self) -> None:
        """Remove what only the steps needed, most of it band rows."""
        folders = [done.folder for done in self.finished]
        for folder in folders:
            for name in storage.names(folder):
                storage.remove(storage.join(folder, name))
        for folder in [*folders, self.folder]:
            if storage.is_local(folder):
                with suppress(OSError):  # something that is not ours lies there
                    Path(storage.local(folder)).rmdir()


def _parts(folder: str, documents: Mapping[str, Commit]) -> list[Part]:
    return [
        Part(task, part_path(folder, commit, "documents"), commit.files["documents"].rows)
        for task, commit in documents.items()
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


def _settings(documents: Mapping[str, Commit], shape: BandShape, packs: int) -> str:
    """The digest of everything that shapes the groups: the documents' commits above all."""
    return storage.digest(
        {
            "version": _VERSION,
            "documents": {task: done.files["documents"].sha256 for task, done in documents.items()},
            "shape": asdict(shape),
            "bucket_cap": BUCKET_CAP,
            "packs": packs,
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
