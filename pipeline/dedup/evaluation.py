"""How well grouping does, held against families of duplicates that somebody else has listed.

The list is a tab-separated file with the columns `family`, `url` and `kind`: `exact`, `near`, or
`contained` (a page inside a longer one). Pairs of pages are counted in two ways: those *in one
cluster*, which is what a family is, and those of them that are *alike*, whose similarity as
estimated from the signatures reaches the threshold, which is what makes a recipe remove one. A list
knows only its own pages, so precision is counted over pairs of which it names at least one page.

Contained pages are counted by page: a listed one is found where most of it is said to stand in any
longer page, since an archive has many listings of one post. Whether what is found is right is told
by the list's rule, for listed and other pages alike: 85 % of the 7-grams of the run's text.

Lists are made from other texts than a run holds (another extractor, another n-gram), so each
disagreement comes with the exact similarity by the list's own rule on the run's texts: Jaccard of
the sets of character 7-grams at 0.75 or more. Where that rule sides with the run, the disagreement
is one about the texts, and is told apart. Beside it stands what a person has said who has read the
pages: a second file names the disagreements in which the list is wrong, one a line.
"""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import storage
from pipeline.dedup.signatures import SHINGLE_CHARS, similarity, slots
from pipeline.errors import InputError, RunError
from pipeline.run import Run
from pipeline.tasks import commits, part_path
from pipeline.text import dedup_view

KINDS = ("exact", "near", "contained")
"""The kinds of families, in the order in which they are reported."""

LIST_SHINGLE_CHARS = 7
LIST_THRESHOLD = 0.75
"""The rule by which a list of near-duplicates is taken to have been made."""

LIST_CONTAINMENT = 0.85
"""The share of a page inside a longer one from which a list calls it contained."""

MIN_CHARS = 200
"""Characters of text from which a page counts in the figures that are promised."""

_Pair = tuple[int, int]
_Families = Mapping[str, tuple[str, list[int]]]
_Outcome = Literal["missed", "extra"]
_Read = tuple[str, frozenset[str]]

_LIST_MISTAKEN: tuple[tuple[str, _Outcome], ...] = (
    ("recall, exact and near", "missed"),
    ("precision", "extra"),
)
_COLUMNS = ["family", "url", "kind"]
_READ_COLUMNS = ["outcome", "url", "other", "mistaken", "reason"]


@dataclass(frozen=True, slots=True)
class Ratio:
    """Some of a number of things."""

    part: int
    whole: int

    def __str__(self) -> str:
        if not self.whole:
            return "-"
        return f"{self.part / self.whole:.4f} of {self.whole:,}"


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A pair of pages of which the list says one thing and the run another.

    Attributes:
        outcome: `missed`, a pair that only the list has, or `extra`, one that only the run has.
        kind: the kind of the list's family; empty for an extra pair.
        urls: the two pages.
        n_chars: the lengths of their texts.
        estimate: similarity estimated from the signatures; null where a text is too short.
        by_list_rule: exact Jaccard of character 7-grams of the run's texts.
        by_own_rule: exact Jaccard of character 5-grams of their dedup views.
    """

    outcome: _Outcome
    kind: str
    urls: tuple[str, str]
    n_chars: tuple[int, int]
    estimate: float | None
    by_list_rule: float
    by_own_rule: float

    @property
    def read(self) -> "_Read":
        """What a reader's verdict on it is known by."""
        return self.outcome, frozenset(self.urls)

    @property
    def over_texts(self) -> bool:
        """Whether the list's rule, applied to the run's texts, sides with the run."""
        return (self.by_list_rule >= LIST_THRESHOLD) == (self.outcome == "extra")


@dataclass(frozen=True, slots=True)
class Agreement:
    """Precision and recall over the pages of some length, counted in one of the two ways.

    Attributes:
        min_chars: characters of text from which a page counts.
        recall: by kind, pairs of the list that are found.
        whole_families: by kind, families whose pages are all found with one another.
        precision: found pairs that are in a family of any kind, of those with a listed page.
        pure_clusters: clusters without a found pair that the list does not have, of those with a
            listed page and another page.
        unjudged: found pairs of pages that the list does not know.
        disagreements: pairs of exact or near families that are missed, and extra pairs.
    """

    min_chars: int
    recall: Mapping[str, Ratio]
    whole_families: Mapping[str, Ratio]
    precision: Ratio
    pure_clusters: Ratio
    unjudged: int
    disagreements: Sequence[Disagreement]

    def without(self, outcome: _Outcome, is_the_lists: Callable[[Disagreement], bool]) -> Ratio:
        """Recall over exact and near pairs, or precision, without what is the list's mistake.

        Args:
            outcome: `missed` for recall, `extra` for precision.
            is_the_lists: whether a disagreement is.
        """
        forgiven = sum(d.outcome == outcome and is_the_lists(d) for d in self.disagreements)
        if outcome == "extra":
            return Ratio(self.precision.part + forgiven, self.precision.whole)
        found = sum(self.recall[kind].part for kind in ("exact", "near"))
        listed = sum(self.recall[kind].whole for kind in ("exact", "near"))
        return Ratio(found, listed - forgiven)


