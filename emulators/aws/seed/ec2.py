"""Seeds EC2: the instances, and the CloudWatch datapoints of the running ones."""

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

from emulators.aws.cloudwatch.store import MetricName, MetricStore, dimensions
from emulators.aws.ec2 import Instance
from emulators.aws.seed.fleet import make_instances
from emulators.aws.seed.grid import Grid
from emulators.aws.server import DEFAULT_ACCOUNT, LocalAws

PERIOD = 300
AGENT_SHARE = 3
_NAMESPACES = {
    "CPUUtilization": "AWS/EC2",
    "NetworkIn": "AWS/EC2",
    "NetworkOut": "AWS/EC2",
    "mem_used_percent": "CWAgent",
}
METRICS = tuple(_NAMESPACES)


@dataclass
class Ec2Seed:
    """What was seeded, so that a test can say what must be found.

    `series` counts, for each (region, metric), the instances that have it: each has a datapoint at every instant of
    the grid.
    """

    account: str
    grid: Grid
    instances: dict[str, list[Instance]] = field(default_factory=dict)
    series: Counter[tuple[str, str]] = field(default_factory=Counter)

    def expected_points(
        self, start: float, end: float, *, now: float, region: str | None = None, metric: str | None = None
    ) -> int:
        """The datapoints with start <= time < end that are visible at `now`."""
        instants = self.grid.instants
        slots = bisect_left(instants, min(end, now + 1)) - bisect_left(instants, start)
        wanted = sum(
            number
            for (in_region, name), number in self.series.items()
            if region in {None, in_region} and metric in {None, name}
        )
        return max(0, slots) * wanted

    def describe(self) -> dict[str, Any]:
        """The counts as JSON: instances by region, state and type, and series by region and metric."""
        regions = {}
        for region, instances in self.instances.items():
            regions[region] = {
                "instances": len(instances),
                "by_state": Counter(one.state for one in instances),
                "running_by_type": Counter(one.instance_type for one in instances if one.state == "running"),
                # What a price list tells apart, of those that have its price: running, and not spot.
                "products": len(
                    {
                        (one.instance_type, one.platform, one.tenancy)
                        for one in instances
                        if one.state == "running" and one.lifecycle is None
                    }
                ),
                "running_spot": sum(one.state == "running" and one.lifecycle == "spot" for one in instances),
                "series": {metric: self.series[region, metric] for metric in METRICS},
            }
        return {
            "account": self.account,
            "first": self.grid.first,
            "last": self.grid.last,
            "period": PERIOD,
            "regions": regions,
        }


def seed_ec2(
    aws: LocalAws,
    instances: int = 300,
    regions: Sequence[str] = ("us-east-1", "us-west-2"),
    *,
    account: str = DEFAULT_ACCOUNT,
    seed: int = 1,
    hours_back: float = 2,
    hours_ahead: float = 2,
) -> Ec2Seed:
    """Launch `instances`, shared out evenly over `regions`, with a datapoint every 5 minutes for the running ones.

    CPUUtilization, NetworkIn and NetworkOut for each running one, mem_used_percent for every third of them. Datapoints
    begin `hours_back` before the clock of `aws` and end `hours_ahead` after it: they appear as that time comes.
    """
    now = aws.clock()
    seeded = Ec2Seed(account, Grid.around(now, hours_back, hours_ahead, PERIOD))
    for number, region in enumerate(regions):
        random = Random(f"{seed}/{account}/{region}")
        share = instances // len(regions) + (number < instances % len(regions))
        launched = list(make_instances(share, region, random, datetime.fromtimestamp(now, UTC)))
        for one in launched:
            aws.instances.add(account, region, one)
        running = [one for one in launched if one.state == "running"]
        _load_metrics(aws.metrics, seeded, region, running, random)
        seeded.instances[region] = launched
    return seeded


def _load_metrics(store: MetricStore, seeded: Ec2Seed, region: str, running: list[Instance], random: Random) -> None:
    times, wave = seeded.grid.times(), seeded.grid.wave()
    place = (seeded.account, region)
    for index, one in enumerate(running):
        base = random.uniform(3, 80)
        traffic = 10 ** random.uniform(4, 9)
        load = {
            "CPUUtilization": ("Percent", _percent(random, wave, base, 15)),
            "NetworkIn": ("Bytes", _bytes(random, wave, traffic)),
            "NetworkOut": ("Bytes", _bytes(random, wave, traffic / 3)),
        }
        if index % AGENT_SHARE == 0:
            load["mem_used_percent"] = ("Percent", _percent(random, wave, random.uniform(20, 85), 5))
        for name, (unit, values) in load.items():
            metric = MetricName(_NAMESPACES[name], name, dimensions({"InstanceId": one.instance_id}))
            store.load(place, metric, (times, values), unit)
            seeded.series[region, name] += 1


def _percent(random: Random, wave: list[float], base: float, swing: float) -> "array[float]":
    draw = random.random
    return array("d", [min(99.9, max(0.1, base + swing * w + 4 * draw())) for w in wave])


def _bytes(random: Random, wave: list[float], base: float) -> "array[float]":
    draw = random.random
    return array("d", [float(int(base * (1.5 + w) * (0.8 + 0.4 * draw()))) for w in wave])
