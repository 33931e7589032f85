"""The recipe: what a selection keeps, as a small YAML file that is checked before any work is done.

A recipe says nothing about how documents are read or scored. It acts on stored columns, always in
the order of `ORDER`, so that its lines can be read in any order. `docs/recipes.md` explains every
key; `schemas/recipe.schema.json` lets an editor complete them.

>>> recipe = load("default")
>>> recipe.duplicates
KeepPolicy(keep='best', threshold=0.75, copies=1, contained='keep', containment=0.85)
"""

import hashlib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

import pyarrow as pa

from pipeline import storage
from pipeline.dedup.survivors import FLOOR, Contained, Keep, KeepPolicy
from pipeline.errors import InputError, RecipeError
from pipeline.rules import RULES
from pipeline.selection import recipe_file
from pipeline.selection.cutting import CutPolicy, Frequent
from pipeline.selection.recipe_file import SHIPPED, Value, shipped
from schemas import (
    DOCUMENTS,
    GROUPS,
    MARKED_ANYWHERE,
    MARKED_ON_HOST,
    PAGES_COUNTED,
    SCORES,
)

ORDER = (
    "erased",
    "takedown",
    "robots",
    "crawl_time",
    "flags",
    "ranges",
    "scores",
    "paragraphs",
    "duplicates",
    "caps",
    "sample",
    "mask",
)
"""The fixed order of what a recipe does; what was erased from the run is never kept. Up to
`paragraphs` every document is judged, and all reasons against it are kept; from `duplicates` on
only what is left competes for its place. The shares in `scores` are shares of what takedown,
robots, time, flags and ranges left over."""

CLASSIFIERS = ("noise", "affiliate", "adult")
"""The scores that a recipe can cut; high is bad in each."""

MASKS = ("email", "phone", "address", "my_number")
"""The kinds of personal data that can be masked in the shards' text."""

ROBOTS = ("noai", "noimageai", "noarchive", "noindex", "nosnippet")
"""The wishes of a page, in `meta robots` or X-Robots-Tag, that a recipe can honour."""

_KEYS = ("extends", "description", *ORDER[1:], "shards", "seed")  # nobody asks for `erased`
_MAX_EXTENDS = 16
_PERCENT = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?%")
_SIZE = re.compile(r"([0-9]+) ?(|[KMG]i?B)")
_UNITS = {
    "": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
}
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ListFile:
    """A file of hosts or URLs, one a line, of any size; `#` begins a comment.

    Attributes:
        path: where it is.
        sha256: digest of its bytes, part of the recipe's own digest.
    """

    path: str
    sha256: str

    @classmethod
    def of(cls, path: Path) -> "ListFile":
        """The list in a file.

        Raises:
            InputError: if there is no such file.
        """
        try:
            with path.open("rb") as file:
                return cls(str(path), hashlib.file_digest(file, "sha256").hexdigest())
        except OSError as error:
            raise InputError(
                f"{path}: no list of hosts or URLs can be read ({error.strerror}); "
                "a text file with one a line is expected."
            ) from error


@dataclass(frozen=True, slots=True)
class Takedown:
    """What must not be in a selection, whatever else the recipe says.

    Attributes:
        hosts: files of hosts; a host stands for itself and all hosts below it.
        urls: files of URLs; scheme, fragment and a final slash do not count.
    """

    hosts: tuple[ListFile, ...] = ()
    urls: tuple[ListFile, ...] = ()


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """The crawl times to keep, in milliseconds since 1970 UTC; undated documents are left out.

    Attributes:
        begin: the first moment kept, or None.
        until: the first moment no longer kept, or None.
    """

    begin: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Range:
    """The values of a column that are kept, bounds included; null is always kept."""

    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """How a classifier's probability cuts: by one of the two.

    Attributes:
        keep_below: documents at or over this probability are left out, 0 to 1.
        drop_worst: this share of the documents still eligible is left out, 0 to 1: those with
            the highest probability. Where ties stand at the edge, less is left out.
    """

    keep_below: float | None = None
    drop_worst: float | None = None


