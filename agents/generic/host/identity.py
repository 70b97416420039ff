"""Which machine this is."""

from __future__ import annotations

import hashlib
import hmac
import platform
import socket
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil

from agents.generic.host.snapshot import mounts
from telemetry.records import Resource
from telemetry.target import Target, format_time

_MACHINE_ID = Path("/etc/machine-id")
_ID_LENGTH = 12


def machine_id() -> str:
    """The host's name, and what tells it from another machine of that name, where the machine has an id.

    The machine's own id must not leave it (machine-id(5)): a keyed hash of it does.
    """
    name = socket.gethostname()
    with suppress(OSError):
        own = _MACHINE_ID.read_text(encoding="ascii").strip()
        if own:
            return f"{name}/{hmac.new(own.encode(), b'finfleet', hashlib.sha256).hexdigest()[:_ID_LENGTH]}"
    return name


def host_resource(target: Target) -> Resource:
    """This machine."""
    return Resource(
        provider=target.provider,
        account=target.account,
        region=target.region,
        service=target.service,
        resource_id=machine_id(),
        type=f"{platform.system().lower()}/{platform.machine()}",
        name=socket.gethostname(),
        attributes={
            "cpu_count": psutil.cpu_count(),
            "memory_total": psutil.virtual_memory().total,
            "boot_time": format_time(datetime.fromtimestamp(int(psutil.boot_time()), UTC)),
        },
    )


def disk_resources(target: Target) -> dict[str, Resource]:
    """Its file systems, by mount point: resources of their own, of type ``disk/ext4`` ..."""
    host = machine_id()
    return {
        mount: Resource(
            provider=target.provider,
            account=target.account,
            region=target.region,
            service=target.service,
            resource_id=f"{host}:{mount}",
            type=f"disk/{kind}",
            name=mount,
            attributes={"host": host},
        )
        for mount, kind in mounts().items()
    }
