"""Whose credentials an account is asked with."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from agents.aws.credentials import Identity, open_session
from telemetry.settings import Settings

_SECTION = {"access_key_id": "AKIASECTION", "secret_access_key": "of-the-section", "session_token": "token"}
_OWN = {"access_key_id": "AKIAOWN", "secret_access_key": "of-the-account"}
ROLE = "arn:aws:iam::123456789012:role/reader"


def _identity(section: dict[str, Any], entry: dict[str, Any] | None = None) -> Identity:
    accounts = [{"name": "one", **entry}] if entry is not None else []
    settings = Settings.model_validate({"aws": {**section, "accounts": accounts}})
    assert settings.aws
    (account,) = settings.aws.accounts_of("aws")
    return Identity.of(settings.aws, account.options)


def _key(identity: Identity) -> str:
    credentials = open_session(identity, lambda *_, **__: None).get_credentials()
    return str(credentials.access_key)


@pytest.fixture
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "credentials"
    file.write_text(
        "[default]\naws_access_key_id=AKIADEFAULT\naws_secret_access_key=x\n"
        "[team]\naws_access_key_id=AKIATEAM\naws_secret_access_key=x\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))


@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize(
    ("section", "entry", "key"),
    [
        (_SECTION, None, "AKIASECTION"),
        (_SECTION, {}, "AKIASECTION"),
        (_SECTION, _OWN, "AKIAOWN"),
        (_SECTION, {"profile": "team"}, "AKIATEAM"),
        ({"profile": "team"}, _OWN, "AKIAOWN"),
        ({"profile": "team"}, {}, "AKIATEAM"),
        ({}, None, "AKIADEFAULT"),
    ],
)
def test_the_nearest_credentials_are_taken(section: dict[str, Any], entry: dict[str, Any] | None, key: str) -> None:
    assert _key(_identity(section, entry)) == key


@pytest.mark.usefixtures("profiles")
def test_keys_of_an_account_leave_the_sections_session_token_behind() -> None:
    credentials = open_session(_identity(_SECTION, _OWN), lambda *_, **__: None).get_credentials()
    assert credentials.token is None


@pytest.mark.parametrize(
    ("section", "entry", "renewable"),
    [
        (_SECTION, None, False),
        (_SECTION, {"role_arn": ROLE}, True),
        ({"profile": "team"}, None, True),
        ({}, None, True),
    ],
)
def test_only_keys_that_are_written_down_stay_what_they_are(
    section: dict[str, Any], entry: dict[str, Any] | None, renewable: bool
) -> None:
    assert _identity(section, entry).renewable is renewable


def test_no_secret_shows_in_an_identity() -> None:
    identity = _identity(_SECTION, {"role_arn": ROLE, "external_id": "canary-external-id"})
    assert identity.external_id == SecretStr("canary-external-id")
    for secret in ("AKIASECTION", "of-the-section", "token'", "canary"):
        assert secret not in repr(identity)
