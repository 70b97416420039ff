"""``finfleet status``: how the fleet stands."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from agents.core.context import utc_now
from storage.cost_scopes import LeftOut
from storage.reports import Partial, Status, read_status
from storage.timeouts import LOOK
from tasks.results import CarrierUnavailable, Depth, ingest_queues, open_carrier
from telemetry.settings import Settings
from telemetry.terminal import say
from workers.commands.outbox import standing
from workers.local.glance import troubles_beside
from workers.output import cell, json_option, print_json, print_table
from workers.parameters import TIME
from workers.process import fleet_settings, open_database
from workers.queues import task_queue_depths

_STANDING = {
    "enabled": "",
    "disabled": "; it is disabled, and what waits, waits",
    "removed": "; it is not in the configuration, and what waits is dead an hour after it was committed",
}


@click.command(name="status")
@click.option(
    "--since", type=TIME, help="Count only windows that begin at or after this: a time, a date, or 90m, 2h, 7d ago."
)
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".finfleet"),
    show_default=True,
    help="State directory of a `finfleet up` on this machine; used only if it has the same database.",
)
@json_option
def command(since: datetime | None, state: Path, as_json: bool) -> None:
    """Show coverage, lag, queue depths, forwarding, and the last errors.

    Exit status 1 if a window is denied or failed, a message is dead, or a process of the `finfleet up` in this
    directory (STATE/up.json) does not run or crashes repeatedly.
    """
    settings = fleet_settings()
    with open_database(settings, "finfleet status", timeouts=LOOK) as database, database.connection() as connection:
        status = read_status(connection, utc_now(), since=since)
    depths, reason = _ingest_depths(settings)
    results = depths.get("results")
    queues = task_queue_depths(settings)
    beside = troubles_beside(state, settings.database.url)
    if as_json:
        waiting = {label: depth.messages for label, depth in depths.items()}
        found = {"results_queue": _depth(results, reason), "ingest_queues": waiting, "task_queues": queues}
        print_json({**_fields(status, settings), **found, "processes": beside})
    else:
        _print(status, settings, depths, reason, queues)
        for line in beside:
            say(line)
    sys.exit(1 if _troubled(status) or beside else 0)


def _ingest_depths(settings: Settings) -> tuple[dict[str, Depth], str]:
    """The queues of the ingest by name; none, and why, where they cannot be asked."""
    if (address := settings.broker.address) is None:
        return {}, "no broker is configured: set broker.url or FINFLEET_BROKER_URL"
    depths: dict[str, Depth] = {}
    for label, name in ingest_queues(settings.push_sources).items():
        carrier = open_carrier(address, name)
        try:
            depths[label] = carrier.depth()
        except CarrierUnavailable as error:
            return {}, str(error)
        finally:
            carrier.close()
    return depths, ""


def _fields(status: Status, settings: Settings) -> dict[str, Any]:
    return {
        "at": status.at,
        "targets": [_target(x) for x in status.targets],
        "activity": [_named(x) for x in status.activity],
        "troubles": [_target(x) for x in status.troubles],
        "partial": [_target(x) for x in status.partial],
        "bills_left_out": [line._asdict() for line in status.left_out],
        "outbox": [line._asdict() | {"is": standing(settings, line.destination)} for line in status.outbox],
        "dead_letters": status.dead_letters,
    }


def _target(line: Any) -> dict[str, Any]:
    fields = {**_named(line), "target": str(line.target)}
    if "lag" in fields:
        fields["lag_seconds"] = None if line.lag is None else line.lag.total_seconds()
        del fields["lag"]
    return fields


def _named(line: Any) -> dict[str, Any]:
    return {name: getattr(line, name) for name in type(line).__slots__}


def _depth(depth: Depth | None, reason: str) -> dict[str, Any]:
    if depth is None:
        return {"messages": None, "oldest_age_seconds": None, "error": reason}
    return {"messages": depth.messages, "oldest_age_seconds": depth.oldest_age, "error": ""}


def _print(
    status: Status, settings: Settings, depths: dict[str, Depth], reason: str, queues: dict[str, int | None]
) -> None:
    print_table(
        ("target", "planned", "complete", "empty", "denied", "failed", "waiting", "covered until", "lag"),
        (
            (x.target, x.planned, x.complete, x.empty, x.denied, x.failed, x.waiting, x.covered_until, x.lag)
            for x in status.targets
        ),
    )
    say()
    print_table(
        ("last minute", "runs", "troubled", "calls", "throttles", "records", "records/s"),
        (
            (x.provider, x.runs, x.troubled, x.calls, x.throttles, x.records, x.records_per_second)
            for x in status.activity
        ),
    )
    say()
    results = depths.get("results")
    depth = reason if results is None else f"{results.messages:,} messages"
    age = "" if results is None or results.oldest_age is None else f", the oldest {results.oldest_age:.0f} s old"
    say(f"results queue: {depth}{age}")
    others = [f"{label} {cell(one.messages)}" for label, one in depths.items() if label != "results"]
    if others:
        say("other queues of the ingest: " + ", ".join(others))
    say("task queues: " + (", ".join(f"{name} {cell(count)}" for name, count in queues.items()) or "-"))
    for line in status.outbox:
        waits = f", the oldest since {cell(line.oldest_pending)}" if line.oldest_pending else ""
        error = f" ({line.error})" if line.error else ""
        gone = _STANDING[standing(settings, line.destination)]
        say(f"{line.destination}: {line.pending:,} wait{waits}, {line.sent:,} sent, {line.dead:,} dead{error}{gone}")
    say(f"dead letters: {status.dead_letters:,}" + (" (finfleet dlq list)" if status.dead_letters else ""))
    for trouble in status.troubles:
        span = f"{cell(trouble.since)} to {cell(trouble.until)}"
        say(f"{trouble.target} {trouble.state}: {trouble.windows:,} windows, {span}: {trouble.error}")
    for lacking in status.partial:
        span = f"{cell(lacking.since)} to {cell(lacking.until)}"
        reasons = "; ".join(lacking.reasons)
        again = f"; read again {_heals(lacking)}" if lacking.again else ""
        say(f"{lacking.target} partial: {lacking.windows:,} windows, {span}; the newest lacks {reasons}{again}")
    for bill in status.left_out:
        say(_left_out(bill))


def _left_out(bill: LeftOut) -> str:
    accounts = "1 account" if bill.accounts == 1 else f"{bill.accounts:,} accounts"
    span = f"{bill.first_day} to {bill.last_day}"
    return f"{bill.target}: its bill of {accounts}, {span}, is counted from {bill.counted_from}: {bill.reason}"


def _heals(lacking: Partial) -> str:
    return f"once {lacking.permission} is granted" if lacking.permission else "when it answers again"


def _troubled(status: Status) -> bool:
    dead = any(line.dead for line in status.outbox)
    return bool(status.dead_letters) or dead or any(x.denied or x.failed for x in status.targets if x.enabled)
