"""A log line in each of the forms: one event, whatever is logged, of a bounded length, and nothing of it in Python."""

import json
import logging
import re
import sys
import threading
import uuid
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.errors import ConfigError, Denied
from telemetry.logs import FORMATS, Formatter, Levels, context, fields, levels_of, log_what_nobody_caught, write_to
from telemetry.logs.fields import NAMES, trace_of
from telemetry.logs.formats import MAX_LINE, _has
from telemetry.redact import MASK, redact, remember
from telemetry.target import Target, Window
from telemetry.text import shown
from tests.support.logs import parse

ROOT = Path(__file__).parents[2]
FORGED = '\n2026-01-01T00:00:00.000Z CRITICAL forged: x\n{"level": "CRITICAL"}\nlevel=CRITICAL "\\'
HOSTILE = f"\x1b]0;owned\x07\u202e\u2028\x00\ud800{FORGED}"
TARGET = Target("aws", "default", "us-east-1", "ec2")
WINDOW = Window.parse("2026-11-24T05:00:00Z/2026-11-24T05:05:00Z")
forms = pytest.mark.parametrize("form", FORMATS)


def _record(
    message: object = "said", *args: object, level: int = logging.INFO, error: bool = False, **extra: object
) -> logging.LogRecord:
    record = logging.LogRecord("agents.x", level, "", 0, message, args, sys.exc_info() if error else None)
    vars(record).update(extra)
    return record


_few_letters = st.text("ab.- ", max_size=6)


@given(_few_letters, _few_letters)
def test_what_a_message_says_is_a_name_of_its_own_in_it(message: str, value: str) -> None:
    found = re.search(rf"(?<![\w.]){re.escape(value)}(?![\w.])", message)
    assert _has(message, value) == (found is not None)


def test_no_value_costs_a_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    record = _record("%d %s", 3, "instances", **fields(event="collected", target=TARGET, window=WINDOW))
    monkeypatch.setattr(re, "compile", _fail)
    monkeypatch.setattr(re, "search", _fail)
    assert "instances" in Formatter("text").format(record)


def _fail(message: str) -> None:
    raise ValueError(message)


@forms
def test_a_line_has_its_fields(form: str) -> None:
    record = _record(
        "%d %s", 3, "instances", **fields(event="collected", target=TARGET, window=WINDOW, attempt=2, records=3)
    )
    (entry,) = parse(form, Formatter(form).format(record))
    assert (entry["level"], entry["logger"]) == ("INFO", "agents.x")
    assert entry["time"] == datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace(
        "+00:00", "Z"
    )
    if form == "text":
        assert entry["message"] == f"3 instances target={TARGET} window={WINDOW} attempt=2 records=3"
        return
    assert entry["message"] == "3 instances"
    told = {
        name: str(entry[name]) for name in ("event", "target", "window", "attempt", "provider", "service", "records")
    }
    assert told == {
        "event": "collected",
        "target": str(TARGET),
        "window": str(WINDOW),
        "attempt": "2",
        "provider": "aws",
        "service": "ec2",
        "records": "3",
    }
    assert entry["trace"] == trace_of(str(TARGET), str(WINDOW), 2)


@forms
def test_nothing_forges_a_line_or_steers_a_terminal(form: str) -> None:
    try:
        _fail(HOSTILE)
    except ValueError:
        record = _record(f"{HOSTILE} %s", HOSTILE, error=True, **fields(target=HOSTILE, queue=HOSTILE))
    record.name = f"agents{HOSTILE}"
    line = Formatter(form).format(record)
    assert len([entry for entry in line.split("\n") if not entry.startswith("  ")]) == 1
    assert line == shown(line, lines=True)
    line.encode()
    if form != "text":
        (entry,) = parse(form, line)
        assert entry["target"] == HOSTILE
        assert entry["level"] == "INFO"
        assert entry["traceback"].startswith("Traceback (most recent call last):\n")


@given(message=st.text(st.characters(exclude_categories=[])), value=st.text(st.characters(exclude_categories=[])))
def test_any_text_comes_back_as_it_was(message: str, value: str) -> None:
    record = _record("%s", message, **fields(queue=value))
    for form in ("json", "logfmt"):
        (entry,) = parse(form, Formatter(form).format(record))
        assert entry["message"] == redact(message)
        assert entry.get("queue", "") == redact(value)


@dataclass
class _Seen:
    count: int = 3
    names: tuple[str, ...] = ("a", "b")
    secret: str = field(default="canary", repr=False)


