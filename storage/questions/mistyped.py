"""Names that a question was asked with and that no bill has: why an answer may be empty."""

from __future__ import annotations

from typing import Any

import psycopg

from storage.questions.files import Question
from storage.questions.values import Values
from storage.sql import load
from telemetry.closest import did_you_mean

_SQL = load("questions")


def mistyped(connection: psycopg.Connection[Any], question: Question, values: Values) -> list[str]:
    """A line for each provider, account and currency that is not on the bill of the days that were asked for."""
    asked = {name: values.bound.get(name) for name in ("provider", "account", "currency")}
    if "bill" not in question.reads or not any(asked.values()):
        return []
    rows = connection.execute(_SQL["on_the_bill"], {"from": values.since, "to": values.until}).fetchall()
    there: dict[str, set[str]] = {
        "provider": {provider for provider, *_ in rows},
        "account": {account for _, *accounts, _ in rows for account in accounts if account},
        "currency": {currency for *_, currency in rows},
    }
    return [
        f"no {name} {text[:40]!r} is on the bill from {values.since} to {values.until}:"
        f" {did_you_mean(text, sorted(there[name]))}"
        for name, text in asked.items()
        if text and text not in there[name]
    ]
