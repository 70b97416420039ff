"""``finfleet schema``: the JSON Schema of what may be pushed."""

from __future__ import annotations

import click

from telemetry.push.message import schema
from workers.output import print_json


@click.command(name="schema")
def command() -> None:
    """Print the JSON Schema of the message of finfleet.push, for validators in any language."""
    print_json(schema())
