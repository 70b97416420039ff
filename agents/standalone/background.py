"""Collection in the background: again and again in a thread, for agents that a script uses."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping

from agents.core.reading import Rows
from telemetry.errors import CollectionError
from telemetry.redact import redact

logger = logging.getLogger(__name__)


class Background:
    """Collects again and again in a thread of its own, until it is stopped."""

    def __init__(self, name: str, collectors: Mapping[str, Callable[[], Rows]]) -> None:
        """``collectors`` by the name that their results are kept under."""
        self._name = name
        self._collectors = collectors
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._latest: dict[str, Rows] = {}

    def start(self, interval: float, on_collected: Callable[[str, Rows], None] | None = None) -> None:
        """Begin at once, then every ``interval`` seconds; RuntimeError where it runs already."""
        if not interval > 0:
            raise ValueError(f"interval_seconds: {interval}: more than 0 seconds are needed")
        with self._lock:
            if self._thread is not None:
                raise RuntimeError("it is collecting already: call stop_collection() first")
            self._stopping = threading.Event()
            arguments = (interval, on_collected, self._stopping)
            self._thread = threading.Thread(target=self._run, args=arguments, name=self._name, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End after the collector that is at work; returns when it has ended. Harmless where nothing runs."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._stopping.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    @property
    def latest(self) -> dict[str, Rows]:
        """The last good results of each collector."""
        with self._lock:
            return dict(self._latest)

    def _run(
        self, interval: float, on_collected: Callable[[str, Rows], None] | None, stopping: threading.Event
    ) -> None:
        while not stopping.is_set():
            for name, rows in self._collect(stopping):
                with self._lock:
                    self._latest[name] = rows
                if on_collected is not None:
                    _hand_over(on_collected, name, rows)
            stopping.wait(interval)

    def _collect(self, stopping: threading.Event) -> Iterator[tuple[str, Rows]]:
        """Each in turn: one that fails says so and harms no other."""
        for name, collector in self._collectors.items():
            if stopping.is_set():
                return
            try:
                rows = collector()
            except CollectionError as error:
                logger.warning("%s: %s", name, redact(str(error)))
            except Exception:
                logger.exception("%s: a fault", name)
            else:
                yield name, rows


def _hand_over(on_collected: Callable[[str, Rows], None], name: str, rows: Rows) -> None:
    try:
        on_collected(name, rows)
    except Exception:  # of the caller's own code: the collection goes on
        logger.exception("%s: on_collected failed", name)


class InBackground:
    """What the agents of the clouds have in common."""

    #: Set by the agent, with what it collects so.
    _background: Background

    def start_collection(
        self, interval_seconds: float = 300, *, on_collected: Callable[[str, Rows], None] | None = None
    ) -> None:
        """Collect metrics now and every ``interval_seconds``, in a background thread; returns at once.

        Bills are not among them: they change a few times a day, and each look at one is billed, or counted against a
        small quota. The last results are in :attr:`latest`; ``on_collected(service, rows)`` is called with each. What
        fails is logged, and tried again the next time. RuntimeError where it is collecting already.
        """
        self._background.start(interval_seconds, on_collected)

    def stop_collection(self) -> None:
        """End the background collection; returns when it has ended. Harmless where there is none."""
        self._background.stop()

    @property
    def latest(self) -> dict[str, Rows]:
        """What the background collection found last, by service."""
        return self._background.latest
