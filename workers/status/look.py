"""One look at everything: the servers are asked side by side, and what does not answer in time is told as trouble."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import click
import psutil

from agents.core.context import utc_now
from storage.database import address, parse
from storage.errors import StorageError
from telemetry.settings import Settings
from workers.local.glance import same_database, troubles_beside
from workers.process import required_broker, required_database_url
from workers.queues import task_queue_depths
from workers.status.asking import Answer, Asker
from workers.status.facts import Facts, Filters
from workers.status.readings import BrokerReading, DatabaseReading, probe_database, read_broker, read_database

_IN_ALL = 2.6
_LEAST, _MOST = 1.0, 2.0
_TALKATIVE = ("psycopg", "psycopg.pool", "kombu", "amqp", "redis", "celery", "workers.queues", "tasks")


def quiet() -> None:
    """What goes wrong is told once, as trouble: not by drivers, as often as they try, unless more was asked for."""
    if logging.getLogger().level <= logging.INFO:
        return
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def patience() -> float:
    """Seconds for the servers, so that all is told within three of the start of the process."""
    begun = time.time() - psutil.Process().create_time()
    return min(max(_IN_ALL - begun, _LEAST), _MOST)


@dataclass
class Looker:
    """Looks as often as it is asked to."""

    settings: Settings
    state: Path
    filters: Filters
    within: float
    _asker: Asker = field(default_factory=Asker)

    def look(self) -> Facts:
        """Ask everything."""
        url, broker = required_database_url(self.settings), required_broker(self.settings)
        within = self.within
        database, ingest, queues = DatabaseReading(), BrokerReading(), dict[str, int]()
        questions: dict[str, Callable[[], None]] = {
            "database": partial(read_database, url, None, self.filters.since, database, within),
            "room": partial(probe_database, url, within),
            "broker": partial(read_broker, broker, self.settings.push_sources, ingest),
            "queues": lambda: queues.update(task_queue_depths(self.settings)),
        }
        where = address(parse(url))
        answers = self._asker.ask(questions, within)
        self._check_filters(database)
        write_error = answers["room"].error
        return Facts(
            settings=self.settings,
            at=database.at or utc_now(),
            within=within,
            database_address=where,
            database=database,
            database_fault=_fault(answers["database"], "database", where, within),
            broker_address=broker.where,
            broker=ingest,
            broker_fault=_fault(answers["broker"], "broker", broker.where, within),
            queues=queues if answers["queues"].done.is_set() and not answers["queues"].error else None,
            write_error=write_error if isinstance(write_error, StorageError) else None,
            beside=troubles_beside(self.state, url),
            free=_free(self.state) if same_database(self.state, url) else None,
            filters=self.filters,
        )

    def _check_filters(self, database: DatabaseReading) -> None:
        """UsageError where an option means none of the targets that are collected."""
        if database.lateness is None:
            return
        providers = [provider for provider, _ in self.settings.providers()]
        if said := self.filters.fitting_nothing([one.target for one in database.lateness], providers):
            raise click.UsageError(f"{', '.join(said)}: nothing of it is collected; `finfleet status --all` lists all")


def _fault(answer: Answer, what: str, where: str, within: float) -> str:
    """Why a server has not told everything, with its name and address once."""
    if not answer.done.is_set():
        return f"{what} {where} does not answer within {within:.1f} s: it hangs, is overloaded, or cannot be reached"
    if not answer.fault or answer.fault.startswith(f"{what} {where}"):
        return answer.fault
    return f"{what} {where}: {answer.fault.removeprefix(f'{where}: ')}"


def _free(state: Path) -> int | None:
    try:
        return shutil.disk_usage(state).free
    except OSError:
        return None
