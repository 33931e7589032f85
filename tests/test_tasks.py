"""The commit protocol: one committed result, whole or not at all, on a disk and on a store."""

import hashlib
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import storage
from pipeline.errors import IntegrityError
from pipeline.tasks import Attempt, Commit, commits, part_path, sweep, withdraw

SCHEMA = pa.schema([pa.field("id", pa.string(), False), pa.field("n", pa.int64(), False)])


@pytest.fixture(params=["disk", "object store"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A folder for commits: on a local disk, and on an object store held in memory."""
    if request.param == "disk":
        yield str(tmp_path / "documents")
    else:
        bucket = f"memory://{uuid.uuid4().hex}"
        yield storage.join(bucket, "documents")
        if storage.exists(bucket):
            fsspec.filesystem("memory").rm(bucket, recursive=True)


def rows(first: int = 0, count: int = 3) -> pa.Table:
    numbers = range(first, first + count)
    return pa.table({"id": [f"文書{n}" for n in numbers], "n": list(numbers)}, SCHEMA)


def attempt_at(folder: str, task: str = "t1", table: pa.Table | None = None) -> Commit:
    with Attempt(folder, task, "settings") as attempt:
        attempt.table("documents", SCHEMA).write(rows() if table is None else table)
        attempt.count("records", 3)
        attempt.note("inputs", {"a.warc.gz": "00"})
        return attempt.commit()


def test_a_commit_is_read_back_as_it_was_made(folder: str) -> None:
    made = attempt_at(folder)
    assert commits(folder) == {"t1": made}
    with storage.open_read(part_path(folder, made, "documents")) as file:
        assert pq.read_table(file) == rows()


def test_a_sidecar_tells_the_true_digest_size_and_rows(folder: str) -> None:
    file = attempt_at(folder).files["documents"]
    data = storage.read_bytes(storage.join(folder, file.name))
    assert (file.rows, file.bytes, file.sha256) == (3, len(data), hashlib.sha256(data).hexdigest())
    assert file.sha256[:16] in file.name


def test_leaving_without_commit_leaves_nothing(folder: str) -> None:
    with Attempt(folder, "t1", "settings") as attempt:
        attempt.table("documents", SCHEMA).write(rows())
    assert commits(folder) == {}
    assert storage.names(folder) == []


def test_an_attempt_that_dies_between_data_and_sidecar_is_not_read(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class DiedError(Exception):
        pass

    def die(*_: object) -> None:
        raise DiedError

    monkeypatch.setattr(storage, "put", die)
    with pytest.raises(DiedError):
        attempt_at(folder, table=rows(count=9))
    monkeypatch.undo()
    assert len(storage.names(folder)) == 1, "its data is there, under its final name"
    assert commits(folder) == {}

    made = attempt_at(folder)
    assert sweep(folder) == 1
    assert commits(folder) == {"t1": made}
    assert storage.names(folder) == sorted(["t1.json", made.files["documents"].name])


def test_racing_attempts_leave_one_result(folder: str) -> None:
    barrier = threading.Barrier(4)
    made: list[Commit] = []

    def race() -> None:
        with Attempt(folder, "t1", "settings") as attempt:
            attempt.table("documents", SCHEMA).write(rows())
            barrier.wait()
            made.append(attempt.commit())

    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4
    assert len({commit.to_json() for commit in made}) == 1
    assert commits(folder) == {"t1": made[0]}
    assert len(storage.names(folder)) == 2, "one file of data and one sidecar"


def test_a_later_attempt_with_other_bytes_replaces_the_result_as_a_whole(folder: str) -> None:
    attempt_at(folder, table=rows(count=2))
    second = attempt_at(folder, table=rows(count=5))
    assert commits(folder) == {"t1": second}
    assert sweep(folder) == 1, "the first attempt's data is a stray now"


def test_a_withdrawn_commit_counts_as_not_done(folder: str) -> None:
    attempt_at(folder)
    withdraw(folder, "t1")
    withdraw(folder, "t1")
    assert commits(folder) == {}


def test_how_rows_arrive_does_not_show_in_the_bytes(folder: str) -> None:
    whole = attempt_at(folder, "t1", rows(count=1000))
    with Attempt(folder, "t2", "settings") as attempt:
        writer = attempt.table("documents", SCHEMA)
        for first in range(0, 1000, 100):
            writer.write(rows(first, 100))
        pieces = attempt.commit()
    assert whole.files["documents"].sha256 == pieces.files["documents"].sha256


def test_row_groups_end_at_the_size_that_was_asked_for(folder: str) -> None:
    with Attempt(folder, "t1", "settings") as attempt:
        writer = attempt.table("documents", SCHEMA, row_group_bytes=1)
        writer.write(rows(0, 2))
        writer.write(rows(2, 2))
        made = attempt.commit()
    with storage.open_read(part_path(folder, made, "documents")) as file:
        assert pq.ParquetFile(file).num_row_groups == 2


WHOLE = {
    "schema": "seimai.commit/1",
    "task": "t1",
    "settings": "s",
    "files": {},
    "counters": {},
    "notes": {},
}


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (b"{", "not a commit sidecar"),
        (orjson.dumps({"schema": "seimai.commit/9"}), "another version"),
        (orjson.dumps({"schema": "seimai.commit/1", "task": "t1"}), "not a commit sidecar"),
        (b"[]", "not a commit sidecar"),
        (orjson.dumps({**WHOLE, "counters": ["records"]}), "no numbers by name"),
        (orjson.dumps({**WHOLE, "counters": {"records": "9"}}), "no numbers by name"),
        (orjson.dumps({**WHOLE, "notes": []}), "no facts by name"),
    ],
)
def test_a_damaged_sidecar_is_named(folder: str, damage: bytes, told: str) -> None:
    attempt_at(folder)
    path = storage.join(folder, "t1.json")
    storage.put(path, damage)
    with pytest.raises(IntegrityError, match=told) as raised:
        commits(folder)
    assert path in str(raised.value)
