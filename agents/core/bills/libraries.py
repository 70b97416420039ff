"""The libraries of the extra ``bills``, imported where a bill is read: nobody else needs them."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

from telemetry.errors import CollectionFailed

if TYPE_CHECKING:
    import duckdb as duckdb_module


def need(module: str) -> ModuleType:
    """A module of the extra; CollectionFailed says how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = (error.name or module).partition(".")[0]
        raise CollectionFailed(f"{package} is not installed on this worker: pip install 'finfleet[bills]'") from None


def connect_duckdb(folder: str, memory: int, disk: int) -> duckdb_module.DuckDBPyConnection:
    """A database in memory that spills to ``folder``, and that neither reads a file nor loads anything by itself."""
    duckdb = need("duckdb")
    connection: duckdb_module.DuckDBPyConnection = duckdb.connect(
        config={
            "memory_limit": f"{memory // 1_000_000}MB",
            "temp_directory": folder,
            "max_temp_directory_size": f"{disk // 1_000_000}MB",
            "threads": 1,
            "preserve_insertion_order": False,
            # What is freed goes back to the system, rather than 128 MB of it being kept.
            "allocator_flush_threshold": "16MB",
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )
    for statement in ("LOAD icu", "LOAD json", "SET TimeZone = 'UTC'", "SET enable_progress_bar = false"):
        connection.execute(statement)
    return connection
