"""One record that no message can hold, of any service, is left out and counted: the window keeps its others."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from agents.core.collection import Collection
from agents.core.context import Context, Shared
from agents.core.service import Estimate, Service
from telemetry.batch import Batch, Outcome, Report, Run
from telemetry.checks import check
from telemetry.codec import decode, encode
from telemetry.costs import CostLine
from telemetry.errors import Unavailable
from telemetry.records import Record, Resource
from telemetry.settings import Settings
from telemetry.target import Target, Window
from tests.support.messages import NOW, WINDOW, instance, point, rate

_replace = msgspec.structs.replace
_TARGET = Target("aws", "default", "eu-west-1", "ec2")
_LONG = "x" * 3000
_GOOD = (instance(1), point(instance(2)), rate(instance(3)))


class Odd(Service):
    """Yields what it is given."""

    provider, name, interval, delay, permissions = "aws", "ec2", timedelta(minutes=5), timedelta(0), ()

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        del context, target, window
        yield from self._records

    def estimate(self, window: Window, resources: int) -> Estimate:
        del window, resources
        return Estimate({}, None)


def _line(**fields: Any) -> CostLine:
    return CostLine(start=WINDOW.start, end=WINDOW.end, currency="USD", billed_cost=Decimal(1), **fields)


def _collect(monkeypatch: pytest.MonkeyPatch, records: Sequence[Record]) -> tuple[list[Batch], Report]:
    monkeypatch.setattr("agents.core.collection.find", lambda *_: Odd(records))
    settings = Settings.model_validate(
        {"aws": {"access_key_id": "k", "secret_access_key": "s", "regions": ["eu-west-1"]}}
    )
    collection = Collection(Shared(settings, now=lambda: NOW), Run.start(_TARGET, WINDOW, 1, NOW))
    batches = list(collection.batches())
    for batch in batches:
        check(batch)
        decode(encode(batch))
    return batches, collection.report()


_IMPOSSIBLE: dict[str, Record] = {
    "an id that is too long": _replace(instance(9), resource_id=_LONG),
    "an id with a NUL": _replace(instance(9), resource_id="a\0"),
    "an id with half a character": _replace(instance(9), resource_id="\ud800"),
    "no region": _replace(instance(9), region=""),
    "another's provider": _replace(instance(9), provider="azure"),
    "a point of an odd resource": point(_replace(instance(9), region="\0")),
    "a metric that is too long": _replace(point(instance(9)), metric=_LONG),
    "a metric with a NUL": _replace(point(instance(9)), metric="size.\0"),
    "a value that is no number": _replace(point(instance(9)), value=float("nan")),
    "a value of another window": _replace(point(instance(9)), start=WINDOW.end),
    "a rate below zero": _replace(rate(instance(9)), amount=Decimal(-1)),
    "a rate without end": _replace(rate(instance(9)), amount=Decimal("1e500")),
    "a rate of no currency": _replace(rate(instance(9)), currency="dollars"),
    "a rate of no time": _replace(rate(instance(9)), period=0),
    "a charge without end": _replace(_line(), billed_cost=Decimal("1e500")),
    "a charge of another day": _replace(_line(), end=WINDOW.end + timedelta(days=1)),
    "a charge of no currency": _replace(_line(), currency="\0"),
}


@pytest.mark.parametrize("name", list(_IMPOSSIBLE))
def test_an_impossible_record_costs_no_other(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    alone, _ = _collect(monkeypatch, _GOOD)
    batches, report = _collect(monkeypatch, [_GOOD[0], _IMPOSSIBLE[name], *_GOOD[1:], _IMPOSSIBLE[name]])
    assert [batch.record_count for batch in batches] == [batch.record_count for batch in alone]
    assert report.outcome is Outcome.COMPLETE
    (reason,) = report.partial
    assert reason.startswith("everything of 2 records: no message can hold it: ")


@pytest.mark.parametrize("odd", [_LONG, "a\0b", "a\ud800"])
def test_a_description_keeps_what_can_be_kept(monkeypatch: pytest.MonkeyPatch, odd: str) -> None:
    attributes = {"bytes": 10**300, "share": float("inf"), "fine": 1}
    resource = _replace(instance(1), name=odd, type=odd, attributes=attributes)
    (batch,), report = _collect(monkeypatch, [resource, _line(service_name=odd, sku_id=odd)])
    (kept,), (line,) = batch.resources, batch.costs
    assert kept.name == kept.type == line.service_name == line.sku_id
    assert kept.name[0] == odd[0]
    assert kept.attributes == {"fine": 1, "attributes_left_out": 2}
    assert line.billed_cost == 1
    assert report.partial == ()


def test_what_is_said_of_a_run_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Saying(Odd):
        def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
            context.partial("rates", "their status is \0\ud800")
            yield from super().collect(context, target, window)
            raise Unavailable("no currency, but \0\ud800")

    monkeypatch.setattr("agents.core.collection.find", lambda *_: Saying(_GOOD))
    settings = Settings.model_validate(
        {"aws": {"access_key_id": "k", "secret_access_key": "s", "regions": ["eu-west-1"]}}
    )
    collection = Collection(Shared(settings, now=lambda: NOW), Run.start(_TARGET, WINDOW, 1, NOW))
    with pytest.raises(Unavailable) as raised:
        list(collection.batches())
    for report in (collection.report(), collection.report(raised.value)):
        check(report)
        decode(encode(report))


def test_resources_without_a_key_are_no_reason_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    batches, report = _collect(monkeypatch, [Resource(provider="", account="", region="", service="", resource_id="")])
    assert (batches, report.records, len(report.partial)) == ([], 0, 1)
