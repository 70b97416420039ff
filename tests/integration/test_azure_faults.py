"""What goes wrong at Azure, and what a collection makes of it."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from agents.azure.credentials import Identity
from agents.azure.quotas import scopes_of
from agents.core.context import Shared
from agents.core.limits import Quota
from agents.standalone.agent import make_settings
from emulators.azure import DEFAULT_SUBSCRIPTION, DEFAULT_TENANT, SECOND_SUBSCRIPTION, LocalAzure
from emulators.azure.cost import CostLine
from telemetry.batch import Outcome
from telemetry.errors import CollectionFailed, ConfigError, Denied, Throttled, Unavailable
from telemetry.settings import Settings
from telemetry.target import Window
from tests.support.azure import CPU, VMS, WINDOW, add_vm, forget, put, settings, shared, standing_azure, steady
from tests.support.collecting import collect

_GRAPH, _BATCH, _COSTS, _PRICES, _LOGS = (
    "resourcegraph:resources",
    "metrics:getBatch",
    "costmanagement:query",
    "retailprices:items",
    "logs:query",
)
_COST_TARGET = "azure/default/global/cost"
_DAY = Window(datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC))


@pytest.fixture(scope="module")
def running() -> Iterator[LocalAzure]:
    with standing_azure() as azure:
        azure.costs.load(DEFAULT_SUBSCRIPTION, _DAY.start.date(), [CostLine(service_name="S", cost=Decimal(7))])
        yield azure


@pytest.fixture
def azure(running: LocalAzure, monkeypatch: pytest.MonkeyPatch) -> LocalAzure:
    monkeypatch.setattr("agents.core.calls._FIRST_PAUSE", 0.01)
    monkeypatch.setattr("agents.core.api_call._SILENCE", 0.05)
    forget(running)
    put(running, add_vm(running), CPU, steady(50))
    return running


@pytest.mark.parametrize(
    ("target", "api", "form"),
    [
        (VMS, _BATCH, "retry-after"),
        (VMS, _BATCH, "date"),
        (VMS, _GRAPH, "quota"),
        (VMS, _PRICES, "milliseconds"),
        (_COST_TARGET, _COSTS, "costmanagement"),
        (_COST_TARGET, _COSTS, "bare"),
    ],
)
def test_a_short_throttle_of_any_form_is_waited_for_and_counted(
    azure: LocalAzure, target: str, api: str, form: str
) -> None:
    azure.faults.throttle(form=form, api=api, count=1, seconds=1)
    collected = collect(shared(azure), target, WINDOW if target == VMS else _DAY)
    assert collected.error is None
    assert collected.report.outcome is Outcome.COMPLETE
    use = next(use for use in collected.report.apis if use.api == api)
    assert use.throttles == 1
    assert use.calls == azure.calls()[api]
    assert azure.calls(outcome="throttle") == {api: 1}


@pytest.mark.parametrize(
    ("form", "target", "api"),
    [
        ("retry-after", VMS, _BATCH),
        ("quota", VMS, _GRAPH),
        ("costmanagement", _COST_TARGET, _COSTS),
        ("milliseconds", VMS, _PRICES),
    ],
)
def test_a_long_throttle_is_handed_back_with_its_wait_and_silences_the_scope(
    azure: LocalAzure, form: str, target: str, api: str
) -> None:
    azure.faults.throttle(form=form, api=api, count=1, seconds=40)
    process = shared(azure)
    collected = collect(process, target, WINDOW if target == VMS else _DAY)
    assert collected.report.outcome is Outcome.THROTTLED
    assert isinstance(collected.error, Throttled)
    assert collected.error.retry_after == 40
    assert azure.calls()[api] == 1
    with pytest.raises(Throttled, match="used up"):
        process.limiter.acquire(collected.error.scope, Quota(1000, 1000), time.monotonic() + 1)


@pytest.mark.parametrize(("target", "scope"), [(VMS, "resourcegraph:*"), (_COST_TARGET, "costmanagement:*")])
def test_who_waits_for_a_turn_has_the_token_already(azure: LocalAzure, target: str, scope: str) -> None:
    process = shared(azure, quotas={"*": 1000, scope: 1})
    (counted,) = scopes_of(scope.replace("*", "any"), _identity(process), "", {scope: 1})
    process.limiter.quiet(counted.name, 10_000)
    collected = collect(process, target, WINDOW if target == VMS else _DAY)
    assert isinstance(collected.error, Throttled)
    assert azure.calls() == {"login:configuration": 1, "login:token": 1}


def _identity(process: Shared) -> Identity:
    section = process.settings.azure
    assert section is not None
    return Identity.of(section, "default", {})


def test_a_throttle_without_a_wait_is_tried_a_few_times(azure: LocalAzure) -> None:
    azure.faults.throttle(form="bare", api=_BATCH)
    collected = collect(shared(azure), VMS, WINDOW)
    assert isinstance(collected.error, Throttled)
    assert collected.error.retry_after is None
    assert azure.calls()[_BATCH] == 4


def test_a_quota_that_is_used_up_is_respected_before_there_is_a_refusal(azure: LocalAzure) -> None:
    tenant, theirs = "12121212-1212-4121-8121-121212121212", "13131313-1313-4131-8131-131313131313"
    azure.subscriptions.ensure(theirs, tenant)
    azure.limits.graph, former = (1, 1), azure.limits.graph
    try:
        process = shared(azure, subscription_id=theirs, **azure.credentials(tenant))
        began = time.monotonic()
        for _ in range(2):
            assert collect(process, VMS, WINDOW).error is None
        assert time.monotonic() - began >= 1, "the second call waited for the quota"
    finally:
        azure.limits.graph = former
    assert azure.calls(outcome="throttle") == {}


def test_the_units_of_the_tenant_are_respected_before_there_is_a_refusal(azure: LocalAzure) -> None:
    azure.limits.cost_units, former = ((2, 1.0),), azure.limits.cost_units
    try:
        process = shared(azure, quotas={})
        for _ in range(2):
            assert collect(process, _COST_TARGET, _DAY).error is None
    finally:
        azure.limits.cost_units = former
    assert azure.calls()[_COSTS] == 4 + azure.calls(outcome="throttle").get(_COSTS, 0)


@pytest.mark.parametrize("kind", ["internal", "unavailable"])
def test_what_is_over_in_a_moment_is_tried_again(azure: LocalAzure, kind: str) -> None:
    azure.faults.inject(kind, api=_BATCH, count=2, seconds=0)
    azure.faults.inject(kind, api=_GRAPH, count=1, seconds=0)
    collected = collect(shared(azure), VMS, WINDOW)
    assert collected.error is None
    assert (azure.calls()[_BATCH], azure.calls()[_GRAPH]) == (3, 2)


def test_what_is_not_over_in_a_moment_is_unavailable(azure: LocalAzure) -> None:
    azure.faults.inject("internal", api=_GRAPH)
    collected = collect(shared(azure), VMS, WINDOW)
    assert isinstance(collected.error, Unavailable)
    assert azure.calls()[_GRAPH] == 4


def test_a_token_that_expires_in_the_middle_is_renewed_once(azure: LocalAzure) -> None:
    azure.faults.inject("expired_token", api=_BATCH)
    process = shared(azure)
    collected = collect(process, VMS, WINDOW)
    assert collected.error is None
    assert len(collected.points("cpu_utilization")) == 1
    assert azure.calls()[_BATCH] == 2
    azure.directory.expire_tokens()
    assert collect(process, VMS, WINDOW).error is None


def test_a_denied_resource_group_is_named_with_the_permission(azure: LocalAzure) -> None:
    group = f"/subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/web"
    azure.faults.deny(group, action="Microsoft.Insights/Metrics/Read")
    put(azure, add_vm(azure, 2, group="data"), CPU, steady(20))
    collected = collect(shared(azure), VMS, WINDOW)
    assert collected.report.outcome is Outcome.COMPLETE
    assert collected.report.permission == "Microsoft.Insights/Metrics/Read"
    (reason,) = collected.report.partial
    assert reason.startswith("metrics of 1 virtual machine in eastus: ")
    assert f"allow Microsoft.Insights/Metrics/Read on {group.lower()}" in reason
    assert [point.resource.name for point in collected.points()] == ["vm-0002"], "its neighbours are asked for apart"


@pytest.mark.parametrize(
    ("target", "action"),
    [(VMS, "Microsoft.ResourceGraph/resources/read"), (_COST_TARGET, "Microsoft.CostManagement/query/read")],
)
def test_a_missing_permission_is_named_where_azure_does_not_name_it(
    azure: LocalAzure, target: str, action: str
) -> None:
    azure.faults.deny(action=action)
    collected = collect(shared(azure), target, WINDOW if target == VMS else _DAY)
    assert collected.report.outcome is Outcome.DENIED
    assert collected.report.permission == action
    assert "to the identity of account 'default'" in collected.report.error


@pytest.mark.parametrize("target", [VMS, _COST_TARGET])
def test_a_disabled_subscription_is_shown_as_such(azure: LocalAzure, target: str) -> None:
    azure.faults.disable_subscription(DEFAULT_SUBSCRIPTION)
    collected = collect(shared(azure), target, WINDOW if target == VMS else _DAY)
    assert collected.report.outcome is Outcome.DENIED
    assert f"subscription {DEFAULT_SUBSCRIPTION!r} is disabled" in collected.report.error


def test_a_subscription_that_is_not_there_is_denied(azure: LocalAzure) -> None:
    collected = collect(shared(azure, subscription_id=SECOND_SUBSCRIPTION.replace("2", "9")), VMS, WINDOW)
    assert collected.report.outcome is Outcome.DENIED


def test_a_subscription_of_another_tenant_is_told_apart(azure: LocalAzure) -> None:
    other = "77777777-7777-4777-8777-777777777777"
    azure.subscriptions.ensure("66666666-6666-4666-8666-666666666666", other)
    process = shared(azure, subscription_id="66666666-6666-4666-8666-666666666666")
    collected = collect(process, _COST_TARGET, _DAY)
    assert collected.report.outcome is Outcome.DENIED
    assert f"is not in tenant {DEFAULT_TENANT!r}" in collected.report.error


def test_two_tenants_are_collected_side_by_side(azure: LocalAzure) -> None:
    other, theirs = "88888888-8888-4888-8888-888888888888", "55555555-5555-4555-8555-555555555555"
    azure.subscriptions.ensure(theirs, other)
    add_vm(azure, 7, subscription=theirs)
    second = {"name": "second", "subscription_id": theirs, **azure.credentials(other)}
    process = shared(azure, accounts=[{"name": "first"}, second])
    for account, subscription in (("first", DEFAULT_SUBSCRIPTION), ("second", theirs)):
        collected = collect(process, f"azure/{account}/global/virtual_machines", WINDOW)
        assert collected.error is None
        assert {one.account for one in collected.resources} == {subscription}


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ({"client_secret": "wrong-secret-of-the-tests"}, "client_secret of account 'default' is wrong"),
        ({"tenant_id": "no_tenant"}, "correct tenant_id and client_id"),
        ({"client_id": "44444444-4444-4444-8444-444444444444"}, "has no application"),
        ({"tenant_id": "33333333-3333-4333-8333-333333333333"}, "there is no tenant"),
    ],
)
def test_wrong_credentials_are_told_in_clear_words(azure: LocalAzure, change: dict[str, str], remedy: str) -> None:
    collected = collect(shared(azure, **change), VMS, WINDOW)
    assert collected.report.outcome is Outcome.DENIED
    assert remedy in collected.report.error
    assert "wrong-secret-of-the-tests" not in f"{collected.report!r} {collected.error!r}"


def test_an_expired_secret_is_told_without_it(azure: LocalAzure, caplog: pytest.LogCaptureFixture) -> None:
    secret = azure.credentials()["client_secret"]
    process = shared(azure)
    azure.directory.expire_secrets()
    with caplog.at_level("DEBUG"):
        collected = collect(process, VMS, WINDOW)
    assert isinstance(collected.error, Denied)
    assert collected.report.outcome is Outcome.DENIED
    assert "AADSTS7000222: client_secret of account 'default' is expired" in collected.report.error
    section = process.settings.azure
    assert section is not None
    seen = f"{collected.report!r} {collected.error!r} {section!r} {section.accounts_of('azure')!r} {caplog.text}"
    assert secret not in seen
    assert "eyJ" not in seen, "nor is there a token"


@pytest.mark.parametrize("kind", ["internal", "unavailable"])
def test_a_token_endpoint_that_fails_is_unavailable_and_no_matter_of_credentials(azure: LocalAzure, kind: str) -> None:
    azure.faults.inject(kind, api="login:token", seconds=0)
    collected = collect(shared(azure), VMS, WINDOW)
    assert isinstance(collected.error, Unavailable), collected.error


_WORKSPACE = "99999999-9999-4999-8999-999999999999"


def test_a_part_of_an_answer_is_no_answer(azure: LocalAzure) -> None:
    azure.logs.workspace(_WORKSPACE, DEFAULT_SUBSCRIPTION)
    azure.faults.inject("partial", api=_LOGS)
    collected = collect(shared(azure, logs_workspace_id=_WORKSPACE), VMS, WINDOW)
    assert collected.report.outcome is Outcome.COMPLETE
    (reason,) = collected.report.partial
    assert "a part of the answer alone" in reason


def test_a_workspace_that_may_not_be_read_costs_its_memory_alone_and_names_the_permission(azure: LocalAzure) -> None:
    azure.logs.workspace(_WORKSPACE, DEFAULT_SUBSCRIPTION)
    azure.faults.deny(action="Microsoft.OperationalInsights/workspaces/query/read")
    collected = collect(shared(azure, logs_workspace_id=_WORKSPACE), VMS, WINDOW)
    assert collected.report.outcome is Outcome.COMPLETE
    assert collected.report.permission == "Microsoft.OperationalInsights/workspaces/query/read"
    assert len(collected.points("cpu_utilization")) == len(collected.rates()) == 1


def test_a_workspace_that_is_not_there_is_named_by_its_key(azure: LocalAzure) -> None:
    collected = collect(shared(azure, logs_workspace_id=_WORKSPACE.replace("9", "8")), VMS, WINDOW)
    assert collected.report.outcome is Outcome.COMPLETE
    (reason,) = collected.report.partial
    assert "correct logs_workspace_id of account 'default'" in reason


def test_a_workload_identity_needs_no_secret(
    azure: LocalAzure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assertion = tmp_path / "token"
    assertion.write_text("assertion-of-the-workload", encoding="utf-8")
    application = azure.directory.federate("assertion-of-the-workload")
    monkeypatch.setenv("AZURE_CLIENT_ID", application.client_id)
    monkeypatch.setenv("AZURE_TENANT_ID", DEFAULT_TENANT)
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(assertion))
    process = shared(azure, client_id=None, client_secret=None)
    collected = collect(process, VMS, WINDOW)
    assert collected.error is None
    assert len(collected.points("cpu_utilization")) == 1


def test_credentials_of_the_environment_are_found_and_none_are_explained(
    azure: LocalAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of the chain of DefaultAzureCredential this link alone: the others look beyond this machine.
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    credentials = azure.credentials()
    nobody = {"client_id": None, "client_secret": None, "tenant_id": None}
    for name in credentials:
        monkeypatch.delenv(f"AZURE_{name.upper()}", raising=False)
    collected = collect(shared(azure, **nobody), VMS, WINDOW)
    assert collected.report.outcome is Outcome.DENIED
    assert "set tenant_id, client_id and client_secret for account 'default'" in collected.report.error
    for name, value in credentials.items():
        monkeypatch.setenv(f"AZURE_{name.upper()}", value)
    assert collect(shared(azure, **nobody), VMS, WINDOW).error is None


def test_a_server_that_is_not_there_is_unavailable(azure: LocalAzure) -> None:
    nowhere = dict.fromkeys(azure.endpoints, "https://127.0.0.1:1")
    collected = collect(shared(azure, endpoints=nowhere), VMS, WINDOW)
    assert isinstance(collected.error, Unavailable)


def test_a_certificate_that_is_not_trusted_is_explained(azure: LocalAzure, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    collected = collect(shared(azure, ca_file=None), VMS, WINDOW)
    assert isinstance(collected.error, Unavailable)
    assert "set azure.ca_file" in str(collected.error)


def test_the_deadline_ends_a_collection(azure: LocalAzure) -> None:
    process = shared(azure)
    late = Settings.model_validate(
        {"azure": settings(azure).model_dump()["azure"], "collect": {"deadline": 0.001}}  # at once
    )
    object.__setattr__(process, "settings", late)
    collected = collect(process, VMS, WINDOW)
    assert isinstance(collected.error, CollectionFailed | Throttled)


@pytest.mark.parametrize(
    ("section", "fault"),
    [
        ({"client_id": "a", "tenant_id": "t"}, "client_id is there and client_secret is missing"),
        ({"client_secret": "b", "tenant_id": "t"}, "client_secret is there and client_id is missing"),
        ({"client_id": "a", "client_secret": "b"}, "tenant_id is missing"),
        ({"accounts": [{"name": "x", "client_id": "a"}]}, "accounts: x: client_id is there and client_secret"),
        ({"accounts": [{"name": "x", "client_id": "a", "client_secret": "b"}]}, "accounts: x: tenant_id is missing"),
        ({"endpoints": {"graph": "https://localhost"}}, "graph: there is no such endpoint; known are authority"),
        ({"cloud": "moon"}, "there are: public, china, usgov"),
        ({"cost_tags": ["team", "Team"]}, "'Team' is there twice"),
    ],
)
def test_a_configuration_that_cannot_be_right_is_refused(section: dict[str, object], fault: str) -> None:
    with pytest.raises(ConfigError, match=r".") as raised:
        make_settings("azure", section, "azure")
    assert fault in str(raised.value)
