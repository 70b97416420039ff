"""Settled windows become ranges: a row a target and month for those that ended alike, in the place of one a window.

A row of the ledger takes two hundred bytes, and a target has a hundred thousand of them a year. What is settled and has
nothing left to do by itself, is moved; :mod:`storage.folding.unfold` has it back as a row for whoever needs it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from storage.database import Connection
from storage.folding.releases import others_live
from storage.folding.unfold import STAND_IN
from storage.sql import load

AGE = timedelta(days=2)
"""How long after it was settled a window is folded."""
TRIED_FOR = timedelta(days=7)
"""What was denied, or has failed, is tried again by itself for so long: heal_gaps does it."""
_MARGIN = timedelta(days=1)
_WINDOWS = 2000
_MONTHS = 8

_SQL = load("folding_ledger")


def fold_ledger(connection: Connection, now: datetime, *, age: timedelta = AGE, limit: int = _WINDOWS) -> int:
    """Fold at most ``limit`` windows in one transaction, and return how many; 0: there is nothing left.

    Several processes may do so at once: what one is at work on, the others leave alone. While a process of another
    release lives that may write to the ledger, nothing is folded: it would take a folded window for one that was never
    planned.
    """
    with connection.transaction():
        if others_live(connection):
            return 0
        values: dict[str, Any] = {
            "before": now - age,
            "tried_until": now - TRIED_FOR - min(age, _MARGIN),
            "reopen": TRIED_FOR,
            "limit": limit,
            "stand_in": STAND_IN,
        }
        months = connection.execute(_SQL["pick"], values | {"months": _MONTHS}).fetchall()
        if not months:
            return 0
        columns = {"target_ids": [target_id for target_id, _ in months], "months": [month for _, month in months]}
        row = connection.execute(_SQL["fold"], values | columns).fetchone()
    return int(row[0]) if row else 0
