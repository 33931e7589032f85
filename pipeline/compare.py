"""Compare: several recipes over one run, side by side, in one page and one JSON.

Everything is counted from the decisions, so the figures are those of the manifests; texts are read
for a few samples only.
"""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import storage
from pipeline.dedup.joined import leading_bits
from pipeline.errors import OptionError
from pipeline.execution import Execution
from pipeline.jobs.select import select
from pipeline.report import comparison, kinds
from pipeline.report.facts import Place, axis, documents_at
from pipeline.run import Run
from pipeline.selection import decisions
from pipeline.selection.decisions import Mask
from pipeline.selection.manifest import Manifest
from pipeline.selection.parts import Part
from pipeline.selection.recipe import CLASSIFIERS, Recipe
from pipeline.selection.selected import Selected

SCHEMA = "seimai.comparison/1"
DISTRIBUTIONS = (*CLASSIFIERS, "n_chars", "ja_score", "hiragana_share", "link_share")
SAMPLES = 6
ALARM_SHARE = 0.9
ALARM_DOCUMENTS = 20
"""A host with at least so many documents raises an alarm where it loses more than the share."""

SHRUNK_SHARE = 0.5
"""A kind of page shrinks where less of it is kept than this share of what is kept of all."""

_READ = ["id", "host", "crawl_time", "n_chars", "cluster_id", "cluster_size"]


@dataclass(slots=True)
class _Count:
    """What is counted part by part; each row of an array is a recipe, the last all documents."""

    overlap: NDArray[np.int64]
    bins: dict[str, NDArray[np.int64]]
    characters: NDArray[np.int64]
    clustered: NDArray[np.int64]
    clustered_characters: NDArray[np.int64]
    clusters: list[list[NDArray[np.uint64]]]
    hosts: list[Counter[str]]
    years: list[Counter[str]]
    kinds: dict[str, list[Counter[str]]]
    only: dict[tuple[int, int], list[Place]] = field(default_factory=dict)


def compare(
    run: Run,
    recipes: Sequence[Recipe],
    execution: Execution,
    bundle: str,
    out: str,
    older: Sequence[str] = (),
) -> dict[str, Any]:
    """Select by each recipe, and write what they have in common and what not.

    Args:
        run: a run that is extracted, scored and grouped.
        recipes: at least two, of different names; each becomes the selection of its name.
        execution: where the shards are written.
        bundle: the classifier bundle whose scores are used.
        out: the folder for `comparison.html` and `comparison.json`.
        older: the folders of older runs to choose from as well, as in `select`.

    Returns:
        What the JSON holds.

    Raises:
        OptionError: if there are not two recipes of different names.
    """
    names = [recipe.name for recipe in recipes]
    if len(set(names)) < max(2, len(names)):
        raise OptionError(f"--recipes: {', '.join(names)} found, two or more different expected.")
    for recipe in recipes:
        select(run, recipe, recipe.name, execution, bundle, older)
    selections = [Selected.stored(run, name) for name in names]
    parts, decided = selections[0].parts, [selected.decided for selected in selections]
    count = _count(parts, decided)
    found = _summary(names, [selected.said for selected in selections], count)
    samples = _samples(names, parts, decided, count)
    storage.put_json(storage.join(out, "comparison.json"), found)
    page = comparison.render(found, samples)
    storage.put(storage.join(out, "comparison.html"), page.encode())
    return found


def drift(
    before: Mapping[str, Any], after: Mapping[str, Any], recipe: str, share: float
) -> list[dict[str, Any]]:
    """The hosts of which a recipe keeps much less than in an earlier comparison.

    Args:
        before: an earlier comparison's JSON.
        after: a later one's.
        recipe: the recipe's name, in both.
        share: the loss, of all of a host's documents, from which a host is named.

    Returns:
        Hosts with the share kept before and after, the greatest loss first.
    """
    lost = []
    for host, now in after["hosts"].items():
        then = before["hosts"].get(host)
        if then and then["documents"] >= ALARM_DOCUMENTS:
            old = then["kept"][recipe] / then["documents"]
            new = now["kept"][recipe] / now["documents"]
            if old - new >= share:
                lost.append({"host": host, "before": old, "after": new})
    return sorted(lost, key=lambda one: (one["after"] - one["before"], one["host"]))


