"""Whatever a source of credentials does, it asks nobody, and its fault is ours to name, with what mends it."""

import getpass
import json
import shlex
import stat
from collections.abc import Callable
from hashlib import sha1
from pathlib import Path
from typing import Any

import pytest

from agents.aws import sources
from agents.aws.calls import AwsCalls
from agents.aws.credentials import Identity, open_session
from agents.core.context import Context, Shared
from agents.core.errors import ExpiredCredentials
from agents.core.meter import Meter
from telemetry.errors import CollectionError, Denied
from telemetry.redact import redact
from telemetry.settings import Settings

_SECRET = "canary-of-a-source"
_MFA = """
[profile it]
role_arn = arn:aws:iam::123456789012:role/reader
source_profile = base
mfa_serial = arn:aws:iam::123456789012:mfa/somebody
[profile base]
aws_access_key_id = AKIABASE
aws_secret_access_key = x
"""
_SSO = """
[profile it]
sso_session = there
sso_account_id = 123456789012
sso_role_name = reader
[sso-session there]
sso_start_url = https://example.com/start
sso_region = us-east-1
"""


def _program(code: str) -> str:
    return f"[profile it]\ncredential_process = sh -c {shlex.quote(code)}\n"


_ROUND = "[profile {}]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = {}\n"
_BEHIND = "[profile base]\n%s\n[profile it]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = base\n"
_CONFIGS: dict[str, tuple[str, str]] = {
    "a device that shows codes": (_MFA, "mfa_serial"),
    "a device behind another role": (
        _MFA.replace("[profile it]", "[profile behind]")
        + "[profile it]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = behind\n",
        "mfa_serial",
    ),
    "a program that writes junk": (_program(f"echo {_SECRET}"), "credential_process"),
    "a program that writes no text": (_program("printf '\\\\377\\\\376'"), "credential_process"),
    "a program that writes a list": (_program("echo []"), "credential_process"),
    "a program of another version": (_program("echo {}"), "set access_key_id"),
    "a program that fails": (_program("exit 3"), "set access_key_id"),
    "a program that complains": (_program(f"echo {_SECRET} >&2; exit 3"), "ended with 3: run it by hand"),
    "a role that is none": (
        _MFA.replace("arn:aws:iam::123456789012:role/reader\n", "junk\n").replace("mfa_", "no_"),
        "RoleArn",
    ),
    "a program that asks": (_program("read answer"), "set access_key_id"),
    "a program that asks on the terminal": (_program("read answer </dev/tty"), "set access_key_id"),
    "a program that does not end": (_program("sleep 60"), "did not end within"),
    "a program that is not there": (
        "[profile it]\ncredential_process = /nonexistent/program\n",
        "/nonexistent/program",
    ),
    "a program behind a role": (
        _BEHIND % _program("read answer").removeprefix("[profile it]\n"),
        "set access_key_id",
    ),
    "a token file that is not there": (
        "[profile it]\nrole_arn = arn:aws:iam::1:role/r\nweb_identity_token_file = /nonexistent/token\n",
        "/nonexistent/token",
    ),
    "a login that nobody made": (_SSO, "aws sso login"),
    "a profile without its secret": ("[profile it]\naws_access_key_id = AKIAHALF\n", "set access_key_id"),
    "a profile that is not there": ("", "it"),
    "a profile that leans on itself": (
        _ROUND.format("it", "b") + _ROUND.format("b", "it"),
        "set access_key_id",
    ),
    "a source that there is not": (
        "[profile it]\nrole_arn = arn:aws:iam::1:role/r\ncredential_source = Elsewhere\n",
        "set access_key_id",
    ),
    "a file that is none": ("this is no configuration\n[profile it\n", "AWS_CONFIG_FILE"),
    "an empty chain": ("[profile it]\n", "set access_key_id"),
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, and nobody to ask."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))

    def nobody(*_: Any, **__: Any) -> str:
        raise AssertionError("somebody was asked")

    monkeypatch.setattr(getpass, "getpass", nobody)
    monkeypatch.setattr("builtins.input", nobody)
    return tmp_path


def _ask(profile: str | None = "it", **section: Any) -> CollectionError:
    """What comes of a call, which never gets as far as the network."""
    with pytest.raises(CollectionError) as caught:
        _calls(profile, **section).call("sts", "GetCallerIdentity")
    return caught.value


def _calls(profile: str | None, **section: Any) -> AwsCalls:
    settings = Settings.model_validate({"aws": {"profile": profile, **section}})
    account = settings.aws.accounts_of("aws")[0]
    return AwsCalls(Context(Shared(settings), account, Meter(), deadline=float("inf")), "us-east-1")


@pytest.mark.parametrize("case", _CONFIGS)
def test_a_source_that_cannot_give_any_is_denied_and_says_what_mends_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    text, says = _CONFIGS[case]
    monkeypatch.setattr(sources, "_PROGRAM_SECONDS", 0.2 if "does not end" in case else 20)
    (home / "config").write_text(text)
    error = _ask()
    assert isinstance(error, Denied), repr(error)
    assert says in str(error)
    assert _SECRET not in str(error)
    assert error.__cause__ is None


@pytest.mark.parametrize("case", ["a device that shows codes", "a program that writes junk", "a program that asks"])
def test_the_same_behind_a_role_of_the_account(home: Path, case: str) -> None:
    text, says = _CONFIGS[case]
    (home / "config").write_text(text)
    error = _ask(accounts=[{"name": "one", "role_arn": "arn:aws:iam::123456789012:role/reader"}])
    assert isinstance(error, Denied), repr(error)
    assert says in str(error)


def test_asked_again_it_is_refused_again_with_the_same_remedy(home: Path) -> None:
    (home / "config").write_text(_MFA)
    calls = _calls("it")
    for _ in range(2):
        with pytest.raises(Denied, match="mfa_serial"):
            calls.call("sts", "GetCallerIdentity")


def test_a_token_file_of_the_environment_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent/token")
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/reader")
    error = _ask(profile=None)
    assert isinstance(error, Denied)
    assert "/nonexistent/token" in str(error)


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
def test_a_key_that_no_header_can_hold_is_denied_and_not_repeated(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(variable, f"{_SECRET}\nmore" if variable == name else "AKIAEXAMPLE")
    error = _ask(profile=None)
    assert isinstance(error, Denied), repr(error)
    assert "a line break" in str(error)
    assert _SECRET not in str(error)


def test_keys_of_the_environment_are_secrets_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "never-seen-before")
    sources.load(open_session(Identity(None, None, None, None), lambda *_, **__: None))
    assert redact("it was never-seen-before") == "it was ********"


def test_keys_whose_time_is_over_are_denied(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", "2020-01-01T00:00:00Z")
    assert isinstance(_ask(profile=None), ExpiredCredentials)


def test_a_login_that_is_over_says_so(home: Path) -> None:
    (home / "config").write_text(_SSO)
    cache = home / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True)
    token = {"accessToken": _SECRET, "expiresAt": "2020-01-01T00:00:00Z", "startUrl": "https://example.com/start"}
    (cache / f"{sha1(b'there').hexdigest()}.json").write_text(json.dumps(token))  # noqa: S324 - the name that the SDK gives it
    error = _ask()
    assert isinstance(error, Denied), repr(error)
    assert "aws sso login" in str(error)
    assert _SECRET not in str(error)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file.write_bytes(b"\xff\xfe\x00junk"),
        lambda file: file.write_text("[it\nno = "),
        lambda file: file.mkdir(),
    ],
)
def test_a_file_of_keys_that_cannot_be_read_is_denied(home: Path, spoil: Callable[[Path], Any]) -> None:
    (home / "config").write_text("[profile it]\n")
    spoil(home / "credentials")
    assert isinstance(_ask(), Denied)


def test_a_program_that_answers_is_taken(home: Path) -> None:
    script = home / "give"
    answer = {"Version": 1, "AccessKeyId": "AKIAGIVEN", "SecretAccessKey": "x"}
    script.write_text(f"#!/bin/sh\necho '{json.dumps(answer)}'\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    (home / "config").write_text(f"[profile it]\ncredential_process = {script}\n")
    session = open_session(Identity(None, "it", None, None), lambda *_, **__: None)
    assert session.get_credentials().access_key == "AKIAGIVEN"
