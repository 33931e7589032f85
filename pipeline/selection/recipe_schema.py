"""The JSON Schema of a recipe, for editors; `schemas/recipe.schema.json` is written from it."""

from collections.abc import Sequence
from typing import Any, get_args

from pipeline.dedup.survivors import FLOOR, Contained, Keep, KeepPolicy
from pipeline.rules import RULES
from pipeline.selection.cutting import CutPolicy, Frequent
from pipeline.selection.recipe import CLASSIFIERS, MASKS, ROBOTS, range_columns
from schemas import MARKED_ANYWHERE, MARKED_ON_HOST, PAGES_COUNTED

Schema = dict[str, Any]

_PROBABILITY: Schema = {"type": "number", "minimum": 0, "maximum": 1}
_SHARE: Schema = {
    "anyOf": [_PROBABILITY, {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)? ?%$"}],
    "description": "A share, as `10%` or 0.1.",
}
_SIZE: Schema = {
    "type": ["string", "integer"],
    "pattern": "^[0-9]+ ?([KMG]i?B)?$",
    "description": "A size in bytes, such as 256MB or 64MiB.",
}
_FILES: Schema = {"type": ["string", "array"], "items": {"type": "string"}}
_TIME: Schema = {"type": "string", "description": "An ISO 8601 date or time, UTC if no zone."}


def recipe_schema() -> Schema:
    """The schema, with every rule and column of this version by name and meaning."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "seimai recipe",
        "description": "What a selection keeps. Done in this order, wherever the lines stand: "
        "takedown, robots, crawl_time, flags, ranges, scores, paragraphs, duplicates, caps, "
        "sample, mask.",
        **_section(
            extends={"type": "string", "description": "A shipped recipe, or a file beside this."},
            description={"type": "string", "description": "A sentence for the data card."},
            takedown=_section(hosts=_FILES, urls=_FILES),
            robots=_names(ROBOTS),
            crawl_time=_section(**{"from": _TIME, "until": _TIME}),
            flags=_section(**{rule.name: _flag(rule.why) for rule in RULES}),
            ranges=_section(**{name: _range() for name in range_columns()}),
            scores=_section(**{name: _cut() for name in CLASSIFIERS}),
            paragraphs=_section(
                frequent={"enum": list(get_args(Frequent)), "default": CutPolicy().frequent},
                pages=_pages(MARKED_ON_HOST, CutPolicy().pages, "of the host"),
                share=_SHARE,
                anywhere=_pages(MARKED_ANYWHERE, CutPolicy().anywhere, "of whatever hosts"),
                left={"type": "integer", "minimum": 1, "default": CutPolicy().left},
            ),
            duplicates=_section(
                keep={"enum": list(get_args(Keep)), "default": KeepPolicy().keep},
                threshold={**_PROBABILITY, "default": KeepPolicy().threshold},
                contained={"enum": list(get_args(Contained)), "default": KeepPolicy().contained},
                containment={
                    **_PROBABILITY,
                    "minimum": FLOOR,
                    "default": KeepPolicy().containment,
                },
                copies={"anyOf": [{"type": "integer", "minimum": 1}, {"const": "all"}]},
            ),
            caps=_section(
                host=_count("of one host"),
                domain=_count("of one registered domain"),
                **{name: _band() for name in CLASSIFIERS},
            ),
            sample=_SHARE,
            mask=_names(MASKS),
            shards=_section(size=_SIZE, row_group=_SIZE),
            seed={"type": "integer", "minimum": 0},
        ),
    }


def _section(**properties: Schema) -> Schema:
    return {"type": ["object", "null"], "additionalProperties": False, "properties": properties}


def _names(known: Sequence[str]) -> Schema:
    return {"type": ["array", "string"], "items": {"enum": list(known)}}


def _flag(why: str) -> Schema:
    return {"enum": ["drop", "keep"], "description": why}


def _range() -> Schema:
    number = {"type": "number"}
    return {**_section(min=number, max=number), "minProperties": 1}


def _cut() -> Schema:
    return {
        **_section(keep_below=_PROBABILITY, drop_worst=_SHARE),
        "minProperties": 1,
        "maxProperties": 1,
    }


def _band() -> Schema:
    band = _section(**{"from": _PROBABILITY, "below": _PROBABILITY, "documents": _count("of it")})
    return {**band, "required": ["documents"]}


def _pages(lowest: int, usual: int, of_what: str) -> Schema:
    return {
        "type": "integer",
        "minimum": lowest,
        "maximum": PAGES_COUNTED,
        "default": usual,
        "description": f"Pages {of_what} from which a paragraph is frequent.",
    }


def _count(of_what: str) -> Schema:
    return {"type": "integer", "minimum": 1, "description": f"At most so many {of_what}."}