@dataclass(frozen=True, slots=True)
class Band:
    """A band of a classifier's probability, and how much of it may stay.

    Attributes:
        documents: at most so many.
        begin: the lowest probability in it, 0 to 1.
        below: the lowest probability over it; None if it has no upper end.
    """

    documents: int
    begin: float = 0.0
    below: float | None = None


@dataclass(frozen=True, slots=True)
class Caps:
    """At most so many documents of a kind, the best first; None: no cap.

    Attributes:
        host: of one host.
        domain: of one registered domain.
        bands: of all documents in a band of a probability, by classifier.
    """

    host: int | None = None
    domain: int | None = None
    bands: Mapping[str, Band] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ShardSizes:
    """How the shards are cut.

    Attributes:
        size: bytes of a shard file aimed at.
        row_group: uncompressed bytes of a row group.
    """

    size: int = 256 << 20
    row_group: int = 48 << 20


@dataclass(frozen=True, slots=True)
class Recipe:
    """A checked recipe, with everything it extends worked in.

    Attributes:
        name: the file's name without its ending.
        description: one sentence for the data card.
        takedown: hosts and URLs that must not be there.
        robots: the directives whose pages are left out, in the order of `ROBOTS`.
        crawl_time: the time window.
        flags: the rules whose failing drops a document, in the rules table's order.
        ranges: the values kept, by column.
        scores: the cuts, by classifier.
        paragraphs: what becomes of frequent paragraphs.
        duplicates: which of several near-duplicates stay; None for all.
        caps: limits by site.
        sample: the share of what is left that is kept, 0 to 1, drawn by id and seed.
        mask: the kinds of personal data masked in the text.
        shards: sizes.
        seed: of the sample and of the shards' order.
    """

    name: str
    description: str = ""
    takedown: Takedown = Takedown()
    robots: tuple[str, ...] = ()
    crawl_time: TimeWindow = TimeWindow()
    flags: tuple[str, ...] = ()
    ranges: Mapping[str, Range] = field(default_factory=dict)
    scores: Mapping[str, Cut] = field(default_factory=dict)
    paragraphs: CutPolicy = field(default_factory=CutPolicy)
    duplicates: KeepPolicy | None = field(default_factory=KeepPolicy)
    caps: Caps = Caps()
    sample: float = 1.0
    mask: tuple[str, ...] = ()
    shards: ShardSizes = ShardSizes()
    seed: int = 0

    def content(self) -> dict[str, object]:
        """What the recipe does, as JSON-able values: no names, and lists by digest, not place."""
        content = asdict(self)
        del content["name"], content["description"]
        takedown = {
            "hosts": sorted(file.sha256 for file in self.takedown.hosts),
            "urls": sorted(file.sha256 for file in self.takedown.urls),
        }
        named = {name: list(getattr(self, name)) for name in ("robots", "flags", "mask")}
        return {**content, "takedown": takedown, **named}

    @property
    def digest(self) -> str:
        """16 hexadecimal digits: two recipes that do the same have the same."""
        return storage.digest(self.content())


def load(name_or_path: str) -> Recipe:
    """Read and check a recipe.

    Args:
        name_or_path: the name of a shipped recipe (`default`), or the path of a YAML file.

    Raises:
        RecipeError: naming the file, the line, the key, what was found and what was expected.
    """
    path = _locate(name_or_path, None)
    return _recipe(path.stem, _with_bases(recipe_file.read(path), ()))


def from_text(text: str, name: str = "recipe") -> Recipe:
    """Check a recipe that is given as text; files that it names are looked for from here.

    Raises:
        RecipeError: as `load`.
    """
    return _recipe(name, _with_bases(recipe_file.parse(text, f"{name}.yaml"), ()))


