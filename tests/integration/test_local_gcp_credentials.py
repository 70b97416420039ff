"""Service accounts at the local Google Cloud: what they sign is verified, what they may not is refused."""

# mypy: disallow-untyped-calls=False
# google-auth has few types.

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.api_core.exceptions import Forbidden, Unauthenticated
from google.auth import impersonated_credentials
from google.auth.exceptions import RefreshError
from google.cloud.monitoring_v3 import MetricServiceClient
from google.cloud.monitoring_v3.services.metric_service.transports import MetricServiceGrpcTransport
from google.oauth2 import service_account

from emulators.gcp import LocalGcp
from tests.support.local_gcp import asset_client, bigquery_client, channel, loopback_request, metric_client

PROJECT = "p1"
SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
ADDRESS = f"finfleet@{PROJECT}.iam.gserviceaccount.com"


@pytest.fixture
def gcp() -> Iterator[LocalGcp]:
    with LocalGcp(require_credentials=True) as running:
        yield running


@pytest.fixture
def key(gcp: LocalGcp, tmp_path: Path) -> Path:
    return gcp.credentials_file(PROJECT, tmp_path)


def ask(client: MetricServiceClient, **more: Any) -> int:
    return len(list(client.list_metric_descriptors({"name": f"projects/{PROJECT}"}, **more)))


def test_the_file_is_as_google_gives_it(gcp: LocalGcp, key: Path) -> None:
    document = json.loads(key.read_text())
    assert (document["type"], document["project_id"], document["client_email"]) == ("service_account", PROJECT, ADDRESS)
    assert document["token_uri"] == gcp.endpoints["token"]
    assert key.stat().st_mode & 0o077 == 0
    assert service_account.Credentials.from_service_account_file(str(key)).signer_email == ADDRESS


def test_a_call_without_credentials_is_refused(gcp: LocalGcp) -> None:
    with metric_client(gcp) as client, pytest.raises(Unauthenticated) as refused:
        ask(client)
    assert refused.value.reason == "CREDENTIALS_MISSING"


def test_a_self_signed_token_is_good_for_its_own_service(gcp: LocalGcp, key: Path) -> None:
    with metric_client(gcp, key) as client:
        assert ask(client) > 10
    with asset_client(gcp, key) as assets:
        assert list(assets.list_assets({"parent": f"projects/{PROJECT}"})) == []
    assert {(call.api, call.caller) for call in gcp.records()} == {
        ("monitoring:ListMetricDescriptors", ADDRESS),
        ("cloudasset:ListAssets", ADDRESS),
    }
    with channel(gcp.endpoints["monitoring"], key, "cloudasset") as opened:
        client = MetricServiceClient(transport=MetricServiceGrpcTransport(channel=opened))
        with pytest.raises(Unauthenticated):
            ask(client)


def signed(key: Path, **claims: Any) -> tuple[tuple[str, str], ...]:
    """A token like the SDK's, with other claims."""
    import time  # noqa: PLC0415  # the only use

    from google.auth import crypt, jwt  # noqa: PLC0415  # the only use

    now = int(time.time())
    signer = crypt.RSASigner.from_service_account_file(str(key))
    audience = "https://monitoring.googleapis.com/"
    base = {"iss": ADDRESS, "sub": ADDRESS, "aud": audience, "iat": now, "exp": now + 600}
    payload = {name: value for name, value in (base | claims).items() if value is not None}
    return (("authorization", f"Bearer {jwt.encode(signer, payload).decode()}"),)


def test_tokens_that_do_not_hold_are_refused(gcp: LocalGcp, key: Path, tmp_path: Path) -> None:
    stranger = LocalGcp().identities.credentials_file(PROJECT, tmp_path, "stranger")
    good = signed(key)
    bad = {
        "expired": signed(key, iat=1_700_000_000, exp=1_700_000_600),
        "long": signed(key, exp=4_000_000_000),
        "issuer": signed(key, iss="someone@else"),
        "neither": signed(key, aud=None),
        "key": signed(stranger),
        "signature": (("authorization", good[0][1][:-8] + "AAAAAAAA"),),
        "garbage": (("authorization", "Bearer nonsense"),),
    }
    with metric_client(gcp) as client:
        assert ask(client, metadata=good) > 10
        assert ask(client, metadata=signed(key, aud=None, scope=SCOPES[0])) > 10
        for why, metadata in bad.items():
            with pytest.raises(Unauthenticated):
                pytest.fail(f"{why}: {ask(client, metadata=metadata)} were given")


