"""Servers that somebody has named: whether they answer, and, where they do not, who has named them.

After a stop, the exports for commands in another shell (docs/operations.md) name servers that are gone. Where those are
the servers of this very state directory, they are no reason not to start them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from storage.errors import StorageUnavailable
from tasks.results import CarrierUnavailable, open_carrier
from telemetry.broker import Address
from telemetry.errors import FinfleetError
from workers.embedded import EmbeddedPostgres, EmbeddedValkey
from workers.embedded.ports import remembered_port
from workers.local.processes import BROKER_VARIABLE, DATABASE_VARIABLE

_SERVERS = {
    DATABASE_VARIABLE: (EmbeddedPostgres.folder_name, "Postgres"),
    BROKER_VARIABLE: (EmbeddedValkey.folder_name, "Valkey"),
}
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})


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


def own_servers(environ: Mapping[str, str], state: Path) -> dict[str, str]:
    """The variables that name a server of this state directory, and a line about each for people."""
    found = {}
    for variable, (folder, kind) in _SERVERS.items():
        port = remembered_port(state / folder / "port")
        if port is not None and _is_here(environ.get(variable, ""), port):
            found[variable] = f"{variable} names the {kind} of {state}: it is started here"
    return found


def _is_here(url: str, port: int) -> bool:
    try:
        host, named = urlsplit(url).hostname, urlsplit(url).port
    except ValueError:
        return False
    return host in _HERE and named == port
