"""The contract: Arrow schemas of the tables, JSON Schemas of the files beside them."""

from schemas.fields import Column, Table
from schemas.metrics import METRICS
from schemas.tables import (
    DECISIONS,
    DOCUMENTS,
    FREQUENT_PARAGRAPHS,
    GROUPS,
    JOINED,
    PAGE_FACTS,
    PROBLEMS,
    SCORES,
    SHARDS,
    SIGNATURE_SLOTS,
    TABLES,
)

__all__ = [
    "DECISIONS",
    "DOCUMENTS",
    "FREQUENT_PARAGRAPHS",
    "GROUPS",
    "JOINED",
    "METRICS",
    "PAGE_FACTS",
    "PROBLEMS",
    "SCORES",
    "SHARDS",
    "SIGNATURE_SLOTS",
    "TABLES",
    "Column",
    "Table",
]
