"""The messages of the results queue: batches of records, and the report that closes a run.

A run is one execution of one attempt at a window. It publishes numbered batches and, last, one report.
A redelivered task is another run of the same attempt: it may see other data, so it has an id of its own,
and its batches are not taken for those of the first.
"""

from __future__ import annotations

import uuid
from collections.abc import MutableSequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Self

import msgspec

from telemetry.costs import CostLine
from telemetry.deliveries import Delivery
from telemetry.recommendations import Recommendation
from telemetry.records import Resource
from telemetry.target import Target, Window

MAX_BATCH_RECORDS = 5000
"""Points, rates, lines of costs and resources that one batch holds at the most (measured: 500 to 5,000 serve best)."""

MAX_REASONS = 20
"""Reasons for what is missing that one report gives."""
MAX_REASON = 300
"""Characters in one of them."""


class Outcome(StrEnum):
    """How a run ended."""

    COMPLETE = "complete"  # records were found, and all of them published
    EMPTY = "empty"  # the provider answered: there is nothing
    DENIED = "denied"  # a permission is missing
    THROTTLED = "throttled"  # or a budget is used up: due again at ``not_before``
    FAILED = "failed"  # due again, a limited number of times
    RETRYING = "retrying"  # the task tries again by itself in a moment: only what it took is recorded


class Run(msgspec.Struct, frozen=True, array_like=True):
    """One execution of one attempt at a window."""

    run_id: uuid.UUID
    target: Target
    window: Window
    #: Numbered by the ledger, from 1; a later attempt supersedes an earlier one.
    attempt: int
    #: Orders the runs of one attempt.
    started_at: datetime
    #: What the planner gave with the attempt, and nobody else can give; empty where nobody plans (a push).
    grant: str = ""

    @classmethod
    def start(cls, target: Target, window: Window, attempt: int, now: datetime, grant: str = "") -> Self:
        """Begin a run, with a fresh id."""
        return cls(uuid.uuid4(), target, window, attempt, now, grant)


class Series(msgspec.Struct, frozen=True, array_like=True):
    """What the points of one metric of one resource have in common."""

    #: Index into the batch's ``resources``.
    resource: int
    metric: str
    source_metric: str
    unit: str
    statistic: str
    #: Seconds.
    period: int


class Points(msgspec.Struct, frozen=True, array_like=True):
    """Metric values as three columns of the same length: lists, or arrays (telemetry/packed.py), as they travel."""

    #: Index into the batch's ``series``.
    series: MutableSequence[int]
    #: Seconds since 1970-01-01 UTC.
    start: MutableSequence[int]
    value: MutableSequence[float]


class Rate(msgspec.Struct, frozen=True, array_like=True):
    """A :class:`telemetry.records.CostRate` on the wire."""

    #: Index into the batch's ``resources``.
    resource: int
    #: Seconds since 1970-01-01 UTC.
    start: int
    period: int
    amount: Decimal
    currency: str
    basis: str


class Batch(msgspec.Struct, frozen=True, array_like=True, tag="batch"):
    """A part of what one run collected."""

    run: Run
    #: From 1, without gaps, within the run.
    number: int
    #: Whether the run has no further batch.
    final: bool
    collected_at: datetime
    resources: list[Resource]
    series: list[Series]
    points: Points
    rates: list[Rate]
    #: With a default, as all that follows: messages of an older release lack it.
    costs: list[CostLine] = []
    #: Of the final batch: what is missing from the run, a reason each, for a person; a destination sees no report.
    partial: tuple[str, ...] = ()
    deliveries: list[Delivery] = []
    recommendations: list[Recommendation] = []

    @property
    def batch_id(self) -> uuid.UUID:
        """The same whenever this batch is published again: the idempotency key on its whole way."""
        return uuid.uuid5(self.run.run_id, str(self.number))

    @property
    def record_count(self) -> int:
        """Resources, points, rates, lines of costs, deliveries and recommendations."""
        others = len(self.rates) + len(self.costs) + len(self.deliveries) + len(self.recommendations)
        return len(self.resources) + len(self.points.series) + others


class ApiUse(msgspec.Struct, frozen=True, array_like=True):
    """What a run asked of one API."""

    #: ``ec2:DescribeInstances``, ``cloudwatch:GetMetricData`` ...
    api: str
    calls: int
    throttles: int
    #: None where the API has no known price; Decimal(0) where it is known to be free.
    cost_usd: Decimal | None


class Report(msgspec.Struct, frozen=True, array_like=True, tag="report"):
    """The last message of a run: how it ended, and what it took."""

    run: Run
    outcome: Outcome
    #: How many batches the run published.
    batches: int
    #: Points, rates, lines of costs and resources in those batches.
    records: int
    finished_at: datetime
    apis: list[ApiUse]
    #: Prices that were asked for and not found.
    unknown_prices: int = 0
    #: For a person; empty where the outcome is complete or empty.
    error: str = ""
    #: The missing permission, where the outcome is denied, or a part of it was.
    permission: str = ""
    #: Not to be tried again before. Of a run that is complete or empty: a part of it was refused, and may be there at
    #: another time.
    not_before: datetime | None = None
    #: What is missing from a run that is complete or empty otherwise, a reason each, for a person.
    partial: tuple[str, ...] = ()


Message = Batch | Report
"""What travels on the results queue."""
