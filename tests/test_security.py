"""What the program never does, held against its source."""

import ast
from collections.abc import Iterator
from pathlib import Path

HOUSE = Path(__file__).parents[1]
SOURCES = [
    path for room in ("pipeline", "classifiers", "schemas") for path in (HOUSE / room).rglob("*.py")
]

RUNS_DATA = {
    "pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "joblib",
    "marshal",
    "shelve",
    "code",
    "pty",
}
STARTS_PROGRAMS = {"subprocess", "socket", "urllib.request", "http.client", "ctypes"}
EVALUATING = {"eval", "exec", "__import__", "os.system", "os.popen"}
WALL_CLOCK = {"time.time", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}


def dotted(node: ast.expr) -> str:
    """`a.b.c` of such an expression; what is called of any other."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def nodes() -> Iterator[tuple[Path, ast.AST]]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            yield path, node


def imports(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


def test_nothing_that_can_run_data_or_reach_the_network_is_imported() -> None:
    found = {(path.name, name) for path, node in nodes() for name in imports(node)}
    assert not [pair for pair in found if pair[1] in RUNS_DATA | STARTS_PROGRAMS]
    assert ("recipe_file.py", "yaml") in found, "the search finds what is there"


def test_no_call_evaluates_text_and_no_array_is_unpickled() -> None:
    calls = [(path, node) for path, node in nodes() if isinstance(node, ast.Call)]
    evaluating = [
        (path.name, node.lineno) for path, node in calls if dotted(node.func) in EVALUATING
    ]
    unpickling = [
        (path.name, node.lineno)
        for path, node in calls
        for keyword in node.keywords
        if keyword.arg == "allow_pickle" and getattr(keyword.value, "value", True) is not False
    ]
    loading = {dotted(node.func) for _, node in calls if dotted(node.func).startswith("yaml.")}
    assert not evaluating + unpickling
    assert not loading & {"yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load"}


def test_no_decision_is_taken_by_the_clock_on_the_wall() -> None:
    """A clock that jumps changes nothing: no time of day, and no age of a file, is looked at."""
    looked_at = {
        (path.name, dotted(node))
        for path, node in nodes()
        if isinstance(node, ast.Attribute)
        and (dotted(node) in WALL_CLOCK or node.attr in {"st_mtime", "getmtime", "st_mtime_ns"})
    }
    assert not looked_at
