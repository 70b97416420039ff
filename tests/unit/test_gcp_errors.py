"""Google's refusals, as its libraries raise them, and what each becomes."""

import json
import time
from typing import Any

import google.api_core.exceptions
import pytest
from google.rpc import error_details_pb2

from agents.core.api_call import translate_errors
from agents.core.context import Context, Shared
from agents.core.errors import ExpiredCredentials
from agents.core.limits import Quota
from agents.core.meter import Meter
from agents.gcp.api_call import GcpCall
from agents.gcp.bigquery import billed_mib
from agents.gcp.details import Details
from agents.gcp.errors import NoSuchMetric, translate
from agents.gcp.permissions import permission_of
from agents.gcp.quotas import quota_of
from telemetry.errors import CollectionError, CollectionFailed, Denied, Throttled, Unavailable
from telemetry.settings import Settings

SERIES = "monitoring:ListTimeSeries"
exceptions: Any = google.api_core.exceptions  # typed in parts alone


def _call(api: str = SERIES) -> GcpCall:
    shared = Shared(Settings.model_validate({"gcp": {"project_id": "shop-prod"}}))
    assert shared.settings.gcp is not None
    (account,) = shared.settings.gcp.accounts_of("gcp")
    return GcpCall(Context(shared, account, Meter(), time.monotonic() + 60), api, "shop-prod", "shop-quota")


def _becomes(error: Exception, call: GcpCall | None = None) -> CollectionError:
    with pytest.raises(CollectionError) as caught, translate_errors(call or _call(), translate):
        raise error
    assert caught.value.__cause__ is None
    return caught.value


def _rest(status: int, reason: str, message: str) -> Exception:
    """An error of BigQuery's REST."""
    error = exceptions.from_http_status(status, message, errors=[{"reason": reason, "message": message}])
    assert isinstance(error, Exception)
    return error


def test_the_wait_of_a_retry_info_is_honoured_by_everyone() -> None:
    info = error_details_pb2.RetryInfo()
    info.retry_delay.seconds, info.retry_delay.nanos = 12, 500_000_000
    call = _call()
    error = _becomes(exceptions.ResourceExhausted("Quota exceeded", details=[info]), call)
    assert isinstance(error, Throttled)
    assert error.retry_after == 12.5
    assert error.scope == "gcp/shop-quota/monitoring:*"
    assert call.context.meter.report()[0].throttles == 1
    with pytest.raises(Throttled):
        call.context.shared.limiter.acquire(error.scope, Quota(1000, 1000), time.monotonic() + 1)


@pytest.mark.parametrize(
    ("error", "wait"),
    [
        (exceptions.TooManyRequests("slow down"), None),
        (_rest(403, "rateLimitExceeded", "Exceeded rate limits"), None),
        (_rest(403, "quotaExceeded", "Quota exceeded"), None),
        (
            exceptions.TooManyRequests(
                "slow down", details=[{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}]
            ),
            7,
        ),
    ],
)
def test_a_throttle_by_http(error: Exception, wait: float | None) -> None:
    ours = _becomes(error, _call("bigquery:jobs.query"))
    assert isinstance(ours, Throttled)
    assert ours.retry_after == wait
    assert ours.scope == "gcp/shop-quota/bigquery:*"


def test_a_retry_after_header_counts_too() -> None:
    response = type("Response", (), {"headers": {"Retry-After": "30"}})()
    error = exceptions.TooManyRequests("slow down", response=response)
    assert Details.of(error).retry_after == 30


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (exceptions.ServiceUnavailable("down"), Unavailable, "down"),
        (exceptions.DeadlineExceeded("late"), Unavailable, "late"),
        (exceptions.InternalServerError("oops"), Unavailable, "oops"),
        (exceptions.Unknown("eh"), Unavailable, "eh"),
        (_rest(400, "backendError", "try later"), Unavailable, "try later"),
        (exceptions.InvalidArgument("Invalid page_token"), Unavailable, "read anew"),
        (exceptions.InvalidArgument("Bad filter"), CollectionFailed, "Bad filter"),
        (exceptions.Unauthenticated("Invalid authentication"), ExpiredCredentials, "credentials_file"),
        (exceptions.PermissionDenied("Project #12 has been deleted."), Denied, "is deleted"),
        (exceptions.NotFound("The project shop-prod was not found"), Denied, "is deleted"),
        (exceptions.NotFound('Cannot find metric(s) that match type = "x"'), NoSuchMetric, "Cannot find metric"),
        (exceptions.NotFound("Not found: Table a:b.c"), Denied, "correct its name"),
        (
            exceptions.PermissionDenied("Cloud Monitoring API has not been used in project 1 before or it is disabled"),
            Denied,
            "enable monitoring.googleapis.com in project 'shop-quota'",
        ),
        (_rest(400, "bytesBilledLimitExceeded", "Query exceeded limit"), CollectionFailed, "maximum_bytes_billed"),
    ],
)
def test_a_refusal_becomes_the_kind_that_the_fleet_knows(
    error: Exception, kind: type[CollectionError], said: str
) -> None:
    ours = _becomes(error)
    assert type(ours) is kind
    assert said in str(ours)
    assert "gcp/default/shop-prod monitoring:ListTimeSeries" in str(ours)


