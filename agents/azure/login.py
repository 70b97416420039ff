"""Entra's refusals of a token, by what mends them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from types import MappingProxyType

from agents.azure.credentials import Identity
from telemetry.errors import Denied
from telemetry.redact import redact

_NO_AUTHORITY = re.compile(r"(?i)unable to get authority configuration")
_NUMBER = re.compile(r"AADSTS(\d+)")
_TRACE = re.compile(r"\s*(?:Trace ID|Correlation ID|Timestamp):.*", re.DOTALL)
_BUSY = frozenset({"90055", "90024", "90025", "50196"})
"""Too many requests, of this client or of all: no matter of who asks."""
_FAILING = frozenset({"90033", "90006", "90012", "50087"})
"""Entra, or a service behind it, does not answer for the moment: no matter of who asks either."""
_FOR_NOW = "temporarily_unavailable"
"""OAuth's word for it, which stands alone where there is no description."""
_FIELDS = "tenant_id, client_id and client_secret"
_MAX_TEXT = 600
_OUTPUT = re.compile(r"(?i)(unexpected output from [a-z ]+).*")
"""What a program said in the place of a token may be one."""
_SOURCES: Mapping[str, str] = MappingProxyType(
    {
        "AZURE_FEDERATED_TOKEN_FILE": (
            "look whether the file of AZURE_FEDERATED_TOKEN_FILE holds this workload's token, and whether "
            "AZURE_CLIENT_ID and AZURE_TENANT_ID are set"
        ),
        "AZURE_CLIENT_CERTIFICATE_PATH": (
            "look whether the file of AZURE_CLIENT_CERTIFICATE_PATH holds a certificate with its key, and whether "
            "AZURE_CLIENT_CERTIFICATE_PASSWORD fits it"
        ),
        "AZURE_TOKEN_CREDENTIALS": (
            "AZURE_TOKEN_CREDENTIALS names the only source of credentials: mend it, or leave the variable out"
        ),
    }
)
"""The first that is set is the one that counts."""
_REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        "7000222": (
            "client_secret of account {account!r} is expired: make a new one for application {client}, and set it"
        ),
        "7000215": (
            "client_secret of account {account!r} is wrong: set the secret's value, not its id, or make a new one for "
            "application {client}"
        ),
        "700016": "tenant {tenant} has no application {client}: correct client_id or tenant_id of account {account!r}",
        "7000112": "application {client} is disabled: enable it, or give account {account!r} another",
        "90002": "there is no tenant {tenant} in this cloud: correct tenant_id of account {account!r}, or azure.cloud",
        "900023": "tenant_id {tenant} is neither a GUID nor a domain: correct it for account {account!r}",
        "500011": "tenants of this cloud do not know what was asked for: correct azure.cloud",
        "700213": "the federated credential of application {client} does not fit this workload's identity: correct it",
    }
)


def is_busy(said: str) -> bool:
    """Whether Entra only asks to come again later."""
    return not _BUSY.isdisjoint(_NUMBER.findall(said))


def is_failing(said: str) -> bool:
    """Whether Entra only fails for the moment."""
    return _FOR_NOW in said or not _FAILING.isdisjoint(_NUMBER.findall(said))


def refused_login(said: str, asked: str, identity: Identity) -> Denied:
    """The error where no token is given out: ``said`` by Entra or by azure-identity, at the call ``asked``."""
    found = _NUMBER.search(said)
    words = {"account": identity.account, "client": identity.client_id, "tenant": identity.tenant_id}
    if not found and _NO_AUTHORITY.search(said):
        return Denied(f"{asked}: {_REMEDIES['90002'].format_map(words)}")
    text = _OUTPUT.sub(r"\1", _TRACE.sub("", said))
    source = "" if identity.client_id else _source(os.environ)
    if found and found[1] in _REMEDIES and not source:
        return Denied(f"{asked}: AADSTS{found[1]}: {_REMEDIES[found[1]].format_map(words)}")
    if source:
        return Denied(f"{asked}: {text}: {source}, or set {_FIELDS} for account {identity.account!r} under azure:")
    if found or identity.client_id:
        return Denied(f"{asked}: {text}: check {_FIELDS} of account {identity.account!r}")
    return Denied(
        f"{asked}: {text}: set {_FIELDS} for account {identity.account!r} under azure:, "
        "or give this machine a managed or workload identity"
    )


def broken_source(error: Exception, identity: Identity) -> Denied:
    """The error where a source of credentials cannot even be opened."""
    said = redact(" ".join(f"{type(error).__name__}: {error}".split()))[:_MAX_TEXT]
    if identity.client_id:
        return Denied(f"azure: account {identity.account!r}: {said}: correct tenant_id and client_id")
    return refused_login(said, f"azure: account {identity.account!r}", identity)


def _source(environ: Mapping[str, str]) -> str:
    """What to look at, by the variables that name where credentials come from."""
    name = next((name for name in _SOURCES if environ.get(name)), "")
    return _SOURCES[name] if name else ""
