"""What the program never does, held against its source."""

import ast
import hashlib
import io
import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from classifiers.bundle import load
from pipeline.errors import BundleError, OptionError
from pipeline.sources import resolve
from pipeline.url_secrets import without_secrets
from tests.faults.program import command, finish

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


def test_stores_are_opened_by_one_door_where_secrets_are_refused() -> None:
    """`schemas/reader.py` opens them too: training needs nothing else of the program."""
    opening = {
        path.relative_to(HOUSE).as_posix()
        for path, node in nodes()
        if isinstance(node, ast.Call) and dotted(node.func).startswith("fsspec.")
    }
    assert opening == {"pipeline/storage.py", "schemas/reader.py"}


UNSPOKEN = "himitsu/no+kagi"
URLS_WITH_SECRETS = [
    f"https://taro:{UNSPOKEN}@crawl.example/a.warc.gz",
    f"s3://AKIAEXAMPLE:{UNSPOKEN}@crawl/a.warc.gz",
    "https://himitsu-no-kagi@crawl.example/a.warc.gz",
    f"https://crawl.example/a.warc.gz?X-Amz-Expires=60&X-Amz-Signature={UNSPOKEN}",
    f"gs://crawl/a.warc.gz?access_token={UNSPOKEN}#part",
    f"simplecache::https://taro:{UNSPOKEN}@crawl.example/a.warc.gz",
]


@pytest.mark.parametrize("url", URLS_WITH_SECRETS)
def test_a_url_with_a_secret_is_refused_and_the_secret_is_not_repeated(
    url: str, tmp_path: Path
) -> None:
    listed = tmp_path / "inputs.txt"
    listed.write_text(url, encoding="utf-8")
    for named in ([url], [f"@{listed}"]):
        with pytest.raises(OptionError, match="holds a secret") as raised:
            resolve(named)
        assert "himitsu" not in str(raised.value)
        assert "crawl" in str(raised.value), "it is still told which one is meant"


def test_a_secret_in_the_name_of_a_run_or_an_input_is_printed_and_stored_nowhere(
    tmp_path: Path,
) -> None:
    for inputs, out in (("x.jsonl", URLS_WITH_SECRETS[1]), (URLS_WITH_SECRETS[0], tmp_path)):
        ended = finish(command("extract", inputs, "--out", out))
        assert ended.returncode == 2
        assert "himitsu" not in ended.stdout + ended.stderr
        assert "Traceback" not in ended.stderr
    stored = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in stored if b"himitsu" in path.read_bytes()]


@pytest.mark.parametrize(
    "url",
    [
        "https://crawl.example:8080/@taro/a.warc.gz?page=2&monkey=3",
        "abfs://crawl@account.dfs.core.windows.net/a.warc.gz",
        "http://[::1]:9000/a@b",
        "s3://crawl/2024-06-09T15:49:31/a@b.warc.gz",
        "sftp://taro@crawl.example/a.warc.gz",
    ],
)
def test_a_url_without_a_secret_is_told_as_it_is(url: str) -> None:
    assert without_secrets(f"{url}: not found") == f"{url}: not found"


def test_a_store_of_no_known_kind_is_named(tmp_path: Path) -> None:
    ended = finish(command("extract", "hoka://crawl/a.warc.gz", "--out", tmp_path))
    assert ended.returncode == 2
    assert "hoka://crawl/a.warc.gz: cannot be reached" in ended.stderr
    assert "Traceback" not in ended.stderr


SHIPPED = HOUSE / "classifiers/models/base"


def bundle_with(folder: Path, member: str, data: bytes) -> str:
    """A copy of the shipped bundle with another array in it, and digests that fit."""
    copy = Path(shutil.copytree(SHIPPED, folder / "bundle"))
    with (
        zipfile.ZipFile(SHIPPED / "text.npz") as shipped,
        zipfile.ZipFile(copy / "text.npz", "w", zipfile.ZIP_DEFLATED) as altered,
    ):
        for name in shipped.namelist():
            altered.writestr(name, data if name == member else shipped.read(name))
    said = json.loads((copy / "manifest.json").read_bytes())
    said["files"]["text.npz"] = hashlib.sha256((copy / "text.npz").read_bytes()).hexdigest()
    (copy / "manifest.json").write_text(json.dumps(said))
    return str(copy)


def array(kind: str, shape: str, content: bytes = b"") -> bytes:
    """An array as NumPy's format describes it, truly or not."""
    text = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + content


def pickled() -> bytes:
    stored = io.BytesIO()
    np.save(stored, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return stored.getvalue()


HOSTILE_ARRAYS = {
    "a pickle": (pickled(), "described in another way"),
    "a shape of 8 TB": (array("'<f8'", "(1000000, 1000000)"), "no head has"),
    "a negative shape": (array("'<f8'", "(-3,)"), "described in another way"),
    "a shape of 4,000 digits": (array("'<f8'", f"({'9' * 4000},)"), "described in another way"),
    "a call for a description": (array("print(1)", "(3,)"), "described in another way"),
    "another kind": (array("'<f4'", "(3,)", bytes(12)), "no head has"),
    "fewer numbers than described": (array("'<f8'", "(3,)", bytes(23)), "does not hold"),
    "256 MB behind the numbers": (array("'<f8'", "(3,)", bytes(256 << 20)), "does not hold"),
    "no numbers": (array("'<f8'", "(3,)", b"\xff" * 24), "what is no number"),
    "nothing": (b"", "no array"),
}


@pytest.mark.parametrize(("data", "told"), HOSTILE_ARRAYS.values(), ids=HOSTILE_ARRAYS)
def test_an_array_that_no_head_has_is_refused_before_it_takes_room(
    data: bytes, told: str, tmp_path: Path
) -> None:
    with pytest.raises(BundleError, match=told) as raised:
        load(bundle_with(tmp_path, "offset.npy", data))
    assert "text.npz" in str(raised.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "../../etc"),
        ("name", ".."),
        ("name", "base |<script>alert(1)</script>"),
        ("name", 7),
        ("files", ["text.npz"]),
        ("files", {"text.npz": None, "html.npz": 1}),
        ("features", "html"),
        ("thresholds", {"noise": 2}),
    ],
)
def test_a_bundles_manifest_cannot_lead_astray(key: str, value: object, tmp_path: Path) -> None:
    """Its name becomes a folder below a run."""
    copy = Path(shutil.copytree(SHIPPED, tmp_path / "bundle"))
    said = json.loads((copy / "manifest.json").read_bytes())
    (copy / "manifest.json").write_text(json.dumps({**said, key: value}))
    with pytest.raises(BundleError, match=key):
        load(str(copy))


def test_a_bundle_that_is_no_files_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "manifest.json")
    with pytest.raises(BundleError, match="no regular file"):
        load(str(tmp_path))
    (tmp_path / "manifest.json").unlink()
    (tmp_path / "manifest.json").write_text("[" * 1_000_000)
    with pytest.raises(BundleError, match="not JSON"):
        load(str(tmp_path))
