"""Answers that are none of Google's own, to Google's own client: a proxy's page, JSON of another form, odd details."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from emulators.gcp import LocalGcp
from telemetry.batch import Outcome
from telemetry.errors import CollectionError, CollectionFailed, Denied, Throttled, Unavailable
from telemetry.target import Window
from tests.support.collecting import collect
from tests.support.gcp import PROJECT, endpoints, shared, standing_gcp
from tests.support.scripted_http import Reply, ScriptedServer

TABLE = f"{PROJECT}.billing.gcp_billing_export_v1_0123AB_4567CD_89EF01"
DAY = datetime(2026, 11, 20, tzinfo=UTC)
_HTML = b"<!DOCTYPE html><html><body>Example Inc. says no: canary</body></html>"
_PAGE = {"Content-Type": "text/html"}


@pytest.fixture(scope="module")
def gcp() -> Iterator[LocalGcp]:
    with standing_gcp() as running:
        yield running


def _bill(gcp: LocalGcp, **answers: str) -> Any:
    context = shared(gcp, billing_export_table=TABLE, endpoints=endpoints(gcp) | answers)
    return collect(context, "gcp/default/global/billing", Window(DAY, DAY + timedelta(days=1)))


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(200, _HTML, _PAGE), Unavailable),
        (Reply(200, b"", _PAGE), CollectionError),
        (Reply(200, b"[]"), CollectionError),
        (Reply(200, b"{}"), CollectionError),
        (Reply(200, b'{"jobComplete": true, "schema": 7}'), CollectionError),
        (Reply(200, b"\xff\xfe"), CollectionError),
        (Reply(403, _HTML, _PAGE), Denied),
        (Reply(403, b"[1]"), Denied),
        (Reply(403, b'{"error": "no"}'), Denied),
        (Reply(429, b"[]", {"Retry-After": "40"}), Throttled),
        (Reply(503, b'{"error": 7}'), Unavailable),
        (Reply(403, b'{"error": {"message": null, "errors": {"reason": 7}, "details": "x"}}'), Denied),
        (Reply(429, b"", {"Retry-After": "40"}), Throttled),
        (Reply(429, _HTML, {**_PAGE, "Retry-After": "soon"}), Throttled),
        (Reply(404, _HTML, _PAGE), Denied),
        (Reply(407, _HTML, _PAGE), CollectionFailed),
        (Reply(502, _HTML, _PAGE), Unavailable),
        (Reply(503, b"{"), Unavailable),
    ],
    ids=lambda value: f"{value.status} {value.body[:20]!r}" if isinstance(value, Reply) else value.__name__,
)
def test_whatever_bigquery_answers_is_an_error_of_ours(
    gcp: LocalGcp, monkeypatch: pytest.MonkeyPatch, reply: Reply, kind: type[CollectionError]
) -> None:
    monkeypatch.setattr("agents.core.calls._FIRST_PAUSE", 0.01)
    monkeypatch.setattr("agents.core.api_call._SILENCE", 0.01)
    with ScriptedServer(lambda _: reply) as server:
        found = _bill(gcp, bigquery=server.url)
    assert isinstance(found.error, kind)
    assert "gcp/default/shop-prod bigquery:" in str(found.error), "the boundary said it, and not what catches the rest"
    assert "canary" not in found.report.error
    if reply.headers.get("Retry-After") == "40":
        assert found.error.retry_after == 40
    if kind is Denied:
        assert found.report.outcome is Outcome.DENIED


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, _HTML, _PAGE),
        Reply(200, b"[]"),
        Reply(200, b"{}"),
        Reply(200, b'{"access_token": [], "expires_in": "soon"}'),
        Reply(400, _HTML, _PAGE),
        Reply(400, b'{"error": ["canary"]}'),
        Reply(400, b'"canary"'),
        Reply(403, b""),
        Reply(302, b"", {"Location": "http://["}),
    ],
    ids=lambda value: f"{value.status} {value.body[:20]!r}",
)
@pytest.mark.parametrize("way", ["key", "impersonated"])
def test_whatever_a_token_endpoint_answers_is_an_error_of_ours(gcp: LocalGcp, reply: Reply, way: str) -> None:
    acting = f"reader@{PROJECT}.iam.gserviceaccount.com" if way == "impersonated" else None
    with ScriptedServer(lambda _: reply) as server:
        context = shared(gcp, impersonate=acting, endpoints=endpoints(gcp) | {"token": f"{server.url}/token"})
        found = collect(context, "gcp/default/global/compute", Window(DAY, DAY + timedelta(minutes=5)))
    assert isinstance(found.error, Denied | Unavailable)
    assert "<body" not in found.report.error
