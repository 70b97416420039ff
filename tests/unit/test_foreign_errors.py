"""Somebody else's code may raise whatever it likes, at any moment: it comes out as one of ours, and harms no other."""

import getpass
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, field_validator

from agents.core.collection import Collection, encoded, not_begun
from agents.core.context import Context, Shared
from agents.core.destination import Destination, Guarded
from agents.core.foreign import ours
from agents.core.service import Estimate, Service
from agents.standalone.agent import make_settings
from tasks.targets import plan_targets
from telemetry.batch import Batch, Outcome, Run
from telemetry.errors import CollectionError, CollectionFailed, ConfigError, ForwardRetry, Throttled, Unavailable
from telemetry.records import Record, Resource
from telemetry.settings import Settings, load_settings
from telemetry.target import Target, Window
from tests.support.messages import make_batch

START = datetime(2026, 1, 1, tzinfo=UTC)
TARGET = Target("aws", "default", "eu-west-1", "ec2")
MACHINE = Resource(provider="aws", account="1", region="eu-west-1", service="ec2", resource_id="i-1")


class Panic(BaseException):
    """As an extension in Rust raises it."""


class Mute(Exception):
    """Cannot even say what it is."""

    def __str__(self) -> str:
        raise ValueError("no")


class Bare(Throttled):
    """One of ours by its class, without what belongs to it."""

    def __init__(self) -> None:
        pass


RAISED = (
    KeyError("BucketRegion"),
    EOFError("EOF when reading a line"),
    FileNotFoundError(2, "No such file", "/var/run/token"),
    json.JSONDecodeError("Expecting value", "", 0),
    ConnectionResetError("peer"),
    RecursionError("too deep"),
    MemoryError(),
    StopIteration(),
    StopAsyncIteration(),
    SystemExit(1),
    GeneratorExit(),
    Panic("index out of bounds"),
    Mute(),
    Bare(),
    Throttled("slow", "scope", float("nan")),
)
ids = [f"{type(error).__name__}-{index}" for index, error in enumerate(RAISED)]


def _raise(error: BaseException) -> Any:
    raise error


class Odd(Service):
    """Does what a test says."""

    provider, name, interval, delay, permissions = "aws", "ec2", timedelta(minutes=5), timedelta(0), ()
    collects: ClassVar[Callable[[Context], Any]]

    def collect(self, context: Context, target: Target, window: Window) -> Any:
        del target, window
        return type(self).collects(context)

    def estimate(self, window: Window, resources: int) -> Estimate:
        del window, resources
        return Estimate({}, None)


def _collect(monkeypatch: pytest.MonkeyPatch, collects: Callable[[Context], Any]) -> tuple[Collection, list[Batch]]:
    odd = type("Odd", (Odd,), {"collects": staticmethod(collects)})()
    monkeypatch.setattr("agents.core.collection.find", lambda *_: odd)
    settings = Settings.model_validate({"aws": {"regions": ["eu-west-1"]}})
    collection = Collection(Shared(settings), Run.start(TARGET, Window(START, START + timedelta(minutes=5)), 1, START))
    return collection, list(collection.batches())


def _at_once(error: BaseException) -> Callable[[Context], Any]:
    return lambda _: _raise(error)


def _in_the_middle(error: BaseException) -> Callable[[Context], Any]:
    def collects(_: Context) -> Iterator[Record]:
        yield MACHINE
        raise error

    return collects


def _of_an_iterator(error: BaseException) -> Callable[[Context], Any]:
    class Records:
        def __iter__(self) -> Iterator[Record]:
            return self

        def __next__(self) -> Record:
            raise error

        def close(self) -> None:
            raise Panic("closing")

    return lambda _: Records()


def _in_a_part(error: BaseException) -> Callable[[Context], Any]:
    def collects(context: Context) -> Iterator[Record]:
        with context.part("prices", of="instances"):
            _raise(error)
        yield MACHINE

    return collects


@pytest.mark.parametrize("place", [_at_once, _in_the_middle, _of_an_iterator, _in_a_part])
@pytest.mark.parametrize("raised", RAISED, ids=ids)
def test_whatever_a_service_raises_is_one_of_our_errors_and_can_be_reported(
    monkeypatch: pytest.MonkeyPatch, place: Callable[[BaseException], Any], raised: BaseException
) -> None:
    through = place is _in_a_part and isinstance(raised, GeneratorExit)
    ended = place is _of_an_iterator and isinstance(raised, StopIteration)
    try:
        collection, _ = _collect(monkeypatch, place(raised))
    except CollectionError as error:
        run = Run.start(TARGET, Window(START, START + timedelta(minutes=5)), 1, START)
        settings = Settings.model_validate({"aws": {"regions": ["eu-west-1"]}})
        report = Collection(Shared(settings), run).report(error)
        assert report.outcome in {Outcome.FAILED, Outcome.THROTTLED}
        assert report.error
    else:
        assert place is _in_a_part or ended
        assert through or ended or collection.report().partial


@pytest.mark.parametrize("junk", [None, {"resource": 1}, 3, "text"])
def test_what_is_no_record_is_an_error_and_never_left_out_in_silence(
    monkeypatch: pytest.MonkeyPatch, junk: object
) -> None:
    with pytest.raises(CollectionFailed, match="only records can be stored"):
        _collect(monkeypatch, lambda _: iter([MACHINE, junk]))


