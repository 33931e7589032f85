"""Writes `docs/benchmarks.md` from the results, and nothing that is not in them.

python -m bench.tables
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench import results
from bench.cost import JAPANESE, PAGES, snapshot
from bench.peers.contestants import CONTESTANTS, NOT_THERE, TASKS, Contestant
from bench.results import Value

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
NOTHING = "not measured"
_STEPS = ("text", "score")

Results = Mapping[str, Value]

_HEAD = """\
# Benchmarks

Made by `make bench-tables` from [bench/results.json](../bench/results.json), which the benches
fill. Medians, with the lowest and highest run in brackets. *Start* is what a single text or page
takes; speeds are without it. *A core* is a second of processor time, of all processes together.

| command | what | about |
|---|---|---|
| `make bench` | stages and ceilings, length, Beam's share, pages in other languages, a second \
worker | 9 minutes |
| `make bench-many` | near-duplicates among 500,000 texts | 4 minutes |
| `make bench-peers TASKS=t1` (`t2`, `t3`) | seimai and its peers on the same work, turn by turn | \
6 to 9 minutes each |
| `make bench-dedup`, `make bench-classifiers` | grouping alone at size; the classifiers by step | |
| `make profile` | where the whole job spends its time: a table and a flame graph | 1 minute |

The first of them makes the inputs, which takes a minute. The environments of the peers take ten
minutes and 10 GB.

