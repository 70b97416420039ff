"""The local Azure as a process: `python -m emulators.azure --seed demo`."""

import json
from pathlib import Path
from typing import Any

import click

from emulators.azure.directory import DEFAULT_TENANT
from emulators.azure.seed import seed_aks, seed_costs, seed_functions, seed_ml, seed_storage, seed_vms
from emulators.azure.server import LocalAzure
from emulators.azure.subscriptions import DEFAULT_SUBSCRIPTION, SECOND_SUBSCRIPTION
from emulators.core import program


@click.command()
@click.option("--port", default=0, show_default="a free one", help="Port on 127.0.0.1.")
@click.option("--vms", default=300, show_default=True, help="Virtual machines of the demo.")
@click.option("--regions", default="eastus,westeurope", show_default=True, help="Regions of the demo, by comma.")
@click.option(
    "--subscriptions",
    default=f"{DEFAULT_SUBSCRIPTION},{SECOND_SUBSCRIPTION}",
    show_default=True,
    help="Subscriptions of the demo, by comma.",
)
@click.option("--tenant", default=DEFAULT_TENANT, show_default=True, help="Tenant of the demo.")
@program.options(
    seeds="demo: virtual machines; all: everything that has a seed.",
    ready="File that gets the address, the CA's path and credentials as JSON once served.",
)
def main(port: int, *, what: str, ready_file: Path | None, vms: int, regions: str, **place: Any) -> None:
    """Serve a local Azure until SIGTERM or Ctrl-C."""
    ended = program.ending()
    azure = LocalAzure(port)
    place["subscriptions"] = place["subscriptions"].split(",")
    seeded: dict[str, Any] = {}
    if what != "none":
        seeded |= {"vms": seed_vms(azure, vms, regions=regions.split(","), **place)}
    if what == "all":
        seeded |= seed_all_but_vms(azure, regions.split(","), place)
    azure.control.add("GET", "seed", lambda _query, _body: {name: one.describe() for name, one in seeded.items()})
    program.serve(azure, ended, ready_file, lambda _directory: _ready(azure, place["tenant"], place["subscriptions"]))


def _ready(azure: LocalAzure, tenant: str, subscriptions: list[str]) -> str:
    told = {
        "url": azure.url,
        "ca_file": azure.ca_file,
        "endpoints": azure.endpoints,
        "credentials": azure.credentials(tenant),
        "subscriptions": subscriptions,
    }
    return json.dumps(told)


def seed_all_but_vms(azure: LocalAzure, regions: list[str], place: dict[str, Any]) -> dict[str, Any]:
    """Workspaces, clusters, functions, storage accounts and costs: what was seeded, by name."""
    return {
        "ml": seed_ml(azure, regions=regions, **place),
        "aks": seed_aks(azure, regions=regions, **place),
        "functions": seed_functions(azure, regions=regions, **place),
        "storage": seed_storage(azure, regions=regions, **place),
        "costs": seed_costs(azure, **place),
    }


if __name__ == "__main__":
    main()
