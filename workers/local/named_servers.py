"""Servers that variables name, in the place of those that ``finfleet up`` starts itself.

Whoever has set the variables that point other commands to a running ``finfleet up`` (docs/operations.md) has them in
the shell when it is started again: they name the servers that it starts itself, and are no reason not to.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from telemetry.broker import Address
from telemetry.errors import ConfigError, FinfleetError
from telemetry.logs import words
from workers.embedded import EmbeddedPostgres, EmbeddedValkey
from workers.embedded.ports import remembered_port
from workers.local.processes import BROKER_VARIABLE, DATABASE_VARIABLE

_SERVERS = {
    DATABASE_VARIABLE: (EmbeddedPostgres.folder_name, "Postgres"),
    BROKER_VARIABLE: (EmbeddedValkey.folder_name, "Valkey"),
}
_PORTS = {"redis": 6379, "rediss": 6379, "amqp": 5672, "amqps": 5671}
_WITHIN = 5.0
"""Seconds."""
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})


def own_servers(environ: Mapping[str, str], state: Path) -> dict[str, str]:
    """The variables that name a server of this state directory, and a line about each for people."""
    found = {}
    for variable, (folder, kind) in _SERVERS.items():
        port = remembered_port(state / folder / "port")
        if port is not None and _is_here(environ.get(variable, ""), port):
            found[variable] = f"{variable} names the {kind} of {state}: it is started here"
    return found


def others_said(environ: Mapping[str, str], own: Mapping[str, str]) -> list[str]:
    """A line for people about each variable that names a server of somebody else's."""
    return [
        f"{variable} is set: its {kind} is used, and none is started here; unset it to have one of its own"
        for variable, (_, kind) in _SERVERS.items()
        if environ.get(variable) and variable not in own
    ]


@contextmanager
def blaming(variable: str, environ: Mapping[str, str]) -> Iterator[None]:
    """Name the variable that has named a server, where that server is why nothing can be started."""
    try:
        yield
    except ConfigError:
        raise
    except FinfleetError as error:
        if not environ.get(variable):
            raise
        raise FinfleetError(
            f"{error}: {variable} names this server; unset it to have finfleet up start one of its own"
        ) from error


def check_answers(broker: Address) -> None:
    """FinfleetError where nobody listens: the programs would wait for it for ever, and nothing would be ready."""
    port = urlsplit(broker.url.get_secret_value()).port or _PORTS[broker.scheme]
    try:
        socket.create_connection((broker.host, port), _WITHIN).close()
    except OSError as error:
        raise FinfleetError(f"the broker {broker.where} does not answer: {words(error)}") from None


def _is_here(url: str, port: int) -> bool:
    try:
        host, named = urlsplit(url).hostname, urlsplit(url).port
    except ValueError:
        return False
    return host in _HERE and named == port
