"""A call of Azure's, the quotas that it takes from, and what it was answered: by the token endpoint, and by the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.azure.credentials import Identity
from agents.azure.quotas import scopes_of
from agents.core.api_call import ApiCall
from agents.core.limits import Scope


@dataclass
class Login:
    """The last answer on the way to a token."""

    #: None where no token was asked for, 0 where there was no answer.
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Answer:
    """The last answer of the API, whatever the SDK makes of it; None where there was none."""

    response: Any = None


@dataclass(frozen=True)
class AzureCall(ApiCall):
    """A call in one subscription."""

    identity: Identity
    #: The one whose quota it takes from, where regions have one.
    region: str
    #: Calls a second, by patterns of APIs, as configured.
    quotas: Mapping[str, float]
    login: Login = field(default_factory=Login)
    answer: Answer = field(default_factory=Answer)

    def __str__(self) -> str:
        return f"azure/{self.identity.account}/{self.identity.subscription_id} {self.api}"

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """By whom Azure counts it."""
        return scopes_of(self.api, self.identity, self.region, self.quotas)

    @property
    def whose(self) -> str:
        """Who it is that needs something, in words."""
        return f"the identity of account {self.identity.account!r}"
