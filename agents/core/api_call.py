"""One call of a provider's API: its name, the quotas that it takes from, and what its errors become.

SDKs share their clients between the threads of many collections. Which call a request belongs to is in a context
variable, set only around the call itself, since the SDKs send in the thread that calls.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

from agents.core.context import Context
from agents.core.limits import Scope
from telemetry.errors import CollectionError, Throttled

C = TypeVar("C", bound="ApiCall")

_SILENCE = 2.0
"""Seconds for a quota that is used up, where the provider names no wait."""


@dataclass(frozen=True)
class ApiCall(ABC):
    """A call that is on its way, or has failed. Its text says in messages where it went."""

    context: Context
    #: As in permissions: ``ec2:DescribeInstances``.
    api: str

    @abstractmethod
    def __str__(self) -> str:
        """``aws/production/us-east-1 ec2:DescribeInstances``."""

    @property
    @abstractmethod
    def scopes(self) -> tuple[Scope, ...]:
        """The quotas that it takes from; the first is named in refusals."""

    @property
    def account(self) -> str:
        """The account's name in the configuration."""
        return self.context.account.name

    @property
    def scope(self) -> str:
        """The quota that is named in refusals."""
        return self.scopes[0].name

    def acquire(self) -> None:
        """Wait for its turn in every quota; Throttled where that comes after the collection's time."""
        for scope in self.scopes:
            self.context.shared.limiter.acquire(scope.name, scope.quota, self.context.deadline)

    def silence(self, seconds: float) -> None:
        """Let nobody call whom the same quotas hold."""
        for scope in self.scopes:
            self.context.shared.limiter.quiet(scope.name, seconds)


@contextmanager
def translate_errors(call: C, translate: Callable[[Exception, C], CollectionError | None]) -> Iterator[None]:
    """Raise ``translate``'s CollectionError for every error of an SDK's; where that is None, the error as it is.

    The original is not kept as the cause: it may hold the request.
    """
    try:
        yield
    except CollectionError:
        raise
    except Exception as error:
        ours = translate(error, call)
        if ours is None:
            raise
        raise ours from None


def throttled(call: ApiCall, text: str, wait: float | None) -> Throttled:
    """The error of a call that was one too many; its quotas are silenced for everyone.

    ``wait`` is in seconds, where the provider named it.
    """
    call.silence(wait or _SILENCE)
    return Throttled(text, call.scope, wait)


_under_way: ContextVar[ApiCall | None] = ContextVar("finfleet_api_call", default=None)


@contextmanager
def under_way(call: ApiCall) -> Iterator[None]:
    """Requests of this thread belong to ``call``. Nothing may be yielded to a caller inside."""
    token = _under_way.set(call)
    try:
        yield
    finally:
        _under_way.reset(token)


def call_under_way(kind: type[C]) -> C | None:
    """The call that a request of this thread belongs to; None outside of any."""
    call = _under_way.get()
    return call if isinstance(call, kind) else None
