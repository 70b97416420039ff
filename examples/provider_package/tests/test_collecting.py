"""What comes of OpenCost's answers, well and not."""
# ruff: noqa: PLR2004, S101, S105 - tests assert, expect numbers, and hold a token that is none

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from local_opencost import CLUSTER, LocalOpenCost
from pydantic import ValidationError

from agents.core.context import Shared
from agents.testing.collecting import Collected, check_collection, check_denied, check_throttled, collect
from telemetry.batch import Outcome
from telemetry.errors import CollectionFailed, Throttled, Unavailable
from telemetry.settings import Settings
from telemetry.target import Target, Window

START = datetime(2026, 11, 24, 8, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(hours=2))
SERVICES = ("assets", "controllers", "namespaces", "pods")
_WEB = f"{CLUSTER}/shop/web-6d4b75cb6d-hx7qp"


@pytest.fixture
def opencost() -> Iterator[LocalOpenCost]:
    """A server of the test's own."""
    with LocalOpenCost() as server:
        yield server


def _shared(server: LocalOpenCost, **fields: Any) -> Shared:
    section = {"url": server.url, "currency": "EUR", "quotas": {"opencost:*": 100}, **fields}
    return Shared(Settings.model_validate({"opencost": section}), now=lambda: WINDOW.end + timedelta(minutes=20))


def _collect(server: LocalOpenCost, service: str = "pods", **fields: Any) -> Collected:
    return collect(_shared(server, **fields), Target("opencost", "default", "global", service), WINDOW)


@pytest.mark.parametrize("service", SERVICES)
def test_a_collection_is_what_the_service_says(opencost: LocalOpenCost, service: str) -> None:
    """One call, with the window as a pair of RFC 3339 times."""
    found = _collect(opencost, service)
    check_collection(found)
    assert found.report.outcome is Outcome.COMPLETE
    assert not found.report.partial
    ((path, query),) = opencost.asked
    assert path == ("/assets" if service == "assets" else "/allocation")
    assert query["window"] == "2026-11-24T08:00:00Z,2026-11-24T10:00:00Z"
    assert sum(found.calls.values()) == 1


def test_a_pod_has_its_labels_its_use_and_its_rate(opencost: LocalOpenCost) -> None:
    """The rate is an hour's, in the currency that is configured, and says whose estimate it is."""
    found = _collect(opencost)
    (web,) = [one for one in found.resources if one.resource_id == _WEB]
    assert (web.type, web.name, web.tags) == ("pod", "web-6d4b75cb6d-hx7qp", {"app": "web"})
    assert web.attributes["controllerKind"] == "deployment"
    values = {point.metric: point for point in found.points() if point.resource == web}
    assert values["cpu_used"].value == 0.2
    assert values["cpu_efficiency"].value == 0.4
    assert values["cpu_core_hours"].value == 1.0
    assert values["cpu_cost"].unit == "EUR"
    assert {(point.start, point.period) for point in values.values()} == {(START, 7200)}
    (rate,) = [rate for rate in found.rates() if rate.resource == web]
    assert rate.amount == Decimal("0.020045")  # 0.04009 in two hours, as OpenCost rounds it
    assert (rate.currency, rate.basis) == ("EUR", "opencost_allocation")
    assert not found.costs(), "an allocation is no line of a bill"


def test_each_service_cuts_the_same_money(opencost: LocalOpenCost) -> None:
    """Namespaces, controllers and pods are the cluster, each by itself; idle is one of the things."""
    totals = {service: sum(rate.amount for rate in _collect(opencost, service).rates()) for service in SERVICES[1:]}
    assert max(totals.values()) - min(totals.values()) < Decimal("0.0001")
    kinds = {resource.type for resource in _collect(opencost, "controllers").resources}
    assert kinds == {"deployment", "statefulset", "daemonset", "idle"}
    without = _collect(opencost, "namespaces", include_idle=False)
    assert {resource.type for resource in without.resources} == {"namespace"}


def test_nodes_and_disks_are_assets(opencost: LocalOpenCost) -> None:
    """With the machine type, and nothing in the place of what is null."""
    found = _collect(opencost, "assets")
    assert {resource.type for resource in found.resources} == {"m5.xlarge", "Disk"}
    metrics = {point.metric for point in found.points() if point.resource.type == "Disk"}
    assert {"disk_size", "disk_byte_hours"} <= metrics
    assert not metrics & {"disk_used", "disk_byte_hours_used", "cpu_cores"}
    assert {rate.basis for rate in found.rates()} == {"opencost_asset"}


def test_missing_is_not_zero(opencost: LocalOpenCost) -> None:
    """No efficiency of what requests nothing, no metric of a field that is absent, no rate without a total."""
    found = _collect(opencost)
    (dns,) = [one for one in found.resources if one.name == "dns-x2v9k"]
    assert not {"cpu_efficiency", "memory_efficiency", "cpu_limit"} & {
        point.metric for point in found.points() if point.resource == dns
    }
    opencost.items = {"thin": {"start": "2026-11-24T08:00:00Z", "end": "2026-11-24T09:00:00Z", "cpuCores": None}}
    found = _collect(opencost)
    assert "thin" in {one.resource_id for one in found.resources}
    assert "thin" not in {one.resource.resource_id for one in (*found.points(), *found.rates())}
    assert found.report.partial == ("rates of 1 pod: its total cost is not told",)


