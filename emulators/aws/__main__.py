"""The local AWS as a process: `python -m emulators.aws --seed demo`."""

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
from emulators.core import program

_COST_DAYS = 460
"""Fourteen months and the present one: as far back as Cost Explorer keeps days."""


@click.command()
@click.option("--port", default=0, show_default="a free one", help="Port on 127.0.0.1.")
@click.option("--instances", default=300, show_default=True, help="EC2 instances of the demo.")
@click.option("--regions", default="us-east-1,us-west-2", show_default=True, help="Regions of the demo, by comma.")
@click.option("--account", default=DEFAULT_ACCOUNT, show_default=True, help="Account of the demo.")
@program.options(
    seeds="demo: EC2; all: every service that has a seed.", ready="File that gets the address once it is served."
)
def main(port: int, *, what: str, ready_file: Path | None, **demo: Any) -> None:
    """Serve a local AWS until SIGTERM or Ctrl-C."""
    ended = program.ending()
    aws = LocalAws(port)
    if what != "none":
        demo["regions"] = demo["regions"].split(",")
        serve_seed(aws, seed_ec2(aws, **demo))
    if what == "all":
        seed_all_but_ec2(aws, demo["regions"], demo["account"], demo["seed"])
    program.serve(aws, ended, ready_file, lambda _directory: aws.url)


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


if __name__ == "__main__":
    main()
