"""What came of a task, as Flower shows it: its result, or why it has none. Nothing is stored for it.

Celery's events bear a task's result, and how it failed, to whoever watches them (at most 10,000 tasks in Flower's
memory). Both are made here into a line for a person: short, without a secret, and not as Python writes it.
"""

from __future__ import annotations

from typing import Any, NoReturn

from celery import Task
from celery.exceptions import Retry
from celery.worker.request import Request

from telemetry.batch import Outcome, Report
from telemetry.errors import FinfleetError, PublishRefused
from telemetry.logs import words
from telemetry.redact import redact
from telemetry.target import format_time
from telemetry.text import shown

_MAX_TEXT = 500
"""Characters of a result."""
_MAX_TRACEBACK = 8000


class NotCollected(FinfleetError):
    """A window that is not settled, or without what was to be found: Celery's state is FAILURE, and nothing else.

    The report has told the ledger already, which knows what comes next: Celery neither retries nor rejects anything.
    """

    def __repr__(self) -> str:
        return str(self)


class Later(NotCollected):
    """It is tried again, by the ledger or by this very task: Celery's state is RETRY."""


def told(report: Report) -> str:
    """How a run ended, in a line."""
    count = f"{report.records:,} record{'' if report.records == 1 else 's'}"
    if report.outcome in {Outcome.COMPLETE, Outcome.EMPTY}:
        said = f"complete, {count}" if report.outcome is Outcome.COMPLETE else "empty"
        return line(f"partial ({said}), lacks {'; '.join(report.partial)}" if report.partial else said)
    if report.outcome is Outcome.DENIED:
        by = f" by {report.permission}" if report.permission else ""
        return line(f"denied{by}: {_reason(report)}")
    until = f" until {format_time(report.not_before.replace(microsecond=0))}" if report.not_before else ""
    return line(f"{report.outcome}{until}: {_reason(report)}")


def ended(report: Report) -> str:
    """The result of a collect task whose report is published; else its state is FAILURE, or RETRY where it waits."""
    said = told(report)
    if report.outcome in {Outcome.COMPLETE, Outcome.EMPTY}:
        return said
    if report.outcome is Outcome.THROTTLED:
        # Not self.retry, which would send another message: the ledger hands the window out again.
        raise Retry(said, exc=Later(said), when=report.not_before)
    raise NotCollected(said)


def again(task: Task, why: Report | PublishRefused, countdown: float, named: str) -> NoReturn:
    """Have this very task tried again in a moment; ``named`` are its arguments as Flower shows them."""
    reason = _reason(why) if isinstance(why, Report) else f"the broker does not take what was collected: {why}"
    # Where it has been tried often enough, that is what is raised.
    said = Later(line(f"tried again in {countdown:.0f} s: {reason}"))
    raise task.retry(exc=said, countdown=countdown, argsrepr=named)


def _reason(report: Report) -> str:
    """Why a run did not end well, without what its arguments say: a list shows no more than its beginning."""
    target = report.run.target
    place = f"{target.provider}/{target.account}/{target.region} "
    return report.error.removeprefix(f"{target}: ").removeprefix(place).removeprefix(f"{report.permission}: ")


def line(text: str, limit: int = _MAX_TEXT) -> str:
    """A text as a result may be."""
    said = shown(redact(" ".join(text.split())))
    return said if len(said) <= limit else f"{said[: limit - 4]} ..."


class TellingRequest(Request):  # type: ignore[misc]  # Celery has no types
    """A task that a worker runs: what its events say is for a person."""

    _error: BaseException | None = None

    def on_failure(self, exc_info: Any, *args: Any, **kwargs: Any) -> Any:
        """As Celery's; of what wraps an exception (Retry, what crosses processes) the exception is kept."""
        error = exc_info.exception
        while isinstance(inner := getattr(error, "exc", None), BaseException):
            error = inner
        self._error = error
        return super().on_failure(exc_info, *args, **kwargs)

    def send_event(self, type: str, **fields: Any) -> None:  # noqa: A002 - Celery's name
        """As Celery's, with a result whatever the state: it is the column that Flower's list has."""
        if "result" in fields:
            fields["result"] = line(_unquoted(str(fields["result"])))
        elif "exception" in fields:
            fields["result"] = fields["exception"] = self._said(str(fields["exception"]))
            fields["traceback"] = self._traceback(fields.get("traceback"))
        super().send_event(type, **fields)

    def _said(self, otherwise: str) -> str:
        return line(words(self._error) if self._error is not None else otherwise)

    def _traceback(self, trace: object) -> str | None:
        if trace is None or isinstance(self._error, NotCollected):
            return None  # of an end that was foreseen
        return shown(redact(str(trace)), lines=True)[-_MAX_TRACEBACK:]


def _unquoted(result: str) -> str:
    """A text as it was before Celery's way of writing it."""
    return result[1:-1].replace("\\'", "'") if result[:1] == result[-1:] == "'" else result


class FleetTask(Task):  # type: ignore[misc]  # Celery has no types
    """What every task of the fleet is."""

    abstract = True
    Request = TellingRequest
    throws = (NotCollected,)
