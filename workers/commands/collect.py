"""``finfleet collect``: one collection in this process, printed; nothing is stored or sent."""

from __future__ import annotations

import sys
from datetime import timedelta
from decimal import Decimal
from typing import Any

import click
import msgspec

from agents.core.collection import Collection
from agents.core.context import Shared, utc_now
from agents.core.provider import find_provider
from agents.core.service import Service, find
from agents.core.unattended import never_ask
from telemetry.batch import Outcome, Report, Run
from telemetry.builder import unpack
from telemetry.closest import did_you_mean
from telemetry.costs import CostLine
from telemetry.deliveries import Delivery
from telemetry.errors import CollectionError
from telemetry.records import CostRate, MetricPoint, Record, Resource
from telemetry.settings import load_settings
from telemetry.settings.providers import ProviderSettings
from telemetry.target import Target, Window
from telemetry.terminal import say
from workers import completion
from workers.output import duration, json_option, print_json, print_table, progress
from workers.parameters import TARGET, WINDOW


@click.command(name="collect")
@click.argument("target", type=TARGET, shell_complete=completion.targets)
@click.option("--window", type=WINDOW, help="START/END in ISO 8601 [default: the last complete window].")
@json_option
def command(target: Target, window: Window | None, as_json: bool) -> None:
    """Collect TARGET (provider/account/region/service) once in this process, and print it. Stores and sends nothing.

    Needs only the credentials of the provider, no broker and no database.
    """
    never_ask()
    try:
        service = find(target.provider, target.service)
    except LookupError as error:
        raise click.UsageError(str(error)) from None
    find_provider(target.provider).require()
    shared = Shared(load_settings(providers={target.provider}, forwards=False, stores=False))
    section = shared.settings.provider(target.provider)
    if section is not None and (fault := _region_fault(service, section, target)):
        raise click.UsageError(fault)
    window = window or service.latest_window(utc_now(), _interval(service, shared, target))
    progress(f"collecting {target} {window}")
    collection = Collection(shared, Run.start(target, window, 1, utc_now()))
    records, report = _collect(collection)
    if as_json:
        named = [_fields(record) for record in records]
        print_json({"target": str(target), "window": str(window), "records": named, "report": _summary(report)})
    else:
        _print(records)
        for line in _lines(report):
            say(line, err=True)
    sys.exit(0 if report.outcome in {Outcome.COMPLETE, Outcome.EMPTY} else 1)


def _region_fault(service: Service, section: ProviderSettings, target: Target) -> str:
    """What is wrong with the region of a target, or with the part that stands in its place; empty where nothing is."""
    account = next((one for one in section.accounts_of(target.provider) if one.name == target.account), None)
    parts = None if account is None else service.parts(section, account)
    if parts is not None and target.region not in parts:
        meant = did_you_mean(target.region, parts)
        return f"{target.region}: {target.account} has no such part of {target.service}; {meant}"
    return section.region_fault(target.region) if service.regional and parts is None else ""


def _interval(service: Service, shared: Shared, target: Target) -> timedelta:
    section = shared.settings.provider(target.provider)
    accounts = section.accounts_of(target.provider) if section is not None else ()
    own = next((account.interval for account in accounts if account.name == target.account), None)
    return own or service.interval_in(section)


def _collect(collection: Collection) -> tuple[list[Record], Report]:
    records: list[Record] = []
    try:
        for batch in collection.batches():
            records.extend(unpack(batch))
    except CollectionError as error:
        return records, collection.report(error)
    return records, collection.report()


def _fields(record: Record) -> dict[str, Any]:
    """A record by name: on the wire a resource is known by the places of its fields alone."""
    fields = msgspec.structs.asdict(record)
    if isinstance(record, MetricPoint | CostRate):
        fields["resource"] = msgspec.structs.asdict(record.resource)
    if isinstance(record, Delivery):
        fields["files"] = [msgspec.structs.asdict(file) for file in record.files]
    return fields


def _summary(report: Report) -> dict[str, Any]:
    return {
        "outcome": report.outcome,
        "records": report.records,
        "apis": [
            {"api": use.api, "calls": use.calls, "throttles": use.throttles, "cost_usd": use.cost_usd}
            for use in report.apis
        ],
        "unknown_prices": report.unknown_prices,
        "partial": report.partial,
        "error": report.error,
        "permission": report.permission,
        "not_before": report.not_before,
    }


def _print(records: list[Record]) -> None:
    points = [record for record in records if isinstance(record, MetricPoint)]
    rates = [record for record in records if isinstance(record, CostRate)]
    alone = [record for record in records if isinstance(record, Resource)]
    if points:
        print_table(
            ("resource", "type", "metric", "statistic", "start", "value", "unit"),
            ((_name(p.resource), p.resource.type, p.metric, p.statistic, p.start, p.value, p.unit) for p in points),
        )
    if rates:
        print_table(
            ("resource", "type", "start", "cost per hour", "currency", "basis"),
            ((_name(r.resource), r.resource.type, r.start, r.amount, r.currency, r.basis) for r in rates),
        )
    for breakdown in dict.fromkeys(record.breakdown for record in records if isinstance(record, CostLine)):
        say()
        say(f"the bill by {breakdown}" if breakdown else "the bill")
        _print_costs([line for line in records if isinstance(line, CostLine) and line.breakdown == breakdown])
    if told := [record for record in records if isinstance(record, Delivery)]:
        print_table(
            ("period", "delivery", "version", "submitted", "files", "rows read", "reason"),
            (
                (d.period_start.date(), d.state, d.version[:12], d.submitted_at, len(d.files), d.rows_read, d.reason)
                for d in told
            ),
        )
    if alone:
        print_table(("resource without figures", "type"), ((_name(r), r.type) for r in alone))


def _print_costs(lines: list[CostLine]) -> None:
    """One breakdown, with the columns in which a line of it tells something."""
    told = ("start", "service_name", "sub_account_id", "region_id", "resource_id", "charge_type", "tags")
    columns = (*(name for name in told if any(getattr(line, name) for line in lines)), "billed_cost", "effective_cost")
    print_table(
        (*(name.replace("_", " ") for name in columns), "currency"),
        ((*(getattr(line, name) for name in columns), line.currency) for line in lines),
    )


def _name(resource: Resource) -> str:
    return resource.name or resource.resource_id


def _lines(report: Report) -> tuple[str, ...]:
    """How it went; each reason, which may be a provider's text, is a line of its own."""
    took = duration((report.finished_at - report.run.started_at).total_seconds())
    calls = ", ".join(f"{use.calls} x {use.api}" for use in report.apis) or "no API calls"
    known = [use.cost_usd for use in report.apis if use.cost_usd is not None]
    text = f"{report.outcome}: {report.records} records in {took}; {calls}; calls cost ${sum(known, Decimal(0)):f}"
    if report.unknown_prices:
        text += f"; {report.unknown_prices} prices are unknown"
    reasons = tuple(f"partial: {reason}" for reason in report.partial)
    return (text, *reasons, report.error) if report.error else (text, *reasons)
