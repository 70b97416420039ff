"""``finfleet permissions``: what to grant at a provider, generated from the services of this install."""

from __future__ import annotations

from difflib import unified_diff
from pathlib import Path

import click

from agents.core.permissions import document, documented_providers
from telemetry.terminal import say
from workers.groups import OneOf


@click.command(name="permissions")
@click.argument("provider", type=OneOf(documented_providers()))
@click.option(
    "--check",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Compare FILE with the permissions instead of printing them; exit status 1 if they differ.",
)
def command(provider: str, check: Path | None) -> int:
    """Print the minimal permissions that are needed to collect all services of a provider.

    For AWS, this is an IAM policy. Remove the statements of services that you do not collect.
    """
    text = document(provider)
    if check is None:
        say(text.removesuffix("\n"), lines=True)
        return 0
    found = check.read_text(encoding="utf-8", errors="replace")
    if found == text:
        return 0
    difference = unified_diff(found.splitlines(), text.splitlines(), str(check), "this release", lineterm="")
    for line in difference:
        say(line, err=True)
    say(f"finfleet: {check} is not what this release needs: finfleet permissions {provider} > {check}", err=True)
    return 1
