"""``finfleet schema``: the JSON Schema of what may be pushed, and of what is sent."""

from __future__ import annotations

import click

from telemetry.closest import did_you_mean
from telemetry.push.message import schema
from telemetry.settings.destinations import kinds
from workers import completion
from workers.output import print_json


@click.command(name="schema")
@click.argument("kind", required=False, shell_complete=completion.kinds)
def command(kind: str | None) -> None:
    """Print the JSON Schema of pushed messages, or of the messages that a KIND of destination receives.

    Use it with a validator in any language.
    """
    if kind is None:
        print_json(schema())
        return
    schemas = {name: found for name, one in kinds().items() if (found := one.schema()) is not None}
    if kind not in schemas:
        raise click.UsageError(f"{kind}: no kind of destination with a schema; {did_you_mean(kind, schemas)}")
    print_json(schemas[kind])