def _count(parts: Sequence[Part], decided: Sequence[Sequence[str]]) -> _Count:
    rows = len(decided) + 1
    count = _Count(
        overlap=np.zeros((rows, rows), np.int64),
        bins={name: np.zeros((rows, len(axis(name)[0]) - 1), np.int64) for name in DISTRIBUTIONS},
        characters=np.zeros(rows, np.int64),
        clustered=np.zeros(rows, np.int64),
        clustered_characters=np.zeros(rows, np.int64),
        clusters=[[] for _ in range(rows)],
        hosts=[Counter() for _ in range(rows)],
        years=[Counter() for _ in range(rows)],
        kinds={name: [Counter() for _ in range(rows)] for name in kinds.COLUMNS},
    )
    for number, part in enumerate(parts):
        kept = [_kept(paths[number]) for paths in decided]
        _add(count, number, part, np.stack([*kept, np.ones(part.rows, bool)]))
    return count


def _add(count: _Count, number: int, part: Part, kept: Mask) -> None:
    """Count one part; `kept` has a row a recipe and a last one for all."""
    columns = part.read(dict.fromkeys([*_READ, *DISTRIBUTIONS, *kinds.COLUMNS]))
    as_numbers = kept.astype(np.int64)
    count.overlap += as_numbers @ as_numbers.T
    characters = np.asarray(columns["n_chars"], np.int64)
    clustered = np.asarray(columns["cluster_size"]) > 1
    count.characters += as_numbers @ characters
    count.clustered += as_numbers @ clustered
    count.clustered_characters += as_numbers @ (clustered * characters)
    clusters = leading_bits(columns["cluster_id"].combine_chunks())
    for name, bins in count.bins.items():
        edges, _ = axis(name)
        values = decisions.numbers(columns[name].combine_chunks())
        known = ~np.isnan(values)
        for row, chosen in enumerate(kept):
            within = np.clip(values[chosen & known], edges[0], edges[-1])
            bins[row] += np.histogram(within, edges)[0]
    hosts = np.array(columns["host"].to_pylist(), object)
    years = np.array([f"{time:%Y}" if time else "-" for time in columns["crawl_time"].to_pylist()])
    facts = {name: columns[name].combine_chunks() for name in kinds.COLUMNS}
    kind_of = kinds.of_pages(facts) if part.rows else {}
    ids = columns["id"].to_pylist()
    for row, chosen in enumerate(kept):
        count.clusters[row].append(np.unique(clusters[chosen & clustered]))
        count.hosts[row].update(hosts[chosen].tolist())
        count.years[row].update(years[chosen].tolist())
        for name, names in kind_of.items():
            count.kinds[name][row].update(names[chosen].tolist())
    for pair in itertools.permutations(range(len(kept) - 1), 2):
        only = np.flatnonzero(kept[pair[0]] & ~kept[pair[1]])
        new = [Place(ids[row], number, int(row)) for row in only]
        count.only[pair] = sorted([*count.only.get(pair, []), *new])[:SAMPLES]


def _summary(names: Sequence[str], said: Sequence[Manifest], count: _Count) -> dict[str, Any]:
    """The comparison as JSON."""
    shown = [host for host, _ in sorted(count.hosts[-1].items(), key=lambda item: (-item[1], item))]
    kind_survival = {
        column: _survival(names, counts, kinds.in_order(column, counts[-1]))
        for column, counts in count.kinds.items()
    }
    return {
        "schema": SCHEMA,
        "records": said[0]["totals"]["records"],
        "documents": int(count.overlap[-1, -1]),
        "characters": int(count.characters[-1]),
        "hosts_of_documents": len(count.hosts[-1]),
        "clustered": int(count.clustered[-1]),
        "recipes": {
            name: {
                "digest": manifest["recipe"]["digest"],
                "kept": int(count.overlap[row, row]),
                "kept_characters": manifest["totals"]["kept_characters"],
                "cut_characters": manifest["totals"]["cut"].get("characters", 0),
                "hosts": len(count.hosts[row]),
                "clustered": int(count.clustered[row]),
                "left_out_by_first_reason": manifest["totals"]["left_out_by_first_reason"],
                "left_out_by_any_reason": manifest["totals"]["left_out_by_any_reason"],
            }
            for row, (name, manifest) in enumerate(zip(names, said, strict=True))
        },
        "overlap": {
            ours: {theirs: int(count.overlap[a, b]) for b, theirs in enumerate(names)}
            for a, ours in enumerate(names)
        },
        "distributions": {
            column: {
                "edges": axis(column)[0].tolist(),
                "logarithmic": axis(column)[1],
                "all": bins[-1].tolist(),
                "kept": {name: bins[row].tolist() for row, name in enumerate(names)},
            }
            for column, bins in count.bins.items()
        },
        "years": _survival(names, count.years, sorted(count.years[-1])),
        "hosts": _survival(names, count.hosts, shown),
        "kinds": kind_survival,
        "shrunk": _shrunk(kind_survival, _kept_share(names, count)),
        "near_duplicates": {
            "all": _near_duplicates(-1, count),
            "kept": {name: _near_duplicates(row, count) for row, name in enumerate(names)},
        },
        "alarms": list(_alarms(names, count.hosts)),
    }


