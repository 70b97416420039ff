"""The local Google Cloud as a process: `python -m emulators.gcp --seed demo --ready-file FILE`."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from emulators.core import program
from emulators.gcp.seed import (
    seed_billing,
    seed_compute,
    seed_functions,
    seed_gke,
    seed_storage,
    seed_vertex,
)
from emulators.gcp.seed.grid import DEMO_PROJECTS, DEMO_ZONES
from emulators.gcp.server import LocalGcp

_BILLED_DAYS = 10


@click.command()
@click.option("--grpc-port", default=0, show_default="a free one", help="Port of gRPC on 127.0.0.1.")
@click.option("--http-port", default=0, show_default="a free one", help="Port of REST, tokens and pages.")
@click.option("--instances", default=300, show_default=True, help="Instances of the demo, over all projects.")
@click.option("--projects", default=",".join(DEMO_PROJECTS), show_default=True, help="Projects of the demo, by comma.")
@click.option("--zones", default=",".join(DEMO_ZONES), show_default=True, help="Zones of the demo, by comma.")
@program.options(
    seeds="demo: Compute Engine and billing; all: every service that has a seed.",
    ready="File that gets the endpoints as JSON once they are served; a service account's file lies beside it.",
    default="demo",
)
def main(grpc_port: int, http_port: int, *, what: str, ready_file: Path | None, **demo: Any) -> None:
    """Serve a local Google Cloud until SIGTERM or Ctrl-C."""
    ended = program.ending()
    projects, zones = demo["projects"].split(","), demo["zones"].split(",")
    gcp = LocalGcp(grpc_port=grpc_port, http_port=http_port)
    told: dict[str, Any] = {"projects": projects}
    if what != "none":
        told["export_table"] = seed_demo(gcp, demo["instances"], projects, zones, demo["seed"])
    if what == "all":
        seed_others(gcp, projects, demo["seed"])

    def ready(beside: Path) -> str:
        key = gcp.credentials_file(projects[0], beside)
        return json.dumps(told | {"endpoints": gcp.endpoints, "credentials_file": str(key)}, indent=2)

    program.serve(gcp, ended, ready_file, ready)


def seed_demo(gcp: LocalGcp, instances: int, projects: list[str], zones: list[str], seed: int) -> str:
    """Instances, told of by `/_local/seed`, and ten days of the billing export; gives the export's table."""
    compute = seed_compute(gcp, instances, projects, zones, seed=seed)
    gcp.control.add("GET", "seed", lambda _query, _body: compute.describe())
    first = datetime.fromtimestamp(gcp.clock(), UTC).date() - timedelta(days=_BILLED_DAYS)
    return seed_billing(gcp, first, _BILLED_DAYS, projects, seed=seed).table


def seed_others(gcp: LocalGcp, projects: list[str], seed: int) -> None:
    """Every service beside Compute Engine and billing."""
    seed_vertex(gcp, projects=projects, seed=seed)
    seed_gke(gcp, projects=projects, seed=seed)
    seed_functions(gcp, projects=projects, seed=seed)
    seed_storage(gcp, projects=projects, seed=seed)


if __name__ == "__main__":
    main()