def test_the_token_endpoint_takes_a_signed_assertion(gcp: LocalGcp, key: Path) -> None:
    account = service_account.Credentials.from_service_account_file(str(key), scopes=SCOPES)
    account.refresh(loopback_request)
    with metric_client(gcp) as client:
        assert ask(client, metadata=(("authorization", f"Bearer {account.token}"),)) > 10
    answer = httpx.post(gcp.endpoints["token"], data={"grant_type": "password"})
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


def test_bigquery_takes_such_a_token_and_refuses_none(gcp: LocalGcp, key: Path) -> None:
    with bigquery_client(gcp, PROJECT, key) as client:
        assert next(iter(client.query_and_wait("SELECT 1 AS one"))).one == 1
    answer = httpx.post(f"{gcp.endpoints['bigquery']}/bigquery/v2/projects/{PROJECT}/queries", json={})
    assert (answer.status_code, answer.json()["error"]["status"]) == (401, "UNAUTHENTICATED")


def test_an_expired_key_gets_no_token_and_its_own_are_refused(gcp: LocalGcp, key: Path) -> None:
    account = service_account.Credentials.from_service_account_file(str(key), scopes=SCOPES)
    account.refresh(loopback_request)
    gcp.faults.expired_key(ADDRESS)
    with metric_client(gcp, key) as client, pytest.raises(Unauthenticated):
        ask(client)
    with pytest.raises(RefreshError, match="invalid_grant"):
        account.refresh(loopback_request)
    gcp.faults.clear()
    gcp.identities.revoke(ADDRESS)
    with pytest.raises(RefreshError, match="invalid_grant"):
        account.refresh(loopback_request)


def test_another_account_is_impersonated_where_that_is_allowed(gcp: LocalGcp, key: Path) -> None:
    target = f"reader@{PROJECT}.iam.gserviceaccount.com"
    source = service_account.Credentials.from_service_account_file(str(key), scopes=SCOPES)
    base = gcp.endpoints["token"].removesuffix("/token")
    url = f"{base}/v1/projects/-/serviceAccounts/{target}:generateAccessToken"
    account = impersonated_credentials.Credentials(
        source_credentials=source, target_principal=target, target_scopes=SCOPES, iam_endpoint_override=url
    )
    account.refresh(loopback_request)
    with metric_client(gcp) as client:
        ask(client, metadata=(("authorization", f"Bearer {account.token}"),))
    assert [call.caller for call in gcp.records()] == [ADDRESS, target]
    gcp.faults.deny("iam.serviceAccounts.getAccessToken")
    with pytest.raises(RefreshError, match=r"iam\.serviceAccounts\.getAccessToken"):
        account.refresh(loopback_request)


def test_the_quota_project_is_on_record(gcp: LocalGcp, key: Path) -> None:
    with metric_client(gcp, key) as client:
        ask(client, metadata=(("x-goog-user-project", "payer"),))
    assert [call.quota_project for call in gcp.records()] == ["payer"]


def test_grpc_is_served_over_tls_too(gcp: LocalGcp, key: Path, tmp_path: Path) -> None:
    address, ca_file = gcp.serve_tls(tmp_path)
    credentials = grpc.ssl_channel_credentials(ca_file.read_bytes())
    with grpc.secure_channel(address, credentials) as opened:
        client = MetricServiceClient(transport=MetricServiceGrpcTransport(channel=opened))
        assert ask(client, metadata=signed(key)) > 10


def test_a_permission_is_missing_for_one_account_only(gcp: LocalGcp, key: Path, tmp_path: Path) -> None:
    other = gcp.credentials_file(PROJECT, tmp_path, "other")
    gcp.faults.deny("monitoring.metricDescriptors.list", caller=f"other@{PROJECT}.iam.gserviceaccount.com")
    with metric_client(gcp, key) as client:
        assert ask(client) > 10
    with (
        metric_client(gcp, other) as client,
        pytest.raises(Forbidden, match=r"monitoring\.metricDescriptors\.list denied"),
    ):
        ask(client)
