"""What one snapshot of Common Crawl would cost, from the measured figures.

python -m bench.cost
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bench import results
from bench.results import Value

PAGES = 3_000_000_000
"""Pages of a snapshot: CC-MAIN-2023-50 has 3.35 billion, others some 2.5 to 3.3."""

JAPANESE = 74_000_000
"""Pages of CC-MAIN-2023-50 whose only language is Japanese, by Common Crawl's own count."""

GROUP_US, CONTAINED_US, SELECT_US = 30.0, 270.0, 60.0
"""Processor time a document of grouping, of looking for contained texts, and of selecting, as
`docs/scale.md` and `docs/decisions/08-select.md` have them."""


@dataclass(frozen=True, slots=True)
class Cost:
    """One stage's part.

    Attributes:
        stage: what is done.
        documents: how many pages or documents it looks at.
        micros: processor time of one.
    """

    stage: str
    documents: int
    micros: float

    @property
    def core_hours(self) -> float:
        """Hours of one core."""
        return self.documents * self.micros / 3.6e9


def snapshot(figures: Mapping[str, Value]) -> list[Cost]:
    """The stages of one snapshot; empty where the stages were not measured.

    Japanese pages are taken to be as long as those of the labelled crawl.
    """
    needed = [
        f"stage.crawl.{stage}.us" for stage in ("extract as a whole", "write Parquet", "score")
    ]
    if not {*needed, "other.docs_per_s_core"} <= figures.keys():
        return []
    extract, write, score = (float(figures[key]) for key in needed)
    other = 1e6 / float(figures["other.docs_per_s_core"])
    return [
        Cost(
            "read the WARC, tell by its bytes that a page is not Japanese", PAGES - JAPANESE, other
        ),
        Cost("extract Japanese pages", JAPANESE, extract + write),
        Cost("score", JAPANESE, score),
        Cost("group", JAPANESE, GROUP_US),
        Cost("look for contained texts", JAPANESE, CONTAINED_US),
        Cost("select", JAPANESE, SELECT_US),
    ]


def main() -> None:
    """Print the stages."""
    for cost in snapshot(results.read()):
        print(f"{cost.core_hours:8,.0f} core-hours  {cost.micros:8,.0f} us  {cost.stage}")


if __name__ == "__main__":
    main()
