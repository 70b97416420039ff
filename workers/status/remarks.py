"""What is worth knowing, and no trouble: what is tried again, what nobody can find out any more, how busy it was."""

from __future__ import annotations

from collections.abc import Iterator

from storage.cost_scopes import LeftOut
from storage.reports import Partial, ProviderActivity, Trouble
from workers.commands.outbox import standing
from workers.output import cell
from workers.status.facts import Facts

_STANDING = {
    "disabled": "it is disabled, and what waits, waits",
    "removed": "it is not in the configuration, and what waits is dead an hour after it was committed",
}


def remarks(facts: Facts) -> Iterator[str]:
    """A line each."""
    status, take = facts.database.status, facts.filters.take
    if status is None:
        return
    providers = facts.filters.providers
    yield from (_activity(one) for one in status.activity if not providers or one.provider in providers)
    for line in status.outbox:
        if (gone := _STANDING.get(standing(facts.settings, line.destination))) is not None:
            yield f"{line.destination}: {gone}"
    yield from (_tried_again(one) for one in status.troubles if one.state == "open" and take(one.target))
    yield from (_partial(one) for one in status.partial if not one.again and take(one.target))
    yield from map(_left_out, status.left_out)


def _activity(busy: ProviderActivity) -> str:
    runs = f"{busy.runs:,} runs, {busy.troubled:,} of them troubled"
    calls = f"{busy.calls:,} calls, {busy.throttles:,} throttles"
    return f"{busy.provider}, last minute: {runs}, {calls}, {busy.records:,} records ({busy.records_per_second:,.2f}/s)"


def _tried_again(trouble: Trouble) -> str:
    span = f"{cell(trouble.since)} to {cell(trouble.until)}"
    return f"{trouble.target} open: {_windows(trouble.windows)}, {span}: {trouble.error}"


def _partial(lacking: Partial) -> str:
    span = f"{cell(lacking.since)} to {cell(lacking.until)}"
    return (
        f"{lacking.target} partial: {_windows(lacking.windows)}, {span}; the newest lacks {'; '.join(lacking.reasons)}"
    )


def _windows(count: int) -> str:
    return "1 window" if count == 1 else f"{count:,} windows"


def _left_out(bill: LeftOut) -> str:
    accounts = "1 account" if bill.accounts == 1 else f"{bill.accounts:,} accounts"
    span = f"{bill.first_day} to {bill.last_day}"
    return f"{bill.target}: its bill of {accounts}, {span}, is counted from {bill.counted_from}: {bill.reason}"
