"""Who asks Google: kinds of credentials files, impersonation, and what the configuration takes from where."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from agents.gcp.credentials import Identity, open_credentials
from agents.gcp.settings import GcpSettings
from telemetry.errors import Denied
from telemetry.redact import MASK, redact
from telemetry.settings import Settings

TABLE = "shop-prod.billing.gcp_billing_export_v1_0123AB_4567CD_89EF01"


def _identity(**given: Any) -> Identity:
    names = ("project_id", "credentials_file", "impersonate", "quota_project", "billing_export_table", "token_url")
    return Identity(**{**dict.fromkeys(names), **given})


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
