"""An object of an answer of Google's, read field by field.

Cloud Asset Inventory passes on what each API says, in JSON without a schema: all numbers are doubles, and what is a
text in one API is a number in another.
"""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any

from agents.core.items import Item, whole_number


class Fields(Item):
    """An item whose texts may be told as whole numbers, and whose times have the seconds of windows."""

    def time(self, name: str, zone: tzinfo | None = None) -> datetime | None:
        """A moment in whole seconds, as an aware datetime in UTC; None where it is unknown."""
        found = super().time(name, zone)
        return found and found.replace(microsecond=0)

    def _text_of(self, value: Any) -> str | None:
        number = None if isinstance(value, str) else whole_number(value)
        return super()._text_of(value) if number is None else str(number)
