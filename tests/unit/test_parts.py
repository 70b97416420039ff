"""Independent parts of one collection settle independently."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from agents.core.collection import Collection
from agents.core.context import Context, Shared
from agents.core.service import Estimate, Service
from telemetry.batch import Batch, Outcome, Report, Run
from telemetry.errors import (
    BudgetReached,
    CollectionError,
    CollectionFailed,
    DeadlineReached,
    Denied,
    FleetUnavailable,
    Throttled,
    Unavailable,
)
from telemetry.records import Record, Resource
from telemetry.settings import Settings
from telemetry.target import Target, Window

START = datetime(2026, 1, 1, tzinfo=UTC)
TARGET = Target("aws", "default", "eu-west-1", "ec2")
Then = Callable[[Context], None]
DENIED = Denied("no pricing:GetProducts", "pricing:GetProducts")


class TwoParts(Service):
    """A machine, and a part that may go wrong."""

    provider, name, interval, delay, permissions = "aws", "ec2", timedelta(minutes=5), timedelta(0), ()

    def __init__(self, *, finds: bool, then: Then) -> None:
        self._finds, self._then = finds, then

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        del window
        if self._finds:
            yield Resource(provider="aws", account="1", region=target.region, service="ec2", resource_id="i-1")
        with context.part("prices", of="instances"):
            self._then(context)

    def estimate(self, window: Window, resources: int) -> Estimate:
        del window, resources
        return Estimate({}, None)


def _raising(error: Exception) -> Then:
    def go_wrong(_: Context) -> None:
        raise error

    return go_wrong


def _collect(
    monkeypatch: pytest.MonkeyPatch, then: Then, *, finds: bool = True
) -> tuple[Report, CollectionError | None, list[Batch]]:
    monkeypatch.setattr("agents.core.collection.find", lambda *_: TwoParts(finds=finds, then=then))
    settings = Settings.model_validate(
        {"aws": {"access_key_id": "k", "secret_access_key": "s", "regions": ["eu-west-1"]}}
    )
    run = Run.start(TARGET, Window(START, START + timedelta(minutes=5)), 1, START)
    collection = Collection(Shared(settings), run)
    error, batches = None, []
    try:
        batches = list(collection.batches())
    except CollectionError as raised:
        error = raised
    return collection.report(error), error, batches


@pytest.mark.parametrize(
    ("refusal", "permission", "reason"),
    [
        (DENIED, "pricing:GetProducts", "prices of 1 instance: no pricing:GetProducts"),
        (Unavailable("503"), "", "prices of 1 instance: 503"),
        (CollectionFailed("odd"), "", "prices of 1 instance: odd"),
        (KeyError("terms"), "", "prices of 1 instance: KeyError: 'terms'"),
    ],
)
def test_a_refused_part_is_named_and_the_others_count(
    monkeypatch: pytest.MonkeyPatch, refusal: Exception, permission: str, reason: str
) -> None:
    report, error, (batch,) = _collect(monkeypatch, _raising(refusal))
    assert error is None
    assert (report.outcome, report.records) == (Outcome.COMPLETE, 1)
    assert (report.partial, report.permission) == ((reason,), permission)
    assert batch.partial == report.partial, "a destination sees batches alone"
    assert report.not_before == report.finished_at, "it may be there at any later time"


def test_a_permission_that_the_refusal_does_not_spell_out_is_named_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    report, *_ = _collect(monkeypatch, _raising(Denied("not today", "eks:ListClusters")))
    assert report.partial == ("prices of 1 instance: eks:ListClusters: not today",)


def test_what_nobody_can_find_out_is_not_to_be_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def say(context: Context) -> None:
        context.partial("rates", "its state is not told")

    report, _, (batch,) = _collect(monkeypatch, say)
    assert (report.not_before, report.partial) == (None, ("rates: its state is not told",))
    assert batch.partial == report.partial


@pytest.mark.parametrize(
    ("refusal", "outcome"),
    [(DENIED, Outcome.DENIED), (Unavailable("503"), Outcome.FAILED), (KeyError("terms"), Outcome.FAILED)],
)
def test_where_nothing_was_answered_the_refusal_is_the_collections(
    monkeypatch: pytest.MonkeyPatch, refusal: Exception, outcome: Outcome
) -> None:
    report, error, _ = _collect(monkeypatch, _raising(refusal), finds=False)
    assert error is not None
    assert (report.outcome, report.partial) == (outcome, ())


@pytest.mark.parametrize(
    "refusal",
    [
        Throttled("slow", "aws/x", 1.0),
        BudgetReached("enough", 60.0),
        DeadlineReached("not done"),
        FleetUnavailable("away"),
    ],
)
def test_what_is_not_about_one_part_ends_the_collection(
    monkeypatch: pytest.MonkeyPatch, refusal: CollectionError
) -> None:
    report, error, _ = _collect(monkeypatch, _raising(refusal))
    assert error is refusal
    assert report.partial == ()


def test_an_empty_window_without_a_refusal_stays_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    report, error, _ = _collect(monkeypatch, lambda _: None, finds=False)
    assert (error, report.outcome) == (None, Outcome.EMPTY)
