"""Anomalies in the database: of days whose bill is whole, the same whenever they are looked for, with their state."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from storage.anomalies import keeping
from storage.anomalies.bills import days_known
from storage.anomalies.rules import Rules
from storage.database import Connection, Database
from telemetry.batch import Batch, Message, Outcome, Points
from telemetry.costs import CostLine
from telemetry.deliveries import Delivery, DeliveryState
from telemetry.target import Target, Window
from tests.support import writing
from tests.support.writing import put, report

DAY = timedelta(days=1)
FIRST = datetime(2026, 7, 1, tzinfo=UTC)
DAYS = 60
NOW = FIRST + (DAYS + 3) * DAY
COST = Target("aws", "payer", "global", "cost")
MEMBER = "111111111111"
RULES = Rules()


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connection() as connection:
        yield connection


def line(start: datetime, service: str, amount: str, **fields: str) -> CostLine:
    cost = Decimal(amount)
    told = {"charge_category": "Usage", "sub_account_id": MEMBER, "service_name": service} | fields
    return CostLine(start=start, end=start + DAY, currency="USD", billed_cost=cost, effective_cost=cost, **told)  # type: ignore[arg-type] # texts alone


def usual(number: int) -> dict[str, str]:
    """What a day costs: a little more on some days, and half of it on weekends."""
    weekend = (FIRST + number * DAY).weekday() > 4
    return {"EC2": f"{(50 if weekend else 100) + number % 3}.{number % 10}", "S3": f"40.0{number % 5}"}


def bill(
    number: int, costs: Mapping[str, str], *more: CostLine, attempt: int = 1, partial: tuple[str, ...] = ()
) -> tuple[Message, ...]:
    """A whole reading of a day."""
    window = window_of(number)
    run = writing.run(COST, window, attempt=attempt, second=attempt)
    lines = [*(line(window.start, service, amount) for service, amount in costs.items()), *more]
    batch = Batch(run, 1, True, run.started_at, [], [], Points([], [], []), [], lines)
    return batch, report(run, Outcome.COMPLETE, 1, partial=partial)


def window_of(number: int) -> Window:
    return Window(FIRST + number * DAY, FIRST + (number + 1) * DAY)


def store(connection: Connection, changes: Mapping[int, Mapping[str, str]], *, days: int = DAYS) -> None:
    """Days of bills, of which some are other than usual."""
    messages: list[Message] = []
    for number in range(days):
        writing.plan(connection, COST, window_of(number), attempt=3)
        messages += bill(number, {**usual(number), **changes.get(number, {})})
    put(connection, *messages, now=NOW)


def found(connection: Connection, *, every: bool = False) -> list[tuple[date, date, str, list[str]]]:
    listed = keeping.listing(connection, every=every)
    return [(one.first_day, one.last_day, one.kind, [part["service_name"] for part in one.services]) for one in listed]


def day(number: int) -> date:
    return (FIRST + number * DAY).date()


def test_services_that_rise_on_one_day_are_one_anomaly_with_what_each_has_to_do_with_it(connection: Connection) -> None:
    store(connection, {50: {"EC2": "400", "S3": "90.5"}})

    assert keeping.look(connection, NOW, RULES) == 1
    (one,) = keeping.listing(connection)

    assert (one.first_day, one.last_day, one.kind) == (day(50), day(50), "spike")
    assert [part["service_name"] for part in one.services] == ["EC2", "S3"]
    assert one.actual_cost == Decimal("490.5")
    assert (
        one.excess_cost == one.actual_cost - one.expected_cost == sum(Decimal(str(p["excess"])) for p in one.services)
    )
    assert 130 < one.expected_cost < 150


def test_a_level_that_stays_is_one_shift_and_what_follows_is_none(connection: Connection) -> None:
    store(connection, {number: {"S3": f"80.0{number % 5}"} for number in range(40, DAYS)})
    keeping.look(connection, NOW, RULES)
    assert found(connection) == [(day(40), day(42), "shift", ["S3"])]


def test_a_service_that_is_new_and_one_that_is_gone_are_told(connection: Connection) -> None:
    changes: dict[int, dict[str, str]] = {number: {"S3": "0"} for number in range(45, DAYS)}
    changes |= {number: changes.get(number, {}) | {"Bedrock": "25"} for number in range(50, DAYS)}
    store(connection, changes)
    keeping.look(connection, NOW, RULES)
    assert found(connection) == [(day(50), day(52), "shift", ["Bedrock"]), (day(45), day(47), "shift", ["S3"])]


def test_taxes_credits_and_purchases_are_none(connection: Connection) -> None:
    store(connection, {})
    for number, category in enumerate(("Tax", "Credit", "Purchase", "Adjustment"), start=50):
        more = line(window_of(number).start, "EC2", "900", charge_category=category)
        put(connection, *bill(number, usual(number), more, attempt=2), now=NOW)
    assert keeping.look(connection, NOW, RULES) == 0


@pytest.mark.parametrize("how", ["missing", "partial", "young"])
def test_a_day_whose_bill_is_not_whole_is_never_judged(connection: Connection, how: str) -> None:
    store(connection, {}, days=50)
    window = window_of(50)
    writing.plan(connection, COST, window, attempt=3, state="failed" if how == "missing" else "dispatched")
    if how == "partial":
        put(connection, *bill(50, {"EC2": "1"}, partial=("a part was refused",)), now=NOW)
    if how == "young":
        put(connection, *bill(50, {"EC2": "1"}), now=window.end + timedelta(hours=47))

    keeping.look(connection, NOW, RULES)

    assert found(connection) == []


def test_a_whole_day_without_a_line_cost_nothing(connection: Connection) -> None:
    store(connection, {}, days=50)
    window = window_of(50)
    writing.plan(connection, COST, window, attempt=3)
    put(connection, report(writing.run(COST, window), Outcome.EMPTY, 0), now=NOW)
    keeping.look(connection, NOW, RULES)
    assert found(connection) == [(day(50), day(50), "spike", ["EC2", "S3"])]


def test_what_is_looked_for_again_is_the_same_and_what_is_restated_is_withdrawn(connection: Connection) -> None:
    store(connection, {50: {"EC2": "400"}})
    assert keeping.look(connection, NOW, RULES) == 1
    before = keeping.listing(connection)

    assert keeping.look(connection, NOW, RULES) == 0, "nothing has changed"
    assert keeping.look(connection, NOW + DAY, RULES, anyway=True) == 0
    assert keeping.listing(connection) == before

    put(connection, *bill(50, usual(50), attempt=2), now=NOW + timedelta(minutes=1))
    assert keeping.look(connection, NOW + DAY + timedelta(hours=1), RULES) == 0
    assert found(connection) != [], "it was looked for a moment ago"
    assert keeping.look(connection, NOW + 2 * DAY, RULES) == 0
    assert found(connection) == []
    (one,) = keeping.listing(connection, every=True)
    assert one.anomaly_id == before[0].anomaly_id
    assert one.withdrawn_at == NOW + 2 * DAY


def test_other_rules_are_a_reason_to_look_again(connection: Connection) -> None:
    store(connection, {50: {"EC2": "400"}})
    keeping.look(connection, NOW, RULES)
    assert keeping.look(connection, NOW + timedelta(hours=6), Rules(amounts={"USD": Decimal(1000)})) == 0
    assert found(connection) == []


def test_the_state_is_what_was_noted_last_and_outlives_what_is_found_again(connection: Connection) -> None:
    store(connection, {50: {"EC2": "400"}})
    keeping.look(connection, NOW, RULES)
    (one,) = keeping.listing(connection)
    assert one.state == "open"

    keeping.note(connection, one.anomaly_id, "acknowledged", "", "ada")
    keeping.note(connection, keeping.matching(connection, str(one.anomaly_id)[:8]), "explained", "load test", "bob")
    keeping.look(connection, NOW, RULES, anyway=True)

    assert keeping.listing(connection) == []
    (one,) = keeping.listing(connection, every=True)
    assert (one.state, one.note, one.noted_by) == ("explained", "load test", "bob")
    with pytest.raises(keeping.NoSuchAnomaly, match="no anomaly with an id that begins with ffff"):
        keeping.matching(connection, "ffff")


def test_the_resources_of_an_anomaly_are_told_beside_what_they_usually_cost(connection: Connection) -> None:
    store(connection, {})
    more = line(window_of(50).start, "EC2", "300", resource_id="i-1")
    put(connection, *bill(50, usual(50), more, attempt=2), now=NOW)
    keeping.look(connection, NOW, RULES)
    (one,) = keeping.listing(connection)

    (first, rest) = keeping.resources(connection, one.anomaly_id, 10)

    assert first == ("EC2", "i-1", Decimal(300), Decimal(0), Decimal(300))
    assert (rest.resource_id, rest.cost) == ("", Decimal(usual(50)["EC2"]))
    before = sum(Decimal(usual(number)["EC2"]) for number in range(22, 50))
    assert rest.usual_cost == round(before / 28, 6)


def test_of_a_delivery_only_the_days_count_that_were_over_when_it_was_written(connection: Connection) -> None:
    """Whenever it is read: a file may lie there for weeks, and one that a person brings is as old as it is."""
    written = FIRST + 40 * DAY
    month = Window(FIRST + 31 * DAY, FIRST + 62 * DAY)
    writing.plan(connection, COST, month, attempt=3)
    connection.execute("UPDATE finfleet.targets SET delivered = true")
    run = writing.run(COST, month)
    lines = [
        line(FIRST + number * DAY, service, amount)
        for number in range(31, 41)
        for service, amount in usual(number).items()
    ]
    batch = Batch(run, 1, True, run.started_at, [], [], Points([], [], []), [], lines)
    read = Delivery(
        state=DeliveryState.READ,
        period_start=month.start,
        period_end=month.end,
        version="1",
        submitted_at=written,
        rows_read=80,
        bytes_read=1,
    )
    put(connection, msgspec.structs.replace(batch, deliveries=[read]), report(run, Outcome.COMPLETE, 1), now=NOW)

    known = days_known(connection, FIRST, RULES.settle)

    assert max(known["aws", MEMBER]) == (written - 3 * DAY).date()
    assert keeping.look(connection, NOW, RULES) == 0


def test_the_resources_of_days_that_are_not_judged_are_left_out(connection: Connection) -> None:
    changes = {number: {"EC2": "400"} for number in (50, 52)}
    store(connection, changes, days=51)
    store_one(connection, 51, partial=("a part was refused",))
    store_one(connection, 52, costs=usual(52) | {"EC2": "400"})
    keeping.look(connection, NOW, RULES)
    (one,) = keeping.listing(connection)
    assert one.services[0]["days"] == [str(day(50)), str(day(52))]
    (ec2,) = keeping.resources(connection, one.anomaly_id, 10)
    assert ec2.cost == one.actual_cost == 800
    assert ec2.usual_cost is not None
    assert 160 < ec2.usual_cost < 200


def store_one(
    connection: Connection, number: int, *, costs: Mapping[str, str] | None = None, partial: tuple[str, ...] = ()
) -> None:
    writing.plan(connection, COST, window_of(number), attempt=3)
    put(connection, *bill(number, usual(number) if costs is None else costs, partial=partial), now=NOW)