@dataclass(frozen=True, slots=True)
class Agreements:
    """The same way of counting, over all pages and over those of `MIN_CHARS` and more."""

    all_pages: Agreement
    long_pages: Agreement


@dataclass(frozen=True, slots=True)
class Containment:
    """How well pages that stand in longer ones are found.

    Attributes:
        min_chars: characters of text from which a page counts.
        recall: pages of the list that are found to be contained.
        recall_by_list_rule: the same, of those that are contained in the run's texts too.
        precision: pages found, listed or not, that are contained by the list's rule.
        precision_by_own_rule: the same by the 5-grams of the dedup views, without figures.
    """

    min_chars: int
    recall: Ratio
    recall_by_list_rule: Ratio
    precision: Ratio
    precision_by_own_rule: Ratio


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A run's groups against a list.

    Attributes:
        listed: pages in the list.
        absent: those of them that are no documents of the run (another language, say).
        threshold: the similarity from which two pages of a cluster are alike.
        clustered: pairs in one cluster, against pairs in one family.
        alike: those of them that are alike, against pairs in one family.
        contained: pages that stand in longer ones, over all pages and over those of `MIN_CHARS`.
        read: the disagreements of which a reader says that the list is wrong; None if nobody has
            read them.
    """

    listed: int
    absent: int
    threshold: float
    clustered: Agreements
    alike: Agreements
    contained: tuple[Containment, Containment]
    read: Collection[_Read] | None = None

    def lines(self) -> Iterator[str]:
        """The figures, and then every disagreement, for a person."""
        columns = [
            self.clustered.all_pages,
            self.clustered.long_pages,
            self.alike.all_pages,
            self.alike.long_pages,
        ]
        yield f"{self.listed:,} pages listed, {self.absent:,} of them no documents of this run"
        yield ""
        yield f"{'':<28}{'in one cluster':<40}alike, from {self.threshold:g}"
        lengths = [f"{column.min_chars:,} chars and more" for column in columns]
        yield _row("", ["all pages", lengths[1], "all pages", lengths[3]])
        for kind in KINDS:
            yield _row(f"recall, {kind}, pairs", [column.recall[kind] for column in columns])
            yield _row("  families", [column.whole_families[kind] for column in columns])
        yield _row("precision, pairs", [column.precision for column in columns])
        yield _row("  clusters", [column.pure_clusters for column in columns])
        yield "by the list's own rule on this run's texts"
        for name, outcome in _LIST_MISTAKEN:
            by_rule = [column.without(outcome, lambda d: d.over_texts) for column in columns]
            yield _row(f"  {name}", by_rule)
        if self.read is not None:
            known = self.read
            yield "after reading"
            for name, outcome in _LIST_MISTAKEN:
                left = [column.without(outcome, lambda d: d.read in known) for column in columns]
                yield _row(f"  {name}", left)
        yield _row("pairs unknown to the list", [f"{column.unjudged:,}" for column in columns])
        yield ""
        yield f"{'':<28}contained, from {LIST_CONTAINMENT:g}"
        yield _row("", ["all pages", f"{self.contained[1].min_chars:,} chars and more"])
        yield _row("recall, pages", [column.recall for column in self.contained])
        by_rule = [column.recall_by_list_rule for column in self.contained]
        yield _row("  by the list's own rule", by_rule)
        yield _row("precision by that rule", [column.precision for column in self.contained])
        by_rule = [column.precision_by_own_rule for column in self.contained]
        yield _row("  by 5-grams of the views", by_rule)
        yield from _listing("in one cluster", self.clustered.all_pages.disagreements)
        shown = set(self.clustered.all_pages.disagreements)
        further = [pair for pair in self.alike.all_pages.disagreements if pair not in shown]
        yield from _listing("alike, further ones", further)


def evaluate(run: str, truth: str, read: str | None = None) -> Evaluation:
    """Holds a run's groups against a list of families.

    Args:
        run: the folder of a run that is grouped.
        truth: the list: a path or an fsspec URL.
        read: what a reader says of the disagreements: a tab-separated file with the columns
            `outcome` (`missed`, `extra`), `url`, `other`, `mistaken` (`list`, `run`) and `reason`.

    Returns:
        Precision and recall, and every disagreement.

    Raises:
        InputError: if the list cannot be read as such.
        RunError: if the run is not grouped.
    """
    listed = _read_list(truth)
    pages = _Pages(Run(run))
    families = {
        name: (kind, sorted({pages.row[url] for url in urls if url in pages.row}))
        for name, (kind, urls) in listed.items()
    }
    urls = {url for _, members in listed.values() for url in members}
    return Evaluation(
        listed=len(urls),
        absent=sum(url not in pages.row for url in urls),
        threshold=pages.threshold,
        clustered=_agreements(pages, families, lambda _: True),
        alike=_agreements(pages, families, pages.are_alike),
        contained=_containments(pages, listed),
        read=_read_verdicts(read) if read else None,
    )


class _Pages:
    """The documents of a run, by row; of several of one URL, the first stands for all."""

    def __init__(self, run: Run) -> None:
        documents, groups = run.extracted(), commits(run.groups)
        if missing := documents.keys() - groups.keys():
            raise RunError(
                f"{run.groups}: {len(missing)} of {len(documents)} parts are not there. "
                f"Run `seimai group {run.path}` first."
            )
        self._texts = [part_path(run.documents, done, "documents") for done in documents.values()]
        places = [part_path(run.groups, groups[task], "groups") for task in documents]
        table = _read(self._texts, ["id", "url", "n_chars", "signature"])
        place = _read(places, ["exact_id", "cluster_id", "contained_in", "containment"])
        shapes = {str(groups[task].notes["shape"]): groups[task].notes["shape"] for task in groups}
        self.threshold = _threshold(shapes.values())
        self.urls: list[str] = table["url"].to_pylist()
        self.row: dict[str, int] = {url: row for row, url in reversed(list(enumerate(self.urls)))}
        self.n_chars: list[int] = table["n_chars"].to_pylist()
        self._exact: list[str] = place["exact_id"].to_pylist()
        self._cluster: list[str] = place["cluster_id"].to_pylist()
        row_of_id: dict[str, int] = {name: row for row, name in enumerate(table["id"].to_pylist())}
        self.containers = {
            row: row_of_id[outer]
            for row, (outer, share) in enumerate(
                zip(
                    place["contained_in"].to_pylist(), place["containment"].to_pylist(), strict=True
                )
            )
            if outer is not None and share >= LIST_CONTAINMENT and self.row[self.urls[row]] == row
        }
        self._has_signature: list[bool] = table["signature"].is_valid().to_pylist()
        self._signature = slots(table["signature"])

    def clusters(self) -> list[list[int]]:
        """The pages of each cluster of several, by row."""
        members: defaultdict[str, list[int]] = defaultdict(list)
        for row in sorted(self.row.values()):
            members[self._cluster[row]].append(row)
        return [rows for rows in members.values() if len(rows) > 1]

    def estimate(self, pair: _Pair) -> float | None:
        """The similarity of two pages, 1 for exact copies; None where one has no signature."""
        ours, theirs = pair
        if self._exact[ours] == self._exact[theirs]:
            return 1.0
        if not (self._has_signature[ours] and self._has_signature[theirs]):
            return None
        return float(similarity(self._signature[ours], self._signature[theirs]))

    def are_alike(self, pair: _Pair) -> bool:
        """Whether the similarity of two pages of a cluster reaches the threshold."""
        return (self.estimate(pair) or 0.0) >= self.threshold

    def texts(self, rows: Iterable[int]) -> dict[int, str]:
        """The texts of some pages."""
        wanted = {self.urls[row] for row in rows}
        found: dict[int, str] = {}
        for path in self._texts:
            table = _read([path], ["url", "text"])
            table = table.filter(pc.is_in(table["url"], pa.array(sorted(wanted), pa.string())))
            for url, text in zip(*(column.to_pylist() for column in table.columns), strict=True):
                found.setdefault(self.row[url], text)
        return found

    def first(self, row: int) -> int:
        """The row that stands for all documents of a document's URL."""
        return self.row[self.urls[row]]


