"""An object of an answer, read field by field: one that is not of its form is unknown, and costs no other.

Cloud Asset Inventory passes on what each API says, in JSON without a schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

_BEYOND = 10**18
_DIGITS = re.compile(r"-?[0-9]{1,18}(?:\.0*)?")


class Fields:
    """One object. What a field lacks is None, or empty; :attr:`faults` are those that could not be read."""

    def __init__(self, data: object, path: str = "", faults: list[str] | None = None) -> None:
        self._path = path
        self.faults: list[str] = [] if faults is None else faults
        self._data: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
        if data is not None and not isinstance(data, Mapping):
            self.faults.append(path or "description")

    def __contains__(self, name: str) -> bool:
        return self._data.get(name) is not None

    def text(self, name: str) -> str:
        """A text, or a whole number as one; empty where it is not told."""
        value = self._data.get(name)
        if value is None or isinstance(value, str):
            return (value or "").replace("\x00", "")
        number = _whole(value)
        if number is None:
            self._fault(name)
            return ""
        return str(number)

    def integer(self, name: str) -> int | None:
        """A whole number, which JSON may have as a text."""
        value = self._data.get(name)
        number = _whole(value)
        if number is None and value is not None and value != "":
            self._fault(name)
        return number

    def flag(self, name: str) -> bool | None:
        """True or false, where it is told: Google leaves out what is false."""
        value = self._data.get(name)
        if value is None or isinstance(value, bool):
            return value
        self._fault(name)
        return None

    def moment(self, name: str) -> datetime | None:
        """A time in whole seconds, as windows are."""
        text = self.text(name)
        try:
            return datetime.fromisoformat(text).astimezone(UTC).replace(microsecond=0) if text else None
        except (ValueError, OverflowError):
            self._fault(name)
            return None

    def part(self, name: str) -> Fields:
        """An object within it; one without fields where it is not told."""
        return Fields(self._data.get(name), self._at(name), self.faults)

    def parts(self, name: str) -> list[Fields]:
        """The objects of a list."""
        return [Fields(one, self._at(name), self.faults) for one in self._list(name)]

    def listed(self, name: str) -> list[str]:
        """The texts of a list."""
        found = self._list(name)
        texts = [one for one in found if isinstance(one, str)]
        if len(texts) < len(found):
            self._fault(name)
        return texts

    def texts(self, name: str) -> dict[str, str]:
        """Labels: texts by name."""
        part = self.part(name)
        return {str(key): part.text(key) for key in part.names()}

    def names(self) -> Iterator[str]:
        """The names of its fields."""
        return iter(self._data)

    def _list(self, name: str) -> list[Any]:
        value = self._data.get(name)
        if value is None or isinstance(value, list):
            return value or []
        self._fault(name)
        return []

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def _fault(self, name: str) -> None:
        self.faults.append(self._at(name))


def _whole(value: object) -> int | None:
    """A whole number of JSON, where all numbers are doubles and large ones are texts."""
    if isinstance(value, str):
        return int(value.partition(".")[0]) if _DIGITS.fullmatch(value) else None
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _BEYOND and value % 1 == 0:
        return int(value)
    return None
