"""What a second process brings, beside two programs that know nothing of each other.

    python -m bench.scaling [--rounds 3]

The pages of `bench.inputs` in two halves, to documents and scores (`t3` of `bench.peers`): by one
worker, by two, and by two programs of one worker each, a half each, at the same time. The last is
what this machine has to give; two workers are held against it. Also the texts of `many.jsonl`
through `bench.near_duplicates` by two workers, `t2` at size. What a single page takes is taken off.
"""

import argparse
import shutil
import sys
from collections import defaultdict
from pathlib import Path

from bench import inputs, results
from bench.measure import Taken, take, together
from bench.peers import task

WORK = Path(__file__).parent / "work" / "scaling"


def main() -> None:
    """Measure and store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("what", choices=["workers", "many"])
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    measure = workers if asked.what == "workers" else many
    figures: dict[str, list[float]] = defaultdict(list)
    for number in range(asked.rounds):
        for key, value in measure().items():
            figures[key].append(value)
            print(f"round {number + 1}: {key} {value:,.4g}", flush=True)
    shutil.rmtree(WORK)
    results.add({**figures, **results.describe_machine(asked.what)})


def workers() -> dict[str, float]:
    """One worker, two, and two programs, over the same pages."""
    pages = len(inputs.addresses(inputs.PAGES))
    halves = inputs.halves()
    start = take(_command("t3", inputs.first(inputs.PAGES, 1), 1))
    one = _net(take(_command("t3", halves, 1)), start)
    two = _net(take(_command("t3", halves, 2)), start)
    each = [_command("t3", half, 1) for half in sorted(halves.iterdir())]
    apart = _net(together(each), start)
    return {
        "scaling.one_worker.pages_per_s": pages / one.wall,
        "scaling.two_workers.pages_per_s": pages / two.wall,
        "scaling.two_programs.pages_per_s": pages / apart.wall,
        "scaling.two_workers.gain": one.wall / two.wall,
        "scaling.two_programs.gain": one.wall / apart.wall,
        "scaling.two_workers.of_two_programs": apart.wall / two.wall,
        "scaling.one_worker.memory_mb": one.memory / 1e6,
        "scaling.two_workers.memory_mb": two.memory / 1e6,
    }


def many() -> dict[str, float]:
    """Near-duplicates at size, by two workers."""
    start = take(_command("t2", inputs.first(inputs.MANY, 1), 2))
    out = _fresh()
    taken = _net(take(_command("t2", inputs.MANY, 2, out)), start)
    return {
        "t2.many.docs": inputs.MANY_TEXTS,
        "t2.many.docs_per_s": inputs.MANY_TEXTS / taken.wall,
        "t2.many.us_of_processor": 1e6 * taken.processor / inputs.MANY_TEXTS,
        "t2.many.memory_mb": taken.memory / 1e6,
        "t2.many.removed": inputs.MANY_TEXTS - len(task.kept(out)),
    }


def _command(name: str, source: Path, count: int, out: Path | None = None) -> list[str]:
    command = [sys.executable, "-m", "bench.peers.run_seimai", name, str(source)]
    return [*command, str(out or _fresh()), "--workers", str(count)]


def _fresh() -> Path:
    """An output folder that is not there yet, where older ones are dropped."""
    WORK.mkdir(parents=True, exist_ok=True)
    numbers = sorted(int(path.name) for path in WORK.iterdir())
    for number in numbers[:-3]:
        shutil.rmtree(WORK / str(number))
    path = WORK / str(numbers[-1] + 1 if numbers else 0)
    path.mkdir()
    return path / "out"


def _net(taken: Taken, start: Taken) -> Taken:
    return Taken(taken.wall - start.wall, taken.processor - start.processor, taken.memory)


if __name__ == "__main__":
    main()
