"""What the inventory says of an instance: what it is priced by, and since when it is in its state.

It is asked for the end of the window. Compute Engine notes the times of the last start and the last stop: between those
the state is known, before them it is not, and nothing is said of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from agents.core.state_intervals import Known, State, StateInterval, intervals_in, length_between
from agents.gcp.components import provisioning_of, unpriced
from agents.gcp.inventory import Asset, last_part
from agents.gcp.pricing.compute import Machine
from telemetry.records import AttributeValue, Resource
from telemetry.target import Window, format_time

RUNNING = frozenset({"RUNNING", "STOPPING"})
STOPPED = frozenset({"TERMINATED", "STOPPED"})
SUSPENDED = frozenset({"SUSPENDED", "SUSPENDING"})


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
        fields = asset.fields
        zone = asset.place(last_part(fields.text("zone")))
        region = zone.rpartition("-")[0] or zone
        machine_type = last_part(fields.text("machineType"))
        provisioning = provisioning_of(fields)
        created = fields.time("creationTimestamp")
        gpus = tuple(
            (last_part(one.text("acceleratorType")), one.number("acceleratorCount"))
            for one in fields.items("guestAccelerators")
        )
        number, state = fields.text("id"), fields.text("status")
        counts = [count for _, count in gpus]
        is_counted = all(counts) and len(gpus) == fields.length("guestAccelerators", absent=0)
        attributes: dict[str, AttributeValue] = {
            "instance_id": number,
            "state": state,
            "zone": zone,
            "provisioning": provisioning,
            "gpus": sum(count or 0 for count in counts) if is_counted else None,
            "gpu_type": ", ".join(kind for kind, _ in gpus),
            "cpu_platform": fields.text("cpuPlatform"),
            "creation_time": _written(created),
        }
        resource = Resource(
            provider="gcp",
            account=project,
            region=region,
            service="compute",
            resource_id=asset.name,
            type=machine_type,
            name=fields.text("name") or asset.short_name,
            tags=asset.labels,
            attributes={name: value for name, value in attributes.items() if value not in {None, "", 0}},
            whole=asset.is_whole,
        )
        # Whatever of the description cannot be read may be what costs something.
        reason = unpriced(fields, provisioning)
        counted = tuple((kind, count or 0) for kind, count in gpus)
        return cls(
            resource,
            number,
            Machine(region, machine_type, provisioning == "spot", counted, reason),
            state,
            created,
            fields.time("lastStartTimestamp") or created,
            fields.time("lastStopTimestamp"),
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


def unlisted(name: str, zone: str, number: str, project: str, *, succeeded: bool) -> Resource:
    """An instance that has metrics and is not in the inventory: gone by now, or not in it yet.

    The name is that of one instance at a time: one that another one has ``succeeded`` under its name is told apart by
    its number, which Google takes in the place of the name.
    """
    own = number if succeeded else name
    return Resource(
        provider="gcp",
        account=project,
        region=zone.rpartition("-")[0] or zone,
        service="compute",
        resource_id=f"//compute.googleapis.com/projects/{project}/zones/{zone}/instances/{own}",
        name=name,
        attributes={"instance_id": number, "zone": zone},
        whole=False,
    )


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)
