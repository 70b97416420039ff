"""Runs the multi-cloud example once, on the clouds that it is told of, in the Python that has OpenFinOps.

Argument: JSON of the arguments of each agent. Prints JSON: the entries by provider, and OpenFinOps's own summary.
"""

import importlib.util
import json
import sys
from pathlib import Path

from openfinops.observability import CostObservatory  # type: ignore[import-not-found]  # in an environment of its own

from agents.aws_telemetry_agent import AWSTelemetryAgent
from agents.azure_telemetry_agent import AzureTelemetryAgent
from agents.gcp_telemetry_agent import GCPTelemetryAgent


def main() -> None:
    given = json.loads(sys.argv[1])
    path = Path(__file__).parents[2] / "examples" / "multi_cloud.py"
    spec = importlib.util.spec_from_file_location("multi_cloud", path)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    collectors = {
        ("aws", "ec2"): AWSTelemetryAgent(**given["aws"]).collect_ec2_metrics,
        ("azure", "vm"): AzureTelemetryAgent(**given["azure"]).collect_vm_metrics,
        ("gcp", "compute"): GCPTelemetryAgent(**given["gcp"]).collect_compute_metrics,
    }
    observatory = CostObservatory()
    counted = example.collect_all_metrics(collectors, observatory)
    summary = observatory.get_cost_summary(time_range_hours=1)
    names = {entry.tags["provider"]: entry.tags["service"] for entry in observatory.cost_entries}
    sys.stdout.write("\n" + json.dumps({"counted": counted, "summary": summary, "services": names}) + "\n")


if __name__ == "__main__":
    main()