def test_a_consumer_that_wants_no_more_ends_the_service_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []

    def collects(_: Context) -> Iterator[Record]:
        try:
            while True:
                yield MACHINE
        finally:
            ended.append("in order")
            raise Panic("while it ends")

    odd = type("Odd", (Odd,), {"collects": staticmethod(collects)})()
    monkeypatch.setattr("agents.core.collection.find", lambda *_: odd)
    settings = Settings.model_validate({"aws": {"regions": ["eu-west-1"]}})
    run = Run.start(TARGET, Window(START, START + timedelta(minutes=5)), 1, START)
    records = Collection(Shared(settings), run)._records_of(TARGET, run.window)
    next(records)
    records.close()  # type: ignore[attr-defined] # a generator
    assert ended == ["in order"]


@pytest.mark.parametrize(
    ("raised", "kind", "text"),
    [
        (EOFError("EOF"), CollectionFailed, "use credentials that ask for nothing"),
        (ModuleNotFoundError("No module named 'boto3'"), CollectionFailed, "install what is missing on this worker"),
        (FileNotFoundError(2, "No such file", "/run/token"), CollectionFailed, "/run/token"),
        (TimeoutError("slow"), Unavailable, "TimeoutError: slow"),
        (Mute(), CollectionFailed, "Mute: no more can be said"),
    ],
)
def test_the_remedy_is_named_where_it_is_known(raised: BaseException, kind: type[CollectionError], text: str) -> None:
    assert type(ours(raised)) is kind
    assert text in str(ours(raised))
    run = Run.start(TARGET, Window(START, START + timedelta(minutes=5)), 1, START)
    assert text in not_begun(run, raised, START).error


def test_a_record_that_cannot_be_encoded_is_an_error_of_the_collection() -> None:
    batch = make_batch()
    batch.resources[0].attributes["thing"] = object()  # type: ignore[assignment] # as a service may have it
    with pytest.raises(CollectionFailed, match="cannot be stored"):
        encoded(batch)


class _Broken(Destination):
    label, longest = "broken", 1.0
    raised: BaseException = RuntimeError()

    def send(self, batch: Batch) -> str:
        del batch
        raise self.raised

    def takes(self, batch: Batch) -> bool:
        del batch
        raise self.raised

    def recovered(self) -> None:
        raise self.raised

    abort = close = recovered


class BareRetry(ForwardRetry):
    """Without its wait."""

    def __init__(self) -> None:
        pass


@pytest.mark.parametrize("raised", [*RAISED, BareRetry(), ForwardRetry("soon", float("nan"))])
def test_a_destination_may_raise_whatever_it_likes(raised: BaseException) -> None:
    broken = _Broken()
    broken.raised = raised
    guarded = Guarded(broken)
    with pytest.raises(Exception) as caught:  # noqa: PT011 - an Exception, and not only a BaseException
        guarded.send(make_batch())
    if isinstance(caught.value, ForwardRetry):
        assert caught.value.retry_after is None
    assert guarded.takes(make_batch()) is False
    guarded.recovered()
    guarded.abort()
    guarded.close()


def test_a_service_that_cannot_be_planned_or_made_ready_harms_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings.model_validate({"aws": {"regions": ["eu-west-1"], "services": ["ec2", "rds"]}})
    from agents.core.service import find  # noqa: PLC0415 - patched here

    monkeypatch.setattr(type(find("aws", "ec2")), "check_interval", lambda *_: _raise(KeyError("interval")))
    monkeypatch.setattr(type(find("aws", "rds")), "warm_up", lambda *_: _raise(Panic("no")))
    with caplog.at_level(logging.ERROR):
        assert set(plan_targets(settings)) == {("aws", "rds")}
        find("aws", "rds").warmed_up(Shared(settings))
    assert "aws/ec2 is left out" in caplog.text
    assert "aws/rds cannot be made ready" in caplog.text


def test_a_validator_that_fails_itself_is_a_fault_of_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    class Theirs(BaseModel):
        key: str

        @field_validator("key")
        @classmethod
        def _check(cls, value: str) -> str:
            raise KeyError(value)

    def validate(*_: Any, **__: Any) -> Settings:
        Theirs(key="canary-secret")
        raise AssertionError

    monkeypatch.setattr(Settings, "model_validate", validate)
    loads: list[Callable[[], Settings]] = [
        lambda: load_settings(environ={}),
        lambda: make_settings("aws", {}, "agent"),
    ]
    for load in loads:
        with pytest.raises(ConfigError) as caught:
            load()
        assert f"a check of {__name__} fails (KeyError)" in str(caught.value)
        assert "canary-secret" not in str(caught.value)


def test_nothing_asks_in_a_program_that_runs_by_itself() -> None:
    script = """
import getpass, subprocess, sys
from agents.core.unattended import never_ask
never_ask()
for ask in (getpass.getpass, input):
    try:
        ask("Enter MFA code: ")
    except EOFError as error:
        print(type(error).__name__)
print(subprocess.run([sys.executable, "-c", "import sys; print(repr(sys.stdin.read()))"], capture_output=True).stdout)
"""
    done = subprocess.run([sys.executable, "-c", script], input="123456\n", capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["EOFError", "Enter", "MFA", "code:", "EOFError", """b"''\\n\""""]
    assert getpass.getpass.__module__ == "getpass"
    assert os.fstat(0)
