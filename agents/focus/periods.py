"""Which billing periods a file is of: what its folders say, or what its rows say."""

from __future__ import annotations

import re
from contextlib import closing, suppress
from datetime import UTC, datetime

from agents.core.bill_months import month_at, month_of
from agents.core.bills.pieces import Shelf
from agents.core.bills.pinned import PinnedFile
from agents.core.bills.stores import ObjectStore
from agents.core.bills.tables import Table, open_tables
from telemetry.errors import CollectionFailed
from telemetry.target import Window, parse_time

_NOTHING = (None, "", "NULL", "null", r"\N")
"""As the layout of FOCUS has it."""
_FORMS = ("%m/%d/%Y", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%Y%m%d", "%Y%m%dT%H%M%S.%fZ")
"""Besides ISO 8601: those that the folding knows (agents/core/bills/fold_sql.py)."""
_DATE = len("2026-11-01")
_ZONE = re.compile(r"(?i)(?:z|[+-]\d\d(?::?\d\d)?)$")
_GAP = re.compile(r" (?=(?:[zZ]|[+-][0-9:]+)$)")
"""Before an offset, as Snowflake writes it."""
_COLUMNS = ("billingperiodstart", "chargeperiodstart")
"""The first that tells; the second where a line has no billing period."""
_MONTH = r"(?P<year>20\d\d)-?(?P<month>0[1-9]|1[0-2])"
_NAMED = re.compile(rf"(?i)(?:billing_?period|period|month|date)={_MONTH}(?:-?01)?")
_PLAIN = re.compile(_MONTH)
_SPAN = re.compile(rf"{_MONTH}-?01[-_]20\d\d-?\d\d-?\d\d")
_YEAR, _OF_YEAR = re.compile(r"(?i)(?:year=)?(20\d\d)"), re.compile(r"(?i)(?:month=)?(0?[1-9]|1[0-2])")
_DAY = re.compile(r"(?i)(?:day=)?(0?[1-9]|[12]\d|3[01])")


class NotFocus(CollectionFailed):
    """A file is something else: it stands in no one's way."""


def month_by_folders(key: str) -> Window | None:
    """The month that the folders of a file are named by; None where they name none, or days.

    ``BILLING_PERIOD=2026-11/``, ``2026-11/``, ``202611/``, ``20261101-20261201/``, ``2026/11/``,
    ``year=2026/month=11/``. Folders of days (``2026/11/24/``) say when a file was written: it may have lines of the
    month before.
    """
    folders = key.split("/")[:-1]
    for at, folder in enumerate(folders):
        found = _NAMED.fullmatch(folder) or _PLAIN.fullmatch(folder) or _SPAN.fullmatch(folder)
        if found:
            return month_of(f"{found['year']}-{found['month']}")
        year = _YEAR.fullmatch(folder)
        month = _OF_YEAR.fullmatch(folders[at + 1]) if year and at + 1 < len(folders) else None
        if year and month:
            by_day = at + 2 < len(folders) and _DAY.fullmatch(folders[at + 2])
            return None if by_day else month_of(f"{year[1]}-{int(month[1]):02}")
    return None


def months_by_rows(file: PinnedFile, store: ObjectStore) -> frozenset[Window]:
    """The months of BillingPeriodStart in a file, or where that is not told, of ChargePeriodStart."""
    found: set[Window] = set()
    with closing(Shelf()) as shelf:
        for table in open_tables(file, store, shelf):
            found |= _months(table)
    return frozenset(found)


def _months(table: Table) -> set[Window]:
    places = {name.lower(): place for place, name in reversed(list(enumerate(table.columns)))}
    wanted = [places[name] for name in _COLUMNS if name in places]
    if not wanted:
        raise NotFocus(f"{table.name}: it has neither BillingPeriodStart nor ChargePeriodStart: it is not FOCUS")
    texts: set[str] = set()
    for batch in table.batches(wanted):
        columns = [batch.column(at).to_pylist() for at in range(batch.num_columns)]
        texts |= {next((text for text in told if text not in _NOTHING), "") for told in zip(*columns, strict=True)}
    return {_month(table.name, text) for text in texts}


def _month(where: str, text: str) -> Window:
    told = text.removesuffix(" UTC")
    day, clock = told[:_DATE], _GAP.sub("", told[_DATE:])
    try:
        return month_at(parse_time(f"{day}{clock or 'T00:00:00'}{'' if _ZONE.search(clock) else '+00:00'}"))
    except ValueError:
        for form in _FORMS:
            with suppress(ValueError):
                return month_at(datetime.strptime(text, form).replace(tzinfo=UTC))
        raise CollectionFailed(f"{where}: {text[:40]!r} is no time that a billing period begins at") from None
