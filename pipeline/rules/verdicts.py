"""Which documents fail which rules: stored metrics against the table."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

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
    document, rule = np.nonzero(failing)
    bounds = np.searchsorted(document, np.arange(1, len(failing)))
    if not len(failing):
        return []
    return [part.tolist() for part in np.split(names[rule], bounds)]