ODD = {
    "a time": (datetime(2026, 11, 24, 5, tzinfo=UTC), "2026-11-24T05:00:00Z"),
    "a span": (timedelta(minutes=2), "120 s"),
    "an amount": (Decimal("1E+2"), "100"),
    "an exact amount": (Decimal("0.10"), "0.10"),
    "bytes": (b"caf\xc3\xa9 \xff", "café \\xff"),
    "a tuple": (("a", Decimal("0.10")), "a, 0.10"),
    "a dictionary": ({"aws": 2, "gcp": b"x"}, "aws=2, gcp=x"),
    "a set": ({"a"}, "a"),
    "many": (list(range(30)), ", ".join(map(str, range(20))) + ", 10 more"),
    "a dataclass": (_Seen(), "count=3, names=a, b"),
    "an object": (object(), "object"),
    "nothing": (None, "none"),
    "an id": (uuid.UUID(int=0), "00000000-0000-0000-0000-000000000000"),
    "a target": (TARGET, "aws/default/us-east-1/ec2"),
    "a missing key": (KeyError("x"), "KeyError: x"),
    "a file": (FileNotFoundError(2, "No such file or directory", "/x"), "No such file or directory: /x"),
    "an error without words": (TimeoutError(), "TimeoutError"),
    "an error of ours": (Denied("not allowed", "ec2:X"), "not allowed"),
    "a path": (Path("/x"), "/x"),
}


@pytest.mark.parametrize("what", ODD)
def test_no_value_is_shown_as_python_writes_it(what: str) -> None:
    value, wanted = ODD[what]
    record = _record("%s!", value, **fields(until=value))
    if "object" not in what and not isinstance(value, str | uuid.UUID | Target | Path | type(None)):
        # As libraries log it.
        assert json.loads(Formatter("json").format(_record("%r!", value)))["message"] == f"{wanted}!"
    entry = json.loads(Formatter("json").format(record))
    assert entry["message"] == f"{wanted}!"
    assert entry.get("until", "none") == wanted


def test_a_line_whose_arguments_do_not_fit_is_not_lost() -> None:
    entry = json.loads(Formatter("json").format(_record("%d records of %s", "x")))
    assert entry["message"].startswith("%d records of %s (its arguments cannot be shown: ")


def test_a_number_is_shown_as_it_is_asked_for() -> None:
    assert json.loads(Formatter("json").format(_record("%d, %.1f", Decimal(3), Decimal("0.25"))))["message"] == "3, 0.2"


@forms
def test_a_line_is_bounded(form: str) -> None:
    try:
        _fail("\u202e" * 100_000)
    except ValueError:
        record = _record("\u202e" * 100_000, error=True)
    vars(record).update(fields(target="\x00" * 100_000, queue="\x00" * 100_000))
    line = Formatter(form).format(record)
    assert len(line.encode()) <= MAX_LINE
    parse(form, line)


def test_of_a_long_traceback_the_end_is_kept() -> None:
    try:
        exec("\n".join(f"def f{n}(): {'f' + str(n - 1) + '()' if n else '1 / 0'}" for n in range(200)) + "\nf199()", {})  # noqa: S102 - frames that differ, which Python does not fold
    except ZeroDivisionError:
        record = _record("failed", error=True)
    trace = json.loads(Formatter("json").format(record))["traceback"]
    assert trace.startswith("Traceback")
    assert trace.endswith("ZeroDivisionError: division by zero")


@forms
def test_a_secret_is_masked_in_every_part(form: str) -> None:
    remember("canary-of-the-logs")
    said = "canary-of-the-logs"
    line = Formatter(form).format(_record(f"{said} %s", said, **fields(target=said, code=said)))
    assert "canary" not in line
    assert line.count(MASK) >= 2


@pytest.mark.parametrize("form", ["json", "logfmt"])
def test_what_the_stream_has_no_characters_for_is_escaped_in_the_form(form: str) -> None:
    line = Formatter(form, "ascii").format(_record("Zürich 😀", **fields(queue="Zürich")))
    assert line.isascii()
    (entry,) = parse(form, line)
    assert (entry["message"], entry["queue"]) == ("Zürich 😀", "Zürich")


def test_the_context_is_that_of_the_block() -> None:
    def found(**extra: object) -> dict[str, object]:
        record = _record()
        vars(record).update(extra)
        entry: dict[str, object] = json.loads(Formatter("json").format(record))
        return {name: entry[name] for name in NAMES if name in entry}

    with context(queue="a", code="x"):
        with context(queue="b"):
            assert found() == {"queue": "b", "code": "x"}
            assert found(**fields(code="y")) == {"queue": "b", "code": "y"}
        assert found() == {"queue": "a", "code": "x"}
    assert found() == {}


