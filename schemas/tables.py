"""The tables of the program: the contract between its stages, and with training.

The names of the columns are fixed. `docs/data-contract.md` is generated from this file.
"""

import pyarrow as pa

from schemas.fields import Column, Table, counts
from schemas.metrics import METRICS

SIGNATURE_SLOTS = 128
"""Slots of a MinHash signature, 16 bits each."""

_SOURCE = pa.struct([pa.field("input", pa.string(), False), pa.field("record", pa.int64(), False)])

_IDENTITY = (
    Column(
        "id",
        pa.string(),
        "32 hexadecimal digits: BLAKE2b-128 of the URL, the crawl time and the raw payload; "
        "stable across runs and versions.",
    ),
    Column("url", pa.string(), "The page's URL, as the crawl recorded it."),
    Column("host", pa.string(), "The URL's host, lower case, without port; empty if none."),
    Column(
        "crawl_time",
        pa.timestamp("ms", "UTC"),
        "When the page was fetched; null where the input does not say.",
        nullable=True,
    ),
    Column(
        "source",
        _SOURCE,
        "The input and the record in it: a byte offset in WARC, WET and plain JSONL, "
        "a decompressed offset in compressed JSONL, a row number in Parquet.",
    ),
    Column(
        "split",
        pa.string(),
        "`train` or `validation`, by a hash of the registered domain: "
        "one site is never on both sides.",
    ),
)

_TEXT = (
    Column("title", pa.string(), "The page's title; empty if none."),
    Column("text", pa.string(), "The main text, normalised: paragraphs, one a line."),
    Column(
        "page_text",
        pa.string(),
        "The whole visible page, normalised; null for inputs without HTML.",
        nullable=True,
    ),
    Column("n_chars", pa.int32(), "Characters (code points) of `text`."),
    Column("ja_score", pa.float32(), "How sure it is that the page is Japanese, 0 to 1."),
    Column(
        "flags",
        pa.list_(pa.string()),
        "Every rule that the document fails, by versioned name, in the table's order.",
    ),
)

PAGE_FACTS = (
    Column("charset", pa.string(), "The encoding that the page was decoded with.", True),
    Column("html_bytes", pa.int32(), "Bytes of the payload; null without HTML.", True),
    Column("link_share", pa.float32(), "Visible characters inside links, of all; 0 to 1.", True),
    Column("n_links", pa.int32(), "Links (`a` with `href`); null without HTML.", True),
    Column("n_outbound_links", pa.int32(), "Links to another registered domain.", True),
    Column("outbound_hosts", counts("host"), "The hosts linked to most, at most 20.", True),
    Column(
        "affiliate_links",
        counts("provider"),
        "Commission links by provider, by the versioned list of host patterns.",
        True,
    ),
    Column("n_sponsored_links", pa.int32(), "Links with `rel=sponsored`.", True),
    Column("n_images", pa.int32(), "Images.", True),
    Column("n_forms", pa.int32(), "Forms.", True),
    Column("tag_counts", counts("tag"), "Elements by tag, for the tags that tell.", True),
    Column(
        "robots",
        pa.list_(pa.string()),
        "Directives of `meta robots` and X-Robots-Tag: noindex, noarchive, noai, …",
        True,
    ),
    Column("declared_language", pa.string(), "The `lang` of the page, as declared.", True),
    Column("canonical_url", pa.string(), "`link rel=canonical`.", True),
    Column("published", pa.string(), "Publication date as stated, ISO 8601.", True),
    Column("n_lines", pa.int32(), "Lines (blocks) of the visible page.", True),
    Column("aside_share", pa.float32(), "Visible characters in menus, footers, …; 0 to 1.", True),
    Column("has_age_gate", pa.bool_(), "A line asks or tells the reader's age (18, 20).", True),
    Column("content_rating", pa.string(), "`meta rating`: adult, RTA-…, general, …", True),
    Column("page_type", pa.string(), "`og:type`: article, website, product, …", True),
    Column("generator", pa.string(), "`meta generator`: what wrote the page.", True),
    Column("redirects", pa.bool_(), "It moves the reader on: `meta refresh` or a script.", True),
)
"""What is kept of the HTML before it is dropped; all null for inputs without HTML."""

_DUPLICATION = (
    Column("content_hash", pa.binary(16), "XXH3-128 of the dedup view of `text`."),
    Column(
        "signature",
        pa.binary(2 * SIGNATURE_SLOTS),
        "MinHash of the dedup view: 128 slots of 16 bits, little-endian; "
        "null for a text too short to shingle.",
        nullable=True,
    ),
)

DOCUMENTS = Table(
    "documents",
    "1.0",
    "A row a Japanese document: its text, every metric, every failing rule, the page's facts.",
    (*_IDENTITY, *_TEXT, *METRICS, *PAGE_FACTS, *_DUPLICATION),
)

SCORES = Table(
    "scores",
    "1.0",
    "A row a document, in the order of `documents`: what one classifier bundle says of it.",
    (
        Column("id", pa.string(), "The document."),
        Column("noise", pa.float32(), "Probability that the page is noise, calibrated."),
        Column("affiliate", pa.float32(), "Probability that it is an affiliate page, calibrated."),
        Column("adult", pa.float32(), "Probability that it is an adult page, calibrated."),
        Column(
            "noun_share",
            pa.float32(),
            "Nouns of all words, symbols left out; null where the morphology was not analysed.",
            nullable=True,
        ),
    ),
)