def _containments(
    pages: _Pages, listed: Mapping[str, tuple[str, list[str]]]
) -> tuple[Containment, Containment]:
    due = {
        (pages.row[inner], pages.row[outer])
        for kind, (outer, *inners) in listed.values()
        for inner in inners
        if kind == "contained" and {inner, outer} <= pages.row.keys()
    }
    found = {(inner, pages.first(outer)) for inner, outer in pages.containers.items()}
    texts = pages.texts({row for pair in due | found for row in pair})
    views = {row: dedup_view(text) for row, text in texts.items()}

    def by_rule(texts: Mapping[int, str], chars: int) -> set[_Pair]:
        return {
            (inner, outer)
            for inner, outer in due | found
            if share_inside(texts[inner], texts[outer], chars) >= LIST_CONTAINMENT
        }

    true, true_of_views = by_rule(texts, LIST_SHINGLE_CHARS), by_rule(views, SHINGLE_CHARS)

    def over(min_chars: int) -> Containment:
        def inner_pages(pairs: set[_Pair]) -> set[int]:
            return {inner for inner, _ in pairs if pages.n_chars[inner] >= min_chars}

        wanted, wanted_truly = inner_pages(due), inner_pages(due & true)
        flagged = inner_pages(found)
        return Containment(
            min_chars,
            Ratio(len(wanted & flagged), len(wanted)),
            Ratio(len(wanted_truly & flagged), len(wanted_truly)),
            Ratio(len(inner_pages(found & true)), len(flagged)),
            Ratio(len(inner_pages(found & true_of_views)), len(flagged)),
        )

    return over(0), over(MIN_CHARS)


