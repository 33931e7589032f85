"""The facts of the HTML as numbers: links, commission links, tags, what the page says of itself."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_TAGS: Final = (
    "p",
    "div",
    "span",
    "br",
    "li",
    "td",
    "h1",
    "h2",
    "h3",
    "img",
    "input",
    "button",
    "iframe",
    "script",
    "article",
    "nav",
    "pre",
    "code",
    "blockquote",
)

FACTS: Final = (
    "link_share",
    "log_links",
    "links_per_char",
    "outbound_share",
    "log_outbound",
    "log_commission_links",
    "commission_share",
    "commission_providers",
    "log_sponsored",
    "log_images",
    "images_per_char",
    "has_form",
    "log_html_bytes",
    "bytes_per_char",
    "tags_per_char",
    "aside_share",
    "noindex",
    "dated",
    "age_gate",
    "adult_rating",
    "is_article",
    "redirects",
    *(f"tag_{tag}" for tag in _TAGS),
)
"""The features of one page's HTML, in order."""

FACTS_READ: Final = (
    "html_bytes",
    "link_share",
    "n_links",
    "n_outbound_links",
    "affiliate_links",
    "n_sponsored_links",
    "n_images",
    "n_forms",
    "tag_counts",
    "robots",
    "published",
    "aside_share",
    "has_age_gate",
    "content_rating",
    "page_type",
    "redirects",
)
"""The columns of `documents` that they are made from."""

_AS_LOGARITHM: Final = np.flatnonzero(
    [name.startswith("log_") or name == "bytes_per_char" for name in FACTS]
)
_ADULT_RATINGS: Final = ("adult", "mature", "restricted", "rta-5042")


def has_html(batch: pa.RecordBatch) -> NDArray[np.bool_]:
    """Tells for each document whether its HTML was read: its facts and whole page are there."""
    known = np.ones(len(batch), dtype=bool)
    for name in ("page_text", "link_share", "n_links", "html_bytes"):
        if name not in batch.schema.names:
            return np.zeros(len(batch), dtype=bool)
        known &= batch[name].is_valid().to_numpy(zero_copy_only=False)
    return known


def facts(rows: Sequence[Mapping[str, Any]]) -> NDArray[np.float32]:
    """Returns the features `FACTS` of documents with HTML, a row each; nulls count as 0 or no."""
    counted = np.array([_counted(row) for row in rows]).reshape(-1, len(FACTS))
    counted[:, _AS_LOGARITHM] = np.log1p(counted[:, _AS_LOGARITHM])
    return counted.astype(np.float32)


def _counted(row: Mapping[str, Any]) -> list[float]:
    """The features of one document, before the logarithm."""
    chars = len(row["page_text"]) + 1
    links, outbound = row["n_links"], row["n_outbound_links"] or 0
    paid = [provider["count"] for provider in row["affiliate_links"] or ()]
    tags = {entry["tag"]: entry["count"] for entry in row["tag_counts"] or ()}
    n_tags = sum(tags.values())
    images = row["n_images"] or 0
    rating = (row.get("content_rating") or "").lower()
    return [
        row["link_share"],
        links,
        links / chars,
        outbound / max(1, links),
        outbound,
        sum(paid),
        sum(paid) / max(1, links),
        len(paid),
        row["n_sponsored_links"] or 0,
        images,
        images / chars,
        bool(row["n_forms"]),
        row["html_bytes"],
        row["html_bytes"] / chars,
        n_tags / chars,
        row.get("aside_share") or 0.0,
        "noindex" in (row["robots"] or ()),
        row["published"] is not None,
        bool(row.get("has_age_gate")),
        rating.startswith(_ADULT_RATINGS),
        (row.get("page_type") or "") == "article",
        bool(row.get("redirects")),
        *(tags.get(tag, 0) / max(1, n_tags) for tag in _TAGS),
    ]
