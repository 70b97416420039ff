"""What an agent that runs alone collects, and when: window after window of each target, into the spool."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from agents.core.collection import Collection, encoded
from agents.core.context import Shared
from agents.core.service import Service, find
from agents.standalone.spool import Spool
from telemetry.batch import Run
from telemetry.errors import CollectionError
from telemetry.logs import context, fields
from telemetry.private import write_anew
from telemetry.redact import redact
from telemetry.settings import Account
from telemetry.target import Target, Window, floor_time, format_time, parse_time

logger = logging.getLogger(__name__)

MAX_BEHIND = 24
"""Windows of a target that are made up for: what is older when the program comes back is left out."""
MAX_TRIES = 5
"""At one window, before the next ones have their turn."""
_MAX_NOTES = 16 * 1024 * 1024
_NAMESPACE = uuid.UUID("0b6f2c1e-7a64-5d0e-8f6c-30f1b1f3a9c2")


@dataclass
class _Course:
    """How far one target is."""

    target: Target
    service: Service
    interval: timedelta
    #: End of the last window that was collected, or given up.
    until: datetime
    tries: int = 0

    def closed(self, now: datetime) -> datetime:
        """End of the newest window that the provider can be expected to have whole."""
        return floor_time(now - self.service.delay, self.interval)


class Collecting:
    """Collects what is due. One thread uses it."""

    def __init__(self, shared: Shared, targets: Sequence[tuple[Account, Target, timedelta]], spool: Spool) -> None:
        """Go on where the spool's last program ended; a new target begins with the window that has just closed."""
        self._shared = shared
        self._spool = spool
        self._notes = spool.directory / "collected.json"
        notes = _read(self._notes)
        now = shared.now()
        self._courses = [_course(target, interval, notes.get(str(target)), now) for _, target, interval in targets]
        for course in self._courses:
            course.service.warmed_up(shared)

    def once(self) -> int:
        """Collect the last window of every target; how many failed."""
        now = self._shared.now()
        failures = 0
        for course in self._courses:
            failures += not self._collect(course, course.service.latest_window(now, course.interval))
        return failures

    def due(self) -> int:
        """Collect every window that has closed since the last time; how many windows failed."""
        failures = 0
        for course in self._courses:
            closed = course.closed(self._shared.now())
            behind = (closed - course.until) // course.interval
            kept = 1 if course.service.live else MAX_BEHIND
            if behind > kept:
                logger.warning("%s: %d windows are left out: nobody was here", course.target, behind - kept)
                course.until = closed - kept * course.interval
            while course.until < closed:
                window = Window(course.until, min(course.until + course.interval, closed))
                if not self._collect(course, window):
                    failures += 1
                    course.tries += 1
                    if course.tries < MAX_TRIES:
                        break
                    logger.error("%s %s: given up after %d tries", course.target, window, course.tries)
                course.until, course.tries = window.end, 0
                self._note()
        return failures

    def next_due(self) -> float:
        """Seconds until the next window closes."""
        now = self._shared.now()
        return min(
            (course.closed(now) + course.interval + course.service.delay - now).total_seconds()
            for course in self._courses
        )

    def _collect(self, course: _Course, window: Window) -> bool:
        """One window into the spool, whole or not at all."""
        now = self._shared.now()
        # The same again, should it be collected again: its batches are known by the same keys.
        run = Run(uuid.uuid5(_NAMESPACE, f"{course.target} {window}"), course.target, window, 1, now)
        with context(target=course.target, window=window, attempt=1, run=run.run_id):
            return self._spooled(course, run)

    def _spooled(self, course: _Course, run: Run) -> bool:
        window = run.window
        collection = Collection(self._shared, run)
        try:
            with self._spool.together() as stage:
                for batch in collection.batches():
                    stage.add(encoded(batch))
        except CollectionError as error:
            logger.warning("%s %s: %s: %s", course.target, window, error.code, redact(str(error)))
            return False
        except OSError:
            raise  # of the spool
        except Exception:
            logger.exception("%s %s: a fault", course.target, window)
            return False
        report = collection.report()
        found = fields(event="collected", outcome=report.outcome.value, records=report.records)
        logger.info("%s %s: %s, %d records", course.target, window, report.outcome, report.records, extra=found)
        for reason in report.partial:
            logger.warning("%s %s is partial: %s", course.target, window, reason)
        return True

    def _note(self) -> None:
        notes = {str(course.target): format_time(course.until) for course in self._courses}
        write_anew(self._notes, json.dumps(notes))


def _course(target: Target, interval: timedelta, noted: str | None, now: datetime) -> _Course:
    course = _Course(target, find(target.provider, target.service), interval, now)
    closed = course.closed(now)
    course.until = closed if course.service.live else closed - interval
    if noted is not None:
        with suppress(OverflowError):  # at the other end of time
            # Windows keep their grid where the interval was changed meanwhile.
            course.until = min(closed, floor_time(parse_time(noted), interval))
    return course


def _read(path: Path) -> dict[str, str]:
    try:
        if path.stat().st_size > _MAX_NOTES:
            raise ValueError(f"it has more than {_MAX_NOTES} bytes")  # noqa: TRY301 - one answer to all that is wrong
        notes = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): format_time(parse_time(when)) for name, when in notes.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError, OverflowError, RecursionError) as error:
        logger.warning("%s cannot be read, so every target begins anew: %s", path, error)
        return {}
