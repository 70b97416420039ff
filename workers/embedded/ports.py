"""Loopback ports: a free one, whether one is taken, and who listens there."""

import errno
import socket
from pathlib import Path

import psutil

from telemetry.private import read_private

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A TCP port that nobody listens on right now; another process may take it before it is used."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def taken(port: int) -> bool:
    """Whether somebody listens on a port of the loopback address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections in TIME_WAIT are no listener
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return True
    return False


def listens(pid: int, port: int) -> bool:
    """Whether it is process `pid`, of our own user, that listens on a port."""
    try:
        connections = psutil.Process(pid).net_connections(kind="tcp4")
    except psutil.NoSuchProcess:
        return False
    return any(item.status == psutil.CONN_LISTEN and item.laddr.port == port for item in connections)


def remembered_port(path: Path) -> int | None:
    """The port that a file names; None where there is no such file, or no port in it."""
    try:
        return int(read_private(path))
    except (OSError, ValueError):
        return None
