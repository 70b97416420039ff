"""The generic agent of OpenFinOps's API: collector functions of your own, and where their numbers go.

As a program, ``python -m agents.generic_telemetry_agent`` collects this machine and the polled sources of the
configuration, and forwards to OpenFinOps: see agents.standalone.program.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import SecretStr

from agents.core.context import utc_now
from agents.core.reading import Rows
from agents.destinations.openfinops.client import OpenFinOpsClient
from agents.generic.collectors import Collector, Collectors, Metrics
from agents.generic.metrics import push_message
from agents.standalone.background import Background
from agents.standalone.destinations import FLEET, forward, send
from telemetry.closest import did_you_mean
from telemetry.errors import CollectionFailed, ConfigError
from telemetry.redact import remember
from telemetry.settings.loading import expand
from telemetry.target import PART


class GenericTelemetryAgent:
    """Calls your functions, and sends what they return to OpenFinOps, or through the fleet into Postgres.

    An agent may be shared between threads; close it when done.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        api_key: str | None = None,
        *,
        source: str = "generic-agent",
        timeout: float = 30.0,
        ca_file: str | None = None,
        allow_plaintext: bool = False,
    ) -> None:
        """Reach nothing yet; ConfigError where an argument cannot be right.

        ``endpoint`` and ``api_key`` are OpenFinOps's; a literal ``${NAME}`` is replaced by the environment variable of
        that name. ``source`` is what the numbers are kept under; for the destinations ``queue`` and ``postgres`` the
        configuration has to name it among ``generic.sources``. ``timeout``: seconds that a collector, and a part of an
        answer of OpenFinOps's, may take. ``ca_file`` holds the certificates to trust, and ``allow_plaintext`` lets the
        key travel in the open.
        """
        if not PART.fullmatch(source):
            raise ConfigError(type(self).__name__, (f"source: {source!r}: letters, digits and . _ : - only",))
        if not timeout > 0:
            raise ConfigError(type(self).__name__, (f"timeout: {timeout}: more than 0 seconds",))
        key = expand(api_key) if api_key else ""
        remember(key)
        self.source = source
        self._client = endpoint and OpenFinOpsClient(
            expand(endpoint), SecretStr(key) if key else None, timeout, ca_file, allow_plaintext=allow_plaintext
        )
        self._collectors = Collectors(timeout)
        self._failures: dict[str, str] = {}
        self._background: Background | None = None

    def register_metric_collector(self, name: str, collector_func: Collector) -> None:
        """Have ``collector_func()`` called under ``name``: it returns a dictionary of numbers by name.

        Texts and flags in it describe what is measured; ``timestamp``, a datetime, is when; None and nan are not known.
        A second one of the same name takes the place of the first.
        """
        self._collectors.register(name, collector_func)

    def collect_metrics(self, source_name: str | None = None) -> dict[str, Any]:
        """What the collectors return: all of them at the same time, by name; or the dictionary of the one named.

        A collector that raises, hangs, or returns something else is logged, is in :attr:`failures`, and is left out;
        where it is the one that was asked for: CollectionFailed. LookupError where there is none of that name.
        """
        if source_name is None:
            results, self._failures = self._collectors.run(self._collectors.names)
            return dict(results)
        return dict(self._collect(source_name))

    @property
    def failures(self) -> dict[str, str]:
        """Why collectors were left out of the last ``collect_metrics()``, by name."""
        return dict(self._failures)

    def push_metrics(
        self, metrics: Mapping[str, Any] | Sequence[Mapping[str, Any]], destination: str = "openfinops"
    ) -> None:
        """Send a dictionary of numbers, or what ``collect_metrics`` returned; returns when they are safe there.

        Args:
            metrics: numbers by name; or such dictionaries by the name of what they are of; or a list of either.
            destination: ``openfinops``; ``queue``, the fleet's results queue; ``postgres``, its database.

        Raises:
            MessageError: a value cannot be stored; it is named.
            ForwardError: OpenFinOps did not take it: later (ForwardRetry), or never will (ForwardRejected).
            PublishRefused: the broker did not take it.
            FinfleetError: the database did not take it.
            ConfigError: there is no such destination, or what it needs is not configured or not installed.
        """
        if destination != "openfinops" and destination not in FLEET:
            known = did_you_mean(destination, ["openfinops", *FLEET])
            raise ConfigError(type(self).__name__, (f"destination: {destination!r}: {known}",))
        body = push_message(self.source, metrics, utc_now())
        if destination in FLEET:
            send(destination, body)
        elif not self._client:
            raise ConfigError(type(self).__name__, ("endpoint: None: name OpenFinOps's address",))
        else:
            forward(self._client, body, self.source)

    def start_collection(
        self, interval_seconds: float = 300, *, on_collected: Callable[[str, Rows], None] | None = None
    ) -> None:
        """Call all collectors now and every ``interval_seconds``, in a background thread; returns at once.

        The last results are in :attr:`latest`; ``on_collected(name, [metrics])`` is called with each, and may push
        them. What fails is logged, and tried again the next time. RuntimeError where it is collecting already.
        """
        if self._background is None:
            collectors = {name: self._rows_of(name) for name in self._collectors.names}
            self._background = Background("generic-telemetry-agent", collectors)
        self._background.start(interval_seconds, on_collected)

    def stop_collection(self) -> None:
        """End the background collection; returns when it has ended. Harmless where there is none."""
        background, self._background = self._background, None
        if background is not None:
            background.stop()

    @property
    def latest(self) -> dict[str, Rows]:
        """What the background collection found last, by collector."""
        return {} if self._background is None else self._background.latest

    def close(self) -> None:
        """Stop collecting, and close the connections."""
        self.stop_collection()
        if self._client:
            self._client.close()

    def _collect(self, name: str) -> Metrics:
        if name not in self._collectors.names:
            known = did_you_mean(name, self._collectors.names)
            raise LookupError(f"no collector is registered as {name!r}; {known}")
        results, failures = self._collectors.run([name])
        if name in failures:
            raise CollectionFailed(f"collector {name}: {failures[name]}")
        return results[name]

    def _rows_of(self, name: str) -> Callable[[], Rows]:
        return lambda: [dict(self._collect(name))]


def main() -> None:
    """Collect this machine and the polled sources of the configuration until SIGTERM or SIGINT."""
    from agents.standalone.program import run  # noqa: PLC0415 - a script that imports the class is no program

    run("generic-telemetry-agent", "generic")


if __name__ == "__main__":
    main()
