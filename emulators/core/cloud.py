"""What a local cloud is: it starts and stops, counts its calls, and takes faults."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Any, ClassVar, Generic, Self, TypeVar

from emulators.core.calls import C, CallLog
from emulators.core.control import ControlPages
from emulators.core.faults import Faults
from emulators.core.rewrites import Rewrites

HOST = "127.0.0.1"

F = TypeVar("F", bound=Faults[Any, Any, Any])
T = TypeVar("T")


class LocalCloud(ABC, Generic[C, F]):
    """A cloud on 127.0.0.1, for use as a context manager. A cloud adds its stores, services and addresses.

    `clock` gives the time in epoch seconds by which what it holds becomes visible.
    """

    name: ClassVar[str]

    def __init__(self, log: CallLog[C], faults: F, clock: Callable[[], float] = time.time) -> None:
        self.log = log
        self.faults = faults
        self.clock = clock
        self.rewrites = Rewrites()
        self.control = ControlPages(log, faults)
        self._opened: ExitStack | None = None

    @abstractmethod
    def open(self, stack: ExitStack) -> None:
        """Bind and serve; `stack` takes what is to be done at the end, in reverse."""

    @property
    @abstractmethod
    def addresses(self) -> str:
        """Where it listens, in words."""

    def start(self) -> Self:
        """Bind and serve; returns once connections are accepted.

        Raises:
            OSError: a port is taken.
        """
        with ExitStack() as stack:
            self.open(stack)
            self._opened = stack.pop_all()
        return self

    def stop(self) -> None:
        """Stop serving and free the ports. Harmless when it is stopped already."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def records(self) -> list[C]:
        """Every request, one by one."""
        return self.log.records()

    def reset_calls(self) -> None:
        """Forget the requests so far."""
        self.log.reset()

    def inject(self, kind: str, **settings: Any) -> None:
        """Put a fault in force; see the cloud's `Fault` for kinds and settings.

        Raises:
            ValueError: an unknown kind or setting, or a value that is not allowed.
        """
        self.faults.inject(kind, **settings)

    def started(self, part: T | None) -> T:
        """A part that is there once it is started.

        Raises:
            RuntimeError: it is not started.
        """
        if self._opened is None or part is None:
            raise RuntimeError(f"the local {self.name} is not started: use it as a context manager, or call start()")
        return part


def not_bound(port: int, why: str) -> OSError:
    """The error of a port that cannot be had."""
    return OSError(f"{HOST}:{port} cannot be listened on: {why}")