def _agreements(
    pages: _Pages, families: _Families, is_found: Callable[[_Pair], bool]
) -> Agreements:
    return Agreements(
        _agreement(pages, families, is_found, 0),
        _agreement(pages, families, is_found, MIN_CHARS),
    )


def _agreement(
    pages: _Pages, families: _Families, is_found: Callable[[_Pair], bool], min_chars: int
) -> Agreement:
    def counts(pair: _Pair) -> bool:
        return min(pages.n_chars[pair[0]], pages.n_chars[pair[1]]) >= min_chars

    due: dict[_Pair, str] = {}
    by_family: list[tuple[str, set[_Pair]]] = []
    known: set[int] = set()
    for kind, rows in families.values():
        known.update(rows)
        pairs = {pair for pair in combinations(rows, 2) if counts(pair)}
        by_family.append((kind, pairs))
        due.update(dict.fromkeys(pairs, kind))
    by_cluster = [
        {pair for pair in combinations(rows, 2) if counts(pair) and is_found(pair)}
        for rows in pages.clusters()
    ]
    found = {pair for pairs in by_cluster for pair in pairs}
    judged = {pair for pair in found if known & set(pair)}
    judged_clusters = [pairs & judged for pairs in by_cluster if pairs & judged]
    missed = {pair for pair, kind in due.items() if kind != "contained"} - found
    return Agreement(
        min_chars=min_chars,
        recall=_ratios((kind, pair in found) for pair, kind in due.items()),
        whole_families=_ratios((kind, pairs <= found) for kind, pairs in by_family if pairs),
        precision=Ratio(len(judged & due.keys()), len(judged)),
        pure_clusters=Ratio(
            sum(pairs <= due.keys() for pairs in judged_clusters), len(judged_clusters)
        ),
        unjudged=len(found) - len(judged),
        disagreements=_disagreements(pages, missed, judged - due.keys(), due),
    )


def _row(name: str, values: Sequence[object]) -> str:
    return f"{name:<28}" + "".join(f"{value!s:<20}" for value in values).rstrip()


def _listing(name: str, disagreements: Sequence[Disagreement]) -> Iterator[str]:
    if disagreements:
        yield ""
        yield f"disagreements: {name}"
        yield "  estimate  7-gram  5-gram  characters"
    for pair in disagreements:
        estimate = "-" if pair.estimate is None else f"{pair.estimate:.2f}"
        lengths = f"{pair.n_chars[0]:,}, {pair.n_chars[1]:,}"
        verdict = f"{pair.outcome} {pair.kind}".rstrip() + ", over texts" * pair.over_texts
        yield (
            f"  {estimate:>8}  {pair.by_list_rule:6.2f}  {pair.by_own_rule:6.2f}  "
            f"{lengths:<18} {verdict}"
        )
        yield from (f"{'':<28}{url}" for url in pair.urls)


