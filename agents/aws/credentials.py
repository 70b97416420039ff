"""Who asks: keys, a profile, a role, or boto3's own credential chain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from agents.aws.parsing import read_leniently
from agents.aws.service_models import share_models
from agents.aws.settings import AwsSettings
from agents.aws.sources import ask_nobody
from telemetry.errors import Denied

_KEYS = ("access_key_id", "secret_access_key", "session_token")
_SESSION_NAME = "finfleet"


@dataclass(frozen=True)
class Identity:
    """What the configuration says of the credentials of one account."""

    keys: tuple[SecretStr, SecretStr, SecretStr | None] | None
    profile: str | None
    role_arn: str | None
    external_id: SecretStr | None

    @classmethod
    def of(cls, section: AwsSettings, options: Mapping[str, Any]) -> Identity:
        """Those of the account's own entry, else those of the section; the role is the entry's alone."""
        own = {name: options.get(name) for name in (*_KEYS, "profile")}
        if not any(own.values()):
            own = {name: getattr(section, name) for name in own}
        key_id, secret, token = (own[name] for name in _KEYS)
        keys = (key_id, secret, token) if key_id and secret else None
        return cls(keys, own["profile"], options.get("role_arn"), options.get("external_id"))

    @property
    def renewable(self) -> bool:
        """Whether asking again can give other credentials: written-down keys stay what they are."""
        return self.keys is None or self.role_arn is not None


def open_session(identity: Identity, sts: Callable[..., Any]) -> Any:
    """A botocore session of that identity.

    ``sts(session, **keys)`` makes the client that assumes the role, if there is one. Its credentials are renewed by
    botocore before they expire.
    """
    import botocore.session  # noqa: PLC0415 - an SDK is loaded where it is used

    session = botocore.session.Session(profile=None if identity.keys else identity.profile)
    share_models(session)
    read_leniently(session)
    if identity.keys:
        session.set_credentials(*(key.get_secret_value() if key else None for key in identity.keys))
    else:
        ask_nobody(session)
    if identity.role_arn is None:
        return session
    assumed = botocore.session.Session()
    share_models(assumed)
    read_leniently(assumed)
    assumed.register_component("credential_provider", _AssumedRole(identity, session, sts))
    return assumed


@dataclass(frozen=True)
class _AssumedRole:
    """Gives botocore the credentials of a role, in place of its own chain."""

    identity: Identity
    source: Any
    sts: Callable[..., Any]

    def load_credentials(self) -> Any:
        from botocore.credentials import (  # noqa: PLC0415 - an SDK is loaded where it is used
            AssumeRoleCredentialFetcher,
            DeferredRefreshableCredentials,
        )

        own = self.source.get_credentials()
        if own is None:
            raise Denied(
                f"there are no credentials to assume {self.identity.role_arn} with: set access_key_id and "
                "secret_access_key or profile under aws:, or give this machine a role"
            )
        arguments = {"RoleSessionName": _SESSION_NAME}
        if self.identity.external_id is not None:
            arguments["ExternalId"] = self.identity.external_id.get_secret_value()
        fetcher = AssumeRoleCredentialFetcher(
            client_creator=lambda _service, **keys: self.sts(self.source, **keys),
            source_credentials=own,
            role_arn=self.identity.role_arn,
            extra_args=arguments,
        )
        return DeferredRefreshableCredentials(refresh_using=fetcher.fetch_credentials, method="finfleet-assumed-role")
