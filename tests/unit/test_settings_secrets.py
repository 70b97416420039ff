"""No secret is in what is said of a faulty configuration: each field of each section is tried with every wrong type."""

import io
import logging
import pickle
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from agents.aws_telemetry_agent import AWSTelemetryAgent
from agents.azure_telemetry_agent import AzureTelemetryAgent
from agents.gcp_telemetry_agent import GCPTelemetryAgent
from agents.generic_telemetry_agent import GenericTelemetryAgent
from agents.standalone.settings import program_settings
from storage.database import Database
from tasks.results import open_carrier
from telemetry import redact
from telemetry.errors import ConfigError
from telemetry.settings import load_settings
from telemetry.settings.loading import expand
from telemetry.settings.places import Kind, Place, kind_of
from tests.support.settings_fields import FIELDS

CANARY = "canary-5Vq9x"
NUMBER = 918273645546372819
_WRONG: dict[str, Any] = {
    "a line break at its end": f"{CANARY}\n",
    "a control character": f"\x1b{CANARY}",
    "quotes and backslashes": f"'\"\\{CANARY}",
    "an address": f"https://user:{CANARY}@host.example/?key={CANARY}",
    "an address that cannot be read": f"redis://user:{CANARY}\u2100@[host",
    "a number": NUMBER,
    "a fraction": float(NUMBER),
    "a list": [CANARY],
    "a mapping": {"a": CANARY},
    "nested": {"a": [{"b": [CANARY, {"c": CANARY}]}]},
    "a list of mappings": [{"a": CANARY}],
    "huge": CANARY * 1000,
    "a reference": f"${{SET}}{CANARY}",
}
_SECRETS = {
    "aws.access_key_id",
    "aws.secret_access_key",
    "aws.session_token",
    "aws.accounts.0.access_key_id",
    "aws.accounts.0.secret_access_key",
    "aws.accounts.0.session_token",
    "aws.accounts.0.external_id",
    "azure.client_secret",
    "azure.accounts.0.client_secret",
    "openfinops.api_key",
    "destinations.x.api_key",
    "destinations.x.secret",
    "destinations.x.url",
    "destinations.x.previous_secret",
    "destinations.x.headers.X-Key",
    "database.url",
    "broker.url",
    "broker.redis_url",
    "generic.sources.0.headers.X-Key",
    "generic.sources.0.auth.bearer",
    "generic.sources.0.auth.password",
}


def _everything_said(error: ConfigError) -> str:
    """In every way in which it gets into a text."""
    log = io.StringIO()
    logger = logging.getLogger("canary")
    logger.handlers[:] = [logging.StreamHandler(log)]
    try:
        raise error
    except ConfigError:
        logger.exception("failed")
    chain = [error, error.__cause__, None if error.__suppress_context__ else error.__context__]
    told = [str(one) + repr(one) for one in chain if one is not None]
    pickled = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    return "\n".join([*told, str(pickled), *traceback.format_exception(error), log.getvalue()])


def _said_by(attempt: Callable[[], object]) -> str:
    """What a ConfigError says; nothing where there is none."""
    try:
        attempt()
    except ConfigError as error:
        return _everything_said(error)
    return ""


def _faults(document: Any, environ: dict[str, str] | None = None) -> str:
    """What is said of it; nothing where it has no fault."""
    path = Path("telemetry.yaml")
    path.write_text(yaml.dump(document, Dumper=yaml.CSafeDumper, allow_unicode=True), encoding="utf-8")
    return _said_by(lambda: load_settings(path, {"SET": "x", **(environ or {})}))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # What an earlier test had for a secret is none here: nothing may be masked by chance.
    monkeypatch.setattr(redact, "_known", set())
    monkeypatch.setattr(redact, "_ordered", ())


def _dotted(place: Place) -> str:
    return ".".join(map(str, place))


