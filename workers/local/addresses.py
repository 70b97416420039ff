"""Addresses of servers as people may see them: never a password."""

from __future__ import annotations

import shlex
import shutil
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from storage.database import parse
from workers.embedded.binaries import find_postgres


def database_address(url: SecretStr) -> dict[str, Any]:
    """``{"host", "port", "user", "name"}``; the port is text where the URL names several hosts."""
    parameters = parse(url)
    port = str(parameters.get("port") or 5432)
    return {
        "host": parameters.get("host", "localhost"),
        "port": int(port) if port.isdigit() else port,
        "user": parameters.get("user"),
        "name": parameters.get("dbname"),
    }


def broker_address(url: SecretStr) -> dict[str, Any]:
    """``{"host", "port"}``; the port is None where the URL leaves it out."""
    parts = urlsplit(url.get_secret_value())
    return {"host": parts.hostname, "port": parts.port}


def psql_line(url: SecretStr, pgpass: Path | None) -> str:
    """The command line that opens the database; with the file that holds the password, where it is an embedded one."""
    program = "psql" if pgpass is None else f"PGPASSFILE={shlex.quote(str(pgpass))} {_embedded_psql()}"
    address = database_address(url)
    flags = {"-h": address["host"], "-p": address["port"], "-U": address["user"]}
    # What a URL leaves out is left to psql as well.
    options = (f"{flag} {value}" for flag, value in flags.items() if value)
    return " ".join([program, *options, address["name"] or ""]).rstrip()


@cache
def _embedded_psql() -> str:
    """The program: by its name where that finds it, else the one that came with the embedded server."""
    beside = find_postgres().postgres.with_name("psql")
    return shlex.quote(str(beside)) if shutil.which("psql") is None and beside.exists() else "psql"
