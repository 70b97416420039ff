"""Makes instances: types, platforms, states, tags and times of a mixed company."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

from emulators.aws.ec2 import Instance

# (type, share). c7g.large has no price in the sample data: its cost must stay unknown.
_TYPES = {
    "t3.micro": 12,
    "t3.medium": 14,
    "t3.large": 8,
    "m5.large": 16,
    "m5.xlarge": 8,
    "m6i.large": 10,
    "m6i.2xlarge": 4,
    "c5.xlarge": 10,
    "c5.4xlarge": 2,
    "r5.large": 6,
    "r5.2xlarge": 2,
    "c7g.large": 3,
    "g5.xlarge": 3,
    "g5.12xlarge": 1,
    "p4d.24xlarge": 1,
}
UNPRICED_TYPES = frozenset({"c7g.large"})
_ARM = frozenset({"c7g.large"})
_ACCELERATED = frozenset({"g5.xlarge", "g5.12xlarge", "p4d.24xlarge"})
_ENVIRONMENTS = ("prod", "prod", "staging", "dev")
_TEAMS = ("search", "recommendations", "vision", "platform", "billing")
_ROLES = ("web", "worker", "db", "train", "infer")
_STOPPED_SHARE, _SPOT_SHARE, _WINDOWS_SHARE, _RHEL_SHARE, _DEDICATED_SHARE = 0.15, 0.10, 0.08, 0.04, 0.02
_GROUP_SHARE, _GROUP_SIZE = 0.05, 4


def make_instances(number: int, region: str, random: Random, now: datetime) -> Iterator[Instance]:
    """`number` instances of one region, launched and stopped in the past. A few share a reservation."""
    types, shares = list(_TYPES), list(_TYPES.values())
    reservation, left = "", 0
    for index in range(number):
        if left == 0:
            reservation = f"r-{random.getrandbits(68):017x}"
            left = _GROUP_SIZE if random.random() < _GROUP_SHARE else 1
        left -= 1
        yield _instance(index, region, random.choices(types, shares)[0], reservation, random=random, now=now)


def _instance(index: int, region: str, kind: str, reservation: str, *, random: Random, now: datetime) -> Instance:
    launched = (now - timedelta(minutes=random.randint(180, 400 * 24 * 60))).replace(microsecond=0)
    stopped = random.random() < _STOPPED_SHARE
    role, team, environment = random.choice(_ROLES), random.choice(_TEAMS), random.choice(_ENVIRONMENTS)
    tags = {"Name": f"{environment}-{role}-{index:05d}", "team": team, "env": environment}
    return Instance(
        instance_id=f"i-{random.getrandbits(68):017x}",
        instance_type=kind,
        launch_time=launched,
        zone=region + random.choice("abc"),
        state="stopped" if stopped else "running",
        reservation_id=reservation,
        image_id=f"ami-{random.getrandbits(68):017x}",
        platform=_platform(kind, random),
        tenancy="dedicated" if kind == "m5.xlarge" and random.random() < _DEDICATED_SHARE else "default",
        lifecycle="spot" if not stopped and random.random() < _SPOT_SHARE else None,
        architecture="arm64" if kind in _ARM else "x86_64",
        private_ip=f"10.{index // 65536 % 256}.{index // 256 % 256}.{index % 256}",
        stopped_at=_between(launched, now, random) if stopped else None,
        tags=tags if random.random() > 0.05 else {},  # noqa: PLR2004  # one in twenty was never tagged
    )


def _platform(kind: str, random: Random) -> str:
    draw = random.random()
    if kind in _ARM | _ACCELERATED or draw > _WINDOWS_SHARE + _RHEL_SHARE:
        return "Linux/UNIX"
    return "Windows" if draw < _WINDOWS_SHARE else "Red Hat Enterprise Linux"


def _between(launched: datetime, now: datetime, random: Random) -> datetime:
    span = (now - timedelta(hours=3) - launched).total_seconds()
    moment = launched + timedelta(seconds=random.random() * max(span, 0))
    return moment.astimezone(UTC).replace(microsecond=0)
