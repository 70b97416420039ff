"""The instances: one store, in the order in which they were launched."""

import threading
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

STATES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}

_USAGE_OPERATIONS = {
    "Linux/UNIX": "RunInstances",
    "Red Hat Enterprise Linux": "RunInstances:0010",
    "SUSE Linux": "RunInstances:000g",
    "Windows": "RunInstances:0002",
    "Windows with SQL Server Standard": "RunInstances:0006",
}


@dataclass
class Instance:
    """One instance. `launch_time` and `stopped_at` are aware UTC times; `platform` is EC2's `platformDetails`."""

    instance_id: str
    instance_type: str
    launch_time: datetime
    zone: str
    state: str = "running"
    reservation_id: str = "r-00000000000000000"
    image_id: str = "ami-0abcdef1234567890"
    platform: str = "Linux/UNIX"
    tenancy: str = "default"
    lifecycle: str | None = None
    architecture: str = "x86_64"
    private_ip: str = "10.0.0.1"
    stopped_at: datetime | None = None
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def usage_operation(self) -> str:
        """The operation by which billing names the platform."""
        return _USAGE_OPERATIONS[self.platform]

    @property
    def transition_reason(self) -> str:
        """Why it is not running: empty while it is."""
        if self.stopped_at is None:
            return ""
        return f"User initiated ({self.stopped_at:%Y-%m-%d %H:%M:%S} GMT)"


class InstanceStore:
    """The instances of every account and region."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._places: defaultdict[tuple[str, str], dict[str, Instance]] = defaultdict(dict)

    def add(self, account: str, region: str, instance: Instance) -> None:
        """Launch an instance."""
        with self.lock:
            self._places[account, region][instance.instance_id] = instance

    def remove(self, account: str, region: str, instance_id: str) -> Instance | None:
        """Make an instance vanish, as one does an hour after it was terminated."""
        with self.lock:
            return self._places[account, region].pop(instance_id, None)

    def listing(self, account: str, region: str) -> list[Instance]:
        """The instances of a place, in order of launch."""
        with self.lock:
            return list(self._places[account, region].values())

    def get(self, account: str, region: str, instance_id: str) -> Instance | None:
        """One instance."""
        return self._places[account, region].get(instance_id)

    def places(self) -> list[tuple[str, str]]:
        """The (account, region) pairs that hold instances."""
        with self.lock:
            return sorted(place for place, instances in self._places.items() if instances)
