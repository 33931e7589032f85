"""Weak labels for unlabelled pages: votes of single facts with their evidence, for people to judge.

A vote is cheap evidence and no more: about a third of affiliate pages hold no commission link, and
honest pages hold some. So a proposal is shown beside what the classifiers say, and those come first
on which the two disagree or the classifiers are unsure.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import pyarrow as pa

from classifiers.bundle import Bundle
from classifiers.facts import has_html
from classifiers.labels import CLASSES

Row = Mapping[str, Any]

_LISTING: Final = re.compile(
    r"/(tags?|categor(y|ies)|archives?|authors?|labels?)/[^/]+/?(index\.html)?$|/page/\d+", re.I
)
_ERROR: Final = re.compile(r"404|not found|見つかりません|ページがありません|存在しません", re.I)
_RANKING: Final = re.compile(r"おすすめ|オススメ|比較|ランキング|[0-9０-９]+選|評判|口コミ")


@dataclass(frozen=True, slots=True)
class Voter:
    """One fact that speaks for or against a class.

    Attributes:
        name: a short name, by which its votes can be counted.
        of: the class.
        says: whether it speaks for the class or against it.
        evidence: what it saw in a document, for a person to read; None if it does not vote.
    """

    name: str
    of: str
    says: bool
    evidence: Callable[[Row], str | None]


def _commission_links(row: Row) -> str | None:
    links = {entry["provider"]: entry["count"] for entry in row["affiliate_links"] or ()}
    listed = ", ".join(f"{provider} {count}" for provider, count in sorted(links.items()))
    return f"commission links: {listed}" if sum(links.values()) >= 3 else None


def _sponsored(row: Row) -> str | None:
    count = row["n_sponsored_links"] or 0
    return f"{count} links with rel=sponsored" if count >= 2 else None


def _linked(row: Row) -> str | None:
    sentences = row["text"].count("。")
    listed = row["link_share"] > 0.7 and sentences < 3
    return (
        f"{row['link_share']:.0%} of the text is links, {sentences} sentences" if listed else None
    )


def _listing(row: Row) -> str | None:
    found = _LISTING.search(unquote(row["url"]))
    return f"its address ends on {found[0]}" if found else None


def _error(row: Row) -> str | None:
    found = _ERROR.search(row["title"] or "")
    return f"its title says {found[0]}" if found else None


def _stub(row: Row) -> str | None:
    return f"{len(row['text'])} characters of main text" if len(row["text"]) < 80 else None


def _prose(row: Row) -> str | None:
    sentences = row["text"].count("。")
    return f"{sentences} sentences" if sentences >= 20 and row["link_share"] < 0.2 else None


def _ranking(row: Row) -> str | None:
    found = dict.fromkeys(_RANKING.findall(row["title"] or ""))
    return f"its title says {', '.join(found)}" if len(found) >= 2 else None


def _rated(row: Row) -> str | None:
    rating = row["content_rating"] or ""
    adult = rating.lower().startswith(("adult", "mature", "restricted", "rta-5042"))
    return f"meta rating is {rating}" if adult else None


def _gated(row: Row) -> str | None:
    return "it asks or tells the reader's age" if row["has_age_gate"] else None


VOTERS: Final = (
    Voter("commission_links", "affiliate", True, _commission_links),
    Voter("sponsored_links", "affiliate", True, _sponsored),
    Voter("ranking_title", "affiliate", True, _ranking),
    Voter("mostly_links", "noise", True, _linked),
    Voter("listing_address", "noise", True, _listing),
    Voter("error_title", "noise", True, _error),
    Voter("stub", "noise", True, _stub),
    Voter("prose", "noise", False, _prose),
    Voter("adult_rating", "adult", True, _rated),
    Voter("age_gate", "adult", True, _gated),
)


def proposals(batch: pa.RecordBatch, bundle: Bundle) -> Iterator[dict[str, Any]]:
    """Proposes labels for the documents of a batch, in order.

    Args:
        batch: documents with their page facts; those without HTML get no votes.
        bundle: classifiers to set the votes beside.

    Returns:
        A JSON-able proposal a document: `url`, its `site` (the host), a proposed 0 or 1 for each
        class (the majority of the votes; the classifier's say where there is none), `votes` with
        their evidence, `chances`, and `urgency`, 0 to 1: how unsure the classifiers are, or how far
        from the votes.
    """
    chances, with_html = bundle.chances(batch), has_html(batch)
    for row, of_row, known in zip(batch.to_pylist(), chances, with_html, strict=True):
        votes: list[dict[str, Any]] = [
            {"voter": voter.name, "class": voter.of, "says": int(voter.says), "evidence": seen}
            for voter in VOTERS
            if known and (seen := voter.evidence(row)) is not None
        ]
        proposal: dict[str, Any] = {"url": row["url"], "site": urlsplit(row["url"]).netloc}
        urgency = 0.0
        for name, chance in zip(CLASSES, of_row.tolist(), strict=True):
            said = [vote["says"] for vote in votes if vote["class"] == name]
            voted = sum(said) / len(said) if said else None
            proposal[name] = int((chance if voted is None else voted) >= 0.5)
            unsure = 1 - 2 * abs(chance - 0.5)
            urgency = max(urgency, unsure, 0.0 if voted is None else abs(chance - voted))
        yield {
            **proposal,
            "confidence": "low",
            "votes": votes,
            "chances": dict(zip(CLASSES, of_row.tolist(), strict=True)),
            "urgency": urgency,
        }


def confirmed(proposal: Mapping[str, Any], **said: int) -> dict[str, Any]:
    """Turns a proposal that a person has read into a row of a label table.

    Args:
        proposal: one of `proposals`.
        said: 0 or 1 for each class on which the person says otherwise, by the class's name.

    Returns:
        A row for `labels.read_labels`, of confidence high.

    >>> proposal = {"url": "https://a.jp/", "site": "a.jp", "noise": 1, "affiliate": 0, "adult": 0}
    >>> confirmed(proposal, noise=0)["noise"]
    0
    """
    classes = {name: said.get(name, proposal[name]) for name in CLASSES}
    return {"url": proposal["url"], "site": proposal["site"], **classes, "confidence": "high"}
