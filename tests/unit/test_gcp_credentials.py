"""Who asks Google: kinds of credentials files, impersonation, and what the configuration takes from where."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from agents.core.api_call import translate_errors
from agents.core.context import Context, Shared
from agents.core.meter import Meter
from agents.gcp.api_call import GcpCall
from agents.gcp.credentials import Identity, open_credentials, renew
from agents.gcp.errors import translate
from agents.gcp.settings import GcpSettings
from telemetry.errors import CollectionError, Denied, Unavailable
from telemetry.redact import MASK, redact
from telemetry.settings import Settings

TABLE = "shop-prod.billing.gcp_billing_export_v1_0123AB_4567CD_89EF01"


def _identity(**given: Any) -> Identity:
    names = ("project_id", "credentials_file", "impersonate", "quota_project", "billing_export_table", "token_url")
    return Identity(**{**dict.fromkeys(names), **given})


def _context() -> Context:
    shared = Shared(Settings.model_validate({"gcp": {"project_id": "shop-prod"}}))
    assert shared.settings.gcp is not None
    (account,) = shared.settings.gcp.accounts_of("gcp")
    return Context(shared, account, Meter(), time.monotonic() + 60)


def _file(tmp_path: Path, document: dict[str, Any]) -> str:
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return str(path)


def test_an_accounts_own_fields_come_before_the_sections() -> None:
    section = GcpSettings.model_validate(
        {
            "project_id": "shop-prod",
            "credentials_file": "/keys/all.json",
            "billing_export_table": TABLE,
            "endpoints": {"token": "https://tokens.example.com/t"},
            "accounts": [{"name": "lab", "project_id": "shop-lab", "quota_project": "shop-quota"}],
        }
    )
    (account,) = section.accounts_of("gcp")
    assert Identity.of(section, account.options) == Identity(
        project_id="shop-lab",
        credentials_file="/keys/all.json",
        impersonate=None,
        quota_project="shop-quota",
        billing_export_table=TABLE,
        token_url="https://tokens.example.com/t",
    )


def test_credentials_of_a_user_are_taken_and_their_secrets_are_masked(tmp_path: Path) -> None:
    document = {
        "type": "authorized_user",
        "client_id": "id",
        "client_secret": "canary-client-secret",
        "refresh_token": "canary-refresh-token",
        "quota_project_id": "shop-quota",
    }
    opened = open_credentials(_identity(credentials_file=_file(tmp_path, document)))
    assert opened.credentials.refresh_token == "canary-refresh-token"
    assert opened.project_id == "shop-quota"
    assert redact("canary-refresh-token canary-client-secret") == f"{MASK} {MASK}"


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({"credential_source": {"file": "/var/run/token"}}, "google.auth.identity_pool"),
        ({"credential_source": {"executable": {"command": "/bin/token"}}}, "google.auth.pluggable"),
        (
            {
                "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
                "credential_source": {
                    "environment_id": "aws1",
                    "regional_cred_verification_url": "https://sts.{region}.amazonaws.com",
                },
            },
            "google.auth.aws",
        ),
    ],
)
def test_a_federated_identity_is_taken(tmp_path: Path, more: dict[str, Any], kind: str) -> None:
    document = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        **more,
    }
    opened = open_credentials(_identity(credentials_file=_file(tmp_path, document), quota_project="shop-quota"))
    assert type(opened.credentials).__module__ == kind
    assert opened.credentials.quota_project_id == "shop-quota"


def _external(tmp_path: Path, source: Any, **more: Any) -> str:
    document = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": source,
        **more,
    }
    return _file(tmp_path, document)


def _program(tmp_path: Path, *lines: str) -> dict[str, Any]:
    """The source of a program that prints this."""
    path = tmp_path / "program"
    path.write_text("\n".join(["#!/bin/sh", *lines]) + "\n", encoding="utf-8")
    path.chmod(0o700)
    return {"executable": {"command": str(path), "timeout_millis": 5000}}


_JUNK: list[Any] = [None, 7, "text", [], [1], {}, {"a": 1}, True]
_KINDS: list[Any] = [
    "service_account",
    "authorized_user",
    "external_account",
    "impersonated_service_account",
    None,
    7,
    [],
    {},
]


@pytest.mark.parametrize("kind", _KINDS, ids=str)
@pytest.mark.parametrize("junk", _JUNK, ids=str)
def test_whatever_a_file_holds_is_an_error_of_ours(tmp_path: Path, kind: Any, junk: Any) -> None:
    names = (
        "client_email private_key token_uri client_id client_secret refresh_token project_id audience token_url "
        "subject_token_type credential_source service_account_impersonation_url universe_domain quota_project_id expiry"
    )
    path = _file(tmp_path, {"type": kind, **dict.fromkeys(names.split(), junk)})
    for more in ({}, {"impersonate": "reader@shop-prod.iam.gserviceaccount.com"}, {"quota_project": "shop-quota"}):
        _opens_or_says(_identity(credentials_file=path, **more), path)


@pytest.mark.parametrize("name", ["type", "audience", "subject_token_type", "token_url", "credential_source"])
@pytest.mark.parametrize("junk", _JUNK, ids=str)
def test_whatever_one_field_holds_is_an_error_of_ours(tmp_path: Path, name: str, junk: Any) -> None:
    for source in ({"file": "/absent"}, {"url": "http://127.0.0.1:1/"}, {"executable": {"command": "x"}}):
        path = _external(tmp_path, source, **{name: junk})
        _opens_or_says(_identity(credentials_file=path), path)


@pytest.mark.parametrize("url", ["http://[bad", "https://", "::", "file:///etc/passwd", "https://a:b"])
def test_an_address_that_is_none_is_an_error_of_ours(tmp_path: Path, url: str) -> None:
    document = {"type": "service_account", "client_email": "a@b", "private_key": "MIIcanary", "token_uri": url}
    path = _file(tmp_path, document)
    _opens_or_says(_identity(credentials_file=path), path)


def _opens_or_says(identity: Identity, path: str) -> None:
    """Some of it may be usable; of what is not, the file is named, and nothing that is in it."""
    said = _refusal(identity)
    assert not said or path in said
    assert "canary" not in said


def _refusal(identity: Identity) -> str:
    try:
        open_credentials(identity)
    except Denied as error:
        return f"{error} {error.__cause__!r}"
    return ""


def _never(*_: Any, **__: Any) -> None:
    pytest.fail("there is nothing yet to ask for a token with")


@pytest.mark.parametrize(
    ("source", "kind", "said"),
    [
        ({"file": "/absent/token"}, Denied, ""),
        ({"file": "."}, Denied, ""),
        ({"executable": {"command": "/absent/program"}}, Denied, "/absent/program"),
        ({"executable": {"command": "'"}}, Denied, ""),
        (["echo canary"], Denied, ""),
        (["echo canary; exit 3"], Denied, "non-zero return code"),
        (["echo '[]'"], Denied, ""),
        (["echo '{\"version\": 1}'"], Denied, ""),
        (['echo \'{"version": 1, "success": true, "token_type": []}\''], Denied, ""),
        (["printf '\\377'"], Denied, ""),
        ([], Denied, ""),
    ],
    ids=str,
)
def test_whatever_a_source_of_tokens_does_is_an_error_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: Any, kind: type[CollectionError], said: str
) -> None:
    monkeypatch.setenv("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1")
    given = _program(tmp_path, *source) if isinstance(source, list) else source
    opened = open_credentials(_identity(credentials_file=_external(tmp_path, given)))
    error = _refused(opened.credentials)
    assert isinstance(error, kind)
    assert said in str(error)
    assert "canary" not in str(error)


def _refused(credentials: Any) -> Exception:
    """What a renewal raises, in our words where it is not google-auth's own, which are translated with the call."""
    call = GcpCall(_context(), "monitoring:ListTimeSeries", "shop-prod", "shop-prod")
    with pytest.raises(CollectionError) as caught, translate_errors(call, translate):
        renew(credentials, _never)
    return caught.value


