"""A fleet whose past is never at rest: what tests put into databases, and what their views should say of it.

Everything happens to several databases alike, of which one may be folded and disturbed meanwhile. The clock is the
story's own, and long ago: whatever maintains a database by today's clock finds all of it old.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import msgspec

from storage import ledger
from storage.database import Connection
from storage.ledger.dispatch import Dispatch
from storage.writer import write
from telemetry.batch import ApiUse, Batch, Message, Outcome, Points, Report, Run
from telemetry.costs import CostLine
from telemetry.target import Target, Window
from tests.support import writing

FIRST = datetime(2024, 5, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
DENIED = "eu-denied-1"
REGIONS = ("us-east-1", "us-west-2", DENIED)
PAYERS = ("payer", "other")
RESOURCES = 4
_ATTEMPTS = 3
_REFRESH = {("aws", "ec2"): [3 * HOUR], ("aws", "cost"): [2 * DAY]}
_LEASE = timedelta(minutes=15)
_PARTIAL = "prices: unknown"
_MACHINES = [Target("aws", "default", region, "ec2") for region in REGIONS]
_BILLS = [Target("aws", payer, "global", "cost") for payer in PAYERS]
_LENGTH = {"ec2": HOUR, "cost": DAY}
_Key = tuple[Target, Window]
_FORGET_SUMS = b"""
DELETE FROM finfleet.bills
 WHERE run_id IN (SELECT settled_run FROM finfleet.collections JOIN finfleet.targets USING (target_id)
                   WHERE service = 'cost')
