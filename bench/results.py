"""The one store of measured figures: `bench/results.json`, flat keys, merged by key.

    from bench import results
    results.add({"t2.seimai.recall": 0.996, "t1.seimai.docs_per_s": [2250.0, 2310.0, 2280.0]})

Every bench adds its own keys and leaves those of the others, so the commands can be given one by
one and again. A list of runs is stored as its median, with `.low`, `.high` and `.runs` beside it.
`describe_machine` puts down what the figures were measured on, without naming the machine.
"""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

RESULTS = Path(__file__).parent / "results.json"

Value = str | int | float | bool
Figure = Value | Sequence[float]

_LIBRARIES = (
    "apache-beam",
    "fasttext-numpy2",
    "fastwarc",
    "fugashi",
    "numpy",
    "pyarrow",
    "resiliparse",
    "seimai",
    "xxhash",
)
_DIGITS = 4


def read(path: Path = RESULTS) -> dict[str, Value]:
    """All figures, by key; empty where nothing was measured yet."""
    return dict(json.loads(path.read_text("utf-8"))) if path.exists() else {}


def add(figures: Mapping[str, Figure], path: Path = RESULTS) -> None:
    """Put figures into the store; those under other keys stay as they are.

    Args:
        figures: a value by key, or the values of several runs, which become their median and
            spread. Numbers are kept to four significant digits.
        path: the store.
    """
    merged = read(path)
    for key, figure in figures.items():
        merged |= _flat(key, figure)
    text = json.dumps(dict(sorted(merged.items())), ensure_ascii=False, indent=2)
    path.write_text(text + "\n", "utf-8")


def forget(prefix: str, path: Path = RESULTS) -> None:
    """Drop all figures whose key begins so: those of a bench that is about to be done again."""
    kept = {key: value for key, value in read(path).items() if not key.startswith(prefix)}
    path.write_text(json.dumps(kept, ensure_ascii=False, indent=2) + "\n", "utf-8")


def describe_machine(section: str) -> dict[str, Value]:
    """The processor, the memory and the versions, and when a section was measured under what load.

    The load is the count of processes that want a core, over the last minute: where it is beyond
    the count of cores, wall times say little and processor times somewhat more.
    """
    return {
        "machine.cpu": _cpu_model(),
        "machine.cores": os.cpu_count() or 1,
        "machine.memory_gib": round(
            os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        ),
        "machine.system": platform.system(),
        "versions.python": platform.python_version(),
        **{f"versions.{name}": version(name) for name in _LIBRARIES},
        f"measured.{section}.on": datetime.now(UTC).date().isoformat(),
        f"measured.{section}.load": round(os.getloadavg()[0], 1),
    }


def _flat(key: str, figure: Figure) -> dict[str, Value]:
    if isinstance(figure, str | bool | int | float):
        return {key: _short(figure)}
    runs = sorted(figure)
    flat: dict[str, Value] = {key: _short(median(runs)), f"{key}.runs": len(runs)}
    if runs[0] < runs[-1]:
        flat |= {f"{key}.low": _short(runs[0]), f"{key}.high": _short(runs[-1])}
    return flat


def _short(value: Value) -> Value:
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value


def _cpu_model() -> str:
    """The processor's name as the kernel tells it."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    models = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor() or platform.machine())
