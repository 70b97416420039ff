"""Prints what the demo found."""

from __future__ import annotations

import click

from emulators.demo.config import BILLED
from emulators.demo.facts import Facts, total
from emulators.demo.stack import Stack
from workers.output import print_table


def print_report(facts: Facts) -> None:
    """Coverage, what is in Postgres, cost per hour, calls, what OpenFinOps has."""
    _coverage(facts)
    _stored(facts)
    _rates(facts)
    _bills(facts)
    _dearest(facts)
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
    click.echo(f"  SQL         PGPASSFILE={stack.home / 'pgpass'} psql {where}")
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
    columns = ("service", "resources", "series", "points", "first", "last")
    print_table(
        ("  provider", *columns),
        (("  " + row["provider"], *(row[key] for key in columns)) for row in facts.stored),
    )


def _rates(facts: Facts) -> None:
    click.echo("\nCost per hour by instance type: list prices and spot prices; a stopped instance costs no compute")
    columns = ("type", "instances", "each_from", "each_to", "per_hour", "currency")
    print_table(
        ("  provider", *(column.replace("_", " ") for column in columns)),
        (("  " + row["provider"], *(row[column] for column in columns)) for row in facts.rates),
    )
    for provider, currency in sorted({(row["provider"], row["currency"]) for row in facts.rates}):
        rows = [row for row in facts.rates if (row["provider"], row["currency"]) == (provider, currency)]
        click.echo(f"  {provider}: {total(rows, 'per_hour')} {currency} an hour in all")
    for row in facts.unpriced:
        click.echo(f"  {row['provider']}: {row['resources']} instances have no price that is known: they are left out")


def _bills(facts: Facts) -> None:
    click.echo(f"\nThe bill by service: of {BILLED.days} days by an API, or of the months that files of the bill have")
    print_table(
        ("  provider", "service", "billed", "effective", "currency"),
        (
            ("  " + row["provider"], row["service"], row["billed"], row["effective"], row["currency"])
            for row in facts.bills
        ),
    )


def _dearest(facts: Facts) -> None:
    click.echo("\nThe bill of AWS by resource, from the files in its bucket: what costs most")
    print_table(
        ("  resource", "service", "billed", "effective", "currency"),
        (
            ("  " + row["resource"], row["service"], row["billed"], row["effective"], row["currency"])
            for row in facts.dearest
        ),
    )


def _calls(facts: Facts) -> None:
    click.echo("\nAPI calls, as the clouds counted them")
    metered = {(row["provider"], row["api"]): (row["throttles"], row["cost_usd"]) for row in facts.metered}
    least = {provider: facts.least_calls(provider) for provider in facts.asked}
    print_table(
        ("  provider", "api", "made", "least possible", "throttled", "USD at list prices"),
        (
            (
                "  " + provider,
                api,
                made.get(api, 0),
                least[provider].get(api),
                *metered.get((provider, api), (None, None)),
            )
            for provider, made in facts.asked.items()
            for api in sorted(made.keys() | least[provider].keys())
        ),
    )