@pytest.mark.parametrize(
    ("message", "api", "permission"),
    [
        ("Permission monitoring.timeSeries.list denied (or the resource may not exist).", SERIES, None),
        ("Permission 'cloudasset.assets.listResource' denied on resource '//x'", "cloudasset:ListAssets", None),
        (
            "Access Denied: Project p: User does not have bigquery.jobs.create permission in project p.",
            "bigquery:jobs.query",
            "bigquery.jobs.create",
        ),
        (
            "Access Denied: Table p:d.t: User does not have permission to query table p:d.t",
            "bigquery:jobs.query",
            "bigquery.tables.getData",
        ),
        ("The caller does not have permission", SERIES, "monitoring.timeSeries.list"),
    ],
)
def test_a_missing_permission_is_named(message: str, api: str, permission: str | None) -> None:
    ours = _becomes(exceptions.PermissionDenied(message), _call(api))
    assert isinstance(ours, Denied)
    assert ours.permission == (permission or permission_of(api))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (KeyError("MIIcanary"), CollectionFailed),
        (AttributeError("'list' object has no attribute 'get'"), CollectionFailed),
        (TypeError("MIIcanary"), CollectionFailed),
        (StopIteration(), CollectionFailed),
        (json.JSONDecodeError("Expecting value", "<html>MIIcanary", 0), Unavailable),
        (UnicodeDecodeError("utf-8", b"MIIcanary", 0, 1, "bad"), Unavailable),
        (ConnectionResetError(104, "reset"), Unavailable),
        (RecursionError(), CollectionFailed),
    ],
)
def test_whatever_a_library_raises_is_one_of_ours(error: Exception, kind: type[CollectionError]) -> None:
    ours = _becomes(error)
    assert type(ours) is kind
    assert "gcp/default/shop-prod monitoring:ListTimeSeries" in str(ours)
    assert "canary" not in f"{ours!r}"


@pytest.mark.parametrize("field", ["details", "errors", "metadata", "reason", "response", "code"])
@pytest.mark.parametrize(
    "junk", [None, "text", 7, 1.5, [], [None], ["x"], [{}], {"a": 1}, {"permission": None}, object()]
)
def test_an_odd_detail_of_a_refusal_is_no_fault_of_its_own(field: str, junk: object) -> None:
    odd = type("Odd", (exceptions.Forbidden,), {})
    setattr(odd, field, junk)
    assert isinstance(_becomes(odd("The caller does not have permission")), CollectionError)


def test_a_page_of_html_is_named_and_not_repeated() -> None:
    page = "503 POST https://x: <!DOCTYPE html><html><body>Proxy of Example Inc.</body></html>"
    ours = _becomes(exceptions.ServiceUnavailable(page))
    assert isinstance(ours, Unavailable)
    assert "a page of HTML" in str(ours)
    assert "Example Inc" not in str(ours)


def test_a_wait_that_is_before_now_is_none() -> None:
    info = error_details_pb2.RetryInfo()
    info.retry_delay.seconds = -5
    assert Details.of(exceptions.ResourceExhausted("x", details=[info])).retry_after == 0


def test_the_longest_configured_quota_counts() -> None:
    configured = {"*": 1.0, "monitoring:*": 5.0, SERIES: 9.0}
    assert quota_of(SERIES, configured) == (SERIES, Quota(9, 9))
    assert quota_of("monitoring:Other", configured) == ("monitoring:*", Quota(5, 5))
    assert quota_of("bigquery:jobs.query", configured) == ("*", Quota(1, 1))
    assert quota_of("bigquery:jobs.query", {})[0] == "bigquery:*"
    assert quota_of("unheard:Of", {})[0] == "unheard:*"


@pytest.mark.parametrize(
    ("scanned", "mib"), [(None, 0), (0, 0), (1, 10), (10 * 2**20, 10), (10 * 2**20 + 1, 11), (2**40, 2**20)]
)
def test_bigquery_bills_whole_mebibytes_and_ten_at_the_least(scanned: int | None, mib: int) -> None:
    assert billed_mib(scanned) == mib
