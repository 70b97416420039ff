"""What tables are made of: columns of the few sorts that there are."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, MetaData, Numeric, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from storage.names import SCHEMA

metadata = MetaData(
    schema=SCHEMA,
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    },
)


def timestamp(name: str, *, nullable: bool = False, now: bool = False) -> Column[object]:
    """A moment in UTC; ``now``: by default that of the row."""
    return Column(name, DateTime(timezone=True), nullable=nullable, server_default=text("now()") if now else None)


def string(name: str, *, nullable: bool = False, default: str | None = None) -> Column[str]:
    """Text; never null unless it says so."""
    return Column(name, Text, nullable=nullable, server_default=None if default is None else text(f"'{default}'"))


def counter(name: str, *, big: bool = False) -> Column[int]:
    """A number that begins at nothing."""
    return Column(name, BigInteger if big else Integer, nullable=False, server_default=text("0"))


def document(name: str, empty: str) -> Column[object]:
    """JSON; ``empty`` by default."""
    return Column(name, JSONB, nullable=False, server_default=text(f"'{empty}'::jsonb"))


def of_type(name: str, kind: object, *, later: bool) -> Column[Any]:
    """The column of a field of a record; one that came later has a default, for writers of a former release."""
    if kind is str:
        return string(name, default="" if later else None)
    if kind in {datetime, datetime | None}:
        return timestamp(name, nullable=kind is not datetime)
    if kind is int:
        return Column(name, Integer, nullable=False, server_default=text("1"))
    if kind == int | None:
        return Column(name, Integer, nullable=True)
    if kind in {Decimal | None, bool | None}:
        return Column(name, Numeric if kind == Decimal | None else Boolean, nullable=True)
    return document(name, "{}")
