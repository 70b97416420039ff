"""Pushed messages for tests, and what of them is in Postgres."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from storage.database import Connection

SENT = (datetime.now(UTC) - timedelta(days=7)).replace(hour=5, minute=2, second=3, microsecond=0)
"""When messages are sent, unless a test says otherwise: a clock that a test sets is set by this, not by a date."""


def day(back: int = 0) -> str:
    """The day, so many days before the one on which messages are sent: a week ago, by the clock that ingest goes by."""
    return f"{SENT - timedelta(days=back):%Y-%m-%d}"


def at(clock: str, back: int = 0) -> str:
    """A time of that day."""
    return f"{day(back)}T{clock}Z"


SENT_AT = f"{SENT:%Y-%m-%dT%H:%M:%SZ}"


def message(**fields: Any) -> dict[str, Any]:
    """A message of the source ``training`` with one metric; ``fields`` replace or add to it."""
    metric = {"name": "gpu_utilization", "value": 85.5, "unit": "percent"}
    return {"source": "training", "sent_at": SENT_AT, "metrics": [metric], **fields}


def body(**fields: Any) -> bytes:
    """The same as bytes of JSON."""
    return json.dumps(message(**fields)).encode()


def charges(day: str, *amounts: str, sent_at: str = SENT_AT) -> bytes:
    """A message with all charges of one day."""
    lines = [{"currency": "USD", "billed_cost": amount, "service_name": "gpu"} for amount in amounts]
    return body(metrics=[], costs=[{"day": day, "charges": lines}], sent_at=sent_at)


def points(connection: Connection) -> dict[tuple[str, str, str], float]:
    """Every pushed value by resource, metric and ISO time."""
    rows = connection.execute(
        """
        SELECT r.provider_id, s.metric, to_char(p.start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), p.value
          FROM finfleet.points AS p
          JOIN finfleet.series AS s USING (series_id)
          JOIN finfleet.resources AS r USING (resource_id)
         WHERE r.provider = 'generic'
        """
    )
    return {(resource, metric, start): value for resource, metric, start, value in rows}


def costs(connection: Connection) -> Mapping[str, str]:
    """The bill by day, as it counts."""
    rows = connection.execute(
        """
        SELECT (charge_period_start AT TIME ZONE 'UTC')::date::text, sum(billed_cost)::text
          FROM reporting.costs WHERE provider = 'generic' GROUP BY 1
        """
    )
    return dict(rows.fetchall())


def states(connection: Connection) -> dict[str, int]:
    """Windows of pushed targets by state."""
    rows = connection.execute(
        """
        SELECT c.state, count(*)::int FROM finfleet.collections AS c JOIN finfleet.targets AS t USING (target_id)
         WHERE t.service LIKE 'push%' GROUP BY 1
        """
    )
    return dict(rows.fetchall())


@contextmanager
def push_worker(directory: Path, redis_url: str, sources: Sequence[str]) -> Iterator[Path]:
    """A worker of the role `push`, without a database, that knows these sources; its log."""
    config = directory / "telemetry.yaml"
    entries = [{"name": name, "kind": "push"} for name in sources]
    config.write_text(yaml.safe_dump({"generic": {"sources": entries}}), encoding="utf-8")
    variables = {"FINFLEET_CONFIG": str(config), "FINFLEET_BROKER_URL": redis_url}
    command = (sys.executable, "-P", "-m", "workers.cli", "worker", "push", "--concurrency", "2")
    log = directory / "worker.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env={**os.environ, **variables},
            stdout=output,
            stderr=output,
        )
    try:
        yield log
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(40)
