"""Tokens of the local Azure: who gets one, and what it is good for."""

import socket
import ssl
from collections.abc import Iterator

import httpx
import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.identity import WorkloadIdentityCredential

from emulators.azure import DEFAULT_SUBSCRIPTION, LocalAzure
from emulators.azure.seed import seed_vms
from tests.support.local_azure import ARM_SCOPE, METRICS_SCOPE, credential, graph, graph_client, plain_client, refusal

_OTHER_TENANT = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
_VERSION = {"api-version": "2022-12-01"}


@pytest.fixture(scope="module")
def running() -> Iterator[LocalAzure]:
    with LocalAzure() as azure:
        seed_vms(azure, 2)
        azure.credentials(_OTHER_TENANT)
        yield azure


@pytest.fixture
def azure(running: LocalAzure) -> Iterator[LocalAzure]:
    running.reset_calls()
    yield running
    running.faults.clear()


def test_a_token_is_given_once_and_used_for_many_calls(azure: LocalAzure) -> None:
    client = graph_client(azure)
    for _ in range(3):
        graph(client, "Resources | count")
    assert azure.calls() == {"login:configuration": 1, "login:token": 1, "resourcegraph:resources": 3}


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"client_secret": "of-no-one"}, "AADSTS7000215"),
        ({"client_id": "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"}, "AADSTS700016"),
        ({"tenant_id": "cccccccc-cccc-4ccc-8ccc-cccccccccccc"}, "90002|tenant"),
    ],
)
def test_the_wrong_words_are_refused_as_entra_does(azure: LocalAzure, wrong: dict[str, str], code: str) -> None:
    with pytest.raises((ClientAuthenticationError, ValueError), match=code):
        credential(azure, **wrong).get_token(ARM_SCOPE)


def test_an_expired_secret_is_refused_and_a_new_one_works(azure: LocalAzure) -> None:
    old = azure.credentials()["client_secret"]
    azure.directory.expire_secrets()
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000222"):
        credential(azure, client_secret=old).get_token(ARM_SCOPE)
    assert azure.credentials()["client_secret"] != old
    assert credential(azure).get_token(ARM_SCOPE).token


def test_an_audience_that_no_tenant_knows_is_refused(azure: LocalAzure) -> None:
    with pytest.raises(ClientAuthenticationError, match="AADSTS500011"):
        credential(azure).get_token("https://nowhere.example/.default")


def test_a_workload_identity_needs_no_secret(azure: LocalAzure, tmp_path: object) -> None:
    file = str(tmp_path) + "/token"
    with open(file, "w", encoding="utf-8") as out:  # noqa: PTH123  # a path of the fixture
        out.write("signed.by.kubernetes")
    application = azure.directory.application()

    def identity() -> WorkloadIdentityCredential:
        return WorkloadIdentityCredential(
            tenant_id=application.tenant,
            client_id=application.client_id,
            token_file_path=file,
            authority=azure.url,
            disable_instance_discovery=True,
            connection_verify=azure.ca_file,
            retry_total=0,
        )

    with pytest.raises(ClientAuthenticationError, match="AADSTS700213"):
        identity().get_token(ARM_SCOPE)
    azure.directory.federate("signed.by.kubernetes")
    assert identity().get_token(ARM_SCOPE).token


def test_without_a_token_or_with_another_audience_nothing_is_told(azure: LocalAzure) -> None:
    for client, code in (
        (
            httpx.Client(base_url=azure.url, verify=ssl.create_default_context(cafile=azure.ca_file)),
            "AuthenticationFailed",
        ),
        (plain_client(azure, METRICS_SCOPE), "InvalidAuthenticationTokenAudience"),
    ):
        with client:
            answer = client.get("/subscriptions", params=_VERSION)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer ")
        assert answer.json()["error"]["code"] == code
    with plain_client(azure) as client:
        answer = client.get("/subscriptions", params=_VERSION, headers={"Authorization": "Bearer made.up.token"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")


def test_an_expired_token_is_refused_and_the_next_one_works(azure: LocalAzure) -> None:
    with plain_client(azure) as client:
        assert client.get("/subscriptions", params=_VERSION).status_code == 200
        azure.directory.expire_tokens()
        answer = client.get("/subscriptions", params=_VERSION)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "ExpiredAuthenticationToken")
    with plain_client(azure) as client:
        assert client.get("/subscriptions", params=_VERSION).status_code == 200


def test_a_tenant_sees_its_own_subscriptions_alone(azure: LocalAzure) -> None:
    with plain_client(azure, tenant=_OTHER_TENANT) as client:
        assert client.get("/subscriptions", params=_VERSION).json()["value"] == []
        answer = client.get(f"/subscriptions/{DEFAULT_SUBSCRIPTION}", params=_VERSION)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "InvalidAuthenticationTokenTenant")
    with pytest.raises(HttpResponseError) as refused:
        graph(graph_client(azure, _OTHER_TENANT), "Resources", [DEFAULT_SUBSCRIPTION])
    assert refusal(refused.value) == (400, "BadRequest")


def test_the_certificate_is_good_for_both_names_and_for_those_who_trust_it(azure: LocalAzure) -> None:
    context = ssl.create_default_context(cafile=azure.ca_file)
    for name in ("localhost", "127.0.0.1"):
        assert httpx.get(f"https://{name}:{azure.port}/_local/health", verify=context).json() == {"status": "ok"}
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{azure.url}/_local/health")


def test_a_client_that_says_nothing_keeps_no_other_waiting(azure: LocalAzure) -> None:
    with socket.create_connection(("127.0.0.1", azure.port)):
        context = ssl.create_default_context(cafile=azure.ca_file)
        assert httpx.get(f"{azure.url}/_local/health", verify=context, timeout=20).status_code == 200
