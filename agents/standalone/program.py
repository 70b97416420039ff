"""An agent as a program of its own: collects one provider and forwards to one destination, without broker or database.

``python -m agents.aws_telemetry_agent`` and its sisters call :func:`run`. What it does not take waits on disk.

Exit status: 0 done; 1 ``--once``, and a collection failed; 69 ``--once``, and the destination did not take everything,
which waits in the spool; 78 the configuration has faults.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Self

import click

from agents.core.destination import open_destination
from agents.core.unattended import never_ask
from agents.standalone.agent import make_shared
from agents.standalone.collecting import Collecting
from agents.standalone.sending import Sending
from agents.standalone.settings import program_settings, targets
from agents.standalone.spool import Spool
from telemetry.errors import ConfigError
from telemetry.logs import levels_of, set_up
from telemetry.settings import Settings
from telemetry.stopping import set_from_handler
from telemetry.terminal import complain, guard, run_to_end, show_usage

logger = logging.getLogger(__name__)

EX_UNAVAILABLE = 69
EX_CONFIG = 78
_GRACE = 20.0
"""Seconds that a collection which is under way has for its end, when the program is told to stop."""


def run(agent_name: str, provider: str) -> None:
    """Be the program ``agent_name`` for one provider, by the words of the command line; ends the process."""

    @click.command(name=agent_name, context_settings={"help_option_names": ["-h", "--help"]})
    @click.option("--once", is_flag=True, help="Collect the last window of every target, forward it, and exit.")
    @click.option(
        "--interval", envvar="COLLECTION_INTERVAL", help="Length of a window: 300, 5m, 1h [default: as configured]."
    )
    @click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="FINFLEET_CONFIG",
        help="Configuration file [default: config/telemetry.yaml; without a file, environment variables].",
    )
    @click.option(
        "--spool",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="FINFLEET_SPOOL",
        default=Path(".finfleet") / "spool",
        show_default=True,
        help="Directory where batches wait while the destination cannot be reached.",
    )
    @click.option(
        "--spool-mb",
        type=click.IntRange(min=1),
        envvar="FINFLEET_SPOOL_MB",
        default=256,
        show_default=True,
        help="Maximum size of the spool, in MiB.",
    )
    @click.option("-v", "--verbose", is_flag=True, help="Log a line for each collection to standard error.")
    def command(
        *, once: bool, interval: str | None, config: Path | None, spool: Path, spool_mb: int, verbose: bool
    ) -> int:
        _log(verbose)
        never_ask()
        settings = program_settings(provider, config, interval, os.environ)
        with _Program(settings, provider, Spool(spool / provider, spool_mb * 1024 * 1024)) as program:
            return program.once() if once else program.run(stop_on_signals())

    command.help = f"Collect {provider} and forward the records. Runs until SIGTERM or Ctrl-C."
    guard()
    sys.exit(run_to_end(agent_name, partial(_run, command, agent_name)))


def _run(command: click.Command, agent_name: str) -> object:
    try:
        return command.main(standalone_mode=False)
    except click.exceptions.Abort:
        return 130
    except click.ClickException as error:
        return show_usage(error)
    except ConfigError as error:
        complain(f"{agent_name}: {error}")
        return EX_CONFIG


class _Program:
    """Collects in one thread, and sends in another."""

    def __init__(self, settings: Settings, provider: str, spool: Spool) -> None:
        self._spool = spool
        self._broken = False
        (name,) = settings.destinations  # program_settings sees to it
        self._destination = open_destination(name, settings.known_destinations[name])
        self._sending = Sending(spool, self._destination)
        # Beside the spool: what may be written there is known.
        shared = make_shared(settings, price_cache=spool.directory / "prices")
        self._collecting = Collecting(shared, targets(settings, provider), spool)

    def once(self) -> int:
        failures = self._collecting.once()
        wait = self._sending.drain()
        if wait is not None:
            return EX_UNAVAILABLE
        return 1 if failures or self._sending.rejected else 0

    def run(self, stop: threading.Event) -> int:
        sender = threading.Thread(target=self._guard, args=[self._sending.run, stop], name="sending", daemon=True)
        work = partial(self._collect, stop)
        collector = threading.Thread(target=self._guard, args=[work, stop], name="collecting", daemon=True)
        sender.start()
        collector.start()
        stop.wait()
        collector.join(_GRACE)
        self._sending.stop()
        sender.join(_GRACE)
        if len(self._spool):
            logger.info("%d batches wait in %s for the next start", len(self._spool), self._spool.directory)
        return 1 if self._broken else 0

    def _guard(self, work: Callable[[], None], stop: threading.Event) -> None:
        """A thread that ends by a fault ends the program, so that whoever supervises it starts it again."""
        try:
            work()
        except BaseException:
            logger.exception("%s ends by a fault", threading.current_thread().name)
            self._broken = True
            stop.set()

    def _collect(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                self._collecting.due()
            except OSError as error:
                logger.error("the spool cannot be written, so nothing is collected: %s", error)  # noqa: TRY400 - a disk that is full needs no traceback
            except Exception:
                logger.exception("a round of collection failed: the next one comes")
            stop.wait(max(0.1, self._collecting.next_due()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._destination.close()
        self._spool.close()


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set; a second one of them ends the process at once."""
    stop = threading.Event()

    def handle(number: int, _frame: object) -> None:
        if stop.is_set():
            os._exit(128 + number)
        set_from_handler(stop)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)
    return stop


def _log(verbose: bool) -> None:
    if not logging.getLogger().handlers:
        set_up(levels_of(default="INFO" if verbose else "WARNING"))
