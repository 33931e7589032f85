"""The contract: Arrow schemas of the tables, JSON Schemas of the files beside them."""

from schemas.fields import Column, Table
from schemas.metrics import METRICS
from schemas.tables import (
    DECISIONS,
    DOCUMENTS,
    FREQUENT_PARAGRAPHS,
    GROUPS,
    JOINED,
    MARKED_ANYWHERE,
    MARKED_ON_HOST,
    PAGE_FACTS,
    PAGES_COUNTED,
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
    "MARKED_ANYWHERE",
    "MARKED_ON_HOST",
    "METRICS",
    "PAGES_COUNTED",
    "PAGE_FACTS",
    "PROBLEMS",
    "SCORES",
    "SHARDS",
    "SIGNATURE_SLOTS",
    "TABLES",
    "Column",
    "Table",
]
