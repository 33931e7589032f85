"""Sources: bytes in, records out. `resolve` what is named, cut it into `spans`, `read` each."""

from pipeline.sources.inputs import Input, resolve, unreadable
from pipeline.sources.records import Problem, Record, Skipped, Span
from pipeline.sources.spans import read, spans

__all__ = [
    "Input",
    "Problem",
    "Record",
    "Skipped",
    "Span",
    "read",
    "resolve",
    "spans",
    "unreadable",
]
