"""How a table is described: columns with a type and a sentence, a name and a version."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        name: the column's name in the Parquet file.
        type: its Arrow type.
        doc: what it holds, with its unit and range, in one sentence.
        nullable: whether null has a meaning; `doc` then says which.
    """

    name: str
    type: pa.DataType
    doc: str
    nullable: bool = False

    @property
    def arrow(self) -> pa.Field:
        """The Arrow field, carrying the sentence as metadata."""
        return pa.field(self.name, self.type, self.nullable, metadata={"doc": self.doc})


@dataclass(frozen=True)
class Table:
    """A table that crosses a boundary between stages: its name, version and columns.

    A version is `major.minor`: a new nullable column raises the minor, anything that an older
    reader could misread raises the major (the rule stands in `schemas/CHANGES.md`).
    """

    name: str
    version: str
    doc: str
    columns: tuple[Column, ...]

    @cached_property
    def arrow(self) -> pa.Schema:
        """The Arrow schema; its metadata names the table and its version in every file."""
        metadata = {"seimai.schema": self.name, "seimai.version": self.version}
        return pa.schema([column.arrow for column in self.columns], metadata=metadata)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The column names, in order."""
        return tuple(column.name for column in self.columns)

    def without(self, names: Iterable[str]) -> tuple[Column, ...]:
        """The columns that are not named, in order."""
        left_out = set(names)
        return tuple(column for column in self.columns if column.name not in left_out)


def counts(key: str) -> pa.DataType:
    """A list of `{key, count}` structs: the form of every count by name."""
    return pa.list_(
        pa.struct([pa.field(key, pa.string(), False), pa.field("count", pa.int32(), False)])
    )
