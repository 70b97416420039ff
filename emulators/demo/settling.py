"""Waits until all that the demo has planned is collected, stored and forwarded; and says how it goes."""

from __future__ import annotations

import time

import click
import psycopg

from emulators.demo.stack import DemoFailed, Stack

_SETTLES_WITHIN = 120.0
_HOST_WINDOWS = 2
_PROGRESS = """
SELECT count(*) FILTER (WHERE c.state NOT IN ('planned', 'dispatched') AND t.provider <> 'generic') AS settled,
       count(*) FILTER (WHERE t.provider <> 'generic') AS planned,
       count(*) FILTER (WHERE c.state = 'complete' AND t.provider = 'generic') AS host,
       count(*) FILTER (WHERE c.state IN ('planned', 'dispatched')) AS waiting,
       (SELECT count(*) FROM finfleet.outbox WHERE state = 'pending') AS unsent,
       (SELECT coalesce(sum(records_committed), 0)::bigint FROM finfleet.runs) AS records
  FROM finfleet.targets AS t JOIN finfleet.collections AS c USING (target_id)
"""


class Progress:
    """Lines on standard error: what is going on, and since when."""

    def __init__(self, begun: float) -> None:
        """Nothing is said yet."""
        self._begun = begun
        self._last = ""

    def line(self, text: str) -> None:
        """Say it once."""
        if text != self._last:
            click.echo(f"{time.monotonic() - self._begun:5.1f} s  {text}", err=True)
        self._last = text


def wait_until_settled(stack: Stack, say: Progress) -> None:
    """Until the back-fill and some windows of the present are stored and forwarded."""
    deadline = time.monotonic() + _SETTLES_WITHIN
    with psycopg.connect(stack.database_url.get_secret_value(), autocommit=True) as connection:
        while time.monotonic() < deadline:
            row = connection.execute(_PROGRESS).fetchone() or (0,) * 6
            settled, planned, host, waiting, unsent, records = row
            say.line(
                f"{settled} of {planned} windows of clouds, {host} of this host; {records:,} records, {unsent} unsent"
            )
            if planned and host >= _HOST_WINDOWS and not waiting and not unsent:
                return
            if stack.process.poll() is not None:
                raise DemoFailed(f"finfleet up ended by itself; see {stack.state / 'up.log'}")
            time.sleep(0.5)
    raise DemoFailed(f"not settled within {_SETTLES_WITHIN:g} s; see {stack.up['logs']} and `finfleet status`")