def restored(said: Mapping[str, Any]) -> Recipe:
    """The recipe of a selection, from what its manifest says of it.

    It does the same, and has the same digest; where its lists of hosts and URLs lay is not known
    any more, so it can be reported on and not selected by.

    Args:
        said: the `recipe` of a manifest.
    """
    content = said["content"]
    lists = {
        kind: tuple(ListFile("", sha256) for sha256 in digests)
        for kind, digests in content["takedown"].items()
    }
    policy, caps = content["duplicates"], content["caps"]
    bands = caps["bands"]
    sections = {
        "takedown": Takedown(**lists),
        "robots": tuple(content["robots"]),
        "crawl_time": TimeWindow(**content["crawl_time"]),
        "flags": tuple(content["flags"]),
        "ranges": {name: Range(**kept) for name, kept in content["ranges"].items()},
        "scores": {name: Cut(**cut) for name, cut in content["scores"].items()},
        "paragraphs": CutPolicy(**content.get("paragraphs", {})),
        "duplicates": None if policy is None else KeepPolicy(**policy),
        "caps": Caps(**{**caps, "bands": {name: Band(**band) for name, band in bands.items()}}),
        "mask": tuple(content["mask"]),
        "shards": ShardSizes(**content["shards"]),
    }
    return Recipe(said["name"], said["description"], **{**content, **sections})


def range_columns() -> list[str]:
    """The columns whose values a recipe can bound: all numbers, and counts by their total."""
    columns = [*DOCUMENTS.columns, *SCORES.columns, *GROUPS.without(["frequent_paragraphs"])]
    return [column.name for column in columns if _is_measurable(column.type)]


def with_seed(recipe: Recipe, seed: int) -> Recipe:
    """The same recipe with another seed."""
    return replace(recipe, seed=seed)


def _is_measurable(kind: pa.DataType) -> bool:
    is_count = pa.types.is_list(kind) and pa.types.is_struct(kind.value_type)
    return is_count or bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _locate(name_or_path: str, asked_by: Value | None) -> Path:
    beside = Path(asked_by.file).parent if asked_by else Path()
    path = beside / name_or_path
    if path.suffix in {".yaml", ".yml"} and "\0" not in name_or_path:
        return path
    if name_or_path in shipped():
        return SHIPPED / f"{name_or_path}.yaml"
    place = f"{asked_by.file}, line {asked_by.line}: " if asked_by else ""
    raise RecipeError(
        f"{place}there is no recipe `{name_or_path}`; "
        f"{recipe_file.nearest(name_or_path, shipped())} "
        "A recipe of your own is named by its path, ending in .yaml."
    )


def _with_bases(tree: Value, above: tuple[Path, ...]) -> Value:
    """The tree of a recipe on top of the trees that it extends; `above` are those that ask."""
    tree.refuse_unknown(_KEYS, "key")
    base = tree.mapping.get("extends")
    if base is None or base.data is None:
        return tree
    path = _locate(_text(base), base)
    asking = (*above, Path(tree.file).resolve())
    if path.resolve() in asking:
        raise RecipeError(f"{base.file}, line {base.line}: `extends` leads back to this recipe.")
    if len(asking) > _MAX_EXTENDS:
        raise RecipeError(f"{base.file}, line {base.line}: `extends` is more than 16 recipes deep.")
    return recipe_file.merged(_with_bases(recipe_file.read(path), asking), tree)


def _recipe(name: str, tree: Value) -> Recipe:
    """Check a tree and make it a recipe."""
    entries = {key: value for key, value in tree.mapping.items() if value.data is not None}
    recipe = Recipe(name)

    def read(key: str, reader: Callable[[Value], _T], default: _T) -> _T:
        return reader(entries[key]) if key in entries else default

    return Recipe(
        name=name,
        description=read("description", _text, recipe.description),
        takedown=read("takedown", _takedown, recipe.takedown),
        robots=read("robots", lambda value: _chosen(value, ROBOTS), recipe.robots),
        crawl_time=read("crawl_time", _time_window, recipe.crawl_time),
        flags=read("flags", _flags, recipe.flags),
        ranges=read("ranges", _ranges, recipe.ranges),
        scores=read("scores", _cuts, recipe.scores),
        paragraphs=read("paragraphs", _paragraphs, recipe.paragraphs),
        duplicates=read("duplicates", _duplicates, recipe.duplicates),
        caps=read("caps", _caps, recipe.caps),
        sample=read("sample", _share, recipe.sample),
        mask=read("mask", lambda value: _chosen(value, MASKS), recipe.mask),
        shards=read("shards", _shard_sizes, recipe.shards),
        seed=read("seed", lambda value: _whole(value, 0), recipe.seed),
    )


