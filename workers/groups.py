"""Groups of commands, and choices, that say which one was meant."""

from __future__ import annotations

from typing import Any

import click

from telemetry.closest import did_you_mean


class Group(click.Group):
    """A group that names the command which is closest to one that it does not have."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first word names; what is wrong with it is said as wrong usage."""
        name = args[0]
        if not (ctx.resilient_parsing or name.startswith("-") or self.get_command(ctx, name)):
            raise click.UsageError(f"no such command {name!r}; {did_you_mean(name, self.list_commands(ctx))}", ctx)
        return super().resolve_command(ctx, args)


class OneOf(click.Choice[str]):
    """One word of a few."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read one of them; what is wrong with it is said as wrong usage."""
        if value not in self.choices:
            self.fail(f"{value!r}: {did_you_mean(str(value), self.choices)}", param, ctx)
        return str(value)