def _ratios(outcomes: Iterable[tuple[str, bool]]) -> dict[str, Ratio]:
    part: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for kind, good in outcomes:
        whole[kind] += 1
        part[kind] += good
    return {kind: Ratio(part[kind], whole[kind]) for kind in KINDS}


def _disagreements(
    pages: _Pages, missed: set[_Pair], extra: set[_Pair], kinds: Mapping[_Pair, str]
) -> list[Disagreement]:
    texts = pages.texts({row for pair in missed | extra for row in pair})
    views = {row: dedup_view(text) for row, text in texts.items()}
    return [
        Disagreement(
            outcome="missed" if pair in missed else "extra",
            kind=kinds.get(pair, ""),
            urls=(pages.urls[pair[0]], pages.urls[pair[1]]),
            n_chars=(pages.n_chars[pair[0]], pages.n_chars[pair[1]]),
            estimate=pages.estimate(pair),
            by_list_rule=jaccard(texts[pair[0]], texts[pair[1]], LIST_SHINGLE_CHARS),
            by_own_rule=jaccard(views[pair[0]], views[pair[1]], SHINGLE_CHARS),
        )
        for pair in sorted(missed | extra, key=lambda pair: (pair in extra, pair))
    ]


def jaccard(ours: str, theirs: str, chars: int) -> float:
    """The exact Jaccard similarity of the sets of character n-grams of two texts.

    Texts without any n-gram are alike if they are equal and say something at all.

    >>> jaccard("精米は三度とぐ", "精米は二度とぐ", 3)
    0.25
    """
    left, right = _shingles(ours, chars), _shingles(theirs, chars)
    if not left | right:
        return float(bool(ours) and ours == theirs)
    return len(left & right) / len(left | right)


def share_inside(inner: str, outer: str, chars: int) -> float:
    """The exact share of a text's character n-grams that stand in another one; 0 without any.

    >>> share_inside("精米は三度とぐ", "新米や精米は二度とぐ", 3)
    0.4
    """
    left = _shingles(inner, chars)
    return len(left & _shingles(outer, chars)) / max(1, len(left))


def _shingles(text: str, chars: int) -> set[str]:
    return {text[start : start + chars] for start in range(len(text) - chars + 1)}


def _threshold(shapes: Iterable[object]) -> float:
    """The threshold of the shape that the run was grouped with."""
    thresholds = {float(shape["threshold"]) for shape in shapes if isinstance(shape, dict)}
    return max(thresholds, default=float(np.inf))


def _read(paths: Sequence[str], columns: list[str]) -> pa.Table:
    return pa.concat_tables(storage.read_table(path, columns) for path in paths).combine_chunks()


def _read_list(path: str) -> dict[str, tuple[str, list[str]]]:
    """The families of a list: by name, their kind and their URLs."""
    families: dict[str, tuple[str, list[str]]] = {}
    for line, row in enumerate(_rows(path, _COLUMNS), 2):
        if row["kind"] not in KINDS:
            raise InputError(
                f"{path}, line {line}: kind {row['kind']!r} found, one of {', '.join(KINDS)} "
                "expected."
            )
        families.setdefault(row["family"], (row["kind"], []))[1].append(row["url"])
    return families


def _read_verdicts(path: str) -> set[_Read]:
    """The disagreements of which a reader says that the list is wrong."""
    wrong: set[_Read] = set()
    for line, row in enumerate(_rows(path, _READ_COLUMNS), 2):
        if row["mistaken"] not in {"list", "run"}:
            raise InputError(
                f"{path}, line {line}: mistaken {row['mistaken']!r} found, list or run expected."
            )
        if row["mistaken"] == "list":
            wrong.add((row["outcome"], frozenset([row["url"], row["other"]])))
    return wrong


def _rows(path: str, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    """The rows of a tab-separated file that has certain columns."""
    if not storage.exists(path):
        raise InputError(f"{path}: no such file; one with {', '.join(columns)} expected.")
    text = storage.read_bytes(path).decode("utf-8-sig")
    rows = csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE)
    if rows.fieldnames is None or not set(columns) <= set(rows.fieldnames):
        raise InputError(
            f"{path}: columns {', '.join(rows.fieldnames or ['none'])} found, tab-separated "
            f"{', '.join(columns)} expected in the first line."
        )
    yield from rows
