"""seimai on the tasks of its peers, in its own environment.

`t1` is `seimai extract` on JSONL: language, all rules without morphology, Parquet. It marks the
texts that fail a rule and keeps them; and it does more than is asked, since there is no way to do
less: hashes and signatures of all, every metric, digests of input and output. `t2` is
`bench.near_duplicates`; its variant is the similarity to a survivor from which a text goes. `t3` is
`seimai extract` and `seimai score` on a WARC, with everything on: main text and whole page, rules,
language, signature, the three classifiers; variant `all` analyses all documents morphologically,
where usually those are that the classifiers are unsure of.
"""

from typing import cast

import pyarrow.parquet as pq

from bench.near_duplicates import remove_near_duplicates
from bench.peers import task
from bench.peers.task import Task
from classifiers.bundle import Morphology
from pipeline.dedup.survivors import DEFAULT_THRESHOLD, KeepPolicy
from pipeline.execution import Execution
from pipeline.jobs.extract import Reading, extract
from pipeline.jobs.score import score
from pipeline.run import Run
from pipeline.tasks import commits, part_path


def t1(asked: Task) -> None:
    """Extract; the kept are all Japanese texts, each with the rules that it fails."""
    run = Run(str(asked.out))
    with Execution(asked.workers) as execution:
        extract([str(asked.source)], run, Reading({}), execution)
    _name_kept(asked, _parts(run))


def t2(asked: Task) -> None:
    """Sketch, group, decide, write."""
    policy = KeepPolicy("longest", threshold=float(asked.variant or DEFAULT_THRESHOLD))
    parts = remove_near_duplicates(asked.source, asked.out / "run", asked.workers, policy)
    _name_kept(asked, parts)


def t3(asked: Task) -> None:
    """Extract and score; the kept are all Japanese documents."""
    run = Run(str(asked.out))
    with Execution(asked.workers) as execution:
        extract([str(asked.source)], run, Reading({}), execution)
        score(run, None, cast("Morphology", asked.variant or "auto"), execution)
    _name_kept(asked, _parts(run))


def _parts(run: Run) -> list[str]:
    return [part_path(run.documents, done, "documents") for done in commits(run.documents).values()]


def _name_kept(asked: Task, parts: list[str]) -> None:
    names = [n for part in parts for n in pq.read_table(part, columns=["url"])["url"].to_pylist()]
    (asked.out / "kept.txt").write_text("\n".join(names), "utf-8")


if __name__ == "__main__":
    task.run({"t1": t1, "t2": t2, "t3": t3})
