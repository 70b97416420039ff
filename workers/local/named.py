"""Servers that somebody has named: whether they answer, and, where they do not, who has named them.

After a stop, the exports for commands in another shell (docs/operations.md) name servers that are gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from storage.errors import StorageUnavailable
from tasks.results import CarrierUnavailable, open_carrier
from telemetry.broker import Address
from telemetry.errors import FinfleetError


class NamedServerAway(FinfleetError):
    """A server that the environment or the configuration names does not answer."""


def check_broker(address: Address, environ: Mapping[str, str], variable: str) -> None:
    """NamedServerAway where it cannot be used."""
    carrier = open_carrier(address)
    try:
        carrier.check()
    except CarrierUnavailable as error:
        raise NamedServerAway(f"the broker cannot be used: {error}; {_who(environ, variable, 'broker.url')}") from None
    finally:
        carrier.close()


@contextmanager
def named_database(environ: Mapping[str, str], variable: str) -> Iterator[None]:
    """NamedServerAway where the block cannot reach it."""
    try:
        yield
    except StorageUnavailable as error:
        raise NamedServerAway(f"{error}; {_who(environ, variable, 'database.url')}") from None


def _who(environ: Mapping[str, str], variable: str, key: str) -> str:
    if environ.get(variable):
        return f"the environment variable {variable} names it: `unset {variable}`, and finfleet up starts its own"
    return f"{key} of the configuration names it: leave it out, and finfleet up starts its own"
