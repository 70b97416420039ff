"""One reading of this machine: counters that only grow, and momentary values."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

_NETWORKS = Path("/sys/class/net")
_DISKS = Path("/sys/block")


Traffic = Mapping[str, tuple[int, int]]
"""Bytes since the machine started, by device: inward (read, received) and outward (written, sent)."""


@dataclass(frozen=True)
class Snapshot:
    """What the machine said at one moment. What it does not have is missing."""

    #: Seconds since 1970-01-01 UTC.
    time: float
    #: Seconds of processor time since the machine started, all processors together: used, and all there was.
    cpu_busy: float
    cpu_total: float
    disks: Traffic
    networks: Traffic
    memory_percent: float
    memory_used: int
    #: Processes that run or want to, averaged over a minute.
    load: float
    #: Percent in use, by mount point of a disk.
    filled: Mapping[str, float]


def take_snapshot() -> Snapshot:
    """Read the machine."""
    cpu = psutil.cpu_times()
    # The kernel counts guests into user time already.
    total = sum(cpu) - getattr(cpu, "guest", 0.0) - getattr(cpu, "guest_nice", 0.0)
    memory = psutil.virtual_memory()
    return Snapshot(
        time=time.time(),
        cpu_busy=total - cpu.idle - getattr(cpu, "iowait", 0.0),
        cpu_total=total,
        disks=_disks(),
        networks=_networks(),
        memory_percent=memory.percent,
        memory_used=memory.used,
        load=psutil.getloadavg()[0],
        filled=_filled(),
    )


def mounts() -> dict[str, str]:
    """Mount points of disks, and their file systems."""
    return {part.mountpoint: part.fstype for part in psutil.disk_partitions(all=False)}


def _disks() -> dict[str, tuple[int, int]]:
    counters = psutil.disk_io_counters(perdisk=True, nowrap=False) or {}
    real = _hardware(_DISKS, counters)
    return {name: (counters[name].read_bytes, counters[name].write_bytes) for name in real}


def _networks() -> dict[str, tuple[int, int]]:
    counters = psutil.net_io_counters(pernic=True, nowrap=False) or {}
    outward = {name for name in counters if not name.startswith("lo")}
    real = _hardware(_NETWORKS, outward) or outward
    return {name: (counters[name].bytes_recv, counters[name].bytes_sent) for name in real}


def _hardware(place: Path, names: Collection[str]) -> set[str]:
    """Those with a device behind them.

    The others (bridges, partitions, mappers, pairs of containers) pass on what these have counted already. Where no
    device can be seen, as in a container, all of them.
    """
    return {name for name in names if (place / name / "device").exists()} or set(names)


def _filled() -> dict[str, float]:
    filled = {}
    for mount in mounts():
        try:
            filled[mount] = psutil.disk_usage(mount).percent
        except OSError:  # unmounted a moment ago, or not ours to read
            continue
    return filled