def test_a_program_that_waits_for_a_person_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def runs_out(*_: Any, **more: Any) -> None:
        assert more["stdin"] is None, "it is not given the terminal as an interactive one is"
        assert more["env"]["GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE"] == "0"
        raise subprocess.TimeoutExpired(["program", "canary"], more["timeout"])

    monkeypatch.setenv("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1")
    monkeypatch.setattr("google.auth.pluggable.subprocess.run", runs_out)
    opened = open_credentials(_identity(credentials_file=_external(tmp_path, _program(tmp_path, "read answer"))))
    error = _refused(opened.credentials)
    assert isinstance(error, Unavailable)
    assert "does it ask a person" in str(error)
    assert "canary" not in str(error)


def test_a_user_who_would_have_to_log_in_again_is_not_asked(tmp_path: Path) -> None:
    document = {"type": "authorized_user", "client_id": "i", "client_secret": "c", "refresh_token": "r"}
    opened = open_credentials(_identity(credentials_file=_file(tmp_path, document)))
    answers = iter([(400, {"error": "invalid_grant", "error_subtype": "rapt_required"})])

    class Answer:
        def __init__(self, status: int, body: object) -> None:
            self.status, self.headers, self.data = status, {"content-type": "x"}, json.dumps(body).encode()

    call = GcpCall(_context(), "monitoring:ListTimeSeries", "shop-prod", "shop-prod")
    with pytest.raises(Denied), translate_errors(call, translate):
        renew(opened.credentials, lambda *_, **__: Answer(*next(answers)))


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "7", '"x"', "null", '{"type": []}', '{"type": "authorized_user"}', "\x00", "\udcff"]
)
def test_default_credentials_of_any_content_are_an_error_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    path = tmp_path / "default.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    with pytest.raises(Denied, match="credentials"):
        open_credentials(_identity())


