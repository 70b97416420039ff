"""What Postgres reads for a query, counted: time depends on the machine, rows do not."""

import json
from collections.abc import Iterator
from typing import Any

from storage.database import Connection


def rows_read(connection: Connection, query: str) -> dict[str, int]:
    """Rows that were read of each table, those included that a filter then left out."""
    read: dict[str, int] = {}
    for node in _nodes(_plan_of(connection, query)):
        if name := node.get("Relation Name"):
            rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
            read[name] = read.get(name, 0) + round(rows * node["Actual Loops"])
    return read


def times(connection: Connection, query: str, of: str) -> int:
    """How often steps of a kind (``WindowAgg``), or those that call a function, were executed."""
    nodes = _nodes(_plan_of(connection, query))
    return sum(node["Actual Loops"] for node in nodes if of in (node["Node Type"], node.get("Function Name")))


def _plan_of(connection: Connection, query: str) -> dict[str, Any]:
    row = connection.execute(f"EXPLAIN (ANALYZE, VERBOSE, FORMAT JSON, TIMING OFF) {query}".encode()).fetchone()
    assert row is not None
    found = row[0] if isinstance(row[0], list) else json.loads(row[0])
    plan: dict[str, Any] = found[0]["Plan"]
    return plan


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)
