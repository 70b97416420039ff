"""Parameter types of the command line: targets, windows, times."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from telemetry.target import Target, Window, parse_time

_AGO = re.compile(r"(\d+)(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class TargetType(click.ParamType[Target]):
    """``provider/account/region/service``."""

    name = "target"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Target:
        """Read a target; what is wrong with it is said as wrong usage."""
        if isinstance(value, Target):
            return value
        try:
            return Target.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class WindowType(click.ParamType[Window]):
    """``START/END`` in ISO 8601."""

    name = "start/end"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Window:
        """Read a window; what is wrong with it is said as wrong usage."""
        if isinstance(value, Window):
            return value
        try:
            return Window.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class TimeType(click.ParamType[datetime]):
    """An ISO 8601 time with its zone, a date (midnight UTC), ``now``, or how long ago: ``90m``, ``2h``, ``7d``.

    A month is its first day.
    """

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read a time, as UTC; what is wrong with it is said as wrong usage."""
        if isinstance(value, datetime):
            return value
        if value == "now":
            return datetime.now(UTC)
        try:
            if match := _AGO.fullmatch(value):
                return datetime.now(UTC) - timedelta(**{_UNITS[match[2]]: int(match[1])})
            if re.fullmatch(r"\d{4}-\d{2}", value):
                value = f"{value}-01"
            if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
                value = f"{value}T00:00:00Z"
            return parse_time(value)
        except (ValueError, OverflowError) as error:
            self.fail(f"{error}; or now, or how long ago: 90m, 2h, 7d", param, ctx)


TARGET, WINDOW, TIME = TargetType(), WindowType(), TimeType()
