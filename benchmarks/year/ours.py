"""What finfleet itself asks: the command, the sweep, the metrics, the reports."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from unittest.mock import patch

from benchmarks.load import KEY
from benchmarks.servers import Servers
from storage import dead_letters, outbox
from storage.anomalies.bills import series
from storage.anomalies.keeping import LOOKS_BACK
from storage.clock import Clock
from storage.database import Connection, Database
from storage.ledger import count_states, is_settled
from storage.reports import gauges, resources, usage
from tasks import plan
from tasks.app import make_app
from tasks.results import open_carrier
from tasks.runtime import runtime
from telemetry.settings import Settings, load_settings
from workers.status.readings import DatabaseReading, read_database

_CONFIG = """
aws: {services: [ec2, rds, lambda, eks, s3, cost], regions: [us-east-1, eu-west-1]}
azure:
  services: [virtual_machines, functions, aks, storage, cost]
  subscription_id: 00000000-0000-0000-0000-000000000000
gcp: {services: [compute, cloud_functions, gke, storage, billing], project_id: project-1}
"""
_PATIENCE = 600.0
_BLIND = 69


@dataclass(frozen=True)
class Fleet:
    """A fleet whose year ends now."""

    servers: Servers
    database: Database
    settings: Settings
    variables: Mapping[str, str]
    now: datetime

    def questions(self) -> dict[str, Callable[[], object]]:
        """By name, what is asked; each may be asked any number of times."""
        return {
            "finfleet status": self._status,
            "sweep, nothing due": self.sweep,
            "metrics of the planner": lambda: self._ask(lambda c: gauges.read_gauges(c, self.now)),
            "states of windows": lambda: self._ask(count_states),
            "is all settled": lambda: self._ask(is_settled),
            "resources by target": lambda: self._ask(resources.resources_by_target),
            "plan: newest readings": lambda: self._ask(lambda c: usage.newest_readings(c, self.now)),
            "plan: windows that wait": lambda: self._ask(lambda c: usage.waiting_windows(c, self.now)),
            "plan --compare, a week": self._compare,
            "dead letters, the newest": lambda: self._ask(lambda c: dead_letters.listing(c, limit=100)),
            "outbox": lambda: self._ask(outbox.status),
            "looking for anomalies, 400 days": lambda: self._ask(self._look),
        }

    def command(self) -> bool:
        """`finfleet status` in a process of its own, from its start to its end; whether the database told in time."""
        command = [sys.executable, "-m", "workers.cli", "status", "--json"]
        done = subprocess.run(command, env={**os.environ, **self.variables}, capture_output=True, check=False)
        if done.returncode not in {0, 1, _BLIND}:
            raise SystemExit(f"finfleet status: {done.returncode}: {done.stderr.decode()}")
        return done.returncode != _BLIND

    def sweep(self) -> str:
        """As the planner does it, at the time at which nothing is due."""
        with ExitStack() as stack:
            for name in ("now", "passed"):
                stack.enter_context(patch.object(Clock, name, lambda *_: self.now))
            said: str = plan.sweep()
            return said

    def _status(self) -> None:
        read_database(self.servers.database, self.now, None, DatabaseReading(), _PATIENCE)

    def _compare(self) -> None:
        since = self.now - timedelta(days=7)
        self._ask(lambda c: (usage.metered(c, since), usage.planned_readings(c, since, self.now, ())))

    def _look(self, connection: Connection) -> None:
        list(series(connection, self.now - LOOKS_BACK, timedelta(hours=48)))

    def _ask(self, question: Callable[..., object]) -> None:
        with self.database.connection() as connection:
            question(connection)


@contextmanager
def fleet(servers: Servers, database: Database, now: datetime, folder: Path) -> Iterator[Fleet]:
    """A planner's own things, in this process."""
    path = folder / "telemetry.yaml"
    path.write_text(_CONFIG, encoding="utf-8")
    variables = {
        "FINFLEET_CONFIG": str(path),
        "FINFLEET_DATABASE_URL": servers.database.get_secret_value(),
        "FINFLEET_BROKER_URL": servers.broker.get_secret_value(),
        "FINFLEET_SIGNING_KEYS": KEY.get_secret_value(),
    }
    settings = load_settings(path, variables)
    app = make_app(settings)
    with closing(open_carrier(servers.broker)) as carrier, ExitStack() as stack:
        for name, value in {"settings": settings, "database": database, "carrier": carrier}.items():
            stack.enter_context(patch.object(runtime, name, lambda *_, value=value: value))
        yield Fleet(servers, database, settings, variables, now)
    app.close()
