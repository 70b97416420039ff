"""Celery pickles exceptions between processes: the errors that the packages add to telemetry.errors survive it too."""

import importlib
import pickle
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import pytest

import agents
import storage
import tasks
import workers
from telemetry.errors import FinfleetError

_ROOMS: tuple[ModuleType, ...] = (agents, storage, tasks, workers)
_ARGUMENTS = {
    "ConfigError": ("config/telemetry.yaml", ("aws.region: 'x/y'", "ingest: unknown")),
    "Throttled": ("slow down", "aws/default/us-east-1/ec2:Describe*", 1.5),
    "BudgetReached": ("10 dollars are spent", 3600.0),
    "Denied": ("not allowed", "ec2:DescribeInstances"),
    "InvalidRecord": ("points[17].value", "nan", "a finite number"),
    "ForwardRetry": ("busy", 2.0),
}


def _errors(root: type[FinfleetError] = FinfleetError) -> Iterator[type[FinfleetError]]:
    yield root
    for error in root.__subclasses__():
        yield from _errors(error)


def _all_errors() -> list[type[FinfleetError]]:
    for room in _ROOMS:
        for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            if "error" in module.name:
                importlib.import_module(module.name)
    return sorted(
        # Other tests have errors of their own, made to be odd.
        (error for error in set(_errors()) if not error.__module__.startswith(("telemetry.errors", "tests."))),
        key=lambda error: error.__qualname__,
    )


def _arguments(error: type[FinfleetError]) -> tuple[object, ...]:
    """Those of the nearest class that takes more than a text."""
    named = (_ARGUMENTS[base.__name__] for base in error.__mro__ if base.__name__ in _ARGUMENTS)
    return next(named, ("something went wrong",))


def test_there_are_such_errors() -> None:
    assert "ExpiredCredentials" in {error.__name__ for error in _all_errors()}


@pytest.mark.parametrize("error", _all_errors(), ids=lambda error: error.__qualname__)
def test_every_error_comes_back_as_it_was(error: type[FinfleetError]) -> None:
    raised = error(*_arguments(error))

    back = pickle.loads(pickle.dumps(raised))  # noqa: S301 - made a moment ago

    assert type(back) is error
    assert back.args == raised.args
    assert str(back) == str(raised)
    for name in ("retry_after", "scope", "permission", "problems", "transient", "code"):
        assert getattr(back, name, None) == getattr(raised, name, None)
