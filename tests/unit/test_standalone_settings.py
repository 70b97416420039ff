"""The configuration of an agent that runs alone: the file, and the variables of the reference."""

from datetime import timedelta
from pathlib import Path

import pytest

from agents.standalone.settings import program_settings, targets
from telemetry.errors import ConfigError
from telemetry.settings import Settings

AZURE = {
    "AZURE_SUBSCRIPTION_ID": "00000000-0000-0000-0000-000000000001",
    "AZURE_TENANT_ID": "00000000-0000-0000-0000-000000000002",
    "AZURE_CLIENT_ID": "00000000-0000-0000-0000-000000000003",
}


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _settings(provider: str, interval: str | None = None, **environ: str) -> Settings:
    return program_settings(provider, None, interval, environ)


def test_without_anything_openfinops_is_on_this_machine() -> None:
    settings = _settings("generic")
    assert settings.openfinops is not None
    assert (settings.openfinops.endpoint, settings.openfinops.api_key) == ("http://localhost:8080", None)
    assert [str(target) for _, target, _ in targets(settings, "generic")] == ["generic/default/local/host"]


def test_the_variables_of_the_reference_are_read() -> None:
    aws = _settings(
        "aws", "10m", AWS_REGION="us-west-2", OPENFINOPS_ENDPOINT="https://o.example", OPENFINOPS_API_KEY="k"
    )
    assert aws.aws is not None
    assert aws.openfinops is not None
    assert aws.openfinops.api_key is not None
    assert aws.openfinops.api_key.get_secret_value() == "k"
    by_service = {target.service: (target.region, interval) for _, target, interval in targets(aws, "aws")}
    assert by_service["ec2"] == ("us-west-2", timedelta(minutes=10))
    assert by_service["s3"][1] == timedelta(days=1), "a source with a value a day keeps its own interval"

    table = "shop-prod.billing.gcp_billing_export_v1_0123AB_4567CD_89EF01"
    given = {"GCP_PROJECT_ID": "shop-prod", "GCP_CREDENTIALS_FILE": "k.json", "GCP_BILLING_EXPORT_TABLE": table}
    gcp = _settings("gcp", **given, GCP_ENDPOINT_TOKEN="https://t")
    assert gcp.gcp is not None
    assert gcp.gcp.billing_export_table == table
    assert (gcp.gcp.project_id, gcp.gcp.credentials_file) == ("shop-prod", "k.json")
    assert gcp.gcp.endpoints == {"token": "https://t"}


def test_azure_without_a_secret_leaves_the_client_to_azure_identity() -> None:
    whole = _settings("azure", **AZURE, AZURE_CLIENT_SECRET="canary-secret").azure
    workload = _settings("azure", **AZURE, AZURE_ENDPOINT_METRICS="https://{region}.m").azure
    assert whole is not None
    assert workload is not None
    assert whole.client_secret is not None
    assert "canary-secret" not in repr(whole)
    assert workload.client_id is None
    assert workload.endpoints == {"metrics": "https://{region}.m"}


def test_the_file_goes_first_and_the_variables_fill_it_up(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.yaml"
    path.write_text("generic: {services: [host], collection_interval: 2m}\nopenfinops: {endpoint: https://o.example}\n")
    settings = program_settings("generic", path, None, {"OPENFINOPS_ENDPOINT": "https://other.example"})
    assert settings.openfinops is not None
    assert settings.openfinops.endpoint == "https://o.example"
    assert [interval for _, _, interval in targets(settings, "generic")] == [timedelta(minutes=2)]
    above = program_settings("generic", path, "30s", {})
    assert [interval for _, _, interval in targets(above, "generic")] == [timedelta(seconds=30)]
    missing = program_settings("aws", path, None, {"AWS_REGION": "eu-west-1"})
    assert missing.aws is not None
    assert missing.aws.region == "eu-west-1"


@pytest.mark.parametrize(
    ("provider", "text", "interval", "fault"),
    [
        ("aws", "aws: {regions: all, services: [ec2]}", None, "an agent that runs alone needs their names"),
        ("aws", "aws: {services: [moon]}", None, "aws.services: 'moon' is not installed"),
        ("aws", "aws: {enabled: false}", None, "aws.enabled: false"),
        ("generic", "generic: {}", "often", "'often': write seconds"),
        ("generic", "generic: {}", "0", "'0': write seconds"),
    ],
)
def test_what_cannot_be_collected_is_said(
    tmp_path: Path, provider: str, text: str, interval: str | None, fault: str
) -> None:
    path = tmp_path / "telemetry.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        targets(program_settings(provider, path, interval, {}), provider)
    assert fault in str(refused.value)


@pytest.mark.parametrize(
    "destinations",
    [
        "openfinops: {endpoint: 'https://o.example', enabled: false}",
        "destinations: {a: {kind: otlp, endpoint: 'https://c.example', enabled: false}}",
    ],
)
def test_where_all_destinations_are_disabled_nothing_is_sent_anywhere(tmp_path: Path, destinations: str) -> None:
    with pytest.raises(ConfigError, match="disabled, so there is nowhere to send to: enable one"):
        program_settings("generic", _file(tmp_path, destinations), None, {})


def _file(tmp_path: Path, destinations: str) -> Path:
    path = tmp_path / "telemetry.yaml"
    path.write_text(f"generic: {{services: [host]}}\n{destinations}", encoding="utf-8")
    return path


def test_the_one_destination_of_the_configuration_is_sent_to(tmp_path: Path) -> None:
    path = _file(
        tmp_path,
        "destinations: {metrics: {kind: otlp, endpoint: 'https://c.example'}, "
        "spare: {kind: otlp, endpoint: 'https://d.example', enabled: false}}",
    )
    settings = program_settings("generic", path, None, {})
    assert settings.destinations == ("metrics",)


def test_more_than_one_destination_is_refused(tmp_path: Path) -> None:
    path = _file(
        tmp_path,
        "openfinops: {endpoint: 'https://o.example'}\n"
        "destinations: {metrics: {kind: otlp, endpoint: 'https://c.example'}}",
    )
    with pytest.raises(ConfigError, match="openfinops, metrics: an agent that runs alone sends to one destination"):
        program_settings("generic", path, None, {})


def test_where_none_is_enabled_it_is_openfinops_as_ever(tmp_path: Path) -> None:
    path = _file(tmp_path, "openfinops: {endpoint: 'https://o.example', enabled: false}")
    settings = program_settings("generic", path, None, {"OPENFINOPS_ENDPOINT": "https://p.example"})
    assert settings.destinations == ("openfinops",)
    assert settings.openfinops.endpoint == "https://p.example"
