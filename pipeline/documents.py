"""From records to documents: one batch at a time, as plain functions over columns.

Nothing here knows Beam, tasks or files. In a notebook:

    from pipeline.documents import from_texts
    from_texts(["精米は、玄米から糠と胚芽を取り除くことです。"]).to_pylist()
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline import hosts, rules
from pipeline.decode import decode
from pipeline.dedup.signatures import content_hashes, signatures
from pipeline.html import UnreadablePage, extract
from pipeline.language import JAPANESE_CUT, ja_scores, may_be_japanese, text_to_judge
from pipeline.sources import Problem, Record
from pipeline.text import dedup_view, joined, normalise, repair_lines, trim_footer
from schemas import DOCUMENTS, PAGE_FACTS

NOT_JAPANESE_BYTES = "not_japanese.bytes"
NOT_JAPANESE_TEXT = "not_japanese.text"

_NO_FACTS: dict[str, object] = {fact.name: None for fact in PAGE_FACTS}

_NONE = pa.RecordBatch.from_arrays(
    [pa.nulls(0, column.type) for column in DOCUMENTS.arrow], schema=DOCUMENTS.arrow
)
"""Most batches of a crawl of the whole web hold no document: they must cost nothing here. Made of
arrays, since to make one of Python objects Arrow loads pandas."""


@dataclass(slots=True)
class Extraction:
    """What became of some records: every one of them is in exactly one of the three.

    Attributes:
        documents: a row a Japanese document, by `schemas.DOCUMENTS`.
        left_out: how many records became no document, by reason.
        problems: the records that could not be read.
    """

    documents: pa.RecordBatch
    left_out: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Page:
    """A record, decoded and taken apart."""

    record: Record
    title: str
    text: str
    page_text: str | None
    facts: dict[str, object]

    @property
    def link_share(self) -> float | None:
        """The share of links in the page, or None without HTML."""
        return cast("float | None", self.facts["link_share"])

    @property
    def judged(self) -> str:
        """What tells whether it is Japanese: all that is visible of a page, a text by itself."""
        if self.page_text is None:
            return self.text
        return text_to_judge(self.title, self.text, self.page_text)


def extract_documents(records: Sequence[Record]) -> Extraction:
    """Turn records into documents: judge, decode, extract, normalise, judge, measure, sketch."""
    likely = [record for record in records if is_worth_opening(record)]
    extraction = open_documents(likely)
    extraction.left_out += Counter({NOT_JAPANESE_BYTES: len(records) - len(likely)})
    return extraction


def is_worth_opening(record: Record) -> bool:
    """Whether a record may be Japanese by its bytes; else it is left out as NOT_JAPANESE_BYTES."""
    return may_be_japanese(record.payload, record.charset, record.language)


def open_documents(records: Sequence[Record]) -> Extraction:
    """Turn records that are worth opening into documents: all but the first judgement."""
    pages, problems = _open_all(records)
    scores = ja_scores([page.judged for page in pages])
    kept = [number for number, score in enumerate(scores) if score >= JAPANESE_CUT]
    left_out = Counter({NOT_JAPANESE_TEXT: len(pages) - len(kept)})
    documents = _columns([pages[number] for number in kept], scores[kept]) if kept else _NONE
    return Extraction(documents, +left_out, problems)


def from_texts(texts: Iterable[str]) -> pa.RecordBatch:
    """Documents of plain strings, for notebooks and tests; none is left out.

    >>> from_texts(["今日は良い天気です。"])["n_chars"].to_pylist()
    [10]
    """
    pages = [
        _open(Record("text", number, "", None, text.encode(), is_html=False, charset="utf-8"))
        for number, text in enumerate(texts)
    ]
    return _columns(pages, ja_scores([page.judged for page in pages]))


def _open_all(records: Iterable[Record]) -> tuple[list[_Page], list[Problem]]:
    pages, problems = [], []
    for record in records:
        try:
            pages.append(_open(record))
        except UnreadablePage as error:
            problems.append(
                Problem(record.input, record.position, record.url, error.reason, str(error))
            )
    return pages, problems


def _open(record: Record) -> _Page:
    decoded = decode(record.payload, record.charset)
    if not record.is_html:
        facts = {**_NO_FACTS, "charset": decoded.charset}
        return _Page(record, record.title or "", normalise(decoded.text), None, facts)
    page = extract(decoded.text, record.url, record.robots)
    facts = {**page.facts, "charset": decoded.charset, "html_bytes": len(record.payload)}
    lines = repair_lines(page.lines)
    text = trim_footer(joined(lines[number] for number in page.main))
    return _Page(record, page.title, text, joined(lines), facts)


def _columns(pages: Sequence[_Page], scores: NDArray[np.float32]) -> pa.RecordBatch:
    """The documents of some pages, by `schemas.DOCUMENTS`."""
    records = [page.record for page in pages]
    texts = [page.text for page in pages]
    names = [hosts.host(record.url) for record in records]
    views = [dedup_view(text) for text in texts]
    metrics = rules.measure(texts, [page.link_share for page in pages])
    columns = {
        "id": [_document_id(record) for record in records],
        "url": [record.url for record in records],
        "host": names,
        "crawl_time": [record.crawl_time for record in records],
        "source": [{"input": r.input, "record": r.position} for r in records],
        "split": [hosts.split(name) for name in names],
        "title": [page.title for page in pages],
        "text": texts,
        "page_text": [page.page_text for page in pages],
        "n_chars": [len(text) for text in texts],
        "ja_score": scores,
        "flags": rules.verdicts(metrics),
        **metrics,
        **{fact.name: [page.facts[fact.name] for page in pages] for fact in PAGE_FACTS},
        "content_hash": content_hashes(views),
        "signature": signatures(views),
    }
    arrays = [_array(columns[field.name], field.type) for field in DOCUMENTS.arrow]
    return pa.RecordBatch.from_arrays(arrays, schema=DOCUMENTS.arrow)


def _array(values: object, kind: pa.DataType) -> pa.Array:
    return values.cast(kind) if isinstance(values, pa.Array) else pa.array(values, kind)


def _document_id(record: Record) -> str:
    """BLAKE2b-128 of the URL, the crawl time and the payload, each set off by a zero byte."""
    time = "" if record.crawl_time is None else str(record.crawl_time)
    digest = hashlib.blake2b(f"{record.url}\0{time}\0".encode(), digest_size=16)
    digest.update(record.payload)
    return digest.hexdigest()
