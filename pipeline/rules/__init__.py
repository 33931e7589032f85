"""Rules: metrics of a text, and the versioned table of verdicts on them."""

from pipeline.rules.metrics import measure
from pipeline.rules.page import reference
from pipeline.rules.rule import Rule
from pipeline.rules.table import RULES
from pipeline.rules.verdicts import fails, verdicts

__all__ = ["RULES", "Rule", "fails", "measure", "reference", "verdicts"]
