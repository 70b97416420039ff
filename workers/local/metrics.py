"""Where the processes of `finfleet up` show their Prometheus metrics: a port of loopback each, the same at each start.

``STATE/prometheus.json`` lists them as a Prometheus on this machine reads them (``file_sd_configs``).
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Collection, Iterator
from itertools import count

from workers.embedded.ports import LOOPBACK, free_port, taken
from workers.embedded.state import write_private
from workers.local.files import StateFiles

_LARGEST = 65_535


class PortTaken(RuntimeError):
    """A port that somebody has asked for is not to be had."""


class MetricsPorts:
    """Hands out the ports; from any thread."""

    def __init__(self, files: StateFiles, base: int | None = None, reserved: Collection[int] = ()) -> None:
        """Name where they are remembered.

        Args:
            files: the state directory's.
            base: the first port, the others follow it; free ones, those of the last run if they are free, where None.
            reserved: ports that somebody will have soon.
        """
        self._files = files
        self._base = base
        self._reserved = set(reserved)
        self._lock = threading.Lock()
        self._ports: dict[str, int] = {}
        self._fixed: dict[str, str] = {}

    def assign(self, names: Collection[str]) -> None:
        """Choose for these processes, before any of them is started; PortTaken where that is not to be had."""
        last = {} if self._base is not None else self._remembered()
        wanted = count(self._base) if self._base is not None else None
        with self._lock:
            for name in names:
                self._ports[name] = self._chosen(last.get(name)) if wanted is None else self._given(name, next(wanted))
            self._write()

    def add(self, name: str, address: str) -> None:
        """One that has its address from elsewhere."""
        with self._lock:
            self._fixed[name] = address
            self._write()

    def port(self, name: str) -> int:
        """For the next start of a process that does not run: its own, or another where somebody has taken that."""
        with self._lock:
            if taken(self._ports[name]):
                self._ports[name] = self._another()
                with contextlib.suppress(OSError):  # a full disk keeps no process from being started
                    self._write()
            return self._ports[name]

    @property
    def addresses(self) -> dict[str, str]:
        """Host and port by process."""
        with self._lock:
            return {name: f"{LOOPBACK}:{port}" for name, port in self._ports.items()} | self._fixed

    def remove(self) -> None:
        """Nobody is to be asked any more."""
        with contextlib.suppress(OSError):
            self._files.prometheus.unlink(missing_ok=True)

    def _is_free(self, port: int) -> bool:
        return port not in self._reserved and port not in self._ports.values() and not taken(port)

    def _given(self, name: str, port: int) -> int:
        if port > _LARGEST:
            raise PortTaken(f"there is no port {port}, for the metrics of {name}: name a lower --metrics-port")
        if not self._is_free(port):
            raise PortTaken(
                f"port {port} of {LOOPBACK}, for the metrics of {name}, is in use: name another --metrics-port"
            )
        return port

    def _chosen(self, last: int | None) -> int:
        return last if last is not None and self._is_free(last) else self._another()

    def _another(self) -> int:
        while not self._is_free(port := free_port()):
            pass
        return port

    def _remembered(self) -> dict[str, int]:
        try:
            kept = json.loads(self._files.metrics_ports.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        kept = kept if isinstance(kept, dict) else {}
        return {str(name): port for name, port in kept.items() if isinstance(port, int) and 0 < port <= _LARGEST}

    def _write(self) -> None:
        write_private(self._files.metrics_ports, json.dumps(self._ports))
        write_private(self._files.prometheus, json.dumps(list(self._groups()), indent=2) + "\n")

    def _groups(self) -> Iterator[dict[str, object]]:
        found = {name: f"{LOOPBACK}:{port}" for name, port in self._ports.items()} | self._fixed
        for name, address in found.items():
            yield {"targets": [address], "labels": {"process": name}}
