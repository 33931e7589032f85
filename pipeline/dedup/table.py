"""The last step of grouping: a part of `groups`, row by row beside its part of `documents`."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import storage
from pipeline.dedup.exchange import receive
from pipeline.dedup.paragraphs import COUNT, host_numbers, marks, paragraphs
from pipeline.dedup.stages import PLACE, Part, Stage, id_column, id_words
from pipeline.tasks import Attempt
from schemas import FREQUENT_PARAGRAPHS, GROUPS

_TEXTS = 1_000  # texts in memory at once


@dataclass(frozen=True, slots=True)
class Groups(Stage[Part]):
    """Writes a part of `groups`.

    Attributes:
        paragraphs: whether frequent paragraphs were looked for, and are to be marked.
        notes: facts of the whole grouping, for every part's commit.
    """

    paragraphs: bool
    notes: Mapping[str, object]

    def fill(self, attempt: Attempt, task: Part) -> None:
        """Write the part."""
        ids = storage.read_table(task.path, ["id"])["id"]
        places = receive(task.places, PLACE)
        is_held = ~np.isnan(places["containment"])
        marked = _marked(task) if self.paragraphs else _unmarked(task.rows)
        columns = {
            "id": ids,
            "exact_id": id_column(places["exact_id"]),
            "exact_size": places["exact_size"],
            "cluster_id": id_column(places["cluster_id"]),
            "cluster_size": places["cluster_size"],
            "contained_in": pc.if_else(is_held, id_column(places["contained_in"]), None),
            "containment": pa.array(places["containment"], mask=~is_held),
            **{name: marked[name] for name in marked.column_names},
        }
        attempt.table("groups", GROUPS.arrow).write(pa.table(columns, GROUPS.arrow))
        own = id_words(ids)
        attempt.count("documents", len(places))
        is_first = places["first"] & (own == places["exact_id"]).all(axis=1)
        attempt.count("exact_copies", int((~is_first).sum()))
        attempt.count("clustered", int((places["cluster_size"] > 1).sum()))
        attempt.count("contained", int(is_held.sum()))
        is_smallest = is_first & (own == places["cluster_id"]).all(axis=1)
        attempt.count("clusters", int(is_smallest.sum()))
        frequent = pc.list_value_length(marked["frequent_paragraphs"])
        attempt.count("frequent_paragraphs", pc.sum(frequent, min_count=0).as_py())
        for name, value in self.notes.items():
            attempt.note(name, value)


_MARKS = pa.schema([("frequent_paragraphs", FREQUENT_PARAGRAPHS), ("host_pages", pa.int32())])


def _marked(part: Part) -> pa.Table:
    """What there is to say of the paragraphs of a part."""
    counts = receive(part.counts, COUNT)
    counts = counts[np.argsort(counts["run"])]
    batches = []
    with storage.open_read(part.path) as file:
        for batch in pq.ParquetFile(file).iter_batches(_TEXTS, columns=["host", "text"]):
            found = paragraphs(batch["text"].to_pylist())
            lists, pages = marks(found, host_numbers(batch["host"].to_pylist()), counts)
            batches.append(pa.record_batch([lists, pa.array(pages)], schema=_MARKS))
    return pa.Table.from_batches(batches, _MARKS)


def _unmarked(rows: int) -> pa.Table:
    return pa.table([pa.nulls(rows, field.type) for field in _MARKS], schema=_MARKS)
