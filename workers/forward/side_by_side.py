"""Several destinations in one process: a forwarder each, which shares nothing with the others but the stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from workers.forward.forwarder import Forwarder
from workers.forward.sender import Totals

_SILENT = 120.0
"""Seconds without a beat of one forwarder after which the process gives no sign of life for the others either."""


class Beats:
    """The sign of life of a process that is as alive as the quietest of its forwarders."""

    def __init__(self, names: Sequence[str], give: Callable[[], None]) -> None:
        """Count each as alive from now on; ``give`` is called for all of them."""
        self._give = give
        self._last = dict.fromkeys(names, time.monotonic())
        self._lock = threading.Lock()

    def of(self, name: str) -> Callable[[], None]:
        """What one forwarder calls."""

        def beat() -> None:
            now = time.monotonic()
            with self._lock:
                self._last[name] = now
                quietest = min(self._last.values())
            if now - quietest < _SILENT:
                self._give()

        return beat


def run_side_by_side(forwarders: Sequence[Forwarder], stop: threading.Event) -> dict[str, Totals]:
    """Run each in a thread until ``stop`` is set; what each has done, by name.

    A forwarder that ends by a fault ends all, and the fault is raised: whoever supervises the process starts it again.
    """
    faults: list[BaseException] = []

    def run(forwarder: Forwarder) -> None:
        try:
            forwarder.run()
        except BaseException as error:  # noqa: BLE001 - raised again below, in the thread of the caller
            faults.append(error)
            stop.set()

    threads = [threading.Thread(target=run, args=[one], name=f"forward {one.name}") for one in forwarders]
    for thread in threads:
        thread.start()
    stop.wait()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    return {forwarder.name: forwarder.totals for forwarder in forwarders}
