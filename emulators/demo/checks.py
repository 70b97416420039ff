"""Compares what the fleet says with what the clouds hold: any difference is a fault of the demo."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal

from emulators.demo.facts import Facts


def problems(facts: Facts) -> Iterator[str]:
    """Every count that disagrees, in words; nothing where all is well."""
    yield from _coverage(facts)
    yield from _stored(facts)
    yield from _billed(facts)
    yield from _calls(facts)
    yield from _forwarded(facts)


def _coverage(facts: Facts) -> Iterator[str]:
    for row in facts.targets:
        if row["waiting"] or row["failed"] or row["gaps"]:
            yield f"{row['target']}: {row['waiting']} windows wait, {row['failed']} failed, {row['gaps']} gaps"
        if row["provider"] in facts.asked:
            owed = (row["until"] - row["since"]) / timedelta(seconds=row["interval_seconds"])
            if row["delivered"]:  # a window for each month that was found
                owed = row["planned"]
            if not row["complete"] == row["planned"] == owed:
                yield f"{row['target']}: {owed:g} windows owed, {row['planned']} planned, {row['complete']} complete"
    for provider in facts.asked.keys() - {provider for provider, _ in facts.expected}:
        yield f"{provider}: nothing of it was planned"
    if not any(row["provider"] == "generic" and row["complete"] for row in facts.targets):
        yield "generic: no window of this host was collected"


def _stored(facts: Facts) -> Iterator[str]:
    stored = {(row["provider"], row["service"]): row for row in facts.stored}
    for (provider, service), expected in facts.expected.items():
        row = stored.get((provider, service), {"resources": 0, "points": 0})
        for what in ("resources", "points"):
            held = getattr(expected, what)
            if row[what] != held:
                yield f"{provider}/{service}: {held} {what} in the cloud, {row[what]} in Postgres"


def _billed(facts: Facts) -> Iterator[str]:
    held = _sums((provider, *item) for (provider, _), one in facts.expected.items() for item in one.billed.items())
    read = _sums((row["provider"], row["currency"], row["billed"] or Decimal(0)) for row in facts.bills)
    for place in sorted(held.keys() | read.keys()):
        if held.get(place) != read.get(place):
            yield f"{place[0]}: {held.get(place)} {place[1]} billed, {read.get(place)} in Postgres"


def _sums(amounts: Iterator[tuple[str, str, Decimal]]) -> Mapping[tuple[str, str], Decimal]:
    sums: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for provider, currency, amount in amounts:
        sums[provider, currency] += amount
    return sums


def _calls(facts: Facts) -> Iterator[str]:
    for provider, asked in facts.asked.items():
        metered = {row["api"]: row["calls"] for row in facts.metered if row["provider"] == provider}
        if dict(asked) != metered:
            yield f"calls: {provider} counted {dict(asked)}, the ledger {metered}"
        least = facts.least_calls(provider)
        counted = {api: calls for api, calls in asked.items() if api not in facts.uncounted(provider)}
        if counted != least:
            yield f"calls: {counted} were made at {provider}, {least} would do"


def _forwarded(facts: Facts) -> Iterator[str]:
    outbox = facts.outbox
    if outbox["dead"] or outbox["dead_letters"] or outbox["pending"]:
        yield f"outbox: {outbox['pending']} wait, {outbox['dead']} dead; {outbox['dead_letters']} dead letters"
    if not outbox["sent"] == outbox["batches"] == len(facts.received) + outbox["silent"]:
        yield f"OpenFinOps holds {len(facts.received)} batches; {outbox['batches']} stored, {outbox['sent']} sent"
    if again := sum(count - 1 for count in facts.received.values()):
        yield f"OpenFinOps received {again} batches more than once"
