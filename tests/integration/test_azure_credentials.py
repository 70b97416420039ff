"""Every source of credentials, gone or broken: our own error, with the remedy, and nobody is asked for anything."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emulators.azure import DEFAULT_TENANT, LocalAzure
from telemetry.errors import CollectionFailed, Denied, Unavailable
from telemetry.redact import redact
from tests.support.azure import VMS, WINDOW, forget, shared, standing_azure
from tests.support.collecting import collect

_NOBODY = {"client_id": None, "client_secret": None, "tenant_id": None}
_TOKEN = "eyJhbGciOiJub25lIn0.c2VjcmV0LW9mLXRoZS10ZXN0cw.x"
_VARIABLES = (
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_USERNAME",
    "AZURE_PASSWORD",
    "AZURE_TOKEN_CREDENTIALS",
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "MSI_ENDPOINT",
)


@pytest.fixture(scope="module")
def running() -> Iterator[LocalAzure]:
    with standing_azure() as azure:
        yield azure


@pytest.fixture
def azure(running: LocalAzure, monkeypatch: pytest.MonkeyPatch) -> LocalAzure:
    monkeypatch.setattr("agents.azure.calls.AzureCalls.attempts", 1)
    # azure-identity asks a managed identity several times.
    monkeypatch.setattr("azure.core.pipeline.transport.RequestsTransport.sleep", lambda *_: None)
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)
    forget(running)
    return running


Prepare = Callable[[Path], dict[str, str]]


def _workload(**files: bytes | None) -> Prepare:
    def prepare(folder: Path) -> dict[str, str]:
        token = folder / "token"
        if files["token"] is not None:
            token.write_bytes(files["token"])
        return {
            "AZURE_CLIENT_ID": "44444444-4444-4444-8444-444444444444",
            "AZURE_TENANT_ID": DEFAULT_TENANT,
            "AZURE_FEDERATED_TOKEN_FILE": str(token),
        }

    return prepare


def _certificate(content: bytes | None) -> Prepare:
    def prepare(folder: Path) -> dict[str, str]:
        path = folder / "certificate.pem"
        if content is not None:
            path.write_bytes(content)
        return {
            "AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential",
            "AZURE_CLIENT_ID": "44444444-4444-4444-8444-444444444444",
            "AZURE_TENANT_ID": DEFAULT_TENANT,
            "AZURE_CLIENT_CERTIFICATE_PATH": str(path),
        }

    return prepare


def _cli(output: str, code: int = 0) -> Prepare:
    def prepare(folder: Path) -> dict[str, str]:
        (folder / "answer").write_text(output, encoding="utf-8")
        program = folder / "az"
        # One that asks is told that nobody is there.
        program.write_text(f"#!/bin/sh\nread line && exit 0\ncat {folder}/answer\nexit {code}\n", encoding="utf-8")
        program.chmod(0o700)
        return {"AZURE_TOKEN_CREDENTIALS": "AzureCliCredential", "PATH": f"{folder}:/usr/bin:/bin"}

    return prepare


def _variables(**values: str) -> Prepare:
    return lambda _: values


_SOURCES: dict[str, tuple[Prepare, str]] = {
    "a token file that is missing": (_workload(token=None), "AZURE_FEDERATED_TOKEN_FILE"),
    "a token file that is no text": (_workload(token=b"\xff\xfe\x00"), "AZURE_FEDERATED_TOKEN_FILE"),
    "a token file that is empty": (_workload(token=b""), "AZURE_FEDERATED_TOKEN_FILE"),
    "a workload without a tenant": (
        _variables(AZURE_CLIENT_ID="44444444-4444-4444-8444-444444444444", AZURE_FEDERATED_TOKEN_FILE="/nowhere"),
        "AZURE_TENANT_ID",
    ),
    "a certificate that is missing": (_certificate(None), "AZURE_CLIENT_CERTIFICATE_PATH"),
    "a certificate that is broken": (_certificate(b"-----BEGIN CERTIFICATE-----\nx"), "AZURE_CLIENT_CERTIFICATE_PATH"),
    "a certificate that is empty": (_certificate(b""), "AZURE_CLIENT_CERTIFICATE_PATH"),
    "a line that is no JSON": (_cli("WARNING: something"), "AZURE_TOKEN_CREDENTIALS"),
    "a token without its end": (_cli(json.dumps({"accessToken": _TOKEN})), "AZURE_TOKEN_CREDENTIALS"),
    "a token whose end is odd": (
        _cli(json.dumps({"accessToken": _TOKEN, "expires_on": []})),
        "AZURE_TOKEN_CREDENTIALS",
    ),
    "a token that is bare": (_cli(_TOKEN), "AZURE_TOKEN_CREDENTIALS"),
    "a number": (_cli("5"), "AZURE_TOKEN_CREDENTIALS"),
    "a list": (_cli("[]"), "AZURE_TOKEN_CREDENTIALS"),
    "nothing": (_cli(""), "AZURE_TOKEN_CREDENTIALS"),
    "a refusal": (_cli("Please run az login", 1), "AZURE_TOKEN_CREDENTIALS"),
    "a managed identity that is away": (
        _variables(
            AZURE_TOKEN_CREDENTIALS="ManagedIdentityCredential",
            IDENTITY_ENDPOINT="http://127.0.0.1:1/token",
            IDENTITY_HEADER="header",
        ),
        "AZURE_TOKEN_CREDENTIALS",
    ),
    "a browser": (_variables(AZURE_TOKEN_CREDENTIALS="InteractiveBrowserCredential"), "AZURE_TOKEN_CREDENTIALS"),
    "a source that there is not": (_variables(AZURE_TOKEN_CREDENTIALS="Oracle"), "AZURE_TOKEN_CREDENTIALS"),
    "nobody at all": (_variables(AZURE_TOKEN_CREDENTIALS="EnvironmentCredential"), "AZURE_TOKEN_CREDENTIALS"),
}


@pytest.mark.parametrize("source", list(_SOURCES))
def test_a_source_that_is_gone_or_broken_is_denied_with_its_remedy(
    azure: LocalAzure,
    source: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    prepare, remedy = _SOURCES[source]
    for name, value in prepare(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("webbrowser.open", lambda *_, **__: pytest.fail("somebody is asked"))
    collected = collect(shared(azure, **_NOBODY), VMS, WINDOW)
    assert isinstance(collected.error, Denied | Unavailable), repr(collected.error)
    assert remedy in collected.report.error
    assert _TOKEN not in f"{collected.error!r} {redact(caplog.text)}"


def test_certificates_that_are_not_there_are_named_by_their_key(azure: LocalAzure, tmp_path: Path) -> None:
    collected = collect(shared(azure, ca_file=str(tmp_path / "none.pem")), VMS, WINDOW)
    assert isinstance(collected.error, CollectionFailed), repr(collected.error)
    assert "azure.ca_file" in str(collected.error)
