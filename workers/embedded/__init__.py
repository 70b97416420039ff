"""Servers of our own, for a machine where nobody named any: a Postgres and a Valkey that live and end with us.

with StateLock(state), EmbeddedPostgres(state) as postgres, EmbeddedValkey(state) as valkey:
    postgres.url, valkey.url
"""

from workers.embedded.errors import (
    DataVersionError,
    EmbeddedServerError,
    ProgramNotFoundError,
    ServerStartError,
    StateInUseError,
)
from workers.embedded.postgres import EmbeddedPostgres
from workers.embedded.spawn import spawn, stop
from workers.embedded.state import StateLock
from workers.embedded.valkey import EmbeddedValkey

__all__ = [
    "DataVersionError",
    "EmbeddedPostgres",
    "EmbeddedServerError",
    "EmbeddedValkey",
    "ProgramNotFoundError",
    "ServerStartError",
    "StateInUseError",
    "StateLock",
    "spawn",
    "stop",
]
