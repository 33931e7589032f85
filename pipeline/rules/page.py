"""The reference page of the rules, made from the table."""

from collections.abc import Iterator
from inspect import cleandoc

from pipeline.rules import examples
from pipeline.rules.rule import Rule
from pipeline.rules.table import RULES
from schemas.metrics import METRICS

_INTRODUCTION = """\
# Rules

Made by `make docs` from the table in `pipeline/rules/table.py`.

A rule is one verdict on one metric. The metric is a column of `documents`; a document that fails a
rule carries the rule's name in `flags`. Nothing is dropped for it at that point: a recipe says
which flags drop. *Default* is what the recipe `default` does. A published rule never changes its
meaning: another metric, side or threshold gets another version.
"""


def reference() -> str:
    """Writes the page: an overview, each rule with its examples, the metrics, the texts."""
    return "\n".join(
        [
            _INTRODUCTION,
            *_overview(),
            *(line for rule in RULES for line in _section(rule)),
            *_metrics(),
            *_texts(),
        ]
    )


def _overview() -> Iterator[str]:
    yield "| rule | fails if | default | source |"
    yield "|---|---|---|---|"
    for rule in RULES:
        default = f"**{rule.default}**" if rule.default == "drop" else rule.default
        yield f"| [`{rule.name}`](#{rule.name}) | {_condition(rule)} | {default} | {rule.source} |"
    yield ""


def _condition(rule: Rule) -> str:
    sign = {"below": "<", "above": ">"}[rule.fails_if]
    return f"`{rule.metric} {sign} {rule.threshold:g}`"


def _section(rule: Rule) -> Iterator[str]:
    yield f"## {rule.name}\n"
    yield f"Fails if {_condition(rule)}. Source: {rule.source}.\n"
    yield f"{rule.why}\n"
    yield f"*Cost:* {rule.cost}\n"
    yield f"```python\n{cleandoc(rule.examples)}\n```\n"


def _metrics() -> Iterator[str]:
    yield "## Metrics\n"
    yield "| column | type | meaning |"
    yield "|---|---|---|"
    for column in METRICS:
        yield f"| `{column.name}` | {column.type} | {column.doc} |"
    yield ""


def _texts() -> Iterator[str]:
    yield "## Texts of the examples\n"
    yield "The third example of each rule is an honest false positive: a person would keep it.\n"
    for name in examples.__all__:
        text = getattr(examples, name)
        if isinstance(text, str):
            yield f"`{name}`\n\n```\n{text}\n```\n"
