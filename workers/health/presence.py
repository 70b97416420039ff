"""Tells the fleet that this process lives, so that ``finfleet status`` can list it, on whatever machine it runs.

A thread of its own gives a sign every few seconds: into the database where the process has one, else over the broker,
for the ingest to write down. Nothing that goes wrong with it harms the process.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

import msgspec

from storage import processes
from storage.database import Database
from tasks.results import PROCESSES, open_carrier
from telemetry.broker import Address
from telemetry.presence import Sign, fitting, wrap
from workers.health.heartbeat import PULSE

logger = logging.getLogger(__name__)

EVERY = 10.0
"""Seconds between two signs."""
RELAYED_EVERY = 2.0
"""Seconds between two of an ingest, which has those of others to write down."""
SILENT_AFTER = 35.0
"""Seconds after which a process that has said nothing is taken for dead: three signs, and a little."""
_AGAIN = 2.0
_STUCK_AFTER = 180.0
_LAST_WORD = 1.0
_MOST_WAITING = 1000
_MOST_RELAYED = 5000

Tell = Callable[[Sign], None]


class Presence:
    """The signs of one process. Start it, and say in the end whether the process was told to stop."""

    def __init__(self, role: str, queues: Sequence[str], tell: Tell, *, every: float = EVERY, threads: int = 0) -> None:
        """Give no sign yet; ``tell`` is called by a thread, and may raise whatever it likes."""
        self._sign = fitting(
            Sign(
                process_id=uuid.uuid4(),
                role=role,
                queues=tuple(queues),
                host=socket.gethostname(),
                machine=this_machine(),
                pid=os.getpid(),
                version=version("finfleet"),
                started_at=time.time(),
                threads=threads,
            )
        )
        self._tell = tell
        self._every = every
        self._ended = threading.Event()
        # One sign at a time: none may come after the last word.
        self._telling = threading.Lock()
        self._troubled = False

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._run, name="presence", daemon=True).start()

    def stopped(self) -> None:
        """The process ends, and was told to: whoever looks need not miss it. Takes a second at most."""
        if self._ended.is_set():
            return
        self._ended.set()
        last = threading.Thread(target=self._say_goodbye, name="last word", daemon=True)
        last.start()
        last.join(_LAST_WORD)

    def failed(self) -> None:
        """The process ends by an error: it says no more, and is missed."""
        self._ended.set()

    def _run(self) -> None:
        pause = 0.0
        while not self._ended.wait(pause):
            pause = self._every if self._give() else _AGAIN

    def _give(self) -> bool:
        try:
            with self._telling:
                if not self._ended.is_set():
                    self._tell(msgspec.structs.replace(self._sign, trouble=_trouble()))
        except Exception as error:  # noqa: BLE001 - whatever it is, the process does its work
            if not self._troubled:
                logger.info("no sign of life for `finfleet status` can be given, it is tried again: %s", error)
            self._troubled = True
        else:
            self._troubled = False
        return not self._troubled

    def _say_goodbye(self) -> None:
        with suppress(Exception), self._telling:
            self._tell(msgspec.structs.replace(self._sign, stopped=True))


@cache
def this_machine() -> str:
    """Within which a pid means something: this boot of the kernel, and our part of it; empty where nobody can tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def _trouble() -> str:
    if PULSE.why:
        return PULSE.why
    idle = time.monotonic() - PULSE.given_at
    return f"it has done nothing for {idle:.0f} s, and has not looked for work either" if idle > _STUCK_AFTER else ""


class Relay:
    """Signs that came over the broker, until they are written down together. Any number of threads may add some."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._lock = threading.Lock()
        self._signs: dict[uuid.UUID, Sign] = {}

    def add(self, sign: Sign) -> None:
        """The newest of each process is kept; of too many processes, none that is new."""
        with self._lock:
            if sign.process_id in self._signs or len(self._signs) < _MOST_RELAYED:
                self._signs[sign.process_id] = sign

    def take(self) -> list[Sign]:
        """Those that have come since the last time."""
        with self._lock:
            taken, self._signs = self._signs, {}
        return list(taken.values())


def by_database(database: Database, relay: Relay | None = None) -> Tell:
    """Into the database, with what others have said over the broker. What is lost comes again."""

    def tell(sign: Sign) -> None:
        with database.connection() as connection:
            database.clock.now(connection)
            own = msgspec.structs.replace(sign, trouble=sign.trouble or database.clock.trouble)
            processes.tell(connection, [own, *(relay.take() if relay else ())])

    return tell


class ByBroker:
    """Over the broker, unless nobody has taken the former ones. One thread uses it at a time."""

    def __init__(self, address: Address) -> None:
        """Connect to nothing yet."""
        self._carrier = open_carrier(address, PROCESSES)
        self._publisher = self._carrier.publisher()

    def __call__(self, sign: Sign) -> None:
        """Publish it."""
        if self._carrier.depth().messages < _MOST_WAITING:
            self._publisher.publish(wrap(sign), message_id=f"process/{sign.process_id}")

    def close(self) -> None:
        """Let go of the connections."""
        self._publisher.close()
        self._carrier.close()


@contextmanager
def present(role: str, tell: Tell, *, every: float = EVERY) -> Iterator[None]:
    """Give signs while the block runs. One that ends by an error has died, and is missed."""
    presence = Presence(role, (), tell, every=every)
    presence.start()
    try:
        yield
    except BaseException:
        presence.failed()
        raise
    presence.stopped()