def test_default_credentials_that_are_a_directory_or_not_there_are_an_error_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (tmp_path, tmp_path / "absent"):
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
        with pytest.raises(Denied, match="credentials"):
            open_credentials(_identity())


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(Denied, match="it cannot be read"):
        open_credentials(_identity(credentials_file=str(tmp_path)))


@pytest.mark.parametrize(
    ("section", "where"),
    [
        ({"project_id": "Not A Project"}, "project_id"),
        ({"project_id": "shop/../prod"}, "project_id"),
        ({"billing_export_table": "billing.gcp_billing_export_v1_x"}, "billing_export_table"),
        ({"billing_export_table": "shop-prod.billing.t` WHERE 1=1 --"}, "billing_export_table"),
        ({"billing_export_table": f"{TABLE}\n"}, "billing_export_table"),
        ({"impersonate": "someone@example.com"}, "impersonate"),
        ({"maximum_bytes_billed": 1000}, "maximum_bytes_billed"),
        ({"currency": "dollars"}, "currency"),
        ({"endpoints": {"compute": "https://compute.googleapis.com"}}, "endpoints"),
        ({"accounts": [{"name": "a", "quota_project": "-"}]}, "quota_project"),
    ],
)
def test_a_fault_of_the_configuration_is_named(section: dict[str, Any], where: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"gcp": section})
    assert where in str(caught.value.errors()[0]["loc"])


def test_what_projects_and_tables_may_be_called() -> None:
    for project in ("shop-prod", "example.com:shop-prod", "a23456"):
        section = GcpSettings.model_validate(
            {"project_id": project, "billing_export_table": f"{project}.data_set.gcp_billing_export_v1_A-B"}
        )
        assert section.project_id == project
    assert GcpSettings().maximum_bytes_billed == 100 * 2**30
