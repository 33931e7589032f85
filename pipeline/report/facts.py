"""What a report shows, gathered from columns; texts are read for a few samples only.

Samples are the documents with the smallest ids: ids are digests, so that is a fair draw, and the
same one however the run was made.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from classifiers.bundle import load
from classifiers.explain import ngram_votes
from pipeline import storage
from pipeline.rules import RULES
from pipeline.run import Run
from pipeline.selection import decisions
from pipeline.selection.decisions import Mask
from pipeline.selection.parts import Part
from pipeline.selection.recipe import CLASSIFIERS, Band, Recipe
from pipeline.selection.selected import Selected
from pipeline.tasks import part_path

BINS = 40
KEPT = "kept"
SAMPLES_A_REASON = 6
SAMPLES_KEPT = 12
PAIRS = 8
MARKS_A_SAMPLE = 12
SAMPLE_CHARACTERS = 600
HOSTS_SHOWN = 40
PROBLEMS_SHOWN = 100

_LONGEST = 1_000_000  # the right end of axes without one, in the unit of the column
_SAMPLED = ["id", "url", "title", "text", "n_chars", "ja_score", "flags"]
_DECIDED = ["kept", "reasons", "survivor_id", "similarity", "cut_chars"]


@dataclass(frozen=True, slots=True)
class Threshold:
    """A line that the recipe draws in a histogram.

    Attributes:
        value: where it is.
        fails_if: what is left out: what lies `below` it, `above` it, or already `reaches` it.
        rule: the reason's name.
    """

    value: float
    fails_if: str
    rule: str


@dataclass(slots=True)
class Histogram:
    """How a column's values lie, for the kept and for those left out.

    Attributes:
        column: its name.
        edges: shape (BINS + 1,); values beyond the ends count in the outermost bins.
        logarithmic: whether the edges are equally spaced in the logarithm.
        thresholds: the lines that the recipe draws.
        band: the band of values of which the recipe keeps so many only, if there is one.
        kept: documents kept in each bin.
        left_out: documents left out in each bin.
    """

    column: str
    edges: NDArray[np.float64]
    logarithmic: bool
    thresholds: tuple[Threshold, ...]
    band: Band | None = None
    kept: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))
    left_out: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))

    def add(self, values: NDArray[np.float64], kept: Mask) -> None:
        """Count the values of one part; unknown ones are not counted."""
        known = ~np.isnan(values)
        clipped = np.clip(values, self.edges[0], self.edges[-1])
        self.kept += np.histogram(clipped[known & kept], self.edges)[0]
        self.left_out += np.histogram(clipped[known & ~kept], self.edges)[0]


@dataclass(slots=True)
class Facts:
    """All that the report and the data card show beside the manifest.

    Attributes:
        histograms: the scores, the length, and every column that the recipe cuts.
        alone: how many documents each reason leaves out all alone.
        hosts: documents and kept by host.
        years: documents and kept by year of crawl.
        samples: documents to look at, by reason; `kept` for the kept. Where a classifier is the
            reason, `marks` are the n-grams that it heard most.
        pairs: removed documents with the survivors that stand for them.
        problems: damaged input, the first of it.
    """

    histograms: list[Histogram]
    alone: Counter[str] = field(default_factory=Counter)
    hosts: dict[str, tuple[int, int]] = field(default_factory=dict)
    years: dict[str, tuple[int, int]] = field(default_factory=dict)
    samples: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    pairs: list[dict[str, Any]] = field(default_factory=list)
    problems: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a document stands: its id, its part, and its row in it."""

    id: str
    part: int
    row: int


