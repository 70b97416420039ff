"""The part of the Kusto query language that collectors speak: parsed and really evaluated, all else refused."""

from emulators.azure.kql.errors import KqlError
from emulators.azure.kql.query import Query, Table, parse

__all__ = ["KqlError", "Query", "Table", "parse"]