def _survival(
    names: Sequence[str], counts: Sequence[Counter[str]], shown: Sequence[str]
) -> dict[str, dict[str, Any]]:
    return {
        key: {
            "documents": counts[-1][key],
            "kept": {name: counts[row][key] for row, name in enumerate(names)},
        }
        for key in shown
    }


def _near_duplicates(row: int, count: _Count) -> dict[str, int]:
    """The near-duplicate mass of a recipe, or of all documents for the last row."""
    clusters = len(np.unique(np.concatenate([np.zeros(0, np.uint64), *count.clusters[row]])))
    return {
        "documents": int(count.clustered[row]),
        "characters": int(count.clustered_characters[row]),
        "clusters": clusters,
        "further": int(count.clustered[row]) - clusters,
    }


def _kept_share(names: Sequence[str], count: _Count) -> dict[str, float]:
    documents = max(1, int(count.overlap[-1, -1]))
    return {name: int(count.overlap[row, row]) / documents for row, name in enumerate(names)}


def _shrunk(
    survival: Mapping[str, Mapping[str, Mapping[str, Any]]], overall: Mapping[str, float]
) -> list[dict[str, Any]]:
    """The kinds of page of which a recipe keeps much less than of all, the most shrunk first."""
    found = [
        {"recipe": name, "by": column, "kind": kind, "documents": row["documents"], "kept": kept}
        for column, by_kind in survival.items()
        for kind, row in by_kind.items()
        for name, kept in row["kept"].items()
        if row["documents"] >= ALARM_DOCUMENTS
        and kept / row["documents"] < SHRUNK_SHARE * overall[name]
    ]
    return sorted(found, key=lambda one: one["kept"] / one["documents"] / overall[one["recipe"]])


def _alarms(names: Sequence[str], hosts: Sequence[Counter[str]]) -> Iterator[dict[str, Any]]:
    """Hosts that a recipe nearly wipes out."""
    for row, name in enumerate(names):
        for host, documents in sorted(hosts[-1].items(), key=lambda item: (-item[1], item[0])):
            kept = hosts[row][host]
            if documents >= ALARM_DOCUMENTS and documents - kept > ALARM_SHARE * documents:
                yield {"recipe": name, "host": host, "documents": documents, "kept": kept}


def _samples(
    names: Sequence[str], parts: Sequence[Part], decided: Sequence[Sequence[str]], count: _Count
) -> dict[str, list[dict[str, Any]]]:
    """Documents that one recipe keeps and the other does not, with the other's reasons."""
    samples = {}
    for (ours, theirs), places in count.only.items():
        found = documents_at(parts, decided[theirs], places)
        samples[f"{names[ours]} − {names[theirs]}"] = [found[place] for place in places]
    return samples


def _kept(path: str) -> Mask:
    column = storage.read_table(path, ["kept"])["kept"]
    return np.asarray(column.combine_chunks().to_numpy(zero_copy_only=False), bool)


def default_folder(run: Run, recipes: Sequence[Recipe]) -> str:
    """Where a comparison is written where nobody says otherwise: below the run."""
    return storage.join(run.path, "compared", "-".join(Path(r.name).stem for r in recipes))