@pytest.fixture
def _untouched() -> Iterator[None]:
    """What a process has once is put back."""
    root, names = logging.getLogger(), ("agents", "storage", "tasks", "telemetry", "workers", "finfleet")
    handlers, level, levels = root.handlers[:], root.level, {name: logging.getLogger(name).level for name in names}
    formatted = warnings.formatwarning
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    warnings.formatwarning = formatted
    for name, former in levels.items():
        logging.getLogger(name).setLevel(former)


class _Kept(logging.Handler):
    def __init__(self, form: str) -> None:
        super().__init__()
        self.setFormatter(Formatter(form))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


CHATTER = (
    "azure.core.pipeline.policies.http_logging_policy",
    "botocore",
    "google.auth",
    "kombu",
    "celery.worker",
    "urllib3",
)


@pytest.mark.usefixtures("_untouched")
@pytest.mark.parametrize(("sdk", "heard"), [("WARNING", ()), ("INFO", CHATTER)])
def test_chatter_of_sdks_is_heard_where_it_is_asked_for(sdk: str, heard: tuple[str, ...]) -> None:
    kept = _Kept("json")
    write_to(kept, Levels("json", "INFO", sdk))
    for name in (*CHATTER, "agents.aws"):
        logging.getLogger(name).info("said")
        logging.getLogger(name).debug("not said")
        logging.getLogger(name).warning("a warning")
    said = [json.loads(line) for line in kept.lines]
    assert [entry["logger"] for entry in said if entry["level"] == "INFO"] == [*heard, "agents.aws"]
    assert [entry["logger"] for entry in said if entry["level"] == "WARNING"] == [*CHATTER, "agents.aws"]


@pytest.mark.usefixtures("_untouched")
@forms
def test_a_warning_is_a_line(form: str) -> None:
    kept = _Kept(form)
    write_to(kept, Levels(form))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("of two\nlines", DeprecationWarning, stacklevel=1)
    (entry,) = parse(form, "\n".join(kept.lines))
    assert entry["logger"] == "py.warnings"
    assert "DeprecationWarning: of two lines" in entry["message"]


def test_variables_say_how_to_log() -> None:
    assert levels_of({}) == Levels("text", "WARNING", "WARNING")
    given = {"FINFLEET_LOG_FORMAT": "JSON", "FINFLEET_LOG_LEVEL": "debug", "FINFLEET_LOG_LEVEL_SDK": ""}
    assert levels_of(given, "INFO") == Levels("json", "DEBUG", "WARNING")
    with pytest.raises(ConfigError) as raised:
        levels_of({"FINFLEET_LOG_FORMAT": "xml", "FINFLEET_LOG_LEVEL_SDK": "loud"})
    assert raised.value.problems == (
        "FINFLEET_LOG_FORMAT: xml: use one of text, json, logfmt",
        "FINFLEET_LOG_LEVEL_SDK: loud: use one of DEBUG, INFO, WARNING, ERROR, CRITICAL",
    )


def _documented() -> str:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    return page.partition("## Logs\n")[2].partition("\n## ")[0]


def test_every_field_is_documented() -> None:
    names = (*NAMES, "time", "level", "logger", "message", "traceback")
    assert [name for name in names if f"`{name}`" not in _documented()] == []


def test_every_event_is_documented() -> None:
    packages = ("agents", "storage", "tasks", "telemetry", "workers")
    said = "".join(path.read_text(encoding="utf-8") for package in packages for path in (ROOT / package).rglob("*.py"))
    events = set(re.findall(r'\bevent="(\w+)"|self\._say\(\s*"(\w+)"', said))
    names = {name for pair in events for name in pair if name}
    assert len(names) > 20
    assert [name for name in sorted(names) if f"`{name}`" not in _documented()] == []


@pytest.mark.usefixtures("_untouched")
def test_what_nobody_catches_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = _Kept("json")
    write_to(kept, Levels("json"))
    for module, name in ((sys, "excepthook"), (threading, "excepthook")):
        monkeypatch.setattr(module, name, getattr(module, name))
    log_what_nobody_caught()
    error = KeyError("x")
    sys.excepthook(KeyError, error, None)
    thread = threading.Thread(name="a thread")
    threading.excepthook(threading.ExceptHookArgs((KeyError, error, None, thread)))
    threading.excepthook(threading.ExceptHookArgs((SystemExit, SystemExit(), None, thread)))
    said = [json.loads(line) for line in kept.lines]
    assert [(entry["event"], entry["message"]) for entry in said] == [
        ("uncaught", "the process ends: KeyError: x"),
        ("uncaught", "the thread a thread ends: KeyError: x"),
    ]
    assert all("KeyError" in entry["traceback"] for entry in said)
