"""Azure: virtual machines in two subscriptions and two regions, and Cost Management."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from math import ceil
from pathlib import Path
from typing import Any

from emulators.azure import LocalAzure
from emulators.azure.seed import CostSeed, SeededVm, VmSeed, seed_costs, seed_vms
from emulators.azure.subscriptions import DEFAULT_SUBSCRIPTION, SECOND_SUBSCRIPTION
from emulators.demo.clouds.cloud import Calls, Cloud, Expected, Planned

SUBSCRIPTIONS = {"web": DEFAULT_SUBSCRIPTION, "data": SECOND_SUBSCRIPTION}
"""By the name that they have in the configuration."""
REGIONS = ("eastus", "westeurope")
MACHINES = 60
# Read by every window: a machine's CPU, disk reads and writes, network in and out; and memory, where it is told.
_METRICS = 5
_BATCH = 50
_HOLDS_HARDWARE = ("running", "stopped")


class DemoAzure(Cloud):
    """60 virtual machines of several sizes, states and priorities, and weeks of costs."""

    provider = "azure"
    name = "Azure"

    def __init__(self, azure: LocalAzure, machines: VmSeed, costs: CostSeed) -> None:
        self._azure = azure
        self._machines = machines
        self._costs = costs
        self._credentials = azure.credentials()
        self.environment = {"AZURE_CLIENT_SECRET": self._credentials["client_secret"]}

    @property
    def holds(self) -> str:
        """What it holds, in words."""
        return f"{MACHINES} virtual machines in {' and '.join(REGIONS)}, and the bills of two subscriptions"

    def section(self) -> dict[str, Any]:
        """Its section of the configuration, without interval and back-fill."""
        return {
            **self._credentials,
            "client_secret": "${AZURE_CLIENT_SECRET}",
            "accounts": [{"name": name, "subscription_id": number} for name, number in SUBSCRIPTIONS.items()],
            "services": ["virtual_machines", "cost"],
            "endpoints": self._azure.endpoints,
            "ca_file": str(self._azure.ca_file),
        }

    def asked(self) -> Calls:
        """The calls that it has counted, without those for tokens, which no API counts."""
        return {api: calls for api, calls in self._azure.calls().items() if not api.startswith("login:")}

    def expected(self, targets: Sequence[Planned]) -> Expected:
        """What must come of these targets, which are all of one service."""
        return self._expected_bill(targets) if targets[0].service == "cost" else self._expected_machines(targets)

    def _expected_machines(self, targets: Sequence[Planned]) -> Expected:
        points = batches = 0
        for target in targets:
            machines = self._of(target)
            told = sum(_METRICS + one.memory for one in machines if one.measured)
            points += target.windows * told
            running = [one.region for one in machines if one.state == "running"]
            batches += target.windows * sum(ceil(running.count(region) / _BATCH) for region in REGIONS)
        every = [one for target in targets for one in self._of(target)]
        calls = {
            # And once more for a window that is collected late: what has changed since.
            "resourcegraph:resources": sum(target.windows + target.late for target in targets),
            "metrics:getBatch": batches,
            # One look-up tells the prices of all forms of a size.
            "retailprices:items": len({(one.region, one.size) for one in every if one.state in _HOLDS_HARDWARE}),
        }
        return Expected(len(every), points, calls=calls)

    def _of(self, target: Planned) -> list[SeededVm]:
        return [one for one in self._machines.vms if one.subscription == SUBSCRIPTIONS[target.account]]

    def _expected_bill(self, targets: Sequence[Planned]) -> Expected:
        billed: defaultdict[str, Decimal] = defaultdict(Decimal)
        queries = 0
        for target in targets:
            last = (target.until - timedelta(days=1)).date()
            subscription = SUBSCRIPTIONS[target.account]
            totals = self._costs.totals(subscription=subscription, first=target.since.date(), last=last)
            for (currency, _), amount in totals.items():
                billed[currency] += amount
            # What is invoiced, and what is used.
            queries += 2 * target.windows
        return Expected(billed=billed, calls={"costmanagement:query": queries})


@contextmanager
def running_azure(state: Path) -> Iterator[DemoAzure]:
    """Serve it."""
    del state
    with LocalAzure() as azure:
        machines = seed_vms(azure, MACHINES, list(SUBSCRIPTIONS.values()), REGIONS)
        costs = seed_costs(azure, subscriptions=list(SUBSCRIPTIONS.values()), currencies={SECOND_SUBSCRIPTION: "EUR"})
        yield DemoAzure(azure, machines, costs)