def _has_canary(text: str) -> bool:
    return CANARY in text or str(NUMBER) in text or str(float(NUMBER)) in text


def test_every_field_is_tried() -> None:
    names = {_dotted(place) for place, _ in FIELDS}
    assert names >= _SECRETS
    assert len(names) > 150
    hidden = {name for place, _ in FIELDS if kind_of(place) is Kind.HIDDEN for name in [_dotted(place)]}
    assert hidden >= _SECRETS
    assert "ledger.max_attempts" not in hidden


def _may_be_shown(place: Place, wrong: Any) -> bool:
    """Whether the model knows each place at which a value would stand, and none of them is for a secret."""
    if isinstance(wrong, dict):
        return all(_may_be_shown((*place, key), value) for key, value in wrong.items())
    if isinstance(wrong, list):
        return all(_may_be_shown((*place, index), value) for index, value in enumerate(wrong))
    return kind_of(place) is Kind.PUBLIC and "bearerr" not in place


@pytest.mark.parametrize("wrong", _WRONG.values(), ids=_WRONG)
def test_no_secret_is_in_what_is_said_of_a_fault(wrong: Any) -> None:
    faults = 0
    for place, document in FIELDS:
        said = _faults(document(wrong))
        faults += bool(said)
        if not _may_be_shown(place, wrong) or _dotted(place) in _SECRETS:
            assert not _has_canary(said), (place, said)
    assert faults > 100


def test_a_value_of_the_environment_is_shown_by_the_name_of_its_variable_everywhere() -> None:
    for place, document in FIELDS:
        said = _faults(document("${SECRET}"), {"SECRET": f"{CANARY} \n"})
        assert not _has_canary(said), (place, said)
    assert "ledger.max_attempts: '${SECRET}': write a whole number" in _faults(
        {"ledger": {"max_attempts": "${SECRET}"}}, {"SECRET": CANARY}
    )


def test_the_bearer_token_of_a_file_that_ends_in_a_line_break() -> None:
    source = {"name": "a", "kind": "prometheus", "url": "https://x.example", "auth": {"bearer": f"{CANARY}\n"}}
    said = _faults({"generic": {"sources": [source]}})
    assert "generic.sources[0].auth.bearer: must be printable ASCII" in said
    assert CANARY not in said


