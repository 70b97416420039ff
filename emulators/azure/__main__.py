"""The local Azure as a process: `python -m emulators.azure --seed demo`."""

import signal
import threading
from pathlib import Path
from typing import Any

import click
import msgspec

from emulators.azure.directory import DEFAULT_TENANT
from emulators.azure.seed import seed_aks, seed_costs, seed_functions, seed_ml, seed_storage, seed_vms
from emulators.azure.server import LocalAzure
from emulators.azure.subscriptions import DEFAULT_SUBSCRIPTION, SECOND_SUBSCRIPTION
from telemetry.stopping import set_from_handler


@click.command()
@click.option("--port", default=0, show_default="a free one", help="Port on 127.0.0.1.")
@click.option(
    "--seed",
    "what",
    type=click.Choice(["none", "demo", "all"]),
    default="none",
    show_default=True,
    help="demo: virtual machines; all: everything that has a seed.",
)
@click.option("--vms", default=300, show_default=True, help="Virtual machines of the demo.")
@click.option("--regions", default="eastus,westeurope", show_default=True, help="Regions of the demo, by comma.")
@click.option(
    "--subscriptions",
    default=f"{DEFAULT_SUBSCRIPTION},{SECOND_SUBSCRIPTION}",
    show_default=True,
    help="Subscriptions of the demo, by comma.",
)
@click.option("--tenant", default=DEFAULT_TENANT, show_default=True, help="Tenant of the demo.")
@click.option("--seed-number", default=1, show_default=True, help="Seed number: the same gives the same resources.")
@click.option(
    "--ready-file",
    type=click.Path(path_type=Path),
    help="File that gets the address, the CA's path and credentials as JSON, readable by its owner alone, once served.",
)
def main(
    port: int,
    *,
    what: str,
    vms: int,
    regions: str,
    subscriptions: str,
    tenant: str,
    seed_number: int,
    ready_file: Path | None,
) -> None:
    """Serve a local Azure until SIGTERM or Ctrl-C."""
    ended = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: set_from_handler(ended))
    azure = LocalAzure(port)
    place: dict[str, Any] = {"subscriptions": subscriptions.split(","), "tenant": tenant, "seed": seed_number}
    seeded: dict[str, Any] = {}
    if what != "none":
        seeded |= {"vms": seed_vms(azure, vms, regions=regions.split(","), **place)}
    if what == "all":
        seeded |= seed_all_but_vms(azure, regions.split(","), place)
    azure.control.add("GET", "seed", lambda _query, _body: {name: one.describe() for name, one in seeded.items()})
    with azure:
        click.echo(f"listening on {azure.url}")
        if ready_file is not None:
            told = {
                "url": azure.url,
                "ca_file": azure.ca_file,
                "endpoints": azure.endpoints,
                "credentials": azure.credentials(tenant),
                "subscriptions": place["subscriptions"],
            }
            _write_whole(ready_file, msgspec.json.encode(told))
        ended.wait()


def seed_all_but_vms(azure: LocalAzure, regions: list[str], place: dict[str, Any]) -> dict[str, Any]:
    """Workspaces, clusters, functions, storage accounts and costs: what was seeded, by name."""
    return {
        "ml": seed_ml(azure, regions=regions, **place),
        "aks": seed_aks(azure, regions=regions, **place),
        "functions": seed_functions(azure, regions=regions, **place),
        "storage": seed_storage(azure, regions=regions, **place),
        "costs": seed_costs(azure, **place),
    }


def _write_whole(path: Path, content: bytes) -> None:
    """A reader sees all of the file or none of it; no one else sees the secret."""
    partial = path.with_name(path.name + ".part")
    partial.touch(mode=0o600)
    partial.write_bytes(content + b"\n")
    partial.replace(path)


if __name__ == "__main__":
    main()
