"""Prints what the demo found."""

from __future__ import annotations

import click

from emulators.demo.checks import least_calls
from emulators.demo.facts import Facts, total
from emulators.demo.stack import Stack
from workers.output import print_table


def print_report(facts: Facts) -> None:
    """Coverage, what is in Postgres, cost per hour, calls, what OpenFinOps has."""
    _coverage(facts)
    _stored(facts)
    _costs(facts)
    _calls(facts)
    click.echo("\nOpenFinOps answers that it has received")
    click.echo(f"  {len(facts.received):,} batches, each once, from {facts.agents} agents")


def print_addresses(stack: Stack, keep: bool) -> None:
    """Where to look, while it runs."""
    flower, database = stack.up["flower"], stack.up["database"]
    where = "-h {host} -p {port} -U {user} {name}".format(**database)
    click.echo("\nWhere to look" + ("" if keep else " (while it runs: make demo KEEP=1)"))
    click.echo(f"  Flower      {flower['url']} (user {flower['user']}, password in {flower['password_file']})")
    click.echo(f"  OpenFinOps  {stack.openfinops_url}/dashboard")
    click.echo(f"  SQL         PGPASSFILE={stack.state / 'finfleet' / 'pgpass'} psql {where}")
    click.echo("              for instance: SELECT * FROM reporting.coverage;")
    click.echo(f"  logs        {stack.up['logs']}")


def _coverage(facts: Facts) -> None:
    click.echo("\nCoverage: every window that was owed")
    columns = ("target", "planned", "complete", "empty", "failed", "waiting", "gaps")
    print_table(
        ("  target", *columns[1:]),
        (("  " + row["target"], *(row[key] for key in columns[1:])) for row in facts.targets),
    )


def _stored(facts: Facts) -> None:
    click.echo("\nIn Postgres")
    columns = ("region", "resources", "series", "points", "first", "last")
    print_table(
        ("  provider", *columns),
        (("  " + row["provider"], *(row[key] for key in columns)) for row in facts.stored),
    )


def _costs(facts: Facts) -> None:
    click.echo("\nCost per hour by instance type: list prices and spot prices; a stopped instance costs no compute")
    print_table(
        ("  type", "instances", "each from", "each to", "per hour", "currency"),
        (
            ("  " + row["type"], row["instances"], row["each_from"], row["each_to"], row["per_hour"], row["currency"])
            for row in facts.rates
        ),
    )
    for currency in sorted({row["currency"] for row in facts.rates}):
        rows = [row for row in facts.rates if row["currency"] == currency]
        click.echo(f"  {total(rows, 'per_hour')} {currency} an hour in all")
    click.echo(f"  {facts.unpriced} instances have no price that is known: they are left out")


def _calls(facts: Facts) -> None:
    click.echo("\nAPI calls, as AWS counted them")
    least = least_calls(facts)
    made = {api.replace(".", ":"): calls for api, calls in facts.asked.items()}
    cost = {row["api"]: row["cost_usd"] for row in facts.metered}
    print_table(
        ("  api", "made", "least possible", "USD at AWS's prices"),
        (("  " + api, made.get(api, 0), least.get(api), cost.get(api)) for api in sorted(made | least)),
    )
