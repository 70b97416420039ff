"""An event that is set from within a handler of signals."""

from __future__ import annotations

import _thread
import threading


def set_from_handler(event: threading.Event) -> None:
    """Set ``event``, from a thread of its own.

    A handler runs between two instructions of the main thread. Where that one is in ``event.wait()``, it may hold the
    event's lock: the handler would wait for it, and so for itself, for ever.
    """
    _thread.start_new_thread(event.set, ())
