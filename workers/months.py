"""A month on the command line."""

from __future__ import annotations

from datetime import date
from typing import Any

import click

from storage.allocation.model import month_of


class MonthType(click.ParamType[date]):
    """``2026-10``: its first day."""

    name = "YYYY-MM"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Read it; what is wrong with it is said as wrong usage."""
        if isinstance(value, date):
            return value
        try:
            return month_of(value)
        except ValueError as error:
            self.fail(f"{str(value)[:40]!r}: {error}", param, ctx)
