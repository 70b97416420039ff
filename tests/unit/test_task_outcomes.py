"""What came of a task, in a line that Flower may show: for a person, bounded, and without a secret."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from celery.exceptions import Retry
from celery.worker.request import Request

from tasks.outcome import Later, NotCollected, TellingRequest, ended, told
from telemetry.batch import Outcome, Report, Run
from telemetry.redact import MASK, remember
from telemetry.target import Target, Window

NOW = datetime(2026, 11, 28, tzinfo=UTC)
RUN = Run.start(
    Target.parse("aws/default/global/cost"), Window.parse("2026-11-27T00:00:00Z/2026-11-28T00:00:00Z"), 1, NOW, "g"
)


def _report(outcome: Outcome, records: int = 0, **fields: Any) -> Report:
    return Report(RUN, outcome, 1, records, NOW, [], **fields)


ALLOW = "aws/default/global ce:GetCostAndUsage: AccessDenied: allow ce:GetCostAndUsage"
TOLD = {
    "complete, 812 records": _report(Outcome.COMPLETE, 812),
    "complete, 1 record": _report(Outcome.COMPLETE, 1),
    "complete, 81,200 records": _report(Outcome.COMPLETE, 81_200),
    "empty": _report(Outcome.EMPTY),
    "partial (complete, 3 records), lacks a: x; b: y": _report(Outcome.COMPLETE, 3, partial=("a: x", "b: y")),
    "partial (empty), lacks a: x": _report(Outcome.EMPTY, partial=("a: x",)),
    "denied by ce:GetCostAndUsage: AccessDenied: allow ce:GetCostAndUsage": _report(
        Outcome.DENIED, error=ALLOW, permission="ce:GetCostAndUsage"
    ),
    "denied: the key is deleted": _report(Outcome.DENIED, error="the key is deleted"),
    "failed: there is no such account": _report(Outcome.FAILED, error=f"{RUN.target}: there is no such account"),
    "throttled until 2026-11-28T00:00:00Z: slow": _report(Outcome.THROTTLED, error="slow", not_before=NOW),
    "throttled: slow": _report(Outcome.THROTTLED, error="slow"),
}


@pytest.mark.parametrize("line", TOLD)
def test_each_outcome_is_told_and_has_its_state(line: str) -> None:
    report = TOLD[line]
    assert told(report) == line
    match report.outcome:
        case Outcome.COMPLETE | Outcome.EMPTY:
            assert ended(report) == line
        case Outcome.THROTTLED:
            with pytest.raises(Retry) as raised:
                ended(report)
            assert isinstance(raised.value.exc, Later)
            assert repr(raised.value.exc) == line
        case _:
            with pytest.raises(NotCollected) as failed:
                ended(report)
            assert repr(failed.value) == line


def test_every_outcome_that_a_task_ends_with_is_told() -> None:
    assert {report.outcome for report in TOLD.values()} == set(Outcome) - {Outcome.RETRYING}


def test_a_line_is_one_line_without_a_secret_and_bounded() -> None:
    remember("canary-of-an-outcome")
    said = told(_report(Outcome.FAILED, error="canary-of-an-outcome\n\x1b[2Jx " + "y" * 3000))
    assert said.startswith(f"failed: {MASK} \\x1b[2Jx ")
    assert len(said) == 500


class _Events:
    """Keeps what would be sent."""

    enabled = True

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def send(self, kind: str, **fields: Any) -> None:
        self.sent.append((kind, fields))


def _request(error: BaseException | None = None) -> tuple[TellingRequest, _Events]:
    request = TellingRequest.__new__(TellingRequest)
    events = _Events()
    request._eventer, request._task, request.id = events, SimpleNamespace(send_events=True), "1"
    request._error = error
    return request, events


@pytest.mark.parametrize(
    ("error", "said", "has_trace"),
    [
        (NotCollected("denied by ec2:X: no"), "denied by ec2:X: no", False),
        (KeyError("canary-of-an-outcome"), f"KeyError: {MASK}", True),
        (ValueError("a\nb"), "ValueError: a b", True),
    ],
)
def test_a_failure_shows_its_words_and_a_traceback_where_nobody_foresaw_it(
    error: BaseException, said: str, has_trace: bool
) -> None:
    remember("canary-of-an-outcome")
    request, events = _request(error)
    request.send_event("task-failed", exception=repr(error), traceback=f"Traceback\n  {error!r}\n" * 1000)
    (((_, fields)),) = events.sent
    assert fields["result"] == fields["exception"] == said
    assert (fields["traceback"] is not None) == has_trace
    assert len(fields["traceback"] or "") <= 8000
    assert "canary" not in str(fields)


def test_a_result_is_shown_without_pythons_quotes() -> None:
    request, events = _request()
    request.send_event("task-succeeded", result="'it\\'s put onto x'", runtime=0.1)
    request.send_event("task-started")
    assert events.sent == [
        ("task-succeeded", {"uuid": "1", "result": "it's put onto x", "runtime": 0.1}),
        ("task-started", {"uuid": "1"}),
    ]
    assert issubclass(TellingRequest, Request)
