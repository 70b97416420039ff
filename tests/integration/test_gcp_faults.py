"""What goes wrong at Google, and what a collection of Compute Engine makes of it."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from agents.core.errors import ExpiredCredentials
from agents.core.limits import Quota
from emulators.gcp import LocalGcp
from telemetry.batch import Outcome
from telemetry.errors import Denied, Throttled, Unavailable
from tests.support.collecting import Collected, collect
from tests.support.gcp import (
    CPU,
    PROJECT,
    TARGET,
    WINDOW,
    add_instance,
    endpoints,
    key_file,
    put,
    shared,
    standing_gcp,
)

_URI = {"token_uri": "https://oauth2.googleapis.com/token"}
SERIES = "monitoring:ListTimeSeries"
LIST = "cloudasset:ListAssets"
SKUS = "cloudbilling:ListSkus"


@pytest.fixture
def gcp(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalGcp]:
    monkeypatch.setattr("agents.core.calls._FIRST_PAUSE", 0.01)
    with standing_gcp() as running:
        put(running, CPU, add_instance(running), [(WINDOW.end, 0.5)])
        yield running


def _secrets(key: Path) -> list[str]:
    document = json.loads(key.read_text(encoding="utf-8"))
    lines = [line for line in document["private_key"].splitlines() if "KEY" not in line]
    return [document["private_key"], *lines]


def test_a_short_throttle_is_waited_for_and_counted(gcp: LocalGcp) -> None:
    gcp.faults.throttle(retry_info=0.3, api=SERIES, count=2)
    began = time.monotonic()
    collected = collect(shared(gcp), TARGET, WINDOW)
    assert collected.error is None
    assert time.monotonic() - began >= 0.6, "Google named the wait"
    assert len(collected.points("cpu_utilization")) == 1
    use = next(use for use in collected.report.apis if use.api == SERIES)
    assert (use.calls, use.throttles) == (7, 2)
    assert gcp.calls()[SERIES] == 7


def test_a_long_throttle_is_handed_back_with_its_wait_and_silences_the_scope(gcp: LocalGcp) -> None:
    gcp.faults.throttle(retry_info=40, api=SERIES, count=1)
    context = shared(gcp)
    collected = collect(context, TARGET, WINDOW)
    assert collected.report.outcome is Outcome.THROTTLED
    assert isinstance(collected.error, Throttled)
    assert collected.error.scope == f"gcp/{PROJECT}/*"
    assert collected.error.retry_after == 40
    assert gcp.calls()[SERIES] == 1
    with pytest.raises(Throttled, match="used up"):
        context.limiter.acquire(collected.error.scope, Quota(1000, 1000), time.monotonic() + 1)


def test_a_throttle_without_a_wait_is_tried_a_few_times(gcp: LocalGcp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.core.api_call._SILENCE", 0.05)
    gcp.faults.throttle(api=SERIES)
    collected = collect(shared(gcp), TARGET, WINDOW)
    assert collected.report.outcome is Outcome.THROTTLED
    assert isinstance(collected.error, Throttled)
    assert collected.error.retry_after is None
    assert gcp.calls()[SERIES] == 4


def test_what_is_over_in_a_moment_is_tried_again(gcp: LocalGcp) -> None:
    gcp.faults.unavailable(api=SERIES, count=2)
    gcp.faults.internal(api=LIST, count=1)
    collected = collect(shared(gcp), TARGET, WINDOW)
    assert collected.error is None
    assert gcp.calls()[SERIES] == 7
    assert gcp.calls()[LIST] == 2


def test_what_is_not_over_in_a_moment_is_unavailable(gcp: LocalGcp) -> None:
    gcp.faults.unavailable(api=LIST)
    collected = collect(shared(gcp), TARGET, WINDOW)
    assert isinstance(collected.error, Unavailable)
    assert gcp.calls()[LIST] == 4


def test_without_the_inventory_nothing_is_known_and_the_permission_is_named(gcp: LocalGcp) -> None:
    permission = "cloudasset.assets.listResource"
    gcp.faults.deny(permission)
    collected = collect(shared(gcp), TARGET, WINDOW)
    assert collected.report.outcome is Outcome.DENIED
    assert collected.report.permission == permission
    assert f"allow {permission} to account 'default'" in collected.report.error


@pytest.mark.parametrize(
    ("permission", "api", "missing"),
    [("monitoring.timeSeries.list", SERIES, "metrics: "), ("serviceusage.services.use", SKUS, "list prices: ")],
)
def test_a_part_that_is_refused_leaves_the_others(gcp: LocalGcp, permission: str, api: str, missing: str) -> None:
    gcp.inject("deny", api=api)
    collected = collect(shared(gcp), TARGET, WINDOW)
    assert collected.error is None
    assert (collected.report.outcome, collected.report.permission) == (Outcome.COMPLETE, permission)
    (reason,) = collected.report.partial
    assert reason.startswith(missing)
    assert f"allow {permission} to account 'default'" in reason
    assert gcp.calls()[api] == 1, "refused once is refused"
    assert len(collected.resources) == 1
    assert len(collected.points()) == (api == SKUS)
    assert len(collected.rates()) == (api == SERIES)
    assert "price_unknown" not in collected.resources[0].attributes, "it is not unknown: nobody was told"


def test_one_metric_that_is_not_answered_leaves_the_others(gcp: LocalGcp) -> None:
    gcp.faults.internal(api=SERIES, count=4)
    collected = collect(shared(gcp), TARGET, WINDOW)
    assert collected.report.outcome is Outcome.COMPLETE
    (reason,) = collected.report.partial
    assert reason.startswith("cpu_utilization: ")
    assert gcp.calls()[SERIES] == 4 + 4, "the other four are asked for"


def test_a_deleted_project_is_shown_as_such(gcp: LocalGcp) -> None:
    gcp.projects.delete(PROJECT)
    collected = collect(shared(gcp), TARGET, WINDOW)
    assert collected.report.outcome is Outcome.DENIED
    assert f"project {PROJECT!r} is deleted" in collected.report.error
    assert collected.report.permission == ""


def test_a_key_that_is_revoked_asks_for_a_new_one(gcp: LocalGcp) -> None:
    key = key_file(gcp)
    context = shared(gcp, credentials_file=str(key))
    assert collect(context, TARGET, WINDOW).error is None
    gcp.identities.revoke(f"finfleet@{PROJECT}.iam.gserviceaccount.com")
    collected = collect(context, TARGET, WINDOW)
    assert isinstance(collected.error, ExpiredCredentials)
    assert collected.report.outcome is Outcome.DENIED
    assert "Give a new credentials_file" in collected.report.error
    for secret in _secrets(key):
        assert secret not in f"{collected.report!r} {collected.error!r}"


def test_a_key_that_is_replaced_in_its_file_is_taken_up(gcp: LocalGcp) -> None:
    key = key_file(gcp)
    context = shared(gcp, credentials_file=str(key))
    assert collect(context, TARGET, WINDOW).error is None
    gcp.identities.revoke(f"finfleet@{PROJECT}.iam.gserviceaccount.com")
    key.write_bytes(key_file(gcp).read_bytes())
    assert collect(context, TARGET, WINDOW).error is None


def test_an_expired_key_gets_no_token(gcp: LocalGcp) -> None:
    gcp.inject("expired_key")
    collected = collect(shared(gcp), TARGET, WINDOW)
    assert isinstance(collected.error, ExpiredCredentials)


@pytest.mark.parametrize("fault", ["throttle", "unavailable"])
def test_a_busy_token_endpoint_is_a_matter_of_time(gcp: LocalGcp, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    # google-auth asks three times by itself, with seconds in between.
    monkeypatch.setattr("google.auth._exponential_backoff.time", SimpleNamespace(sleep=lambda _: None))
    gcp.inject(fault, api="token:issue", count=4)
    assert collect(shared(gcp), TARGET, WINDOW).error is None
    gcp.inject(fault, api="token:issue")
    busy = collect(shared(gcp), TARGET, WINDOW)
    assert isinstance(busy.error, Unavailable)
    assert busy.report.outcome is Outcome.FAILED


def test_a_listing_that_breaks_between_pages_is_read_anew(gcp: LocalGcp) -> None:
    for number in range(2, 1002):
        add_instance(gcp, number)
    gcp.inject("bad_page_token", api=LIST)
    collected = collect(shared(gcp), TARGET, WINDOW)
    assert isinstance(collected.error, Unavailable)
    assert "read anew" in str(collected.error)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no such file"),
        ('{"type": "service_account", "private_key": "MIIcanaryPRIVATEkey', "it is not JSON"),
        ("[]", "it is not an object"),
        ('{"type": "service_account", "private_key": "MIIcanaryPRIVATEkey"}', "it lacks client_email, token_uri"),
        (
            json.dumps({"type": "service_account", "private_key": "MIIcanaryPRIVATEkey", "client_email": "a", **_URI}),
            "is private_key whole",
        ),
        ('{"type": "cheque", "private_key": "MIIcanaryPRIVATEkey"}', "type 'cheque' is not one of"),
    ],
)
def test_a_malformed_credentials_file_is_named_and_its_key_is_not_shown(
    gcp: LocalGcp, tmp_path: Path, content: str | None, said: str
) -> None:
    path = tmp_path / "credentials.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    # The configuration is read by processes that have no credentials: nothing is looked at there.
    context = shared(gcp, credentials_file=str(path))
    collected = collect(context, TARGET, WINDOW)
    assert collected.report.outcome is Outcome.DENIED
    assert str(path) in collected.report.error
    assert said in collected.report.error
    assert collected.error is not None
    assert "MIIcanary" not in f"{collected.report!r} {collected.error!r} {collected.error.__cause__!r}"
    assert gcp.calls() == {}


def test_a_token_is_not_asked_for_in_the_open(gcp: LocalGcp, tmp_path: Path) -> None:
    document = json.loads(key_file(gcp).read_text(encoding="utf-8")) | {"token_uri": "http://tokens.example.com/t"}
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    addresses = {name: address for name, address in endpoints(gcp).items() if name != "token"}
    collected = collect(shared(gcp, credentials_file=str(path), endpoints=addresses), TARGET, WINDOW)
    assert isinstance(collected.error, Denied)
    assert "token_uri: plain http" in str(collected.error)


def test_without_a_file_the_default_credentials_are_used(
    gcp: LocalGcp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    context = shared(gcp, credentials_file=None)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key_file(gcp)))
    assert collect(context, TARGET, WINDOW).error is None
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "absent.json"))
    denied = collect(shared(gcp, credentials_file=None), TARGET, WINDOW)
    assert isinstance(denied.error, Denied)
    assert "set gcp.credentials_file" in str(denied.error)


def test_nobody_there_is_unavailable(gcp: LocalGcp) -> None:
    context = shared(gcp)
    gcp.stop()
    collected = collect(context, TARGET, WINDOW)
    assert isinstance(collected.error, Unavailable)


def test_a_quota_project_is_said_with_each_call_and_has_the_quota(gcp: LocalGcp) -> None:
    gcp.projects.add("quota-payer")
    gcp.faults.throttle(retry_info=40, api=SERIES)
    collected = collect(shared(gcp, quota_project="quota-payer"), TARGET, WINDOW)
    assert isinstance(collected.error, Throttled)
    assert collected.error.scope == "gcp/quota-payer/*"
    assert {call.quota_project for call in gcp.records()} == {"quota-payer"}


def test_an_account_may_act_as_another_service_account(gcp: LocalGcp) -> None:
    collected = collect(shared(gcp, impersonate=f"reader@{PROJECT}.iam.gserviceaccount.com"), TARGET, WINDOW)
    assert collected.error is None
    assert {call.caller for call in gcp.records() if call.api == SERIES} == {
        f"reader@{PROJECT}.iam.gserviceaccount.com"
    }


def test_an_unknown_project_of_several_harms_no_other(gcp: LocalGcp) -> None:
    key = str(key_file(gcp))
    accounts = [
        {"name": "good", "project_id": PROJECT},
        {"name": "gone", "project_id": "never-there"},
    ]
    context = shared(gcp, accounts=accounts, credentials_file=key)
    good: Collected = collect(context, "gcp/good/global/compute", WINDOW)
    gone = collect(context, "gcp/gone/global/compute", WINDOW)
    assert good.error is None
    assert len(good.points()) == 1
    assert gone.report.outcome is Outcome.DENIED
    assert "never-there" in gone.report.error


def test_a_budget_that_is_used_up_defers_the_rest(gcp: LocalGcp) -> None:
    context = shared(gcp, budget_usd_per_day="0.0000005")
    first = collect(context, TARGET, WINDOW)
    assert first.error is None, "one series fits"
    second = collect(context, TARGET, WINDOW)
    assert second.report.outcome is Outcome.THROTTLED
    assert "budget" in second.report.error
