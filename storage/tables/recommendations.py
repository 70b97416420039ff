"""What providers recommend: the proposals of each delivery, with the run that read them."""

from __future__ import annotations

import msgspec
from sqlalchemy import Column, ForeignKey, Integer, Table, Uuid

from storage.tables.columns import metadata, of_type
from storage.tables.runs import runs
from telemetry.recommendations import Recommendation

# As lines of bills do, they stay with their run: the newest delivery that was read whole is what is recommended now, by
# the one pointer of its window, and those before it are the history.
recommendations = Table(
    "recommendations",
    metadata,
    Column("run_id", Uuid, ForeignKey(runs.c.run_id, ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),  # of the batch
    Column("line", Integer, primary_key=True),  # in the batch
    *(of_type(field.name, field.type, later=False) for field in msgspec.structs.fields(Recommendation)),
)
