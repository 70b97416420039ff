"""Every error survives pickling: Celery carries them between processes."""

import inspect
import pickle

import pytest

from telemetry import errors
from telemetry.errors import ConfigError, FinfleetError, InvalidRecord, Throttled

_ARGUMENTS = {"str": "a text", "float": 12.5, "float | None": 3.0, "tuple[str, ...]": ("one", "two")}
_CLASSES = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, FinfleetError)]


def _make(cls: type[FinfleetError]) -> FinfleetError:
    if cls.__init__ is Exception.__init__ or "__init__" not in {
        name for base in cls.__mro__[:-4] for name in vars(base)
    }:
        return cls("a text")
    parameters = list(inspect.signature(cls).parameters.values())
    return cls(*(_ARGUMENTS[str(parameter.annotation)] for parameter in parameters))


@pytest.mark.parametrize("cls", _CLASSES, ids=lambda cls: cls.__name__)
def test_an_error_is_the_same_after_pickling(cls: type[FinfleetError]) -> None:
    error = _make(cls)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(copy) is cls
    assert (copy.args, str(copy)) == (error.args, str(error))
    assert str(copy)


def test_a_throttle_keeps_scope_and_wait() -> None:
    error = Throttled("slow down", "aws/1/us-east-1/ec2", 7)
    assert (error.scope, error.retry_after, error.transient) == ("aws/1/us-east-1/ec2", 7.0, True)
    assert Throttled("slow down", "x").retry_after is None


def test_messages_name_field_value_and_remedy() -> None:
    assert str(InvalidRecord("points.value[3]", "nan", "a finite number")) == "points.value[3]: nan: a finite number"
    assert str(ConfigError("f.yaml", ("a: b", "c: d"))).splitlines() == [
        "f.yaml: 2 faults in the configuration",
        "  a: b",
        "  c: d",
    ]
