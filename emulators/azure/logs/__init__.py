"""Log Analytics workspaces, and the query API over them."""

from emulators.azure.logs.service import LogsQuery
from emulators.azure.logs.store import LogStore, Workspace

__all__ = ["LogStore", "LogsQuery", "Workspace"]
