"""The local AWS as a process: `python -m emulators.aws --seed demo`."""

import signal
import threading
from pathlib import Path
from typing import Any

import click

from emulators.aws.seed import (
    Ec2Seed,
    seed_costs,
    seed_ec2,
    seed_eks,
    seed_lambda,
    seed_rds,
    seed_s3,
    seed_sagemaker,
)
from emulators.aws.server import DEFAULT_ACCOUNT, LocalAws
from telemetry.stopping import set_from_handler

_COST_DAYS = 460
"""Fourteen months and the present one: as far back as Cost Explorer keeps days."""


@click.command()
@click.option("--port", default=0, show_default="a free one", help="Port on 127.0.0.1.")
@click.option(
    "--seed",
    "what",
    type=click.Choice(["none", "demo", "all"]),
    default="none",
    show_default=True,
    help="demo: EC2; all: every service that has a seed.",
)
@click.option("--instances", default=300, show_default=True, help="EC2 instances of the demo.")
@click.option("--regions", default="us-east-1,us-west-2", show_default=True, help="Regions of the demo, by comma.")
@click.option("--account", default=DEFAULT_ACCOUNT, show_default=True, help="Account of the demo.")
@click.option("--seed-number", "seed", default=1, show_default=True, help="Seed number: the same gives the same fleet.")
@click.option("--ready-file", type=click.Path(path_type=Path), help="File that gets the address once it is served.")
def main(port: int, *, what: str, ready_file: Path | None, **demo: Any) -> None:
    """Serve a local AWS until SIGTERM or Ctrl-C."""
    ended = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: set_from_handler(ended))
    aws = LocalAws(port)
    if what != "none":
        demo["regions"] = demo["regions"].split(",")
        serve_seed(aws, seed_ec2(aws, **demo))
    if what == "all":
        seed_all_but_ec2(aws, demo["regions"], demo["account"], demo["seed"])
    with aws:
        click.echo(f"listening on {aws.url}")
        if ready_file is not None:
            _write_whole(ready_file, aws.url)
        ended.wait()


def seed_all_but_ec2(aws: LocalAws, regions: list[str], account: str, seed: int) -> None:
    """Costs, buckets and endpoints over all regions; databases, functions and clusters in each.

    The clusters have no nodes in EC2, so that `/_local/seed` counts every instance there is.
    """
    seed_costs(aws, _COST_DAYS, regions=regions, seed=seed)
    seed_s3(aws, regions=regions, account=account, seed=seed)
    seed_sagemaker(aws, regions=regions, account=account, seed=seed)
    for region in regions:
        seed_rds(aws, region=region, account=account, seed=seed)
        seed_lambda(aws, region=region, account=account, seed=seed)
        seed_eks(aws, region=region, account=account, seed=seed, nodes=False)


def serve_seed(aws: LocalAws, seeded: Ec2Seed) -> None:
    """Serve `GET /_local/seed`: the counts, and with `?start=&end=` (epoch seconds) the `points` visible in between."""

    def page(query: dict[str, str], _body: bytes) -> dict[str, Any]:
        described = seeded.describe()
        if "start" in query and "end" in query:
            span = (float(query["start"]), float(query["end"]))
            described["points"] = seeded.expected_points(*span, now=aws.clock(), region=query.get("region"))
        return described

    aws.control.add("GET", "seed", page)


def _write_whole(path: Path, text: str) -> None:
    """A reader sees all of the file or none of it."""
    partial = path.with_name(path.name + ".part")
    partial.write_text(text + "\n")
    partial.replace(path)


if __name__ == "__main__":
    main()