def _entries(value: Value, known: Iterable[str], what: str = "key") -> dict[str, Value]:
    """The entries of a section, unknown names refused; an entry that is empty counts as absent."""
    value.refuse_unknown(known, what)
    return {name: entry for name, entry in value.mapping.items() if entry.data is not None}


def _takedown(value: Value) -> Takedown:
    lists = {
        name: tuple(_list_file(item) for item in _items(entry))
        for name, entry in _entries(value, ("hosts", "urls")).items()
    }
    return Takedown(hosts=lists.get("hosts", ()), urls=lists.get("urls", ()))


def _list_file(value: Value) -> ListFile:
    path = Path(value.file).parent / _text(value)
    if not path.is_file():
        value.fail(f"the path of a text file, from {Path(value.file).parent or '.'} on,")
    return ListFile.of(path)


def _time_window(value: Value) -> TimeWindow:
    entries = _entries(value, ("from", "until"))
    window = TimeWindow(
        begin=_moment(entries["from"]) if "from" in entries else None,
        until=_moment(entries["until"]) if "until" in entries else None,
    )
    if window.begin is not None and window.until is not None and window.begin >= window.until:
        value.fail("a `from` before `until`")
    return window


def _moment(value: Value) -> int:
    """An ISO 8601 date or time as milliseconds; UTC where no zone is given."""
    try:
        moment = datetime.fromisoformat(_text(value))
    except ValueError:
        value.fail("a date such as 2024-03-31, or a time such as 2024-03-31T12:00:00+09:00,")
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(zoned.timestamp() * 1000)


def _flags(value: Value) -> tuple[str, ...]:
    """The rules that drop, in the rules table's order."""
    known = [rule.name for rule in RULES]
    verdicts = {
        name: _choice(entry, ("drop", "keep"))
        for name, entry in _entries(value, known, "rule").items()
    }
    return tuple(name for name in known if verdicts.get(name) == "drop")


def _ranges(value: Value) -> dict[str, Range]:
    entries = _entries(value, range_columns(), "numeric column")
    return {name: _range(entries[name]) for name in sorted(entries)}


def _range(value: Value) -> Range:
    entries = _entries(value, ("min", "max"))
    if not entries:
        value.fail("`min`, `max` or both")
    kept = Range(
        minimum=_number(entries["min"]) if "min" in entries else None,
        maximum=_number(entries["max"]) if "max" in entries else None,
    )
    if kept.minimum is not None and kept.maximum is not None and kept.minimum > kept.maximum:
        value.fail("a `min` that is not over `max`")
    return kept


def _cuts(value: Value) -> dict[str, Cut]:
    entries = _entries(value, CLASSIFIERS, "classifier")
    return {name: _cut(entries[name]) for name in CLASSIFIERS if name in entries}


def _cut(value: Value) -> Cut:
    entries = _entries(value, ("keep_below", "drop_worst"))
    if len(entries) != 1:
        value.fail("exactly one of `keep_below` and `drop_worst`")
    if "keep_below" in entries:
        return Cut(keep_below=_number(entries["keep_below"], 0, 1))
    return Cut(drop_worst=_share(entries["drop_worst"]))


def _paragraphs(value: Value) -> CutPolicy:
    entries = _entries(value, ("frequent", "pages", "share", "anywhere", "left"))
    usual = CutPolicy()
    frequent, share, left = (entries.get(name) for name in ("frequent", "share", "left"))
    pages, anywhere = entries.get("pages"), entries.get("anywhere")
    return CutPolicy(
        frequent=cast("Frequent", _choice(frequent, get_args(Frequent)))
        if frequent
        else usual.frequent,
        pages=_pages(pages, MARKED_ON_HOST) if pages else usual.pages,
        share=_share(share) if share else usual.share,
        anywhere=_pages(anywhere, MARKED_ANYWHERE) if anywhere else usual.anywhere,
        left=_whole(left, 1) if left else usual.left,
    )


def _pages(value: Value, low: int) -> int:
    """A number of pages: what is counted, and marked."""
    pages = _whole(value, low)
    if pages > PAGES_COUNTED:
        value.fail(f"a whole number from {low} to {PAGES_COUNTED}")
    return pages


