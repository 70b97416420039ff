"""up.json while the stack is ready: brought up to date at each change, and again as soon as it can be written."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from telemetry.redact import redact
from workers.local.files import StateFiles

logger = logging.getLogger(__name__)


class UpReport:
    """Writes the file, from any thread. Nothing that goes wrong with it harms what it tells of."""

    def __init__(
        self, files: StateFiles, describe: Callable[[datetime], Mapping[str, Any]], say: Callable[[str], None]
    ) -> None:
        """``describe`` gives what is written, of a stack that is ready since then; ``say`` takes lines for people."""
        self._files = files
        self._describe = describe
        self._say = say
        self._lock = threading.Lock()
        self._fault = ""
        #: Since when all is ready; None before, and from the stop on.
        self.ready_at: datetime | None = None

    def publish(self, ready_at: datetime) -> None:
        """All is ready."""
        self.ready_at = ready_at
        self.update()

    def update(self) -> None:
        """Bring it up to date; say so, once for the same reason, where that fails."""
        with self._lock:
            if self.ready_at is None:
                return
            former = self._fault
            try:
                self._files.write_report(self._describe(self.ready_at))
            except Exception as error:  # noqa: BLE001 - whatever it is, the processes are kept
                self._fault = f"{self._files.report} cannot be written ({error}): it is tried again"
            else:
                self._fault = ""
            fault = self._fault
        if fault and fault != former:
            self._tell(fault)

    def catch_up(self) -> None:
        """Write what could not be written."""
        if self._fault:
            self.update()

    def remove(self) -> None:
        """The stack is to stop."""
        with self._lock:
            self.ready_at = None
            try:
                self._files.remove_report()
            except OSError as error:
                fault = f"{self._files.report} cannot be removed: {error}"
            else:
                return
        self._tell(fault)

    def _tell(self, line: str) -> None:
        try:
            self._say(redact(line))
        except (Exception, SystemExit):  # the log is left to tell it
            logger.exception("saying: %s", line)
