"""Who asks: a credentials file, a service account to act as, or application default credentials."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from agents.gcp.settings import GcpIdentity, GcpSettings
from telemetry.errors import CollectionError, Denied, Unavailable
from telemetry.redact import remember
from telemetry.settings.fields import is_loopback

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_SECRETS = ("private_key", "client_secret", "refresh_token")
_SERVICE_ACCOUNT = "service_account"
_USER = "authorized_user"
_REQUIRED: Mapping[str, tuple[str, ...]] = {
    _SERVICE_ACCOUNT: ("client_email", "private_key", "token_uri"),
    _USER: ("client_id", "client_secret", "refresh_token"),
}
_WRITTEN = "write a key of a service account, as the Cloud console downloads it"


@dataclass(frozen=True)
class Identity:
    """What the configuration says of one account."""

    project_id: str | None
    credentials_file: str | None
    impersonate: str | None
    quota_project: str | None
    billing_export_table: str | None
    #: Where tokens are asked for, if not where the credentials say.
    token_url: str | None

    @classmethod
    def of(cls, section: GcpSettings, options: Mapping[str, Any]) -> Identity:
        """Field by field that of the account's own entry, else that of the section."""
        given = {name: options.get(name) or getattr(section, name) for name in GcpIdentity.model_fields}
        return cls(**given, token_url=section.endpoints.get("token"))


@dataclass(frozen=True)
class Opened:
    """Credentials of google-auth, and the project that they belong to, if they tell."""

    credentials: Any
    project_id: str | None


def open_credentials(identity: Identity) -> Opened:
    """The credentials of that identity; Denied, without a secret, where there are none that can be used.

    None of them asks a person: google-auth asks only where it is told to (``enable_reauth_refresh``, ``interactive``).
    """
    try:
        opened = _from_file(identity) if identity.credentials_file else _default()
        credentials = opened.credentials
        if identity.impersonate:
            credentials = _impersonated(credentials, identity)
        if identity.quota_project:
            credentials = credentials.with_quota_project(identity.quota_project)
        return Opened(credentials, opened.project_id)
    except CollectionError:
        raise
    except Exception as error:  # noqa: BLE001 - of a file of another form google-auth raises whatever comes of it
        where = identity.credentials_file or "the application default credentials"
        raise Denied(f"gcp.credentials_file {where}: it cannot be used ({type(error).__name__}): {_WRITTEN}") from None


def renew(credentials: Any, request: Any) -> None:
    """Get a token; errors of google-auth's, or Denied and Unavailable for whatever the sources of credentials raise."""
    from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415 - an SDK is loaded where it is used

    try:
        credentials.refresh(request)
    except GoogleAuthError:
        raise
    except subprocess.TimeoutExpired:
        raise Unavailable(
            "gcp: the program that the credentials name was not done in time: does it ask a person? Raise "
            "credential_source.executable.timeout_millis, or give a key of a service account"
        ) from None
    except OSError as error:
        raise Denied(
            f"gcp: the credentials give no token: {error.filename or 'what they name'}: {error.strerror}: correct "
            "credential_source in the credentials file"
        ) from None
    except Exception as error:  # noqa: BLE001 - junk of a file, a program or an address, in whatever form
        raise Denied(
            f"gcp: the credentials give no token ({type(error).__name__}): what their source answers is not of the "
            "form that google-auth reads: correct credential_source in the credentials file, or give a key of a "
            "service account"
        ) from None


def _default() -> Opened:
    import google.auth  # noqa: PLC0415 - an SDK is loaded where it is used
    from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415 - an SDK is loaded where it is used

    try:
        credentials, project = google.auth.default(scopes=SCOPES)
    except GoogleAuthError as error:
        raise Denied(
            f"gcp: there are no application default credentials ({type(error).__name__}): set gcp.credentials_file or "
            "GOOGLE_APPLICATION_CREDENTIALS, or give this machine a service account"
        ) from None
    return Opened(credentials, project)