def gather(selected: Selected) -> Facts:
    """Go through the columns of a selection once, and read the samples."""
    parts, decided = selected.parts, selected.decided
    facts = Facts(_histograms(selected.recipe, selected.said["shares"]))
    hosts: Counter[tuple[str, bool]] = Counter()
    years: Counter[tuple[str, bool]] = Counter()
    places: dict[str, list[Place]] = defaultdict(list)
    measured = [histogram.column for histogram in facts.histograms]
    for number, (part, path) in enumerate(zip(parts, decided, strict=True)):
        columns = part.read(dict.fromkeys([*measured, "id", "host", "crawl_time"]))
        verdict = storage.read_table(path, ["kept", "reasons"])
        kept = np.asarray(verdict["kept"].combine_chunks().to_numpy(zero_copy_only=False), bool)
        for histogram in facts.histograms:
            values = decisions.numbers(columns[histogram.column].combine_chunks())
            histogram.add(values, kept)
        _count_by(hosts, columns["host"], kept)
        _count_by(years, _years(columns["crawl_time"]), kept)
        facts.alone.update(_alone(verdict["reasons"].combine_chunks()))
        _draw(places, number, columns["id"].combine_chunks(), verdict)
    facts.hosts = _most(_both(hosts), HOSTS_SHOWN)
    facts.years = dict(sorted(_both(years).items()))
    survivors = _survivors(parts, decided, places.get(decisions.DUPLICATE, []))
    wanted = [*survivors.values(), *(place for drawn in places.values() for place in drawn)]
    shown = documents_at(parts, decided, wanted)
    facts.samples = {
        reason: [dict(shown[place]) for place in places[reason]]
        for reason in sorted(places, key=lambda name: (name != KEPT, name))
    }
    _hear(facts.samples, selected.bundle)
    facts.pairs = [
        {"removed": shown[removed], "survivor": shown[survivor]}
        for removed, survivor in survivors.items()
    ]
    facts.problems = list(_problems(member.run for member in selected.snapshots.members))
    return facts


def _histograms(recipe: Recipe, shares: Mapping[str, float]) -> list[Histogram]:
    thresholds: dict[str, list[Threshold]] = {name: [] for name in (*CLASSIFIERS, "n_chars")}
    for name, cut in recipe.scores.items():
        if cut.keep_below is not None:
            thresholds[name].append(Threshold(cut.keep_below, "reaches", f"{name}.keep_below"))
        else:
            thresholds[name].append(Threshold(shares[name], "above", f"{name}.drop_worst"))
    for rule in RULES:
        if rule.name in recipe.flags:
            line = Threshold(rule.threshold, rule.fails_if, rule.name)
            thresholds.setdefault(rule.metric, []).append(line)
    for name, kept in recipe.ranges.items():
        lines = thresholds.setdefault(name, [])
        if kept.minimum is not None:
            lines.append(Threshold(kept.minimum, "below", f"{name}.min"))
        if kept.maximum is not None:
            lines.append(Threshold(kept.maximum, "above", f"{name}.max"))
    return [
        Histogram(name, *axis(name), tuple(lines), recipe.caps.bands.get(name))
        for name, lines in thresholds.items()
    ]


def axis(column: str) -> tuple[NDArray[np.float64], bool]:
    """The edges of a column's bins, and whether they are logarithmic.

    Shares and probabilities lie on an axis from 0 to 1, lengths and counts on a logarithmic one.
    """
    is_share = column in {*CLASSIFIERS, "ja_score"} or column.rpartition("_")[2] == "share"
    if is_share or column.endswith(("_ratio", "_of_japanese")):
        return np.linspace(0, 1, BINS + 1), False
    return np.geomspace(1, _LONGEST, BINS + 1), True


def _count_by(counts: Counter[tuple[str, bool]], names: pa.ChunkedArray, kept: Mask) -> None:
    encoded = names.combine_chunks().dictionary_encode()
    codes = np.asarray(encoded.indices, np.int64)
    known = encoded.dictionary.to_pylist()
    for fate in (True, False):
        found = np.bincount(codes[kept == fate], minlength=len(known))
        counts.update({(name, fate): int(n) for name, n in zip(known, found, strict=True) if n})