def test_without_a_currency_there_is_no_amount(opencost: LocalOpenCost) -> None:
    """It is never guessed, and the window says what it lacks."""
    found = _collect(opencost, currency=None)
    assert found.points("cpu_used")
    assert not found.rates()
    assert not [point for point in found.points() if point.metric.endswith("_cost")]
    assert found.report.partial == ("amounts: OpenCost does not tell its currency: set opencost.currency",)


def test_a_broken_item_costs_no_other(opencost: LocalOpenCost) -> None:
    """Each is left out, counted and said."""
    whole = len(_collect(opencost).rates())
    span = {"start": "2026-11-24T08:00:00Z", "end": "2026-11-24T09:00:00Z"}
    opencost.items = {
        "a number": 7,
        "no time": {"totalCost": 1},
        "no zone": {"start": "2026-11-24T08:00:00", "end": "2026-11-24T09:00:00", "totalCost": 1},
        "yesterday": {"start": "2026-11-23T08:00:00Z", "end": "2026-11-24T09:00:00Z", "totalCost": 1},
        "no length": {"start": "2026-11-24T08:00:00Z", "end": "2026-11-24T08:00:00Z", "totalCost": 1},
        "a text": {**span, "cpuCost": "much", "totalCost": 1},
        "a credit": {**span, "totalCost": -1},
    }
    found = _collect(opencost)
    check_collection(found)
    assert len(found.rates()) == whole + 1
    assert set(found.report.partial) == {
        "everything of 1 pod: is no object with a name",
        "everything of 2 pods: does not say when it began and ended",
        "everything of 1 pod: is of another time than was asked for",
        "everything of 1 pod: ran for no time",
        "cpuCost of 1 pod: is no number",
        "rates of 1 pod: its total cost is below zero: it is no price",
    }


def test_a_wait_that_is_asked_for_is_kept_by_all(opencost: LocalOpenCost) -> None:
    """429 with Retry-After: the next call of the same cluster does not go out."""
    opencost.throttled, opencost.retry_after = 1, "3000"
    shared = _shared(opencost)
    first, second = (collect(shared, "opencost/default/global/pods", WINDOW) for _ in range(2))
    check_throttled(first)
    assert first.error is not None
    assert first.error.retry_after == 3000
    assert [use.throttles for use in first.report.apis] == [1]
    assert isinstance(second.error, Throttled)
    assert len(opencost.asked) == 1


def test_a_configured_quota_holds_calls_back(opencost: LocalOpenCost) -> None:
    """One in a hundred seconds: the second does not fit into the deadline."""
    shared = _shared(opencost, quotas={"opencost:*": 100, "opencost:allocation": 0.001})
    settings = shared.settings.model_copy(
        update={"collect": shared.settings.collect.model_copy(update={"deadline": timedelta(seconds=5)})}
    )
    shared = Shared(settings, shared.limiter, now=shared.now)
    outcomes = [collect(shared, "opencost/default/global/pods", WINDOW).report.outcome for _ in range(2)]
    assert outcomes == [Outcome.COMPLETE, Outcome.THROTTLED]
    assert len(opencost.asked) == 1
    # Another API has a quota of its own.
    assert collect(shared, "opencost/default/global/assets", WINDOW).error is None


@pytest.mark.parametrize("token", [None, "another"])
def test_a_refusal_names_the_permission(opencost: LocalOpenCost, token: str | None) -> None:
    """401 and 403 are denied, and the token is in no message."""
    opencost.token = "canary-of-the-token"
    found = _collect(opencost, token=token)
    check_denied(found)
    assert found.report.permission == "services/proxy:get"
    assert "cannot get services/proxy" in found.report.error
    assert _collect(opencost, token=opencost.token).error is None
    assert "canary" not in repr(_shared(opencost, token=opencost.token).settings)


@pytest.mark.parametrize(
    ("status", "kind"), [(500, Unavailable), (503, Unavailable), (404, CollectionFailed), (302, CollectionFailed)]
)
def test_other_answers_have_their_kinds(opencost: LocalOpenCost, status: int, kind: type[Exception]) -> None:
    """What passes is tried again; what does not is told."""
    opencost.status = status
    found = _collect(opencost)
    assert isinstance(found.error, kind)
    assert str(status) in found.report.error


def test_an_answer_has_an_end(opencost: LocalOpenCost) -> None:
    """Past max_bytes nothing is read."""
    found = _collect(opencost, max_bytes=1000)
    assert isinstance(found.error, CollectionFailed)
    assert "longer than 1000 bytes" in found.report.error


def test_nobody_there_is_unavailable() -> None:
    """A server that is away."""
    with LocalOpenCost() as server:
        pass
    found = _collect(server)
    assert isinstance(found.error, Unavailable)


def test_a_cluster_needs_an_address_and_a_token_is_not_shown() -> None:
    """Faults of the configuration are told at the start."""
    for section, said in (
        ({}, "set its url"),
        ({"url": "http://opencost.example.com", "token": "x"}, "plain http shows the token"),
        ({"url": "https://example.com", "currency": "euro"}, "currency"),
        ({"endpoints": {"api": "http://127.0.0.1:1", "prices": "http://127.0.0.1:1"}}, "prices"),
    ):
        with pytest.raises(ValidationError, match=said):
            Settings.model_validate({"opencost": section})
    two = {"accounts": [{"name": "a", "url": "https://a.example.com"}, {"name": "b"}], "url": "https://b.example.com"}
    section = Settings.model_validate({"opencost": two}).opencost
    assert [section.access(name).url for name in "ab"] == ["https://a.example.com", "https://b.example.com"]
