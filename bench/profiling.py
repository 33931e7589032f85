"""Where the whole job spends its time: a table of functions, from the stacks that py-spy saw.

    py-spy record --format raw --output STACKS --subprocesses -- COMMAND
    python -m bench.profiling STACKS

`make profile` does both, and draws the flame graph. A sample is a hundredth of a second in which a
process was at work. *Own* is time in the function itself, libraries in C called from it included;
*with calls* is that and all that it calls. Frames of the program's own modules are named by module.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROWS = 25
OURS = ("pipeline", "classifiers", "schemas")
_FRAME = re.compile(r"(?P<function>.*?) \((?P<path>[^)]*?)(?::\d+)?\)$")


@dataclass(slots=True)
class Profile:
    """Samples by function.

    Attributes:
        own: samples in the function itself, by `module.function`.
        below: samples in the function or what it calls.
        total: all samples.
    """

    own: Counter[str] = field(default_factory=Counter)
    below: Counter[str] = field(default_factory=Counter)
    total: int = 0


def profile(stacks: Iterable[str]) -> Profile:
    """Counts samples by the program's own functions.

    Args:
        stacks: lines of py-spy's raw format: frames from the outermost, set apart by semicolons,
            then a count.

    Returns:
        A sample is its innermost own function's own, whatever library that calls. Samples without
        such a function are of `(libraries)`: imports, Beam, waiting workers.
    """
    found = Profile()
    for line in stacks:
        frames, _, count = line.strip().rpartition(" ")
        ours = list(_ours(frames))
        found.own[ours[-1] if ours else "(libraries)"] += int(count)
        for name in set(ours) or {"(libraries)"}:
            found.below[name] += int(count)
        found.total += int(count)
    return found


def _ours(frames: str) -> Iterator[str]:
    for frame in frames.split(";"):
        matched = _FRAME.match(frame)
        parts = Path(matched["path"]).with_suffix("").parts if matched else ()
        if matched and parts[0] in OURS:  # py-spy names files from the root of their package
            yield ".".join((*parts, matched["function"]))


def main() -> None:
    """Print the table."""
    with Path(sys.argv[1]).open(encoding="utf-8") as stacks:
        found = profile(stacks)
    print(f"{found.total / 100:.0f} s of samples")
    print(f"{'own':>7} {'with calls':>11}  function")
    for name, own in found.own.most_common(ROWS):
        print(f"{own / found.total:7.1%} {found.below[name] / found.total:11.1%}  {name}")


if __name__ == "__main__":
    main()
