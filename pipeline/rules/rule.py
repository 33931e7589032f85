"""What a rule is."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One verdict on one metric.

    A published rule never changes its meaning: another metric, side or threshold is another
    version, and the old one stays in the table as long as recipes name it.

    Attributes:
        name: what is wrong with a document that fails, and the version: `short_v1`.
        metric: the column of `documents` that is judged.
        fails_if: on which side of the threshold a document fails; the threshold itself passes.
        threshold: in the unit of the metric.
        default: what the `default` recipe does with a failing document: `drop` leaves it out,
            `flag` keeps it with the flag, for other recipes to use.
        source: where the threshold comes from.
        why: what the rule is for.
        cost: what it takes away wrongly.
        examples: doctests: a text that passes, one that fails, one that fails wrongly.
    """

    name: str
    metric: str
    fails_if: Literal["below", "above"]
    threshold: float
    default: Literal["drop", "flag"]
    source: str
    why: str
    cost: str
    examples: str

    def fails(self, values: pa.Array) -> NDArray[np.bool_]:
        """Whether each value is beyond the threshold; null is not."""
        numbers = values.to_numpy(zero_copy_only=False).astype(np.float64)
        beyond = numbers < self.threshold if self.fails_if == "below" else numbers > self.threshold
        return np.asarray(beyond)