def _from_file(identity: Identity) -> Opened:
    path = identity.credentials_file or ""
    document = _read(path)
    for name in _SECRETS:
        remember(str(document.get(name) or ""))
    kind = document.get("type")
    missing = [name for name in _REQUIRED.get(str(kind), ()) if not document.get(name)]
    if missing:
        raise Denied(f"gcp.credentials_file {path}: it lacks {', '.join(missing)}: {_WRITTEN}")
    if identity.token_url and kind in _REQUIRED:
        document["token_uri"] = identity.token_url
    _check_address(path, str(document.get("token_uri") or ""))
    return Opened(_load(path, document), document.get("project_id") or document.get("quota_project_id"))


def _read(path: str) -> dict[str, Any]:
    try:
        document = json.loads(Path(path).expanduser().read_bytes())
    except FileNotFoundError:
        raise Denied(f"gcp.credentials_file {path}: there is no such file on this machine: {_WRITTEN}") from None
    except OSError as error:
        raise Denied(f"gcp.credentials_file {path}: it cannot be read: {error.strerror}") from None
    except ValueError:  # its text may show a part of the key
        raise Denied(f"gcp.credentials_file {path}: it is not JSON: {_WRITTEN}") from None
    if not isinstance(document, dict):
        raise Denied(f"gcp.credentials_file {path}: it is not an object of JSON: {_WRITTEN}")
    return document


def _load(path: str, document: dict[str, Any]) -> Any:
    """Credentials of google-auth. What it says of a faulty file may hold the key: none of it is repeated."""
    from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415 - an SDK is loaded where it is used
    from google.oauth2 import credentials, service_account  # noqa: PLC0415 - an SDK is loaded where it is used

    kind = document.get("type")
    makers: dict[str, Any] = {  # google-auth is typed in parts alone
        _SERVICE_ACCOUNT: service_account.Credentials.from_service_account_info,
        _USER: credentials.Credentials.from_authorized_user_info,
        "external_account": _external,
    }
    try:
        if kind in makers:
            return makers[kind](document, scopes=list(SCOPES))
    except (ValueError, TypeError, KeyError, GoogleAuthError) as error:
        raise Denied(
            f"gcp.credentials_file {path}: google-auth cannot use it ({type(error).__name__}): is private_key whole, "
            f"with its line breaks? {_WRITTEN}"
        ) from None
    raise Denied(f"gcp.credentials_file {path}: type {str(kind)[:40]!r} is not one of {', '.join(makers)}: {_WRITTEN}")


def _external(document: dict[str, Any], scopes: list[str]) -> Any:
    """Workload identity federation: which class it takes is google-auth's to know."""
    import google.auth.aws  # noqa: PLC0415 - an SDK is loaded where it is used
    import google.auth.identity_pool  # noqa: PLC0415 - an SDK is loaded where it is used
    import google.auth.pluggable  # noqa: PLC0415 - an SDK is loaded where it is used

    source = document.get("credential_source") or {}
    if document.get("subject_token_type") == "urn:ietf:params:aws:token-type:aws4_request":
        kind: Any = google.auth.aws.Credentials
    elif "executable" in source:
        kind = google.auth.pluggable.Credentials
    else:
        kind = google.auth.identity_pool.Credentials
    return kind.from_info(document, scopes=scopes)


def _impersonated(source: Any, identity: Identity) -> Any:
    from google.auth import impersonated_credentials  # noqa: PLC0415 - an SDK is loaded where it is used

    path = f"v1/projects/-/serviceAccounts/{identity.impersonate}:generateAccessToken"
    maker: Any = impersonated_credentials.Credentials  # google-auth is typed in parts alone
    return maker(
        source_credentials=source,
        target_principal=identity.impersonate,
        target_scopes=list(SCOPES),
        iam_endpoint_override=urljoin(identity.token_url, f"/{path}") if identity.token_url else None,
    )


def _check_address(path: str, url: str) -> None:
    parts = urlsplit(url)
    if url and parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise Denied(f"gcp.credentials_file {path}: token_uri: plain http is accepted for this machine only: use https")
