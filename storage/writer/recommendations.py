"""Recommendations into their table, beside those of other runs: which run counts is the ledger's to say."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

import msgspec

from storage.cost_columns import copied
from storage.database import Connection
from storage.sql import load
from storage.writer.state import NewBatch
from telemetry.recommendations import Recommendation

_SQL = load("writer_recommendations")
_KINDS = [field.type for field in msgspec.structs.fields(Recommendation)]
_values: Callable[[Recommendation], tuple[Any, ...]] = attrgetter(*Recommendation.__struct_fields__)


def store_recommendations(connection: Connection, batches: Iterable[NewBatch]) -> None:
    """Write those of batches that are not committed yet, and whose runs have their rows."""
    batches = [new for new in batches if new.batch.recommendations]
    if not batches:
        return
    with connection.cursor() as cursor, cursor.copy(_SQL["copy"]) as copy:
        for new in batches:
            found = new.batch.recommendations
            told = zip(*map(_values, found), strict=True)
            copy.write(copied(_KINDS, told, len(found), f"{new.run.run_id}\t{new.batch.number}\t"))
