"""Beat's scheduler: keeps nothing on disk, ticks everything once at its start, and gives a sign of life.

A tick too many finds nothing to do, so there is no need to remember when the last one was.
"""

from __future__ import annotations

import contextlib
import logging
from datetime import timedelta
from typing import Any

from celery.beat import Scheduler

from tasks.redis_client import cluster_fault, is_of_a_cluster
from telemetry.logs import fields
from telemetry.terminal import complain
from workers.ending import end
from workers.health.heartbeat import Heartbeat
from workers.metrics.beat import FAILED, SENT

logger = logging.getLogger(__name__)

_PAUSE = 2.0
"""Seconds before the next try, after a turn that failed."""
_LONG_AGO = timedelta(days=1)
_EX_CONFIG = 78


class TellingScheduler(Scheduler):  # type: ignore[misc]  # Celery has no types
    """Celery's in-memory scheduler. A sign is given at each turn, unless the broker did not take the last tick."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """As Celery's."""
        self._heartbeat = Heartbeat.from_environment()
        self._trouble = ""
        super().__init__(*args, **kwargs)

    def setup_schedule(self) -> None:
        """All entries are due at once."""
        super().setup_schedule()
        for entry in self.schedule.values():
            entry.last_run_at = entry.default_now() - _LONG_AGO
        logger.info("beat: %d entries tick", len(self.schedule), extra=fields(event="started"))

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due; the seconds until the next turn. Nothing that goes wrong ends beat."""
        try:
            delay: float = super().tick(*args, **kwargs)
        except Exception as error:
            logger.exception("beat: the turn failed; trying again on a new connection")
            self._trouble = f"the turn failed: {error}"
            delay = _PAUSE
            self._let_go()
        if self._trouble:
            self._heartbeat.withhold(self._trouble)
        else:
            self._heartbeat.give()
        return delay

    def _let_go(self) -> None:
        """Forget the connection: the next turn makes another."""
        self.__dict__.pop("producer", None)
        connection = self.__dict__.pop("connection", None)
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.release()

    def apply_async(self, entry: Any, producer: Any = None, advance: bool = True, **kwargs: Any) -> Any:
        """Send one entry; what goes wrong is logged by the caller."""
        try:
            sent = super().apply_async(entry, producer=producer, advance=advance, **kwargs)
        except Exception as error:
            self._trouble = f"the broker did not take the tick {entry.name!r}: {error}"
            FAILED.inc()
            if is_of_a_cluster(error):  # Celery would log what is raised, and go on
                complain(cluster_fault(self.app.connection_for_write().as_uri()))
                end(_EX_CONFIG)
            raise
        self._trouble = ""
        SENT.inc()
        logger.debug("tick: %s", entry.name, extra=fields(event="tick"))
        return sent
