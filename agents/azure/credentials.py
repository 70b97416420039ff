"""Who asks: a client of a tenant with its secret, or DefaultAzureCredential."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from agents.azure.clouds import address_of
from agents.azure.settings import AzureSettings
from telemetry.errors import CollectionFailed


@dataclass(frozen=True)
class Identity:
    """What the configuration says of one account."""

    #: The account's name in the configuration.
    account: str
    subscription_id: str
    tenant_id: str | None
    client_id: str | None
    client_secret: SecretStr | None
    logs_workspace_id: str | None

    @classmethod
    def of(cls, section: AzureSettings, account: str, options: Mapping[str, Any]) -> Identity:
        """Those of the account's own entry, else those of the section; a client and its secret stay together."""
        subscription = options.get("subscription_id") or section.subscription_id
        if subscription is None:
            raise CollectionFailed(
                f"azure: account {account!r} has no subscription_id: set it, in its entry or under azure:"
            )
        own = options if options.get("client_id") else {name: getattr(section, name) for name in _CLIENT}
        return cls(
            account,
            subscription,
            options.get("tenant_id") or section.tenant_id,
            own["client_id"],
            own["client_secret"],
            options.get("logs_workspace_id") or section.logs_workspace_id,
        )

    @property
    def tenant(self) -> str:
        """What stands for the tenant in the name of a quota."""
        return self.tenant_id or "default"

    @property
    def principal(self) -> str:
        """What stands for the caller in the name of a quota."""
        return self.client_id or "default"


# Set in the pods of a cluster with workload identity; the tenant too, but the configuration may name another.
_WORKLOAD = ("AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE")
_NEVER_ASK = {"exclude_interactive_browser_credential": True, "exclude_broker_credential": True}
"""Whatever AZURE_TOKEN_CREDENTIALS says: nobody sits before a worker, and one that waits holds its slot for ever."""
_CLIENT = ("client_id", "client_secret")


def open_credential(section: AzureSettings, identity: Identity, transport: Any) -> Any:
    """The credential of azure-identity; reaches nothing yet. Requests for tokens go through ``transport``."""
    from azure.identity import (  # noqa: PLC0415 - an SDK is loaded where it is used
        ClientSecretCredential,
        DefaultAzureCredential,
        WorkloadIdentityCredential,
    )

    options: dict[str, Any] = {
        "authority": address_of(section, "authority"),
        # Microsoft's list of authorities does not know one that is configured here.
        "disable_instance_discovery": "authority" in section.endpoints,
        # The calls have their own second attempts.
        "retry_total": 0,
        "transport": transport,
    }
    if identity.client_id and identity.client_secret and identity.tenant_id:
        secret = identity.client_secret.get_secret_value()
        return ClientSecretCredential(identity.tenant_id, identity.client_id, secret, **options)
    if all(os.environ.get(name) for name in _WORKLOAD):
        # DefaultAzureCredential would ask the public cloud's authority, whichever is configured.
        return WorkloadIdentityCredential(tenant_id=identity.tenant_id, **options)
    # The metadata service of a machine is not behind our transport: it answers on plain http.
    del options["transport"], options["retry_total"]
    return DefaultAzureCredential(connection_verify=section.ca_file or True, **_NEVER_ASK, **options)


class SharedCredential:
    """A credential that many threads ask: one of them gets the token, the others find it kept."""

    def __init__(self, credential: Any) -> None:
        self._credential = credential
        self._lock = threading.Lock()

    def get_token(self, *scopes: str, **options: Any) -> Any:
        """azure.core.credentials.AccessToken."""
        return self._asking(self._credential.get_token, scopes, options)

    def get_token_info(self, *scopes: str, **options: Any) -> Any:
        """azure.core.credentials.AccessTokenInfo."""
        return self._asking(self._credential.get_token_info, scopes, options)

    def _asking(self, ask: Callable[..., Any], scopes: tuple[str, ...], options: dict[str, Any]) -> Any:
        """ClientAuthenticationError for whatever a source of credentials raises that is not azure-core's."""
        from azure.core.exceptions import (  # noqa: PLC0415 - an SDK is loaded where it is used
            AzureError,
            ClientAuthenticationError,
        )

        try:
            with self._lock:
                found = ask(*scopes, **options)
            if not (found.token.isascii() and found.token.isprintable()):
                raise ClientAuthenticationError("the answer has something that is no token")  # noqa: TRY301 - as others
        except AzureError:
            raise
        except Exception as error:
            raise ClientAuthenticationError(f"{type(error).__name__}: {error}") from error
        return found
