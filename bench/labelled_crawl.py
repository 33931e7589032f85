"""Reads a labelled crawl: WARC files and a table of labels beside them, joined by URL."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fastwarc.warc import ArchiveIterator, WarcRecordType


@dataclass(frozen=True)
class LabelledPage:
    """One page of the crawl and its row of labels.

    Attributes:
        url: the page's URL.
        payload: the body as served.
        charset: what the HTTP header declares, or None.
        labels: the row of `labels-*.tsv`, by column.
    """

    url: str
    payload: bytes
    charset: str | None
    labels: dict[str, str]

    @property
    def name(self) -> str:
        """Site and first digits of the id: enough to find the page, without quoting it."""
        return f"{self.labels['site']} {self.labels['id'][:8]}"

    @property
    def holds_japanese(self) -> bool:
        """Whether the page is labelled Japanese, alone or mixed with English."""
        return self.labels["lang"] in ("ja", "mixed-ja-en")


def labelled_pages(folder: Path) -> Iterator[LabelledPage]:
    """All labelled pages of a folder's WARC files, in their order."""
    labels = {row["url"]: row for path in sorted(folder.glob("labels*.tsv")) for row in _rows(path)}
    for path in sorted(folder.glob("*.warc.gz")):
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream, record_types=WarcRecordType.response):
                url = record.headers.get("WARC-Target-URI")
                if url in labels:
                    charset = record.http_charset if "charset" in _content_type(record) else None
                    yield LabelledPage(url, record.reader.read(), charset, labels[url])


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


def _content_type(record: object) -> str:
    headers = getattr(record, "http_headers", None)
    return (headers.get("Content-Type") or "").lower() if headers else ""
