"""The data card: a selection's `README.md`, so that the folder can be pushed to a hub as it is."""

from collections.abc import Mapping
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from pipeline.report import markdown
from pipeline.report.facts import Facts
from pipeline.report.markdown import Markdown
from pipeline.report.page import percent, reason_rows
from pipeline.selection.manifest import Manifest
from schemas import SHARDS

_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
    (1_000_000_000, "100M<n<1B"),
)


def render(said: Manifest, facts: Facts) -> str:
    """The card of a selection, as Markdown with the hub's front matter.

    Args:
        said: the manifest.
        facts: what was gathered beside it.
    """
    environment = Environment(
        loader=PackageLoader("pipeline", "report"),
        autoescape=False,  # noqa: S701 - Markdown, which `finalize` escapes
        finalize=markdown.text,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["count"] = lambda n: f"{n:,}"
    environment.filters["percent"] = percent
    environment.filters["code"] = markdown.code
    environment.filters["literal"] = markdown.literal
    return environment.get_template("card.md.j2").render(
        front=_front_matter(said),
        said=said,
        totals=said["totals"],
        reasons=reason_rows(said["totals"], facts),
        years=facts.years,
        recipe=markdown.block(_as_yaml(said["recipe"]["content"]), "yaml"),
        columns={
            column.name: Markdown(column.doc.replace("|", "\\|")) for column in SHARDS.columns
        },
        version=SHARDS.version,
    )


def size_category(documents: int) -> str:
    """The hub's name for a size.

    >>> size_category(1770), size_category(2 * 10**9)
    ('1K<n<10K', 'n>1B')
    """
    return next((name for edge, name in _SIZES if documents < edge), "n>1B")


def _front_matter(said: Manifest) -> Markdown:
    matter = {
        "language": ["ja"],
        "license": "other",
        "license_name": "rights-of-the-page-authors",
        "pretty_name": f"seimai {markdown.one_line(said['recipe']['name'])}",
        "task_categories": ["text-generation"],
        "size_categories": [size_category(said["totals"]["kept"])],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": "train", "path": "shard-*.parquet"}],
            }
        ],
    }
    return Markdown(yaml.safe_dump(matter, allow_unicode=True, sort_keys=False).strip())


def _as_yaml(content: Mapping[str, Any]) -> str:
    return yaml.safe_dump(_said_only(content), allow_unicode=True).strip()


def _said_only(content: Mapping[str, Any]) -> dict[str, Any]:
    """What a recipe says, without what it leaves unsaid."""
    said: dict[str, Any] = {}
    for name, value in content.items():
        inner = _said_only(value) if isinstance(value, Mapping) else value
        if inner not in (None, {}, []):
            said[name] = inner
    return said