"""
"""As a writer of a former release leaves bills: maintenance adds them up."""


@dataclass
class Told:
    """What was put in, from which the views are computed once more."""

    batches: list[Batch] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    #: The last report that settled each window; none where nothing but refusals came.
    settled: dict[_Key, Report] = field(default_factory=dict)
    #: Lines of each reading of a bill.
    lines: dict[UUID, list[CostLine]] = field(default_factory=dict)


class Story:
    """What happens, by the dice."""

    def __init__(self, dice: random.Random, *connections: Connection) -> None:
        self.dice, self.connections = dice, connections
        self.now = FIRST + DAY + 12 * HOUR
        #: Until when windows are owed.
        self.until = self.now
        self.told = Told()
        #: Windows whose first collection fails for good.
        self.broken: set[_Key] = set()
        #: What is lost on its way, and comes late.
        self.held: list[list[Message]] = []
        for service, targets in (("ec2", _MACHINES), ("cost", _BILLS)):
            plans = [
                ledger.TargetPlan(
                    target=target,
                    queue="collect.aws",
                    interval=_LENGTH[service],
                    delay=timedelta(0),
                    live=False,
                    backfill=self.now - FIRST,
                )
                for target in targets
            ]
            for connection in connections:
                ledger.sync_targets(connection, plans, "aws", service, self.now)
        self.collect()

    @property
    def owed(self) -> list[_Key]:
        """Every window that has closed."""
        return [
            (target, Window(start, start + _LENGTH[target.service]))
            for target in (*_MACHINES, *_BILLS)
            for start in _starts(_LENGTH[target.service], self.until)
        ]

    # What happens --------------------------------------------------------------------------------------------------

    def go_on(self) -> None:
        """Any of it."""
        self.dice.choice([self.late, self.late, self.again, self.again, self.bill, self.repeat, self.pass_time])()

    def pass_time(self) -> None:
        """New windows close, and others fall due to be read again."""
        self.now += 4 * HOUR
        self.collect()

    def late(self) -> None:
        """Some of what was taken for lost comes."""
        for _ in range(min(4, len(self.held))):
            self._put(self.held.pop(self.dice.randrange(len(self.held))))

    def again(self) -> None:
        """Some hours of a target are asked for once more."""
        since = FIRST + self.dice.randrange((self.until - FIRST) // HOUR - 6) * HOUR
        self._backfill(self.dice.choice(_MACHINES[:-1]), Window(since, since + self.dice.randint(1, 6) * HOUR))

    def bill(self) -> None:
        """A day of a bill is restated."""
        since = FIRST + self.dice.randrange((self.until - FIRST) // DAY) * DAY
        self._backfill(self.dice.choice(_BILLS), Window(since, since + DAY))
        if self.dice.random() < 0.5:
            for connection in self.connections:
                connection.execute(_FORGET_SUMS)

    def repeat(self) -> None:
        """A queue delivers once more what was committed."""
        self._write([self.dice.choice(self.told.batches) for _ in range(3)])

    def _backfill(self, target: Target, span: Window) -> None:
        for connection in self.connections:
            found = ledger.find_targets(connection, [str(target)])
            number = ledger.begin_backfill(connection, [ledger.Asked(found[0].target_id, span)], self.now)
            ledger.backfill(connection, found, span, self.now, again=True, backfill_id=number)
        self.collect()

    def collect(self) -> None:
        """All that is due, until nothing is out."""
        self.until = self.now
        for connection in self.connections:
            while ledger.open_windows(connection, "aws", None, self.now):
                pass
        while True:
            taken = [self._take(connection) for connection in self.connections]
            for connection, other in zip(self.connections[1:], taken[1:], strict=True):
                _number(connection, other, taken[0])
            messages = [message for one in taken[0] for message in self._collected(one)]
            for place in range(0, len(messages), 40):
                self._put(messages[place : place + 40])
            if not taken[0] and all(ledger.is_settled(connection) for connection in self.connections):
                return
            self.now += HOUR

    def _take(self, connection: Connection) -> list[Dispatch]:
        found = ledger.take_due(
            connection, None, self.now, lease=_LEASE, max_attempts=_ATTEMPTS, max_in_flight=5000, limit=5000
        )
        return sorted(found, key=lambda one: (str(one.target), one.window.start))

    # What collections say --------------------------------------------------------------------------------------------

    def _collected(self, one: Dispatch) -> list[Message]:
        run = writing.run(one.target, one.window, attempt=one.attempt)
        # Whether a window is to be read again hangs from when it was.
        run = msgspec.structs.replace(run, started_at=self.now + timedelta(seconds=self.dice.randrange(600)))
        key = (one.target, one.window)
        if one.target.region == DENIED:
            return [self._report(run, Outcome.DENIED, 0, error="no", permission="ec2:Describe")]
        if one.target.service == "cost":
            return self._bill(run)
        if key in self.broken or (key not in self.told.settled and one.attempt == 1 and self.dice.random() < 0.05):
            self.broken.add(key)
            return [self._report(run, Outcome.FAILED, 0, error="broken")]
        # None is lost twice, since it would be given up in the end; and what is newer than a lost one has all its
        # points: once runs are forgotten, nobody knows that the lost one was newer than others.
        is_held = any(_key(messages[0].run) == key for messages in self.held)
        if self.dice.random() < 0.1 and not is_held:
            return [self._report(run, Outcome.EMPTY, 0)]
        partial = (_PARTIAL,) if self.dice.random() < 0.1 else ()
        if self.dice.random() < 0.1 and not is_held:
            self.held.append([self._batch(run, f"extra-{one.attempt}"), self._report(run, partial=partial)])
            return []
        return [self._batch(run), self._report(run, partial=partial)]

    def _batch(self, run: Run, *more: str) -> Batch:
        names = [f"{run.target.region}-{name}" for name in (*map(str, range(RESOURCES)), *more)]
        minutes = range(0, 60, 5)
        price = self.dice.choice(["0.1", "0.1", "0.10", "0.2"])
        return writing.batch(
            run,
            points=[(name, minute, self.dice.uniform(-1e6, 1e6)) for name in names for minute in minutes],
            rates=[(name, minute, price) for name in names for minute in minutes],
            kind=self.dice.choice(["m5.large", "m5.large", "m6.large"]),
        )

    def _bill(self, run: Run) -> list[Message]:
        dice, start = self.dice, run.window.start

        def amount() -> Decimal | None:
            return dice.choice([None, Decimal(dice.randint(-(10**9), 10**9)).scaleb(-dice.randint(0, 15))])

        lines = [
            CostLine(
                start=start + place % 24 * HOUR,
                end=start + (place % 24 + 1) * HOUR,
                currency=dice.choice(["USD", "EUR"]),
                billed_cost=amount() if place else Decimal(1),
                effective_cost=amount() if place else None,
                list_cost=Decimal("0.001"),
                charge_category=dice.choice(["Usage", "Credit"]),
                service_name=dice.choice(["EC2", "S3"]),
                region_id=dice.choice(["", "eu-west-1"]),
                sub_account_id=f"{run.target.account}-{dice.randint(1, 2)}",
                estimated=dice.choice([None, True, False]),
            )
            for place in range(dice.randint(1, 40))
        ]
        self.told.lines[run.run_id] = lines
        halves = [lines[0::2], lines[1::2]] if len(lines) > 1 else [lines]
        batches = [
            Batch(run, number, number == len(halves), run.started_at, [], [], Points([], [], []), [], half)
            for number, half in enumerate(halves, 1)
        ]
        return [*batches, self._report(run, batches=len(batches))]

    def _report(
        self,
        run: Run,
        outcome: Outcome = Outcome.COMPLETE,
        batches: int = 1,
        *,
        error: str = "",
        permission: str = "",
        partial: tuple[str, ...] = (),
    ) -> Report:
        dice = self.dice
        uses = [
            ApiUse("ec2:DescribeInstances", dice.randint(1, 9), dice.randint(0, 1), Decimal(0)),
            ApiUse("cloudwatch:GetMetricData", dice.randint(1, 9), 0, Decimal(dice.randint(1, 999)).scaleb(-6)),
        ]
        if dice.random() < 0.02:
            uses.append(ApiUse("new:Unknown", 1, 0, None))
        return writing.report(run, outcome, batches, apis=uses, error=error, permission=permission, partial=partial)

    # Writing ---------------------------------------------------------------------------------------------------------

    def _put(self, messages: Sequence[Message]) -> None:
        for message in messages:
            if isinstance(message, Batch):
                self.told.batches.append(message)
                continue
            self.told.reports.append(message)
            former = self.told.settled.get(_key(message.run))
            if message.outcome in {Outcome.COMPLETE, Outcome.EMPTY} and (
                former is None or former.run.attempt < message.run.attempt
            ):
                self.told.settled[_key(message.run)] = message
        self._write(messages)

    def _write(self, messages: Sequence[Message]) -> None:
        received = writing.received(*messages)
        for connection in self.connections:
            written = write(
                connection, received, destinations=[], now=self.now, refresh=_REFRESH, max_attempts=_ATTEMPTS
            )
            assert not written.rejected


def _number(connection: Connection, taken: Sequence[Dispatch], as_in: Sequence[Dispatch]) -> None:
    """Give attempts the numbers that they have in another database: of what was folded they are greater."""
    assert [(one.target, one.window) for one in taken] == [(one.target, one.window) for one in as_in]
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE finfleet.collections SET attempt = %s WHERE target_id = %s AND window_start = %s",
            [(wanted.attempt, one.target_id, one.window.start) for one, wanted in zip(taken, as_in, strict=True)],
        )


def _key(run: Run) -> _Key:
    return (run.target, run.window)


def _starts(length: timedelta, now: datetime) -> list[datetime]:
    return [FIRST + place * length for place in range((now - FIRST) // length)]