_MARK = pa.struct(
    [
        pa.field("paragraph", pa.int32(), False),
        pa.field("chars", pa.int32(), False),
        pa.field("hash", pa.uint64(), False),
        pa.field("on_host", pa.int32(), False),
        pa.field("anywhere", pa.int32(), False),
    ]
)
FREQUENT_PARAGRAPHS = pa.list_(pa.field("element", _MARK))
"""The paragraphs of a text that recur elsewhere, in three or more in a row."""

PAGES_COUNTED = 10_000
"""Pages up to which a run of paragraphs is counted: ten times the frequency from which uzushio
cuts."""

MARKED_ON_HOST = 5
"""Pages of one host from which a run is marked: half of what the shipped recipes ask for."""

MARKED_ANYWHERE = 100
"""Pages of whatever hosts from which a run is marked: uzushio's lower frequency."""

GROUPS = Table(
    "groups",
    "1.2",
    "A row a document, in the order of `documents`: its place among its copies.",
    (
        Column("id", pa.string(), "The document."),
        Column("exact_id", pa.string(), "The smallest id among its exact copies."),
        Column("exact_size", pa.int64(), "How many exact copies there are, itself included."),
        Column("cluster_id", pa.string(), "The smallest id among its near-duplicate candidates."),
        Column("cluster_size", pa.int64(), "Members of the cluster; 1 for a document alone."),
        Column(
            "contained_in",
            pa.string(),
            "The longer document of the same registered domain that holds most of the text; null "
            "where none holds half of it, or the text is too short to tell.",
            True,
        ),
        Column(
            "containment",
            pa.float32(),
            "Estimated share of the text's 8-grams that stand in `contained_in`, 0.5 to 1.",
            True,
        ),
        Column(
            "frequent_paragraphs",
            FREQUENT_PARAGRAPHS,
            "Paragraphs that recur with their neighbours: which line of `text`, its characters and "
            f"XXH3-64, on how many pages of the host and anywhere ({MARKED_ON_HOST} and "
            f"{MARKED_ANYWHERE} at least, up to {PAGES_COUNTED:,}; near-duplicates count once); "
            "null where it was not looked for.",
            True,
        ),
        Column(
            "host_pages",
            pa.int32(),
            f"Pages of the host, near-duplicates counted once, up to {PAGES_COUNTED:,}; null "
            "likewise.",
            True,
        ),
    ),
)

JOINED = Table(
    "joined",
    "1.0",
    "A row a group of an old run that has grown or merged since a new run was joined to it.",
    (
        Column("id", pa.string(), "The `exact_id` or `cluster_id` that the old run has for it."),
        Column("joined_id", pa.string(), "What it is called among both runs."),
        Column("size", pa.int64(), "Its documents in both runs."),
    ),
)

_REASON = pa.struct(
    [
        pa.field("rule", pa.string(), False),
        pa.field("value", pa.float64()),
        pa.field("threshold", pa.float64()),
    ]
)

_CUT = (
    Column(
        "cut_chars",
        pa.int32(),
        "Characters of frequent paragraphs cut from the text; null where the recipe cuts none.",
        True,
    ),
    Column(
        "cut_hash",
        pa.binary(16),
        "XXH3-128 of the XXH3-64 (little-endian) of each paragraph cut, in order; null where "
        "nothing is cut.",
        True,
    ),
)

DECISIONS = Table(
    "decisions",
    "1.2",
    "A row a document, in the order of `documents`: whether a recipe keeps it, and why not.",
    (
        Column("id", pa.string(), "The document."),
        Column("kept", pa.bool_(), "Whether it is in the shards."),
        Column("reasons", pa.list_(_REASON), "Every reason against it; empty if it is kept."),
        Column("survivor_id", pa.string(), "The document that stands for it.", True),
        Column(
            "similarity",
            pa.float32(),
            "Estimated Jaccard to the survivor, or share of a contained document in it; 0 to 1.",
            True,
        ),
        Column(
            "run",
            pa.string(),
            "The run that holds the document, as the manifest names it; null where there is one.",
            True,
        ),
        Column("survivor_run", pa.string(), "The run that holds the survivor, likewise.", True),
        *_CUT,
    ),
)

PROBLEMS = Table(
    "problems",
    "1.0",
    "A row a damaged record or input: what could not be read, where, and why.",
    (
        Column("input", pa.string(), "The input."),
        Column("record", pa.int64(), "Where in it: as in `documents.source.record`.", True),
        Column("url", pa.string(), "The record's URL, where it was readable.", True),
        Column("reason", pa.string(), "The reason's short name, as it is counted."),
        Column("detail", pa.string(), "What was found, for a person."),
    ),
)

SHARDS = Table(
    "shards",
    "1.2",
    "A row a document for training: `documents` with `scores` and `groups`, "
    "without `page_text`, `signature` and `frequent_paragraphs`.",
    (
        *DOCUMENTS.without(["page_text", "signature"]),
        *SCORES.without(["id"]),
        *GROUPS.without(["id", "frequent_paragraphs"]),
        *_CUT,
    ),
)

TABLES = (DOCUMENTS, SCORES, GROUPS, JOINED, DECISIONS, SHARDS, PROBLEMS)
