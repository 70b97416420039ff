"""Who asks a store: what the configuration gives, else what the machine has, where the provider's library is there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agents.core.bills.stores import AccountKey, Credentials, Keys, Login, Sas, ServiceAccount, Token
from agents.focus.settings import FocusSource
from telemetry.errors import Denied

_BLOBS = "https://storage.azure.com/.default"
_READ = "https://www.googleapis.com/auth/devstorage.read_only"


def credentials_of(source: FocusSource) -> Callable[[], Credentials] | None:
    """What gives the credentials of a source; None for a folder, which needs none."""
    if source.kind == "s3":
        return _keys(source) or _own_keys
    if source.kind == "https":
        return _azure(source) or _own_azure_token
    if source.kind == "gs":
        return _google(source)
    if source.kind == "sftp":
        return lambda: _login(source)
    return None


def _keys(source: FocusSource) -> Callable[[], Credentials] | None:
    if source.access_key_id is None or source.secret_access_key is None:
        return None
    session = source.session_token.get_secret_value() if source.session_token else ""
    keys = Keys(source.access_key_id, source.secret_access_key.get_secret_value(), session)
    return lambda: keys


def _own_keys() -> Credentials:
    """By the chain of AWS's own library: variables, profiles, roles of machines and pods."""
    try:
        import botocore.session  # noqa: PLC0415 - only where no keys are configured
    except ImportError:
        raise _nobody("access_key_id and secret_access_key", "finfleet[aws]") from None
    found: Any = botocore.session.get_session().get_credentials()
    if found is None:
        raise _nobody("access_key_id and secret_access_key", "")
    frozen = found.get_frozen_credentials()
    return Keys(frozen.access_key, frozen.secret_key, frozen.token or "", getattr(found, "_expiry_time", None))


def _azure(source: FocusSource) -> Callable[[], Credentials] | None:
    if source.account_key is not None:
        key = AccountKey(source.account_key.get_secret_value())
        return lambda: key
    if source.sas_token is not None:
        sas = Sas(source.sas_token.get_secret_value())
        return lambda: sas
    return None


def _own_azure_token() -> Credentials:
    """Of a managed or workload identity."""
    try:
        from azure.identity import DefaultAzureCredential  # noqa: PLC0415 - only where no key is configured
    except ImportError:
        raise _nobody("account_key or sas_token", "finfleet[azure]") from None
    try:
        token = DefaultAzureCredential().get_token(_BLOBS)
    except Exception as error:  # noqa: BLE001 - its text may hold what a program printed
        raise Denied(
            f"this machine gets no token of Azure ({type(error).__name__}): set account_key or sas_token"
        ) from None
    return Token(token.token, datetime.fromtimestamp(token.expires_on, UTC))


def _google(source: FocusSource) -> Callable[[], Credentials]:
    if source.credentials_file is None:
        return _own_google_token
    key = ServiceAccount(_text(source, "credentials_file", "write a key of a service account"))
    return lambda: key


def _login(source: FocusSource) -> Login:
    """Of an SFTP server; its files are read when it is asked, since they may have been renewed."""
    key = source.private_key.get_secret_value() if source.private_key else ""
    return Login(
        password=source.password.get_secret_value() if source.password else "",
        private_key=key or _text(source, "private_key_file", "write a private key"),
        known_hosts=source.known_hosts or _text(source, "known_hosts_file", "write what ssh-keyscan prints"),
        fingerprint=source.fingerprint or "",
    )


def _text(source: FocusSource, option: str, remedy: str) -> str:
    """What is in the file that an option names; nothing where it is not given."""
    file = getattr(source, option)
    if file is None:
        return ""
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        where = f"focus.sources: {source.name}: {option} {file}"
        raise Denied(f"{where}: it cannot be read ({type(error).__name__}): {remedy}") from None


def _own_google_token() -> Credentials:
    """Application default credentials."""
    try:
        import google.auth  # noqa: PLC0415 - only where no file is configured
        from google.auth.transport.requests import Request  # noqa: PLC0415 - the same
    except ImportError:
        raise _nobody("credentials_file", "finfleet[gcp]") from None
    try:
        credentials: Any = google.auth.default(scopes=[_READ])[0]
        credentials.refresh(Request())
    except Exception as error:  # noqa: BLE001 - whatever a source of credentials raises
        raise Denied(f"this machine gets no token of Google ({type(error).__name__}): set credentials_file") from None
    return Token(credentials.token, credentials.expiry.replace(tzinfo=UTC))


def _nobody(options: str, extra: str) -> Denied:
    also = f", or install {extra} for those of this machine" if extra else ""
    return Denied(f"there are no credentials for the store: set {options}{also}")
