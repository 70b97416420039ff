"""The real OpenFinOps server, and what it has taken in."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx

from emulators.openfinops import OpenFinOpsServer


@contextmanager
def running_openfinops(directory: Path) -> Iterator[OpenFinOpsServer]:
    """A server with an empty database in `directory`; its environment is built at the first use on a machine."""
    with OpenFinOpsServer(directory) as server:
        yield server


def ask(server: OpenFinOpsServer, path: str) -> Any:
    """What the server answers on a page of its API."""
    answer = httpx.get(server.url + path, trust_env=False)
    answer.raise_for_status()
    return answer.json()


def rows(server: OpenFinOpsServer) -> list[dict[str, Any]]:
    """Every row of telemetry in the order of arrival, from the server's database: its API shows 1,000 at the most."""
    with closing(sqlite3.connect(server.directory / "telemetry.db")) as connection:
        connection.row_factory = sqlite3.Row
        found = [dict(row) for row in connection.execute("SELECT * FROM telemetry_data ORDER BY id")]
    for row in found:
        row["metrics"], row["events"] = json.loads(row["metrics"]), json.loads(row["events"])
    return found


def keys_by_target(server: OpenFinOpsServer) -> dict[str, list[str]]:
    """The idempotency keys that arrived for each target, in order."""
    keys: dict[str, list[str]] = {}
    for row in rows(server):
        for event in row["events"]:
            keys.setdefault(event["target"], []).append(event["idempotency_key"])
    return keys
