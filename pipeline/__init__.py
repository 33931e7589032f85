"""Turns a Japanese web crawl into training shards: extract, score, group, select."""

import logging


def _is_of_interest(record: logging.LogRecord) -> bool:
    """Importing Beam warns of Google's client libraries, which this program does not use."""
    return not str(record.msg).startswith("apitools not found")


logging.root.addFilter(_is_of_interest)
