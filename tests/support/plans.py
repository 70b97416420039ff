"""What Postgres reads for a query, counted: time depends on the machine, rows do not."""

import json
from typing import Any

from storage.database import Connection


def rows_read(connection: Connection, query: str) -> dict[str, int]:
    """Rows that were read of each table, those included that a filter then left out."""
    row = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF) {query}".encode()).fetchone()
    assert row is not None
    plan = row[0] if isinstance(row[0], list) else json.loads(row[0])
    read: dict[str, int] = {}
    _count(plan[0]["Plan"], read)
    return read


def _count(node: dict[str, Any], read: dict[str, int]) -> None:
    if name := node.get("Relation Name"):
        rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        read[name] = read.get(name, 0) + round(rows * node["Actual Loops"])
    for child in node.get("Plans", ()):
        _count(child, read)
