"""Prometheus metrics: one registry for each process, and the page that shows it.

Labels are bounded: providers, services, APIs and states, never a resource, an account or an address.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any, TypeVar

import click
from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR, CollectorRegistry, Info
from prometheus_client import start_http_server as _serve

from telemetry.errors import ConfigError

logger = logging.getLogger(__name__)

REGISTRY = CollectorRegistry(auto_describe=True)
"""What this process shows."""
for _collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
    REGISTRY.register(_collector)
BUILD = Info("finfleet_build", "Release and role of this process", registry=REGISTRY)

OTHER = "other"
_MOST_VALUES = 200

F = TypeVar("F", bound=Callable[..., Any])


class Bounded:
    """Values of a label that come from messages: the first 200 are kept apart, the rest is counted as ``other``."""

    def __init__(self, most: int = _MOST_VALUES) -> None:
        """Know none yet."""
        self._most = most
        self._known: set[tuple[str, ...]] = set()

    def __call__(self, *values: str) -> tuple[str, ...]:
        """The values of the labels as they may be used."""
        if values not in self._known:
            if len(self._known) >= self._most:
                return (OTHER,) * len(values)
            self._known.add(values)
        return values


def metrics_options(command: F) -> F:
    """Give a command ``--metrics-port`` and ``--metrics-address``."""
    port = click.option(
        "--metrics-port",
        type=click.IntRange(0, 65535),
        default=0,
        envvar="FINFLEET_METRICS_PORT",
        show_envvar=True,
        help="Port for Prometheus metrics; 0 turns them off.",
    )
    address = click.option(
        "--metrics-address",
        default="127.0.0.1",
        show_default=True,
        envvar="FINFLEET_METRICS_ADDRESS",
        show_envvar=True,
        help="Address for Prometheus metrics.",
    )
    return port(address(command))


@contextmanager
def serve(role: str, port: int, address: str) -> Iterator[None]:
    """Show the metrics of this process while the block runs; ConfigError where the port cannot be had."""
    BUILD.info({"version": version("finfleet"), "role": role})
    if not port:
        yield
        return
    try:
        server, thread = _serve(port, address, REGISTRY)
    except OSError as error:
        raise ConfigError(
            "FINFLEET_METRICS_PORT", (f"{address}:{port}: metrics cannot be shown there: {error.strerror}",)
        ) from None
    logger.info("metrics: http://%s:%d/metrics", address, port)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
