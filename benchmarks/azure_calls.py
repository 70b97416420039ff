"""How few calls Azure's virtual machines take, beside one for each machine: `python -m benchmarks.azure_calls`.

Both ask the same local Azure for the same metrics of the same five minutes, each in a fresh process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.cloud_calls import NOW, Seeded, Subject, main
from emulators.azure import DEFAULT_SUBSCRIPTION, LocalAzure
from emulators.azure.seed import seed_vms

_PLENTY = (1_000_000, 1.0)


@contextmanager
def seeded(machines: int, latency_ms: int, clock: Callable[[], float] = NOW.timestamp) -> Iterator[Seeded]:
    """Virtual machines of one region."""
    azure = LocalAzure(clock=clock)
    azure.limits.graph = azure.limits.prices = _PLENTY
    seed_vms(azure, machines, [DEFAULT_SUBSCRIPTION], ["eastus"])
    azure.inject("latency", latency_ms=latency_ms)
    with azure:
        section: dict[str, object] = {
            **azure.credentials(),
            "endpoints": azure.endpoints,
            "ca_file": str(azure.ca_file),
            "quotas": {"*": 1000},
            "subscription_id": DEFAULT_SUBSCRIPTION,
        }
        yield Seeded("azure/default/global/virtual_machines", section, azure.calls, azure.reset_calls)


SUBJECT = Subject("virtual machines", seeded, 1_000, 50, 1, 1, "a call for the metrics of each machine")

if __name__ == "__main__":
    main(__doc__, SUBJECT)