def _duplicates(value: Value) -> KeepPolicy | None:
    entries = _entries(value, ("keep", "threshold", "copies", "contained", "containment"))
    usual = KeepPolicy()
    keep, threshold, copies = (entries.get(name) for name in ("keep", "threshold", "copies"))
    contained, containment = entries.get("contained"), entries.get("containment")
    if copies and copies.data == "all":
        if contained and contained.data != "keep":
            contained.fail("keep, or a number of `copies`; `all` removes nothing")
        return None
    return KeepPolicy(
        keep=cast("Keep", _choice(keep, get_args(Keep))) if keep else usual.keep,
        threshold=_number(threshold, 0.01, 1) if threshold else usual.threshold,
        copies=_whole(copies, 1, "or `all` ") if copies else usual.copies,
        contained=cast("Contained", _choice(contained, get_args(Contained)))
        if contained
        else usual.contained,
        containment=_number(containment, FLOOR, 1) if containment else usual.containment,
    )


def _caps(value: Value) -> Caps:
    entries = _entries(value, ("host", "domain", *CLASSIFIERS))
    sites = {name: _whole(entries[name], 1) for name in ("host", "domain") if name in entries}
    bands = {name: _band(entries[name]) for name in CLASSIFIERS if name in entries}
    return Caps(host=sites.get("host"), domain=sites.get("domain"), bands=bands)


def _band(value: Value) -> Band:
    entries = _entries(value, ("from", "below", "documents"))
    if "documents" not in entries:
        value.fail("`documents`, the number that may stay,")
    band = Band(
        documents=_whole(entries["documents"], 1),
        begin=_number(entries["from"], 0, 1) if "from" in entries else 0.0,
        below=_number(entries["below"], 0, 1) if "below" in entries else None,
    )
    if band.below is not None and band.begin >= band.below:
        value.fail("a `from` less than `below`")
    return band


def _chosen(value: Value, known: tuple[str, ...]) -> tuple[str, ...]:
    """Some of the known names, in their order."""
    wanted = {_choice(item, known) for item in _items(value)}
    return tuple(name for name in known if name in wanted)


def _shard_sizes(value: Value) -> ShardSizes:
    entries = _entries(value, ("size", "row_group"))
    usual = ShardSizes()
    return ShardSizes(
        size=_bytes(entries["size"]) if "size" in entries else usual.size,
        row_group=_bytes(entries["row_group"]) if "row_group" in entries else usual.row_group,
    )


def _items(value: Value) -> list[Value]:
    """The items of a list; a single value is a list of one."""
    return value.data if isinstance(value.data, list) else [value]


def _text(value: Value) -> str:
    if not isinstance(value.data, str):
        value.fail("text")
    return value.data.strip()


def _choice(value: Value, known: tuple[str, ...]) -> str:
    if not isinstance(value.data, str) or value.data not in known:
        hint = recipe_file.nearest(str(value.data), known)
        value.fail(f"one of {', '.join(known)} ({hint.rstrip('.')})")
    return value.data


def _number(value: Value, low: float = -math.inf, high: float = math.inf) -> float:
    number = value.data
    if not isinstance(number, int | float) or isinstance(number, bool) or not low <= number <= high:
        value.fail("a number" if math.isinf(high) else f"a number from {low:g} to {high:g}")
    return float(number)


def _whole(value: Value, low: int, alternative: str = "") -> int:
    number = value.data
    if not isinstance(number, int) or isinstance(number, bool) or number < low:
        value.fail(f"a whole number from {low} {alternative}".rstrip())
    return number


def _share(value: Value) -> float:
    """A share as `10%` or 0.1."""
    written = value.data
    if not isinstance(written, str):
        return _number(value, 0, 1)
    percent = _PERCENT.fullmatch(written.strip())
    if not percent or float(percent[1]) > 100:
        value.fail("a share such as 10% or 0.1")
    return float(percent[1]) / 100


def _bytes(value: Value) -> int:
    """A size as `256MB`, `64MiB` or a number of bytes."""
    size = _SIZE.fullmatch(str(value.data))
    if not size or not int(size[1]):
        value.fail("a size such as 256MB or 64MiB")
    return int(size[1]) * _UNITS[size[2]]
