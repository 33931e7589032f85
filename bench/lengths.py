"""How the cost of a document grows with its length.

    python -m bench.lengths

Texts of one length, put together from the lines of `bench.inputs`, through what every text goes
through (`pipeline.documents.from_texts`: normalise, language, rules, hash, signature) and through
the classifiers without morphology, which look at 4,000 characters of a text. Processor time,
median of three rounds; `length.text_us_a_1000_chars` is the slope from the shortest to the longest.
"""

from collections.abc import Callable
from functools import partial
from itertools import islice
from statistics import median

from bench import inputs, results
from bench.measure import processor_seconds
from bench.peers import task
from classifiers.bundle import load
from pipeline.documents import from_texts

LENGTHS = (250, 500, 1_000, 2_000, 4_000, 8_000, 16_000)
CHARS = 1_000_000
"""Characters for each length, so that all take about as long."""

ROUNDS = 3


def main() -> None:
    """Measure and store."""
    texts = (row["text"] for row in task.rows(inputs.MANY))
    whole = "\n".join(islice(texts, 2 * CHARS // inputs.MANY_CHARS))
    bundle, figures = load(), dict[str, float]()
    for length in LENGTHS:
        pieces = [whole[start : start + length] for start in range(0, CHARS, length)]
        batch = from_texts(pieces)
        text_us = _micros(partial(from_texts, pieces), len(pieces))
        score_us = _micros(partial(bundle.score, batch, "none"), len(pieces))
        figures |= {f"length.{length}.text_us": text_us, f"length.{length}.score_us": score_us}
        print(f"{length:6} characters: {text_us:8.0f} us a text, {score_us:8.0f} us to score")
    low, high = (figures[f"length.{length}.text_us"] for length in (LENGTHS[0], LENGTHS[-1]))
    slope = (high - low) / (LENGTHS[-1] - LENGTHS[0])
    figures["length.text_us_a_1000_chars"] = 1_000 * slope
    results.forget("length.")
    results.add({**figures, **results.describe_machine("length")})


def _micros(work: Callable[[], object], count: int) -> float:
    work()
    return 1e6 * median(processor_seconds(work) for _ in range(ROUNDS)) / count


if __name__ == "__main__":
    main()
