"""The reasons against a document, in words, with what would have to change.

A decision holds of each reason its rule, the value and the threshold. Here that becomes a sentence.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context
from fnmatch import fnmatchcase
from functools import cache

from pipeline.rules import RULES
from pipeline.selection import decisions
from pipeline.selection.recipe import CLASSIFIERS

_RULES = {rule.name: rule for rule in RULES}


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason against a document, as the decisions hold it."""

    rule: str
    value: float | None
    threshold: float | None


def in_words(reason: Reason) -> str:
    """A reason as a sentence, with its value and threshold.

    >>> in_words(Reason("noise.keep_below", 0.97, 0.8))
    'noise.keep_below: noise is 0.97; the recipe keeps documents below 0.8.'
    """
    because, _ = _wording(reason.rule)
    return f"{reason.rule}: {because.format_map(_facts(reason))}"


def remedy(reason: Reason) -> str:
    """What would have to change so that this reason no longer holds.

    Where a number is rounded, it is to the side on which the document stays.

    >>> remedy(Reason("cap.host", 12.0, 10.0))
    'raise `caps.host` to at least 12'
    >>> remedy(Reason("adult.keep_below", 0.99999, 0.9))
    'leave `scores.adult` empty: no line lets a probability of 1 pass'
    """
    _, otherwise = _wording(reason.rule)
    facts = _facts(reason)
    if otherwise == _RAISE and facts["value"] == "1":
        otherwise = _NO_LINE
    return otherwise.format_map(facts)


_RAISE = "raise `scores.{column}.keep_below` over {value}"
_NO_LINE = "leave `scores.{column}` empty: no line lets a probability of 1 pass"


_WORDING = (
    (
        decisions.ERASED,
        "its text was erased from the run.",
        "do what no recipe can: the text is gone for good",
    ),
    (
        decisions.REPEATED,
        "it was read before: the same address, time and bytes, which are judged there.",
        "do what no recipe can: a document is in the shards once",
    ),
    (
        "takedown.*",
        "its {kind} is on a takedown list of the recipe.",
        "take it off the lists under `takedown.{kind}s`",
    ),
    (
        "robots.*",
        "its page says `{kind}` to machines, and the recipe honours that.",
        "take `{kind}` out of `robots`",
    ),
    (
        decisions.UNDATED,
        "nothing says when it was fetched, and the recipe has a time window.",
        "take out `crawl_time`",
    ),
    (
        decisions.BEFORE,
        "it was fetched on {day}; the recipe begins with {limit_day}.",
        "let `crawl_time.from` be {day} or earlier",
    ),
    (
        decisions.AFTER,
        "it was fetched on {day}; the recipe ends before {limit_day}.",
        "let `crawl_time.until` be later than {day}",
    ),
    *(
        (
            f"cap.{name}",
            "it is number {value} by quality in the recipe's band of {kind}, which holds {limit}.",
            "raise `caps.{kind}.documents` to at least {value}",
        )
        for name in CLASSIFIERS
    ),
    (
        "cap.*",
        "it is number {value} of its {kind} by quality; the recipe keeps {limit}.",
        "raise `caps.{kind}` to at least {value}",
    ),
    (
        "*.min",
        "{column} is {value}; the recipe keeps {limit} and more.",
        "lower `ranges.{column}.min` to {floor}",
    ),
    (
        "*.max",
        "{column} is {value}; the recipe keeps {limit} and less.",
        "raise `ranges.{column}.max` to {ceiling}",
    ),
    (
        "*.keep_below",
        "{column} is {value}; the recipe keeps documents below {limit}.",
        _RAISE,
    ),
    (
        "*.drop_worst",
        "{column} is {value}; the share that the recipe drops begins over {limit}.",
        "lower `scores.{column}.drop_worst` until its edge reaches {value}",
    ),
    (
        decisions.CUT_SHORT,
        "without its frequent paragraphs {value} characters are left; {limit} is the least.",
        "set `paragraphs.frequent` to `keep`",
    ),
    (
        decisions.DUPLICATE,
        "another document stands for it, with a similarity of {value}; {limit} is enough.",
        "allow more `duplicates.copies`, or raise `duplicates.threshold` over {value}",
    ),
    (
        decisions.CONTAINED,
        "a share of {value} of it stands in a longer page of its site; {limit} is enough.",
        "set `duplicates.contained` to `keep`, or raise `duplicates.containment` over {value}",
    ),
    (
        decisions.SAMPLE,
        "it drew {value}; the sample keeps what draws less than {limit}.",
        "raise `sample` over {value}",
    ),
    (
        "*",
        "{metric} is {value}; {side} {limit} is expected.{why}",
        "set `flags.{rule}` to `keep`",
    ),
)
"""For each kind of reason, what it says and what would have to change; the first that fits."""


@cache
def _wording(rule: str) -> tuple[str, str]:
    return next((said, other) for kind, said, other in _WORDING if fnmatchcase(rule, kind))


def _facts(reason: Reason) -> dict[str, str]:
    """What the wordings can speak of."""
    column, _, kind = reason.rule.rpartition(".")
    rule = _RULES.get(reason.rule)
    return {
        "rule": reason.rule,
        "column": column,
        "kind": kind,
        "value": _number(reason.value),
        "limit": _number(reason.threshold),
        "floor": _number(reason.value, ROUND_FLOOR),
        "ceiling": _number(reason.value, ROUND_CEILING),
        "day": _day(reason.value),
        "limit_day": _day(reason.threshold),
        "metric": rule.metric if rule else "a metric of a rule that is no more",
        "side": "at least" if rule and rule.fails_if == "below" else "at most",
        "why": f" {rule.why}" if rule and rule.why else "",
    }


def _number(value: float | None, rounding: str = ROUND_HALF_EVEN) -> str:
    if value is None:
        return "unknown"
    if float(value).is_integer():
        return f"{value:,.0f}"
    return f"{Context(prec=4, rounding=rounding).create_decimal_from_float(value).normalize():f}"


def _day(milliseconds: float | None) -> str:
    """A crawl time as a date; of no use, and empty, for values that are none."""
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds or 0)
    except OverflowError:
        return ""
    return f"{moment:%Y-%m-%d}"