Where the time goes and what follows from it stands in [performance](performance.md).
"""


def page(figures: Results) -> str:
    """The page."""
    parts = [_HEAD, *_machine(figures)]
    for name in TASKS:
        parts += _contest(name, figures)
    parts += [*_targets(figures), *_stages(figures), *_classifiers(figures), *_lengths(figures)]
    parts += [*_shares(figures), *_scaling(figures), *_grouping(figures), *_snapshot(figures)]
    return "\n".join(parts).rstrip() + "\n"


def _machine(figures: Results) -> Iterator[str]:
    versions = ", ".join(
        f"{key.removeprefix('versions.')} {value}"
        for key, value in figures.items()
        if key.startswith("versions.")
    )
    yield "## The machine\n"
    yield (
        f"{figures.get('machine.cpu', NOTHING)}, {figures.get('machine.cores', '?')} cores, "
        f"{figures.get('machine.memory_gib', '?')} GiB; {versions}.\n"
    )
    measured = [key.split(".")[1] for key in figures if key.startswith("measured.")]
    if measured:
        yield "Measured, with the load of the last minute at the end (how many wanted a core):"
        yield from table(
            ["section", "on", "load"],
            [
                [name, figures[f"measured.{name}.on"], figures[f"measured.{name}.load"]]
                for name in dict.fromkeys(measured)
            ],
        )


def _contest(name: str, figures: Results) -> Iterator[str]:
    yield f"## {name.upper()}: {TASKS[name]}\n"
    present = [one for one in CONTESTANTS if one.task == name]
    judged = ["recall", "precision"] if name == "t2" else []
    header = ["", "given", "kept", "documents/s", "a core", "start", "memory", "runs", *judged]
    yield from table(header, [_row(one, figures, judged) for one in present])
    yield from (f"- {one.name}: {one.remark}." for one in present if one.remark)
    yield from (f"- Not there: {who} ({why})." for who, why in NOT_THERE[name].items())
    if name == "t3":
        yield (
            "\nDocuments/s counts all pages given, the column beside it Japanese pages only, "
            "which are the documents of interest."
        )
    yield ""


def _row(one: Contestant, figures: Results, judged: Sequence[str]) -> list[Value]:
    key = f"{one.task}.{one.name}"
    if f"{key}.docs_per_s" not in figures:
        why = figures.get(f"{key}.failed") or figures.get(f"peers.{one.peer}.install", NOTHING)
        shown = NOTHING if why == "ready" else " ".join(str(why).split())[:120]
        return [one.name, shown, *[""] * (6 + len(judged))]
    return [
        one.name,
        spread(figures, f"{key}.given"),
        spread(figures, f"{key}.kept"),
        spread(figures, f"{key}.docs_per_s"),
        spread(figures, f"{key}.docs_per_s_core"),
        f"{figures[f'{key}.start_s']:.1f} s",
        f"{figures[f'{key}.memory_mb']:,.0f} MB",
        figures.get(f"{key}.docs_per_s.runs", 1),
        *(f"{figures[f'{key}.{measure}']:.4f}" for measure in judged),
    ]


def _targets(figures: Results) -> Iterator[str]:
    """What was aimed at, and where it is."""

    def ratio(ours: str, theirs: str) -> float | None:
        above, below = figures.get(ours), figures.get(theirs)
        return float(above) / float(below) if above is not None and below else None

    def number(key: str) -> float | None:
        return float(figures[key]) if key in figures else None

    aims: list[tuple[str, str, float | None]] = [
        (
            "T3, Japanese documents of about 1,500 characters, a second of a core",
            "350",
            number("t3.seimai-typical.docs_per_s_core"),
        ),
        ("the same, all analysed", "300", number("t3.seimai-typical-all.docs_per_s_core")),
        ("T3, times datatrove", "10", ratio("t3.seimai.docs_per_s", "t3.datatrove.docs_per_s")),
        ("T1, times HojiChar", "3", ratio("t1.seimai.docs_per_s", "t1.hojichar.docs_per_s")),
        ("T1, times datatrove", "20", ratio("t1.seimai.docs_per_s", "t1.datatrove.docs_per_s")),
        ("T2 at 500,000 on 2 cores, documents/s", "15,000", number("t2.many.docs_per_s")),
        ("T2, recall", "0.993", number("t2.seimai.recall")),
        ("T2, precision", "0.999", number("t2.seimai.precision")),
        ("pages in other languages a second of a core", "10,000", number("other.docs_per_s_core")),
        (
            "2 workers, of what 2 programs give",
            "0.9",
            number("scaling.two_workers.of_two_programs"),
        ),
        (
            "select by `default` over 1 million rows, seconds, at most",
            "180",
            number("select.1000000.default.seconds"),
        ),
        (
            "select by `strict` after `default`, of extract and score by the clock, less than",
            "0.1",
            number("reselect.share_of_seconds"),
        ),
        ("classifiers, documents a second of a core", "1,000", number("classifiers.docs_per_s")),
        ("Beam's share, less than", "0.05", number("share.beam")),
        ("Beam, tasks, digests and Parquet, less than", "0.08", number("share.all")),
    ]
    yield "## Aims\n"
    yield from table(
        ["", "aim", "measured"],
        [[what, aim, NOTHING if found is None else f"{found:,.4g}"] for what, aim, found in aims],
    )


def _stages(figures: Results) -> Iterator[str]:
    for sample, told in (
        ("typical", "Documents of about 1,500 characters"),
        ("crawl", "The crawl"),
    ):
        names = _stage_names(sample, figures)
        if not names:
            continue
        key = f"stage.{sample}"
        yield f"## Stages: {told.lower()}\n"
        yield (
            f"{figures[f'{key}.documents']:,} documents, {figures[f'{key}.chars']:,.0f} characters "
            f"of main text and {figures[f'{key}.html_bytes']:,.0f} bytes of HTML on average. One "
            "core, processor time. *Ceiling*: the bare loop of the library underneath.\n"
        )
        header = [
            "stage",
            "µs a document",
            "documents/s",
            "MB/s",
            "ceiling, µs",
            "ratio",
            "library",
        ]
        yield from table(header, [_stage_row(f"{key}.{name}", name, figures) for name in names])


def _stage_names(sample: str, figures: Results) -> list[str]:
    """The stages that were measured, the dearest first."""
    prefix = f"stage.{sample}."
    keys = [key for key in figures if key.startswith(prefix) and key.endswith(".us")]
    keys.sort(key=lambda key: float(figures[key]), reverse=True)
    return [key.removeprefix(prefix).removesuffix(".us") for key in keys]


def _stage_row(key: str, name: str, figures: Results) -> list[Value]:
    ceiling = figures.get(f"{key}.ceiling_us")
    own = figures[f"{key}.us"]
    return [
        name,
        spread(figures, f"{key}.us"),
        _number(figures.get(f"{key}.docs_per_s")),
        _number(figures.get(f"{key}.mb_per_s")),
        _number(ceiling),
        f"{float(own) / float(ceiling):.2f}" if ceiling else "",
        figures.get(f"{key}.ceiling", ""),
    ]


def _shares(figures: Results) -> Iterator[str]:
    if "share.all" not in figures:
        return
    yield "## What is not work on pages\n"
    yield (
        f"{figures['share.tasks']} tasks of {figures['share.seconds_a_task']:.2f} s each, "
        "extracted and scored in one process as a worker does it, with clocks around the tasks and "
        "around the functions (`python -m bench.shares`).\n"
    )
    yield from table(
        ["", "share of the job"],
        [
            ["Beam", f"{figures['share.beam']:.1%}"],
            ["tasks, digests, Parquet", f"{figures['share.tasks_hashing_parquet']:.1%}"],
            ["all of these", f"{figures['share.all']:.1%}"],
        ],
    )
    once = 1000 * float(figures["share.beam_seconds"])
    yield f"Beam took {once:.0f} ms: one pipeline a worker, however many tasks and however large.\n"


def _scaling(figures: Results) -> Iterator[str]:
    if "scaling.one_worker.pages_per_s" in figures:
        yield "## A second worker\n"
        yield "The whole crawl to documents and scores (`python -m bench.scaling workers`).\n"
        rows = [
            [told, spread(figures, f"scaling.{who}.pages_per_s"), gain]
            for who, told, gain in (
                ("one_worker", "one worker", "1"),
                ("two_workers", "two workers", spread(figures, "scaling.two_workers.gain")),
                ("two_programs", "two programs", spread(figures, "scaling.two_programs.gain")),
            )
        ]
        yield from table(["", "pages/s", "gain"], rows)
    if "t2.many.docs_per_s" in figures:
        yield "## Near-duplicates at size\n"
        yield (
            f"{figures['t2.many.docs']:,} texts on two workers (`python -m bench.scaling many`): "
            f"{spread(figures, 't2.many.docs_per_s')} documents/s from JSONL to Parquet without "
            f"copies, {spread(figures, 't2.many.us_of_processor')} µs of processor time a "
            f"document, {figures['t2.many.memory_mb']:,.0f} MB.\n"
        )


def _classifiers(figures: Results) -> Iterator[str]:
    steps = [key for key in figures if re.fullmatch(r"classifiers\.[^.]+\.us", key)]
    if not steps:
        return
    yield "## Classifiers\n"
    yield (
        "By step, over both texts of a page (`make bench-classifiers`); *noun share* is what "
        "morphology costs a document that is analysed.\n"
    )
    rows = [[key.split(".")[1].replace("_", " "), spread(figures, key)] for key in steps]
    yield from table(["step", "µs a document"], rows)


def _lengths(figures: Results) -> Iterator[str]:
    lengths = [int(key.split(".")[1]) for key in figures if key.endswith(".text_us")]
    if not lengths:
        return
    yield "## Length\n"
    yield (
        "Texts of one length (`python -m bench.lengths`): all that every text goes through, and "
        "the classifiers without morphology, which look at 4,000 characters of a text.\n"
    )
    rows = [
        [f"{length:,}", *(_number(figures[f"length.{length}.{step}_us"]) for step in _STEPS)]
        for length in sorted(lengths)
    ]
    yield from table(["characters", "text, µs", "score, µs"], rows)
    each = figures["length.text_us_a_1000_chars"]
    yield f"1,000 characters more cost a text {_number(each)} µs.\n"


def _grouping(figures: Results) -> Iterator[str]:
    columns = {
        "seconds": "seconds",
        "documents/s": "docs_per_s",
        "µs of processor": "us_of_processor",
        "GiB": "memory_gib",
        "GB of disk": "disk_gb",
    }
    found = (re.fullmatch(r"group\.(\d+)((?:\.\w+)*)\.seconds", key) for key in figures)
    runs = [(int(run[1]), run[2]) for run in found if run]
    if runs:
        yield "## Grouping alone\n"
        yield "Generated signatures, two workers (`make bench-dedup`).\n"
        rows = [
            [
                f"{size:,}",
                asked.removeprefix(".").replace(".", ", "),
                *(_number(figures[f"group.{size}{asked}.{name}"]) for name in columns.values()),
            ]
            for size, asked in sorted(runs)
        ]
        yield from table(["documents", "with", *columns], rows)


def _snapshot(figures: Results) -> Iterator[str]:
    costs = snapshot(figures)
    if not costs:
        return
    yield "## One snapshot of Common Crawl\n"
    yield (
        f"{PAGES / 1e9:.0f} billion pages, {JAPANESE / 1e6:.0f} million of them Japanese only, "
        "from the figures above (`python -m bench.cost`).\n"
    )
    total = sum(cost.core_hours for cost in costs)
    rows: list[list[Value]] = [
        [
            cost.stage,
            f"{cost.documents / 1e6:,.0f} M",
            _number(cost.micros),
            f"{cost.core_hours:,.0f}",
            f"{cost.core_hours / total:.0%}",
        ]
        for cost in costs
    ]
    rows.append(["all", "", "", f"{total:,.0f}", f"{total / 256:,.1f} h on 256 cores"])
    yield from table(["stage", "pages", "µs each", "core-hours", "share"], rows)


def table(header: Sequence[str], rows: Sequence[Sequence[Value]]) -> Iterator[str]:
    """A Markdown table; numbers stand to the right."""
    yield f"| {' | '.join(header)} |"
    yield f"|---|{'---:|' * (len(header) - 1)}"
    yield from (f"| {' | '.join(str(cell).replace('|', '/') for cell in row)} |" for row in rows)
    yield ""


def spread(figures: Results, key: str) -> str:
    """A figure, with its lowest and highest run where they differ."""
    shown = _number(figures[key])
    if f"{key}.low" in figures:
        shown += f" [{_number(figures[f'{key}.low'])}, {_number(figures[f'{key}.high'])}]"
    return shown


def _number(value: Value | None) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def main() -> None:
    """The command."""
    PAGE.write_text(page(results.read()), "utf-8")
    print(f"{PAGE.name} is written")


if __name__ == "__main__":
    main()
