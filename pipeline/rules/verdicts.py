"""Which documents fail which rules: stored metrics against the table."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from pipeline.rules.metrics import measure
from pipeline.rules.table import RULES


def verdicts(columns: Mapping[str, pa.Array]) -> list[list[str]]:
    """Names the rules that each document fails.

    Args:
        columns: a column for each metric of the table, of equal length, as `measure` gives them
            or as they are stored in `documents`.

    Returns:
        For each document the versioned names of the failing rules, in the table's order. A null
        metric fails no rule.

    Raises:
        KeyError: a metric is missing.
    """
    names = np.array([rule.name for rule in RULES])
    failing = np.column_stack([rule.fails(columns[rule.metric]) for rule in RULES])
    documents, rules = np.nonzero(failing)
    ends = np.searchsorted(documents, np.arange(len(failing)), side="right").tolist()
    flags = names[rules].tolist()
    return [flags[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


def fails(rule: str, text: str, link_share: float | None = None) -> bool:
    """Asks one rule about one text.

    Args:
        rule: its versioned name.
        text: a normalised text.
        link_share: visible characters inside links, of all; None without HTML.

    Raises:
        KeyError: there is no such rule.
    """
    judge = {known.name: known for known in RULES}[rule]
    return bool(judge.fails(measure([text], [link_share])[judge.metric])[0])
