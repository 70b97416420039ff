"""What the inventory says of an instance: what it is priced by, and since when it is in its state.

It is asked for the end of the window. Compute Engine notes the times of the last start and the last stop: between those
the state is known, before them it is not, and nothing is said of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from agents.core.state_intervals import Known, State, StateInterval, intervals_in, length_between
from agents.gcp.inventory import Asset, last_part
from agents.gcp.pricing.compute import Machine
from telemetry.records import AttributeValue, Resource
from telemetry.target import Window, format_time

RUNNING = frozenset({"RUNNING", "STOPPING"})
STOPPED = frozenset({"TERMINATED", "STOPPED"})
SUSPENDED = frozenset({"SUSPENDED", "SUSPENDING"})
_LICENSED = re.compile(r"/projects/(?:windows|windows-sql|rhel|rhel-sap|suse|suse-sap|ubuntu-os-pro)-?(?:cloud)?/")


@dataclass(frozen=True)
class Instance:
    """One instance of the inventory."""

    resource: Resource
    #: Google's number of it, which metrics name it by.
    number: str
    machine: Machine
    state: str
    created: datetime | None
    started: datetime | None
    stopped: datetime | None

    @classmethod
    def of(cls, asset: Asset, project: str) -> Instance:
        """The instance of a ``compute.googleapis.com/Instance``."""
        data = asset.data
        zone = last_part(data.get("zone") or asset.location)
        region = zone.rpartition("-")[0] or zone
        machine_type = last_part(data.get("machineType"))
        scheduling = data.get("scheduling") or {}
        spot = scheduling.get("provisioningModel") == "SPOT" or bool(scheduling.get("preemptible"))
        created = _time(data.get("creationTimestamp"))
        gpus = tuple(
            (last_part(one.get("acceleratorType")), int(one.get("acceleratorCount") or 0))
            for one in data.get("guestAccelerators") or ()
        )
        number = str(data.get("id") or "")
        state = str(data.get("status") or "")
        attributes: dict[str, AttributeValue] = {
            "instance_id": number,
            "state": state,
            "zone": zone,
            "provisioning": "spot" if spot else "standard",
            "gpus": sum(count for _, count in gpus) or None,
            "gpu_type": ", ".join(kind for kind, _ in gpus) or None,
            "cpu_platform": data.get("cpuPlatform"),
            "creation_time": _written(created),
        }
        resource = Resource(
            provider="gcp",
            account=project,
            region=region,
            service="compute",
            resource_id=asset.name,
            type=machine_type,
            name=str(data.get("name") or asset.short_name),
            tags=dict(asset.labels),
            attributes={name: value for name, value in attributes.items() if value not in {None, ""}},
        )
        return cls(
            resource,
            number,
            Machine(region, machine_type, spot, gpus, _is_licensed(data)),
            state,
            created,
            _time(data.get("lastStartTimestamp")) or created,
            _time(data.get("lastStopTimestamp")),
        )

    @property
    def may_have_another_type(self) -> bool:
        """Whether it can have been given another type since it ran: of one that is stopped it can be changed."""
        return self.state in STOPPED

    def length_in(self, window: Window, now: datetime) -> timedelta:
        """For how long of ``window`` it existed: a rate, zero or not, is owed for it."""
        return length_between(window, self.created, now.replace(microsecond=0))

    def intervals(self, window: Window, now: datetime) -> Iterator[StateInterval]:
        """The parts of ``window`` in which it is known to have run, or to have been stopped."""
        return intervals_in(window, now.replace(microsecond=0), self._known())

    def _known(self) -> Iterator[Known]:
        started, stopped = self.started, self.stopped
        if self.state in RUNNING and started is not None:
            yield Known(State.RUNNING, started)
        elif self.state in STOPPED and stopped is not None:
            if started is not None and started < stopped:
                yield Known(State.RUNNING, started, stopped)
            yield Known(State.STOPPED, stopped)


def unlisted(name: str, zone: str, number: str, project: str) -> Resource:
    """An instance that has metrics and is not in the inventory: gone by now, or not in it yet."""
    return Resource(
        provider="gcp",
        account=project,
        region=zone.rpartition("-")[0] or zone,
        service="compute",
        resource_id=f"//compute.googleapis.com/projects/{project}/zones/{zone}/instances/{name}",
        name=name,
        attributes={"instance_id": number, "zone": zone},
    )


def _is_licensed(data: Mapping[str, Any]) -> bool:
    licenses = (text for disk in data.get("disks") or () for text in disk.get("licenses") or ())
    return any(_LICENSED.search(str(text)) for text in licenses)


def _time(text: Any) -> datetime | None:
    """In whole seconds, as windows are."""
    if not text:
        return None
    moment = datetime.fromisoformat(str(text)).astimezone(UTC)
    return moment.replace(microsecond=0)


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)
