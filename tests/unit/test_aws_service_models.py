"""Sessions of many accounts share what botocore knows of AWS's services."""

import pytest
from pydantic import SecretStr

from agents.aws.credentials import Identity, open_session


def _no_role(*_: object, **__: object) -> object:
    raise AssertionError("there is no role")


def test_sessions_share_what_botocore_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = (SecretStr("id"), SecretStr("secret"), None)
    one, other = (open_session(Identity(keys, None, None, None), _no_role) for _ in range(2))
    assert one.get_component("data_loader") is other.get_component("data_loader")
    monkeypatch.setenv("AWS_DATA_PATH", "/elsewhere")
    elsewhere = open_session(Identity(keys, None, None, None), _no_role).get_component("data_loader")
    assert elsewhere is not one.get_component("data_loader")
    assert "/elsewhere" in elsewhere.search_paths


def test_a_profile_that_is_not_there_is_no_matter_of_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    open_session(Identity((SecretStr("id"), SecretStr("secret"), None), None, None, None), _no_role)
