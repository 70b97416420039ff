"""The multi-cloud example of OpenFinOps's reference, with what the package ``openfinops`` really offers.

Every five minutes, what the machines of three clouds cost goes into OpenFinOps's CostObservatory. Where the reference
calls ``track_cloud_cost``, which the package does not have, this makes a ``CostEntry``: dollars for the five minutes
that have passed, from the list price of an hour.

    pip install 'finfleet[aws,azure,gcp]' openfinops
    python multi_cloud.py
"""

import math
import os
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from openfinops.observability import CostObservatory
from openfinops.observability.cost_observatory import CostCategory, CostEntry

from agents.aws_telemetry_agent import AWSTelemetryAgent
from agents.azure_telemetry_agent import AzureTelemetryAgent
from agents.gcp_telemetry_agent import GCPTelemetryAgent
from telemetry.errors import CollectionError

INTERVAL = 300
"""Seconds."""

Machines = list[dict[str, Any]]


def make_collectors() -> dict[tuple[str, str], Callable[[], Machines]]:
    """What is asked, by provider and service; credentials are the environment's."""
    aws = AWSTelemetryAgent(
        aws_access_key_id=os.getenv("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=os.getenv("AWS_SECRET_ACCESS_KEY"),
        region="us-west-2",
    )
    azure = AzureTelemetryAgent(
        subscription_id=os.getenv("AZURE_SUBSCRIPTION_ID"),
        client_id=os.getenv("AZURE_CLIENT_ID"),
        client_secret=os.getenv("AZURE_CLIENT_SECRET"),
        tenant_id=os.getenv("AZURE_TENANT_ID"),
    )
    gcp = GCPTelemetryAgent(project_id=os.getenv("GCP_PROJECT_ID"), credentials_file="gcp-credentials.json")
    return {
        ("aws", "ec2"): aws.collect_ec2_metrics,
        ("azure", "vm"): azure.collect_vm_metrics,
        ("gcp", "compute"): gcp.collect_compute_metrics,
    }


def collect_all_metrics(
    collectors: Mapping[tuple[str, str], Callable[[], Machines]], observatory: CostObservatory
) -> dict[str, int]:
    """Ask every cloud, and keep what its machines cost; how many entries of each. One that fails harms no other."""
    counted: dict[str, int] = {}
    for (provider, service), collect in collectors.items():
        try:
            machines = collect()
        except CollectionError as error:
            print(f"{provider}: {error}")
            continue
        entries = [entry for one in machines if (entry := cost_entry(provider, service, one)) is not None]
        for entry in entries:
            observatory.add_cost_entry(entry)
        counted[provider] = len(entries)
        print(f"{provider}: {len(machines)} machines, {len(machines) - len(entries)} without a price in dollars")
    return counted


def cost_entry(provider: str, service: str, machine: dict[str, Any]) -> CostEntry | None:
    """What a machine cost in the last five minutes; None where its price is not known, or is in another currency."""
    hourly = machine["cost_per_hour"]
    if math.isnan(hourly) or machine.get("currency") != "USD":
        return None
    return CostEntry(
        entry_id=str(uuid.uuid4()),
        timestamp=time.time(),
        resource_id=machine.get("resource_id") or machine["name"],
        category=CostCategory.COMPUTE,
        amount=hourly * INTERVAL / 3600,
        currency="USD",
        region=machine.get("region") or "unknown",
        tags={"provider": provider, "service": service, "name": machine["name"]},
        billing_period="hourly",
    )


def main() -> None:
    """Until it is interrupted."""
    observatory = CostObservatory()
    collectors = make_collectors()
    print("Starting multi-cloud telemetry collection...")
    while True:
        collect_all_metrics(collectors, observatory)
        print(f"Collected metrics at {datetime.now(UTC):%H:%M}: {observatory.get_cost_summary(time_range_hours=1)}")
        time.sleep(INTERVAL)


if __name__ == "__main__":
    main()
