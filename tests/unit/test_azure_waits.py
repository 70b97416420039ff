"""What Azure's headers say of waiting."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from agents.azure.credentials import Identity
from agents.azure.quotas import scopes_of
from agents.azure.waits import pause_of, wait_of
from agents.core.limits import LONGEST_WAIT, Quota

_COST = "x-ms-ratelimit-microsoft.costmanagement"
_READS = "x-ms-ratelimit-remaining-subscription-reads"
_ME = Identity("prod", "sub", "tenant", "client", None, None)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "17"}, 17),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, 0),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "9" * 50}, LONGEST_WAIT),
        ({"retry-after": "9" * 5000}, None),
        ({"retry-after": "Mon, 01 Jan 2001 00:00:00 -0000"}, 0),
        ({"retry-after": "Mon, 99 Jan 99999999999 99:99:99 +9999999999"}, None),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, LONGEST_WAIT),
        ({"x-ms-user-quota-resets-after": "9999999999:00:00"}, LONGEST_WAIT),
        ({"x-ms-retry-after-ms": "1500"}, 1.5),
        ({"x-ms-user-quota-remaining": "0", "x-ms-user-quota-resets-after": "00:01:05"}, 65),
        (
            {f"{_COST}-qpu-retry-after": "5", f"{_COST}-tenant-retry-after": "31", f"{_COST}-entity-retry-after": "9"},
            31,
        ),
        ({"retry-after": "2", f"{_COST}-clienttype-retry-after": "12"}, 12),
    ],
)
def test_the_longest_wait_counts(headers: dict[str, str], seconds: float | None) -> None:
    assert wait_of(headers) == seconds


def test_a_date_is_a_wait_from_now() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    found = wait_of({"retry-after": later})
    assert found is not None
    assert 20 < found <= 30
    assert wait_of({"retry-after": format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)}) == 0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({_READS: "249"}, 0),
        ({_READS: "0"}, 0.4),
        ({"x-ms-ratelimit-remaining-tenant-reads": "5"}, 0.2),
        ({"x-ms-user-quota-remaining": "3", "x-ms-user-quota-resets-after": "00:00:05"}, 0),
        ({"x-ms-user-quota-remaining": "0", "x-ms-user-quota-resets-after": "00:00:05"}, 5),
        ({f"{_COST}-qpu-remaining": "QueriesPerHour:500,QueriesPerMin:40,QueriesPer10Sec:8"}, 0),
        ({f"{_COST}-qpu-remaining": "QueriesPerHour:500,QueriesPerMin:40,QueriesPer10Sec:0"}, 10),
        ({f"{_COST}-qpu-remaining": "QueriesPerHour:500,QueriesPerMin:0,QueriesPer10Sec:0"}, 60),
        ({f"{_COST}-qpu-remaining": "nonsense"}, 0),
    ],
)
def test_the_next_call_waits_where_nothing_is_left(headers: dict[str, str], seconds: float) -> None:
    assert pause_of(headers) == pytest.approx(seconds)


def test_quotas_are_counted_by_what_azure_counts_them_by() -> None:
    def names(api: str, region: str = "") -> list[str]:
        return [scope.name for scope in scopes_of(api, _ME, region, {})]

    assert names("metrics:getBatch", "eastus") == ["azure/sub/eastus/metrics:*"]
    assert names("resourcegraph:resources") == ["azure/tenant/client/resourcegraph:*"]
    assert names("machinelearning:jobs") == ["azure/sub/client/resource_manager:*"]
    assert names("costmanagement:query") == [
        "azure/tenant/soon/costmanagement:*",
        "azure/tenant/hour/costmanagement:*",
        "azure/sub/costmanagement:*",
    ]
    assert names("retailprices:items") == ["azure/retailprices:*"]


@pytest.mark.parametrize(
    ("api", "windows"),
    [
        ("costmanagement:query", [(12, 10), (60, 60), (600, 3600)]),
        ("resourcegraph:resources", [(15, 5)]),
        ("logs:query", [(200, 30)]),
        ("metrics:getBatch", [(360_000, 3600)]),
    ],
)
def test_no_window_of_azures_can_be_overrun(api: str, windows: list[tuple[int, int]]) -> None:
    quotas = [scope.quota for scope in scopes_of(api, _ME, "eastus", {})]
    for most, seconds in windows:
        assert min(quota.burst + quota.rate * seconds for quota in quotas) <= most


def test_a_configured_quota_has_precedence() -> None:
    (scope,) = scopes_of("costmanagement:query", _ME, "", {"*": 7, "costmanagement:*": 0.5})
    assert scope.quota == Quota(0.5, 1)
    assert scope.name == "azure/tenant/soon/costmanagement:*"
