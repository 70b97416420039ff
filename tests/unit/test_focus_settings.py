"""``focus:`` in the configuration: what is taken, and in which words the rest is refused."""

from typing import Any

import pytest
from pydantic import ValidationError

from telemetry.settings import Settings

FOLDER = {"name": "main", "url": "file:///srv/focus"}
BUCKET = {"name": "main", "url": "s3://bucket/folder"}
SFTP = {
    "name": "vendor",
    "url": "sftp://bills@sftp.example.com:2222/outbox",
    "password": "secret",
    "fingerprint": f"SHA256:{'a' * 43}",
}


def _load(*sources: dict[str, Any]) -> Settings:
    return Settings.model_validate({"focus": {"sources": list(sources)}})


@pytest.mark.parametrize(
    "source",
    [
        FOLDER,
        {**BUCKET, "access_key_id": "a", "secret_access_key": "b", "endpoint": "https://ns.compat.example.com"},
        {"name": "blob", "url": "https://account.blob.core.windows.net/container/folder", "sas_token": "sv=1"},
        {"name": "google", "url": "gs://bucket", "credentials_file": "/etc/key.json"},
        SFTP,
    ],
    ids=lambda one: str(one["url"]),
)
def test_each_kind_of_store_is_taken(source: dict[str, Any]) -> None:
    section: Any = _load(source).provider("focus")
    assert section.sources[0].url == source["url"]
    assert "sv=1" not in repr(section)
    assert "secret'" not in repr(section)


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        ([FOLDER, FOLDER], "'main' is used twice"),
        ([{**FOLDER, "region": "x"}], "region is not for file://"),
        ([{**BUCKET, "access_key_id": "a"}], "access_key_id and secret_access_key go together"),
        ([{**BUCKET, "account_key": "a"}], "account_key is not for s3://"),
        ([{**BUCKET, "url": "https://account.blob.core.windows.net/c?sv=secret"}], "pattern"),
        ([{**SFTP, "url": "sftp://host/folder"}], "pattern"),
        ([{**SFTP, "url": "sftp://bills:secret@host/folder"}], "pattern"),
        ([{**SFTP, "fingerprint": "MD5:aa"}], "pattern"),
        ([{**SFTP, "fingerprint": None}], "set one of fingerprint, known_hosts, known_hosts_file: it tells the server"),
        ([{**SFTP, "known_hosts_file": "/x"}], "set one of fingerprint, known_hosts, known_hosts_file"),
        ([{**SFTP, "password": None}], "set password, private_key or private_key_file"),
        ([{**SFTP, "private_key": "a", "private_key_file": "/x"}], "set private_key or private_key_file, not both"),
        ([{**SFTP, "region": "x"}], "region is not for sftp://"),
        ([{**BUCKET, "password": "secret"}], "password is not for s3://"),
        ([{**BUCKET, "url": "s3://key:secret@bucket/folder"}], "pattern"),
        ([{**BUCKET, "name": "Main"}], "pattern"),
        ([{**BUCKET, "granularity": "weekly"}], "'daily' or 'hourly'"),
        ([{**BUCKET, "endpoint": "http://example.com"}], "plain http"),
        ([{**BUCKET, "bucket": "x"}], "bucket"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_is_wrong_is_said_without_secrets(sources: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(ValidationError, match=said) as refused:
        _load(*sources)
    assert "secret" not in str(refused.value).replace("secret_access_key", "")


def test_another_provider_checks_names_and_accounts_too() -> None:
    table = {"name": "main", "table": "project-1.billing.gcp_billing_export_v1_X"}
    with pytest.raises(ValidationError, match="used twice"):
        Settings.model_validate({"gcp": {"bill_tables": [table, table]}})
    with pytest.raises(ValidationError, match="there is no account 'shop'"):
        Settings.model_validate({"gcp": {"bill_tables": [{**table, "account": "shop"}]}})
    export = {"name": "main", "url": "https://account.blob.core.windows.net/container", "account": "shopp"}
    with pytest.raises(ValidationError, match="shop"):
        Settings.model_validate(
            {"azure": {"accounts": [{"name": "shop", "subscription_id": "1"}], "bill_exports": [export]}}
        )
