"""How much of the past a new target owes: a duration, or one for each service that is named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, PlainSerializer, PlainValidator, TypeAdapter, ValidationError

from telemetry.limits import MAX_BACKFILL
from telemetry.settings.fields import Name, OptionalDuration


def _bounded(value: timedelta) -> timedelta:
    if value > MAX_BACKFILL:
        raise ValueError(f"at most {MAX_BACKFILL.days}d; what is older is collected with finfleet backfill")
    return value


_DURATION: TypeAdapter[timedelta] = TypeAdapter(Annotated[OptionalDuration, AfterValidator(_bounded)])
_NUMBER = re.compile(r"-?[0-9]{1,6}\s*[smhd]?", re.ASCII)
_NAME: TypeAdapter[str] = TypeAdapter(Name)


def _read(value: Any) -> timedelta | Mapping[str, timedelta]:
    if not isinstance(value, Mapping):
        every: timedelta = _checked(_DURATION, value, "")
        return every
    return {
        _checked(_NAME, name, "the name of a service: "): _checked(_DURATION, one, f"{str(name)[:60]}: ")
        for name, one in value.items()
    }


def _checked(kind: TypeAdapter[Any], value: Any, where: str) -> Any:
    try:
        return kind.validate_python(value)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        said = str(fault["msg"]).removeprefix("Value error, ")
        if fault["type"] != "value_error":
            said = "write a duration, or one for each service: 2d, or {cost: 30d, ec2: 1d}"
        # Whatever else stands there may be a secret in the wrong place.
        shown = f"{value!r}: " if _NUMBER.fullmatch(str(value)) else ""
        raise ValueError(f"{where}{shown}{said}") from None


def _written(value: timedelta | Mapping[str, timedelta]) -> int | dict[str, int]:
    if isinstance(value, timedelta):
        return int(value.total_seconds())
    return {name: int(one.total_seconds()) for name, one in value.items()}


Backfill = Annotated[
    timedelta | Mapping[str, timedelta], PlainValidator(_read), PlainSerializer(_written, when_used="json")
]
"""``2d``, or ``{cost: 30d, ec2: 1d}``: a service that is not named owes nothing of the past."""
