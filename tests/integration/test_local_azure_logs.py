"""Log queries of the local Azure, by the SDK's client."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.monitor.query import LogsQueryPartialResult, LogsQueryResult

from emulators.azure import DEFAULT_SUBSCRIPTION, LocalAzure
from emulators.azure.seed import VmSeed, seed_vms
from tests.support.azure import NOW
from tests.support.local_azure import logs_client, refusal

_WORKSPACE = "dddddddd-dddd-4ddd-8ddd-dddddddddddd"
_MEMORY = """InsightsMetrics
    | where Namespace == "Memory" and Name == "AvailableMB"
    | extend total = todouble(parse_json(Tags)["vm.azm.ms/memorySizeMB"])
    | summarize used = avg(100.0 * (total - Val) / total), samples = count() by _ResourceId, bin(TimeGenerated, 5m)
    | order by _ResourceId asc, TimeGenerated asc"""


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[LocalAzure, VmSeed]]:
    with LocalAzure(clock=NOW.timestamp) as azure:
        yield azure, seed_vms(azure, 60, workspace=_WORKSPACE)


@pytest.fixture
def azure(running: tuple[LocalAzure, VmSeed]) -> Iterator[LocalAzure]:
    running[0].reset_calls()
    yield running[0]
    running[0].faults.clear()
    running[0].logs.most_rows = 500_000


@pytest.fixture
def vms(running: tuple[LocalAzure, VmSeed]) -> VmSeed:
    return running[1]


def hour() -> tuple[datetime, datetime]:
    end = NOW.replace(minute=0, second=0)
    return end - timedelta(hours=1), end


def ask(azure: LocalAzure, query: str, span: Any, workspace: str = _WORKSPACE) -> Any:
    return logs_client(azure).query_workspace(workspace, query, timespan=span)


def test_guest_memory_is_really_aggregated(azure: LocalAzure, vms: VmSeed) -> None:
    start, end = hour()
    answer = ask(azure, _MEMORY, (start, end))
    assert isinstance(answer, LogsQueryResult)
    table = answer.tables[0]
    assert list(table.columns) == ["_ResourceId", "TimeGenerated", "used", "samples"]
    assert table.columns_types == ["string", "datetime", "real", "long"]
    assert len(table.rows) == 12 * len(vms.insights) > 0
    assert azure.calls()["logs:query"] == 1
    by_id = {resource_id.lower(): told for resource_id, told in vms.insights.items()}
    for resource_id, moment, used, samples in table.rows:
        total, wave = by_id[resource_id]
        first = int(moment.timestamp()) // 60
        values = wave.samples((first, first + 5)).values()
        assert start <= moment < end
        assert samples == 5
        assert used == pytest.approx(sum(100 * (total - value) / total for value in values) / 5)


def test_rows_that_a_test_puts(azure: LocalAzure) -> None:
    start, end = hour()
    azure.logs.workspace(_WORKSPACE, DEFAULT_SUBSCRIPTION).put(
        "Perf",
        {"TimeGenerated": start, "Computer": "a", "CounterName": "% Used Memory", "CounterValue": 61.5},
        {"TimeGenerated": end, "Computer": "a", "CounterName": "% Used Memory", "CounterValue": 99.0},
    )
    query = "Perf | where CounterName == '% Used Memory' | project Computer, CounterValue"
    assert [list(row) for row in ask(azure, query, (start, timedelta(hours=1))).tables[0].rows] == [["a", 61.5]]


def test_the_rows_of_a_machine_as_they_are(azure: LocalAzure, vms: VmSeed) -> None:
    resource_id, (total, _) = next(iter(vms.insights.items()))
    query = f"InsightsMetrics | where _ResourceId =~ '{resource_id}' | top 1 by TimeGenerated desc"
    table = ask(azure, query, timedelta(hours=1)).tables[0]
    (row,) = table.rows
    assert json.loads(row["Tags"]) == {"vm.azm.ms/memorySizeMB": total}
    assert NOW - row["TimeGenerated"] < timedelta(minutes=5)


def test_more_rows_than_an_answer_holds_are_a_partial_result(azure: LocalAzure) -> None:
    azure.logs.most_rows = 100
    answer = ask(azure, "InsightsMetrics", hour())
    assert isinstance(answer, LogsQueryPartialResult)
    assert answer.partial_error is not None
    assert (answer.partial_error.code, len(answer.partial_data[0].rows)) == ("PartialError", 100)
    azure.logs.most_rows = 500_000
    azure.inject("partial", count=1)
    assert isinstance(ask(azure, _MEMORY, hour()), LogsQueryPartialResult)
    assert isinstance(ask(azure, _MEMORY, hour()), LogsQueryResult)


def test_a_workspace_that_there_is_not(azure: LocalAzure) -> None:
    with pytest.raises(HttpResponseError, match="workspace could not be found") as refused:
        ask(azure, _MEMORY, hour(), "eeeeeeee-eeee-4eee-8eee-eeeeeeeeeeee")
    assert refusal(refused.value) == (404, "WorkspaceNotFoundError")


@pytest.mark.parametrize(
    ("query", "code", "says"),
    [
        ("InsightsMetrics | where", "SyntaxError", "position"),
        ("InsightsMetrics | where Colour == 'red'", "SemanticError", "Colour"),
        ("AppRequests | count", "SemanticError", "AppRequests"),
        ("InsightsMetrics | render timechart", "SemanticError", "render"),
    ],
)
def test_a_wrong_query_is_refused(azure: LocalAzure, query: str, code: str, says: str) -> None:
    with pytest.raises(HttpResponseError, match="some invalid properties") as refused:
        ask(azure, query, hour())
    assert refused.value.status_code == 400
    assert refused.value.error is not None
    inner: Any = refused.value.error.innererror
    assert inner["code"] == code
    assert says in inner["message"]


def test_denied(azure: LocalAzure) -> None:
    azure.faults.deny(action="Microsoft.OperationalInsights/workspaces/query/read")
    with pytest.raises(HttpResponseError) as refused:
        ask(azure, _MEMORY, hour())
    assert refused.value.status_code == 403
