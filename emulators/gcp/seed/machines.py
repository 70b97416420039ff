"""Makes instances of Compute Engine: what each consists of, costs, and looks like in the inventory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple

from emulators.gcp.asset import Asset
from emulators.gcp.billing.compute_skus import FAMILIES, GPUS, SPOT_SHARE, custom_rate, rate
from emulators.gcp.billing.places import place_of
from emulators.gcp.projects import project_number

_COMPUTE = "https://www.googleapis.com/compute/v1"
_WINDOWS = f"{_COMPUTE}/projects/windows-cloud/global/licenses/windows-server-2022-dc"
_DEBIAN = f"{_COMPUTE}/projects/debian-cloud/global/licenses/debian-12-bookworm"


class MachineType(NamedTuple):
    """What a machine type is billed by: `gpu` is (accelerator type, number)."""

    name: str
    family: str
    vcpus: Decimal
    memory_gib: Decimal
    gpu: tuple[str, int] | None = None
    custom: bool = False


_TYPES = (
    MachineType("e2-standard-2", "e2", Decimal(2), Decimal(8)),
    MachineType("n1-standard-4", "n1", Decimal(4), Decimal(15)),
    MachineType("n2-standard-8", "n2", Decimal(8), Decimal(32)),
    MachineType("e2-medium", "e2", Decimal(1), Decimal(4)),
    MachineType("n2-highmem-4", "n2", Decimal(4), Decimal(32)),
    MachineType("c2-standard-8", "c2", Decimal(8), Decimal(32)),
    MachineType("n2-custom-6-12288", "n2", Decimal(6), Decimal(12), None, custom=True),
    MachineType("n2d-standard-4", "n2d", Decimal(4), Decimal(16)),
)
_GPU_TYPES = (
    MachineType("g2-standard-8", "g2", Decimal(8), Decimal(32), ("nvidia-l4", 1)),
    MachineType("n1-standard-8", "n1", Decimal(8), Decimal(30), ("nvidia-tesla-t4", 2)),
    MachineType("a2-highgpu-1g", "a2", Decimal(12), Decimal(85), ("nvidia-tesla-a100", 1)),
)
# Every so many instances, one is ...
_GPU_EVERY, _SPOT_EVERY, _STOPPED_EVERY, _WINDOWS_EVERY, _AGENT_EVERY = 10, 7, 20, 33, 3


@dataclass(frozen=True)
class SeedInstance:
    """One instance. `agent`: whether the Ops Agent runs on it, so that there are figures of memory and GPUs."""

    project: str
    zone: str
    name: str
    instance_id: str
    machine: MachineType
    spot: bool
    windows: bool
    agent: bool
    running: bool
    created: datetime
    stopped: datetime | None
    team: str

    @property
    def region(self) -> str:
        """The region of its zone."""
        return self.zone.rpartition("-")[0]

    @property
    def full_name(self) -> str:
        """Its full resource name."""
        return f"//compute.googleapis.com/projects/{self.project}/zones/{self.zone}/instances/{self.name}"

    @property
    def hourly_price(self) -> Decimal | None:
        """USD per hour by the catalogue; None where a licence or the region makes it more than machine and GPU."""
        place = place_of(self.region)
        if self.windows or place is None:
            return None
        rates = FAMILIES[self.machine.family]
        core, memory = rates.core, rates.memory
        if self.machine.custom:
            core, memory = custom_rate(core), custom_rate(memory)
        share = SPOT_SHARE if self.spot else Decimal(1)
        price = self.machine.vcpus * rate(core * share, place[0]) + self.machine.memory_gib * rate(
            memory * share, place[0]
        )
        if self.machine.gpu is not None:
            kind, number = self.machine.gpu
            price += number * rate(GPUS[kind][1] * share, place[0])
        return price

    def asset(self) -> Asset:
        """The instance in the inventory."""
        return Asset(
            name=self.full_name,
            asset_type="compute.googleapis.com/Instance",
            project=self.project,
            location=self.zone,
            display_name=self.name,
            labels={"team": self.team, "env": "prod" if self.team != "lab" else "dev"},
            state="RUNNING" if self.running else "TERMINATED",
            created=self.created,
            updated=self.stopped or self.created,
            attributes=self._attributes(),
            data=self._data(),
            network_tags=("web",) if self.team == "shop" else (),
        )

    def _attributes(self) -> dict[str, Any]:
        return {
            "id": self.instance_id,
            "machineType": self.machine.name,
            "internalIPs": ["10.128.0.2"],
            "networkInterfaceNetworks": ["default"],
            "osShortName": "windows" if self.windows else "debian",
            "serviceAccounts": [f"{project_number(self.project)}-compute@developer.gserviceaccount.com"],
        }

    def _data(self) -> dict[str, Any]:
        zone = f"{_COMPUTE}/projects/{self.project}/zones/{self.zone}"
        data: dict[str, Any] = {
            "id": self.instance_id,
            "name": self.name,
            "selfLink": f"{zone}/instances/{self.name}",
            "zone": zone,
            "machineType": f"{zone}/machineTypes/{self.machine.name}",
            "status": "RUNNING" if self.running else "TERMINATED",
            "creationTimestamp": _local(self.created),
            "lastStartTimestamp": _local(self.created + timedelta(seconds=8)),
            "cpuPlatform": "Intel Cascade Lake",
            "labels": {"team": self.team, "env": "prod" if self.team != "lab" else "dev"},
            "scheduling": {
                "provisioningModel": "SPOT" if self.spot else "STANDARD",
                "preemptible": self.spot,
                "automaticRestart": not self.spot,
                "onHostMaintenance": "TERMINATE" if self.spot or self.machine.gpu else "MIGRATE",
            },
            "disks": [
                {
                    "boot": True,
                    "type": "PERSISTENT",
                    "diskSizeGb": "50",
                    "licenses": [_WINDOWS if self.windows else _DEBIAN],
                }
            ],
            "networkInterfaces": [{"name": "nic0", "networkIP": "10.128.0.2"}],
        }
        if self.machine.gpu is not None:
            kind, number = self.machine.gpu
            data["guestAccelerators"] = [
                {"acceleratorType": f"{zone}/acceleratorTypes/{kind}", "acceleratorCount": number}
            ]
        if self.stopped is not None:
            data["lastStopTimestamp"] = _local(self.stopped)
        return data


def make_instances(
    count: int, projects: Sequence[str], zones: Sequence[str], random: Random, now: datetime
) -> Iterator[SeedInstance]:
    """`count` instances, shared out evenly over projects and, within each, over zones."""
    for number in range(count):
        index = number // len(projects)
        gpu = index % _GPU_EVERY == _GPU_EVERY - 1
        types = _GPU_TYPES if gpu else _TYPES
        running = index % _STOPPED_EVERY != _STOPPED_EVERY - 2
        yield SeedInstance(
            project=projects[number % len(projects)],
            zone=zones[index % len(zones)],
            name=f"vm-{number:05d}",
            instance_id=str(random.randrange(10**18, 9 * 10**18)),
            machine=types[index // (_GPU_EVERY if gpu else 1) % len(types)],
            spot=index % _SPOT_EVERY == _SPOT_EVERY - 1,
            windows=index % _WINDOWS_EVERY == _WINDOWS_EVERY - 2 and not gpu,
            agent=index % _AGENT_EVERY == 0,
            running=running,
            created=now - timedelta(days=random.randint(3, 300), seconds=random.randint(0, 86_000)),
            stopped=None if running else now - timedelta(days=1, seconds=random.randint(0, 80_000)),
            team=random.choice(["shop", "data", "lab", "core"]),
        )


def _local(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds")
