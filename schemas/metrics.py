"""The rule metrics: one column of `documents` each, computed by `pipeline.rules`."""

import pyarrow as pa

from schemas.fields import Column

METRICS: tuple[Column, ...] = (
    Column("japanese_share", pa.float32(), "Share of Japanese characters, 0 to 1."),
)
