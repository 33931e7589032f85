"""Who does which task, with how much of the input, and what each leaves out of it."""

from dataclasses import dataclass
from pathlib import Path

from bench import inputs

SOURCES = {"t1": inputs.TEXTS, "t2": inputs.COPIES, "t3": inputs.PAGES}

TASKS = {
    "t1": "texts in JSONL: language, rules for quality, what passes is written",
    "t2": "20,000 texts in JSONL, 4,000 of them planted near-duplicates: what stays is written",
    "t3": "a WARC: main text, language, rules for quality, what passes is written",
}


@dataclass(frozen=True, slots=True)
class Contestant:
    """One program at one task.

    Attributes:
        task: `t1`, `t2` or `t3`.
        name: what it is called in the results.
        peer: whose environment and script it uses.
        variant: what is asked of the script.
        given: how many texts or pages of the input it is given; 0 for all. The slow ones get
            fewer, so that all can be done in minutes: what starting costs is measured apart.
        remark: what it leaves out of the task, or does beyond it.
        source: another input than the task's.
        rounds: the most rounds that it takes part in.
    """

    task: str
    name: str
    peer: str
    variant: str = ""
    given: int = 0
    remark: str = ""
    source: Path | None = None
    rounds: int = 3


CONTESTANTS = (
    Contestant(
        "t1",
        "seimai",
        "seimai",
        remark="`seimai extract`: every metric and verdict kept with each text, none dropped; "
        "beyond the task: hash and signature for duplicates, digests of input and output",
    ),
    Contestant(
        "t1", "hojichar", "hojichar", given=4_000, remark="nine filters; drops at the first failed"
    ),
    Contestant("t1", "data-juicer", "datajuicer", given=4_000, remark="seven operators"),
    Contestant(
        "t1",
        "dolma",
        "dolma",
        given=1_500,
        remark="words by white space, so Gopher's statistics mean little for Japanese",
    ),
    Contestant(
        "t1",
        "datatrove",
        "datatrove",
        given=300,
        remark="Gopher's rules over words of spaCy and Sudachi; drops at the first failed",
    ),
    Contestant(
        "t2",
        "seimai",
        "seimai",
        "0.6",
        remark="21 bands of 6; a text goes from 0.6 to its survivor, since two copies that are "
        "both 0.8 like the original can be that far from each other, and the peers remove both",
    ),
    Contestant(
        "t2",
        "seimai-default",
        "seimai",
        "0.75",
        remark="as the recipes have it: copies of one original that are too unlike each other stay",
    ),
    Contestant("t2", "hojichar", "hojichar", remark="9 bands of 13, its choice for 0.8"),
    Contestant("t2", "hojichar-14x8", "hojichar", "14x8", remark="14 bands of 8, as datatrove"),
    Contestant("t2", "rensa-r", "rensa", "r", remark="a library: reading and writing are ours"),
    Contestant("t2", "rensa-c", "rensa", "c", remark="its other sketch"),
    Contestant(
        "t2",
        "datatrove",
        "datatrove",
        "characters",
        remark="14 bands of 8; its Japanese words replaced by characters, which finds more in "
        "a sixth of the time",
        rounds=1,
    ),
    Contestant(
        "t2",
        "text-dedup",
        "textdedup",
        "spaced",
        remark="given characters set apart by spaces",
        rounds=1,
    ),
    Contestant(
        "t2", "data-juicer", "datajuicer", remark="threshold of 0.8, its own bands", rounds=1
    ),
    Contestant(
        "t3",
        "seimai",
        "seimai",
        remark="beyond the task: whole page, page facts, three classifiers, signature; "
        "what fails a rule is marked and kept",
    ),
    Contestant(
        "t3",
        "seimai-typical",
        "seimai",
        source=inputs.TYPICAL,
        remark="the same on the Japanese pages of 1,000 to 2,000 characters of main text",
    ),
    Contestant(
        "t3",
        "seimai-typical-all",
        "seimai",
        "all",
        source=inputs.TYPICAL,
        remark="the same with every document analysed morphologically",
    ),
    Contestant(
        "t3",
        "datatrove",
        "datatrove",
        given=300,
        remark="Trafilatura; no classifiers; nothing beyond the task",
    ),
)

NOT_THERE = {
    "t1": {"text-dedup, rensa": "do duplicates only"},
    "t2": {"dolma": "has exact duplicates of paragraphs only, by a Bloom filter"},
    "t3": {
        "hojichar, data-juicer, text-dedup, rensa": "read no WARC",
        "dolma": "its WARC reader wants further models, which are downloads",
    },
}
"""Peers that are not at a task, and why."""
