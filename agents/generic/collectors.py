"""Runs collector functions side by side: one that raises or hangs is told of, and harms no other."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from telemetry.redact import redact

logger = logging.getLogger(__name__)

Metrics = Mapping[str, Any]
Collector = Callable[[], Metrics]


@dataclass
class _Call:
    """One call of one collector, in a thread of its own."""

    collector: Collector
    result: Metrics | None = None
    fault: str = ""
    thread: threading.Thread | None = None
    done: threading.Event = field(default_factory=threading.Event)

    def start(self, name: str) -> None:
        # A daemon: a collector that hangs must not keep the program from ending.
        self.thread = threading.Thread(target=self._run, name=f"collector-{name}", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            result: object = self.collector()
            if isinstance(result, Mapping):
                self.result = result
            else:
                self.fault = f"it returned {type(result).__name__}: return a dictionary of numbers by name"
        except Exception as error:  # noqa: BLE001 - of the caller's own code, whatever it may be
            self.fault = redact(f"{type(error).__name__}: {error}")
        finally:
            self.done.set()


class Collectors:
    """Collector functions by name. May be shared between threads."""

    def __init__(self, timeout: float) -> None:
        """``timeout``: seconds that one call may take."""
        self._timeout = timeout
        self._known: dict[str, Collector] = {}
        self._hanging: dict[str, _Call] = {}
        self._lock = threading.Lock()

    def register(self, name: str, collector: Collector) -> None:
        """Add one, or put it into the place of the one that had the name."""
        if not name:
            raise ValueError("name: '': a collector needs a name")
        if not callable(collector):
            raise TypeError(f"collector_func: {collector!r}: a function without arguments that returns a dictionary")
        with self._lock:
            self._known[name] = collector

    @property
    def names(self) -> tuple[str, ...]:
        """In the order in which they were registered."""
        with self._lock:
            return tuple(self._known)

    def run(self, names: Iterable[str]) -> tuple[dict[str, Metrics], dict[str, str]]:
        """Call these at the same time: what each returned, and why the others did not."""
        started: dict[str, _Call] = {}
        faults: dict[str, str] = {}
        for name in names:
            call = self._start(name)
            if call is None:
                faults[name] = "its last call has not ended yet: give it a time-out of its own"
            else:
                started[name] = call
        deadline = time.monotonic() + self._timeout
        results: dict[str, Metrics] = {}
        for name, call in started.items():
            if not call.done.wait(max(0.0, deadline - time.monotonic())):
                faults[name] = f"no answer within {self._timeout:g} s: give it a time-out of its own"
            elif call.result is None:
                faults[name] = call.fault
            else:
                results[name] = call.result
        for name, fault in faults.items():
            logger.warning("collector %s: %s", name, fault)
        return results, faults

    def _start(self, name: str) -> _Call | None:
        """A new call; None where the last one still hangs: each further thread would hang too."""
        with self._lock:
            former = self._hanging.get(name)
            if former is not None and not former.done.is_set():
                return None
            call = self._hanging[name] = _Call(self._known[name])
        call.start(name)
        return call
