"""A plugin of pytest that sees, of each test that needs no server, whether it looks at the real clock.

What looks at none passes at every hour, if it passes at one. tests/faults/test_any_hour.py tries the others at many:
`READERS` names them, and a test that comes to look at the clock and is not named fails.
"""

import ctypes
import functools
import gc
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any

import pytest

READERS = (
    *(
        f"tests/unit/test_{name}.py"
        for name in (
            *("aws_errors", "aws_sources", "azure_waits", "background", "calls", "circuit_breaker", "codec_hostile"),
            *("destinations", "disk_prices", "estimates", "foreign_errors", "gcp_credentials", "gcp_errors"),
            *("generic_collectors", "health_judge", "host_windows", "items", "local_processes", "local_view"),
            *("log_lines", "parts", "presence_thread", "private_files", "redact", "seeds", "settings_secrets"),
            *("standalone_spool", "stopping", "text"),
        )
    ),
    *(
        f"tests/conformance/test_services.py::{name}"
        for name in (
            "TestServices::test_reading_the_registry_loads_no_sdk_and_nothing_of_the_fleet",
            "test_agents_import_and_collect_where_there_is_no_fleet",
            "test_reading_the_registry_loads_no_sdk_and_nothing_of_the_fleet",
        )
    ),
)
"""Files and functions that look at the clock, if only for a line of the log; or start processes, which may."""

_NO_SERVER = ("tests/unit/", "tests/conformance/test_services.py")
_PROCESSES = frozenset({"subprocess.Popen", "os.fork", "os.posix_spawn"})
_READS = {"time": 0, "time_ns": 0, "gmtime": 0, "localtime": 0, "ctime": 0, "asctime": 0, "strftime": 1}
"""Functions of `time`, and with how many arguments each looks at the clock."""

looked: set[str] = set()
"""The tests that have looked at the clock in this process."""
named: set[str] = set()
"""Those of `READERS` that name them."""


class Watch:
    """What one test reads."""

    def __init__(self) -> None:
        self.reads: set[str] = set()
        # Servers of other tests look at the clock too, in threads that were there before.
        self._others = {thread.ident for thread in threading.enumerate()} - {threading.get_ident()}

    def note(self, what: str) -> None:
        """Keep what was read, unless by another test's server."""
        if threading.get_ident() not in self._others:
            self.reads.add(what)


_watch: Watch | None = None


def watched() -> Watch:
    """Of the test that runs."""
    assert _watch is not None
    return _watch


def _note(what: str) -> None:
    if _watch is None:
        return
    reader = str(sys._getframe(2).f_globals.get("__name__"))
    # It times its examples.
    if not reader.startswith("hypothesis."):
        _watch.note(f"{what} in {reader}")


@pytest.fixture(autouse=True)
def _readers_of_the_clock_are_known(request: pytest.FixtureRequest) -> Iterator[None]:
    global _watch  # noqa: PLW0603 - the audit hook of a process has no other way
    if not request.node.nodeid.startswith(_NO_SERVER):
        yield
        return
    _watch = watch = Watch()
    try:
        yield
    finally:
        _watch = None
    function = request.node.nodeid.partition("[")[0]
    file = function.partition("::")[0]
    entries = {file, function} & set(READERS)
    if watch.reads:
        looked.add(request.node.nodeid)
        named.update(entries)
        assert entries, f"looks at the real clock ({sorted(watch.reads)}): set it, or name {file} in {__name__}.READERS"


def _noting(name: str, real: Callable[..., Any], arguments: int) -> Callable[..., Any]:
    @functools.wraps(real)
    def noting(*args: Any) -> Any:
        if len(args) <= arguments:
            _note(f"time.{name}")
        return real(*args)

    return noting


def _watch_class(of: type, name: str) -> None:
    # The class is C's, and its attributes cannot be set; the dictionary behind them can.
    attributes = gc.get_referents(vars(of))[0]
    real = attributes[name]

    def noting(cls: type, *args: Any, **kwargs: Any) -> Any:
        _note(f"{of.__name__}.{name}")
        return real.__get__(None, cls)(*args, **kwargs)

    attributes[name] = classmethod(noting)
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(of))


def _hear(event: str, _arguments: tuple[Any, ...]) -> None:
    if _watch is not None and event in _PROCESSES:
        _watch.note(event)


for _name, _arguments in _READS.items():
    setattr(time, _name, _noting(_name, getattr(time, _name), _arguments))
for _class, _name in ((datetime, "now"), (datetime, "utcnow"), (date, "today")):
    _watch_class(_class, _name)
sys.addaudithook(_hear)