def _years(times: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.fill_null(pc.strftime(times, "%Y"), "-")


def _both(counts: Counter[tuple[str, bool]]) -> dict[str, tuple[int, int]]:
    """Documents and kept, by name."""
    names = {name for name, _ in counts}
    return {n: (counts[n, True] + counts[n, False], counts[n, True]) for n in names}


def _most(counts: Mapping[str, tuple[int, int]], most: int) -> dict[str, tuple[int, int]]:
    ranked = sorted(counts.items(), key=lambda item: (-item[1][0], item[0]))
    return dict(ranked[:most])


def _alone(reasons: pa.ListArray) -> Counter[str]:
    """How many documents have one reason only, by that reason."""
    single = reasons.filter(pc.equal(pc.list_value_length(reasons), 1))
    names = pc.list_flatten(single).field("rule")
    return Counter({row["values"]: row["counts"] for row in names.value_counts().to_pylist()})


def _draw(places: dict[str, list[Place]], part: int, ids: pa.Array, verdict: pa.Table) -> None:
    """Keep, for each reason, the documents with the smallest ids so far."""
    reasons = verdict["reasons"].combine_chunks()
    rows = np.asarray(pc.list_parent_indices(reasons), np.int64)
    rules = pc.list_flatten(reasons).field("rule").dictionary_encode()
    codes = np.asarray(rules.indices, np.int64)
    found = {name: rows[codes == code] for code, name in enumerate(rules.dictionary.to_pylist())}
    kept = np.flatnonzero(verdict["kept"].combine_chunks().to_numpy(zero_copy_only=False))
    for name, members in (*found.items(), (KEPT, kept)):
        most = SAMPLES_KEPT if name == KEPT else SAMPLES_A_REASON
        theirs = ids.take(pa.array(members))
        smallest = np.asarray(pc.select_k_unstable(theirs, most, [("", "ascending")]), np.int64)
        new = [Place(theirs[int(n)].as_py(), part, int(members[n])) for n in smallest]
        places[name] = sorted([*places[name], *new])[:most]


def documents_at(
    parts: Sequence[Part], decided: Sequence[str], places: Iterable[Place]
) -> dict[Place, dict[str, Any]]:
    """What a sample shows, for each place; every file is opened once."""
    by_part: dict[int, list[Place]] = defaultdict(list)
    for place in sorted(set(places)):
        by_part[place.part].append(place)
    found: dict[Place, dict[str, Any]] = {}
    for number, wanted in by_part.items():
        part = parts[number]
        rows = [place.row for place in wanted]
        texts = _rows_of(part.paths["documents"], rows, _SAMPLED)
        scores = _rows_of(part.paths["scores"], rows, list(CLASSIFIERS))
        verdicts = _rows_of(decided[number], rows, _DECIDED)
        for place, *columns in zip(wanted, texts, scores, verdicts, strict=True):
            found[place] = {name: value for row in columns for name, value in row.items()}
            found[place]["text"] = found[place]["text"][:SAMPLE_CHARACTERS]
            found[place]["marks"] = []
    return found


def _rows_of(path: str, rows: Sequence[int], columns: list[str]) -> list[dict[str, Any]]:
    """Some rows of a file, of which only the row groups that hold them are read."""
    found: dict[int, dict[str, Any]] = {}
    with storage.open_read(path) as file:
        parquet = pq.ParquetFile(file)
        begin = 0
        for group in range(parquet.num_row_groups):
            end = begin + parquet.metadata.row_group(group).num_rows
            wanted = [row for row in rows if begin <= row < end]
            if wanted:
                table = parquet.read_row_group(group, columns=columns)
                taken = table.take(pa.array([row - begin for row in wanted])).to_pylist()
                found.update(zip(wanted, taken, strict=True))
            begin = end
    return [found[row] for row in rows]


def _hear(samples: Mapping[str, Sequence[dict[str, Any]]], bundle_name: str) -> None:
    """Add to the samples of each classifier the n-grams of theirs that it heard most."""
    bundle = load(heads=["text"])
    for reason, documents in samples.items():
        head, _, kind = reason.rpartition(".")
        if bundle.name == bundle_name and kind in {"keep_below", "drop_worst"}:
            for document in documents:
                heard = ngram_votes(bundle, document["text"], CLASSIFIERS.index(head))
                spoken = (vote.evidence for vote in heard if vote.value > 0)
                long = (ngram for ngram in spoken if len(ngram.strip()) > 1)
                document["marks"] = list(itertools.islice(long, MARKS_A_SAMPLE))


def _survivors(
    parts: Sequence[Part], decided: Sequence[str], removed: Sequence[Place]
) -> dict[Place, Place]:
    """Where the documents stand that stand for removed ones."""
    names: dict[Place, str] = {}
    for place in removed[:PAIRS]:
        (said,) = _rows_of(decided[place.part], [place.row], ["survivor_id"])
        if said["survivor_id"]:
            names[place] = said["survivor_id"]
    if not names:
        return {}
    wanted = pa.array(sorted(set(names.values())), pa.string())
    found: dict[str, Place] = {}
    for number, part in enumerate(parts):
        ids = part.read(["id"])["id"].combine_chunks()
        for row in np.flatnonzero(pc.is_in(ids, wanted).to_numpy(zero_copy_only=False)).tolist():
            name = ids[row].as_py()
            found[name] = Place(name, number, row)
    return {place: found[name] for place, name in names.items()}


def _problems(runs: Iterable[Run]) -> Iterator[dict[str, Any]]:
    left = PROBLEMS_SHOWN
    for run, commit in ((one, commit) for one in runs for commit in one.extracted().values()):
        if left and "problems" in commit.files and commit.files["problems"].rows:
            rows = storage.read_table(part_path(run.documents, commit, "problems")).slice(0, left)
            left -= rows.num_rows
            yield from rows.to_pylist()