@pytest.mark.parametrize(
    "text",
    [
        f"aws: {{secret_access_key: *{CANARY}}}",
        f"aws: {{secret_access_key: !{CANARY}}}",
        f"aws: {{secret_access_key: !!{CANARY} x}}",
        f"aws: {{secret_access_key: !<{CANARY}> x}}",
        f"aws: {{secret_access_key: &{CANARY} &{CANARY} x}}",
        f"aws: {{secret_access_key: %{CANARY}}}",
        f"aws: {{secret_access_key: @{CANARY}}}",
        f"aws: {{secret_access_key: `{CANARY}}}",
        f"aws: {{secret_access_key: '{CANARY}",
        f'aws: {{secret_access_key: "{CANARY}\\q"}}',
        f"aws: {{secret_access_key: !!int {CANARY}}}",
        f"aws: {{secret_access_key: !!float {CANARY}}}",
        f"aws: {{secret_access_key: !!bool {CANARY}}}",
        f"aws: {{secret_access_key: !!timestamp {CANARY}}}",
        f"aws: {{secret_access_key: !!binary {CANARY}}}",
        f"aws: {{secret_access_key: !!binary Y2FuYXJ5}}\n# {CANARY}",
        f"aws: {{<<: {CANARY}}}",
        f"aws: {{? [{CANARY}] : x}}",
        f"aws: {{? {{a: {CANARY}}} : x, ? {{a: {CANARY}}} : y}}",
        f"%{CANARY}\n---\naws: 1",
        f"%TAG ! {CANARY}\n--- !x\naws: 1",
        f"--- a\n--- {CANARY}",
        f"aws: {CANARY}: {CANARY}",
        f"{CANARY}",
        f"- {CANARY}",
        f"aws:\n  secret_access_key: a\n {CANARY}",
        f"aws: {{secret_access_key: a\x00{CANARY}}}",
        f"aws: 2026-99-99 # {CANARY}",
    ],
)
def test_what_is_no_yaml_is_not_quoted(text: str) -> None:
    Path("telemetry.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_settings(Path("telemetry.yaml"), {})
    assert CANARY not in _everything_said(caught.value)


@pytest.mark.parametrize("variable", ["FINFLEET_DATABASE_URL", "FINFLEET_BROKER_URL"])
@pytest.mark.parametrize(
    "value",
    [
        f"x://user:{CANARY}@host",
        CANARY,
        f"postgresql://user:{CANARY}\u2100@host/x",
        f"redis://[{CANARY}",
        f"redis://host:{CANARY}/0",
        f"postgresql://u:12/{CANARY}@host/x",
        f"{CANARY}:x://host",
    ],
)
def test_the_variables_of_the_servers_are_not_quoted(variable: str, value: str) -> None:
    attempts = [
        lambda: load_settings(None, {variable: value}),
        lambda: Database(SecretStr(value)),
        lambda: open_carrier(SecretStr(value)),
    ]
    for attempt in attempts:
        assert CANARY not in _said_by(attempt)


def test_a_section_that_is_no_section_does_not_stop_a_variable() -> None:
    said = _faults({"database": CANARY}, {"FINFLEET_DATABASE_URL": "postgresql://localhost/x"})
    assert "database: " in said
    assert CANARY not in said


_AGENTS: list[Callable[[Any], object]] = [
    lambda value: AWSTelemetryAgent(value, None),
    lambda value: AWSTelemetryAgent(None, value),
    lambda value: AWSTelemetryAgent("a", value, session_token=value, region="a b"),
    lambda value: AWSTelemetryAgent(settings={"external_id": value}),
    lambda value: AWSTelemetryAgent(settings={"accounts": [{"external_id": value}]}),
    lambda value: AWSTelemetryAgent(endpoints={"ec2": value}),
    lambda value: AzureTelemetryAgent(client_secret=value),
    lambda value: AzureTelemetryAgent(client_id="a", client_secret=value, tenant_id="a/b"),
    lambda value: AzureTelemetryAgent(settings={"client_secrett": value}),
    lambda value: GCPTelemetryAgent(settings={"token": value}),
    lambda value: GCPTelemetryAgent(credentials_file=f"{{\n{value}}}"),
    lambda value: GenericTelemetryAgent("http://localhost", value),
    lambda value: GenericTelemetryAgent(value, "key"),
    lambda value: GenericTelemetryAgent(f"https://user:{value}@host", "key"),
    lambda value: GenericTelemetryAgent(f"ftp://host/?key={value}", "key"),
]


@pytest.mark.parametrize("value", [CANARY, f"{CANARY}\n", f"{CANARY} ${{NOT_SET}}", f"{CANARY}\u2100", f"a:{CANARY}@b"])
@pytest.mark.parametrize("agent", _AGENTS)
def test_the_constructors_of_the_agents_quote_no_secret(agent: Callable[[Any], object], value: str) -> None:
    assert CANARY not in _said_by(lambda: agent(value))


@pytest.mark.parametrize("provider", ["aws", "azure", "gcp", "generic"])
def test_the_programs_quote_no_secret_of_the_environment(provider: str) -> None:
    names = ("AZURE_CLIENT_SECRET", "AZURE_TENANT_ID", "GCP_PROJECT_ID", "OPENFINOPS_API_KEY", "OPENFINOPS_ENDPOINT")
    for name in (*names, "AZURE_ENDPOINT_METRICS", "GCP_ENDPOINT_TOKEN", "AWS_REGION"):
        for value in (f"{CANARY}/\n", f"https://u:{CANARY}\u2100@h"):
            said = _said_by(partial(program_settings, provider, None, None, {name: value}))
            assert CANARY not in said, (name, said)


def test_expand_quotes_nothing_but_names() -> None:
    with pytest.raises(ConfigError) as caught:
        expand(f"{CANARY}${{NOPE}}${{NOR_THIS}}", {})
    assert CANARY not in _everything_said(caught.value)
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            f"openfinops: {{endpoint: https://o.example, api_key:{CANARY}}}",
            "openfinops.api_key...: there is no such key; write api_key, a colon and a space before the value",
        ),
        (f"aws: {{secret_acces_key={CANARY}}}", "aws.secret_acces_key...: there is no such key; did you mean"),
        (
            f"destinations: {{a: {{kind: otlp, endpoint: https://o.example, headers: {{'X-Key: {CANARY}'}}}}}}",
            "destinations.a.headers.X-Key...: it is no name of a header that may be set",
        ),
        (f'aws: {{ca_file: "-----BEGIN PRIVATE KEY-----\\n{CANARY}"}}', "aws.ca_file: write the path of a file"),
        (
            f"destinations: {{a: {{kind: webhook, secret: a, url: 'http://hooks.example/{CANARY}'}}}}",
            "destinations.a.url: plain http is accepted for this machine only",
        ),
        (
            f"destinations: {{a: {{kind: otlp, endpoint: https://o.example, headers: {{x-key:{CANARY}: }}}}}}",
            "destinations.a.headers.x-key...: it is no name of a header that may be set",
        ),
    ],
)
def test_a_secret_in_a_place_where_none_belongs_is_not_quoted(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "telemetry.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_settings(file, {})
    assert CANARY not in str(caught.value)
    assert any(problem.startswith(said) for problem in caught.value.problems), caught.value.problems


_MADE_UP = {
    "an id of AWS": "AKIAIOSFODNN7EXAMPLQ",
    "of Azure": "abc8Q~abcdefghijklmnopqrstuvwxyz0123456",
    "of Google": "AIzaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY",
    "of Google's clients": "GOCSPX-abcdefghijklmnopqrstuvwxyz12",
    "of a webhook": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "of GitLab": "glpat-abcdefghij0123456789",
    "of Slack": "xoxb-1234567890-abcdefghij",
    "of Vault": "hvs.CAESIJabcdefghijklmnopqrstuvwxyz1",
    "in an address": "https://hooks.example.com/x?token=abcdef0123456789",
    "hexadecimal": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "a key file": '{"private_key": "-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkqh\\n"}',
}


@pytest.mark.parametrize("made_up", _MADE_UP.values(), ids=_MADE_UP)
def test_what_looks_like_a_key_is_quoted_nowhere(made_up: str) -> None:
    """As the key of a section or a mapping, and in a list: checks of several values quote what they refuse."""
    pair = {made_up: made_up}
    several = {"regions": [made_up], **dict.fromkeys(("intervals", "quotas", "endpoints", "backfill"), pair)}
    document = {
        "aws": {**several, "accounts": [{"name": "a", "regions": [made_up], **pair}], **pair},
        "azure": {**several, **pair},
        "generic": {"sources": [{"kind": "http_json", "name": "a", **pair}]},
        "destinations": {"a": {"kind": "otlp", "endpoint": "https://o.example", "headers": pair}, **pair},
        "ledger": pair,
        **pair,
    }
    said = _faults(document)
    assert said
    assert made_up[-12:] not in said
    assert made_up[-28:-12] not in said
    region = _faults({"aws": {"services": ["ec2"], "regions": [made_up]}})
    assert made_up[1:20] not in region


def test_names_are_quoted_whatever_they_say() -> None:
    destination = {"kind": "webhook", "secret": "a", "url": 5}
    assert "destinations.secret-token-hook.url" in _faults({"destinations": {"secret-token-hook": destination}})
