"""Exports of bills: what the entries of each provider's list of them have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, TypeVar

from pydantic import Field

from telemetry.closest import did_you_mean
from telemetry.settings.fields import Name, Section
from telemetry.settings.providers import DEFAULT_ACCOUNT, AccountEntry

ExportName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", examples=["cur"])]
"""It stands in the targets where others have a region."""
Granularity = Literal["daily", "hourly"]
"""What lines of a bill are added up to."""


class ExportEntry(Section):
    """One export of bills."""

    name: ExportName
    granularity: Granularity = "daily"


class AccountExport(ExportEntry):
    """One that an account of ours reads, by its credentials; the first account, where it names none."""

    account: Name | None = None


E = TypeVar("E", bound=AccountExport)


def check_names(field: str, entries: Iterable[ExportEntry]) -> None:
    """ValueError where two have one name."""
    twice = sorted(name for name, count in Counter(entry.name for entry in entries).items() if count > 1)
    if twice:
        raise ValueError(f"{field}: the name {twice[0]!r} is used twice; every export needs its own")


def check_exports(field: str, entries: Sequence[AccountExport], accounts: Sequence[AccountEntry]) -> None:
    """ValueError where two have one name, or the account of one is none of ours."""
    check_names(field, entries)
    known = [account.name for account in accounts] or [DEFAULT_ACCOUNT]
    for entry in entries:
        if entry.account is not None and entry.account not in known:
            meant = did_you_mean(entry.account, known)
            raise ValueError(f"{field}: {entry.name}: there is no account {entry.account!r}; {meant}")


def exports_of(account: str, entries: Sequence[E], accounts: Sequence[AccountEntry]) -> tuple[E, ...]:
    """Those that the account of that name reads."""
    first = accounts[0].name if accounts else DEFAULT_ACCOUNT
    return tuple(entry for entry in entries if (entry.account or first) == account)
