"""Back-fills by their number: budgets that they keep to, and the way back, without a gap and without a second start."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from storage import ledger
from storage.database import Connection, Database
from storage.reports import waiting_windows
from telemetry.batch import ApiUse, Outcome
from telemetry.target import Window
from tests.support import writing as w
from tests.support.ledger import NOW, at, clocks, minutes, plan, settle, sync, take, windows

CENT = Decimal("0.01")


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    """With a target that was enabled at noon."""
    with database.connection() as connection:
        sync(connection, plan("us-east-1"), plan("us-west-2"))
        yield connection


def begin(
    connection: Connection,
    start: str,
    end: str,
    *,
    region: str = "*",
    budget: Decimal | None = None,
    price: Decimal | None = CENT,
    again: bool = False,
) -> int:
    targets = ledger.find_targets(connection, [f"aws/*/{region}/ec2"])
    span = Window(at(start), at(end))
    asked = [ledger.Asked(one.target_id, span, price) for one in targets]
    number = ledger.begin_backfill(connection, asked, NOW, budget_usd=budget)
    ledger.backfill(connection, targets, span, NOW, again=again, backfill_id=number)
    return number


def cancel(connection: Connection, *numbers: int, region: str = "*", now: datetime = NOW) -> ledger.Cancelled:
    ids = [one.target_id for one in ledger.find_targets(connection, [f"aws/*/{region}/ec2"])]
    return ledger.cancel_backfills(connection, ids, now, numbers or None)


def gaps(connection: Connection) -> int:
    row = connection.execute(
        "SELECT count(*) FROM reporting.gaps WHERE reason = 'never planned' AND gap_start < %s", (at("12:00"),)
    ).fetchone()
    assert row is not None
    return int(row[0])


def check_nothing_comes_back(connection: Connection) -> None:
    """Neither the planner nor the sweep opens again what is withdrawn, and nothing says that it is missing."""
    before = windows(connection), windows(connection, "us-west-2")
    assert ledger.open_windows(connection, None, None, NOW) == 0
    assert ledger.heal_gaps(connection, NOW) == (0, 0)
    assert (windows(connection), windows(connection, "us-west-2")) == before
    assert gaps(connection) == 0


def collect(connection: Connection, dispatches: list[ledger.Dispatch], usd: Decimal) -> None:
    for one in dispatches:
        run = w.run(one.target, one.window, attempt=one.attempt)
        w.put(connection, w.batch(run), w.report(run, apis=[ApiUse("ce:GetCostAndUsage", 1, 0, usd)]), now=NOW)


def test_what_waits_is_withdrawn_and_what_is_out_or_done_stays(connection: Connection) -> None:
    number = begin(connection, "11:00", "11:30", region="us-east-1")
    done, out = take(connection, limit=2)
    settle(connection, done, "complete", 1)
    assert cancel(connection, number) == (4, 0, 1, [number])
    assert clocks(windows(connection)) == ["11:20-11:25", "11:25-11:30"]
    check_nothing_comes_back(connection)
    assert take(connection) == []
    settle(connection, out, "empty", 0)
    # The way forward again: the past can be asked for anew, and its attempts go on.
    assert begin(connection, "11:00", "11:30", region="us-east-1") > number
    assert len(windows(connection)) == 6
    assert cancel(connection).withdrawn == 4


def test_the_half_of_a_window_that_was_asked_for_is_the_whole_one(connection: Connection) -> None:
    number = begin(connection, "11:02", "11:13")
    assert clocks(windows(connection)) == ["11:00-11:05", "11:05-11:10", "11:10-11:15"]
    assert cancel(connection, number).withdrawn == 6
    assert windows(connection) == {}
    check_nothing_comes_back(connection)


def test_attempts_go_on_after_the_window_was_withdrawn(connection: Connection) -> None:
    begin(connection, "11:00", "11:05", region="us-east-1")
    (first,) = take(connection)
    run = w.run(first.target, first.window)
    w.put(connection, w.report(run, outcome=Outcome.THROTTLED, batches=0, not_before=at("23:00")))
    assert cancel(connection).withdrawn == 1
    begin(connection, "11:00", "11:05", region="us-east-1")
    (again,) = take(connection)
    assert (first.attempt, again.attempt) == (1, 2)


def test_what_was_made_due_again_is_what_it_was(connection: Connection) -> None:
    begin(connection, "11:00", "11:20", region="us-east-1")
    states = ("failed", "denied", "complete", "empty")
    for dispatch, state in zip(take(connection), states, strict=True):
        settle(connection, dispatch, state, {"complete": 7, "empty": 0}.get(state))
    before = windows(connection)
    number = begin(connection, "11:00", "11:20", region="us-east-1", again=True)
    assert set(windows(connection).values()) == {"planned"}
    assert cancel(connection, number) == (0, 4, 0, [number])
    assert windows(connection) == before
    # The denied one is of the last seven days: healing tries it, as it tried it before.
    assert ledger.heal_gaps(connection, NOW) == (0, 1)


def test_one_target_is_given_up_and_the_other_goes_on(connection: Connection) -> None:
    number = begin(connection, "11:00", "11:30")
    assert cancel(connection, region="us-west-2") == (6, 0, 0, [])
    assert (len(windows(connection)), len(windows(connection, "us-west-2"))) == (6, 0)
    (found,) = ledger.list_backfills(connection)
    assert (found.backfill_id, found.targets, found.waiting, found.cancelled_at) == (number, 1, 6, None)
    check_nothing_comes_back(connection)
    assert cancel(connection, 99) == (0, 0, 0, [])


def test_the_past_that_the_configuration_asks_for_can_be_given_up_before_all_of_it_is_opened(
    database: Database,
) -> None:
    with database.connection() as connection:
        sync(connection, plan(backfill=minutes(60)), plan("us-west-2", backfill=minutes(5)))
        assert ledger.open_windows(connection, "aws", "ec2", NOW, limit=8) == 5  # four of one, and the only other one
        (found,) = ledger.list_backfills(connection)
        assert (found.origin, found.targets, found.waiting) == ("configuration", 1, 12)
        assert cancel(connection).withdrawn == 4
        assert ledger.open_windows(connection, "aws", "ec2", NOW) == 0
        assert windows(connection) == {}
        check_nothing_comes_back(connection)
        later = NOW + minutes(5)
        assert ledger.open_windows(connection, "aws", "ec2", later) == 2, "the present goes on"


def test_no_more_is_handed_out_than_the_budget_pays(connection: Connection) -> None:
    number = begin(connection, "11:00", "11:30", region="us-east-1", budget=Decimal("0.035"))
    first = take(connection)
    assert clocks([one.window for one in first]) == ["11:25-11:30"], "one goes ahead, and shows what a reading costs"
    assert take(connection) == []
    collect(connection, first, CENT)
    more = take(connection)
    assert clocks([one.window for one in more]) == ["11:20-11:25", "11:15-11:20"]
    assert take(connection) == [], "what is out has cost what it may"
    held = connection.execute("SELECT DISTINCT error FROM finfleet.collections WHERE error <> ''").fetchall()
    said = f"back-fill {number}: its budget of USD 0.035 is used up: finfleet backfill with a larger --budget goes on"
    assert held == [(f"{said} with it, finfleet backfill cancel {number} gives it up",)]
    collect(connection, more, CENT / 4)
    assert len(take(connection)) == 2, "they cost less than was said: 0.02 are left"
    (found,) = ledger.list_backfills(connection)
    assert (found.done, found.out, found.held, found.spent_usd) == (3, 2, 1, Decimal("0.015"))


def test_a_reading_that_costs_more_than_was_estimated_counts_so(connection: Connection) -> None:
    begin(connection, "11:00", "11:30", region="us-east-1", budget=Decimal("0.06"))
    collect(connection, take(connection, limit=1), 3 * CENT)
    assert len(take(connection)) == 1, "three cents of six are left, and a reading takes three"


def test_a_budget_holds_back_its_own_windows_alone(connection: Connection) -> None:
    ledger.open_windows(connection, "aws", "ec2", NOW + minutes(5))
    begin(connection, "11:00", "11:30", region="us-east-1", budget=Decimal(0))
    begin(connection, "11:00", "11:30", region="us-west-2")
    taken = Counter(one.target.region for one in take(connection, now=NOW + minutes(5)))
    assert taken == {"us-east-1": 1, "us-west-2": 7}, "the present, and what has no budget"


def test_what_is_free_fits_every_budget(connection: Connection) -> None:
    begin(connection, "11:00", "11:30", region="us-east-1", budget=Decimal(0), price=Decimal(0))
    assert len(take(connection)) == 6


def test_what_nobody_knows_the_price_of_is_not_free(connection: Connection) -> None:
    begin(connection, "11:00", "11:30", region="us-east-1", budget=2 * CENT, price=None)
    first = take(connection)
    assert (len(first), take(connection)) == (1, [])
    collect(connection, first, CENT)
    assert (len(take(connection)), take(connection)) == (1, [])


def test_what_is_free_waits_behind_nothing_that_is_not_paid(connection: Connection) -> None:
    targets = ledger.find_targets(connection)
    span = Window(at("11:00"), at("11:30"))
    prices = {"us-east-1": CENT, "us-west-2": Decimal(0)}
    asked = [ledger.Asked(one.target_id, span, prices[one.target.region]) for one in targets]
    number = ledger.begin_backfill(connection, asked, NOW, budget_usd=Decimal(0))
    ledger.backfill(connection, targets, span, NOW, backfill_id=number)
    assert [one.target.region for one in take(connection, limit=4)] == ["us-west-2"] * 4


def test_what_waits_for_room_elsewhere_does_not_hold_up_what_the_budget_pays(connection: Connection) -> None:
    targets = ledger.find_targets(connection)
    span = Window(at("11:00"), at("11:30"))
    prices = {"us-east-1": CENT, "us-west-2": Decimal(0)}
    asked = [ledger.Asked(one.target_id, span, prices[one.target.region]) for one in targets]
    number = ledger.begin_backfill(connection, asked, NOW, budget_usd=Decimal(1))
    ledger.backfill(connection, targets, span, NOW, backfill_id=number)
    (paid,) = (one.target_id for one in targets if one.target.region == "us-east-1")
    choice = ledger.Choice({("aws", "ec2"): ""}, [ledger.Room("aws", "collect.aws", "", 100)])
    with connection.transaction():
        found = ledger.find_due(connection, choice, NOW, 100)
        fitting = [one for one in found if one.target_id == paid]
        assert len(fitting) == 1
        taken = ledger.take(connection, fitting, NOW, lease=minutes(15))
    assert [one.target.region for one in taken] == ["us-east-1"]


def test_what_is_free_does_not_take_the_place_of_what_is_paid(connection: Connection) -> None:
    targets = ledger.find_targets(connection)
    span = Window(at("11:00"), at("11:30"))
    prices = {"us-east-1": CENT, "us-west-2": Decimal(0)}
    asked = [ledger.Asked(one.target_id, span, prices[one.target.region]) for one in targets]
    number = ledger.begin_backfill(connection, asked, NOW, budget_usd=Decimal(1))
    ledger.backfill(connection, targets, span, NOW, backfill_id=number)
    choice = ledger.Choice({("aws", "ec2"): ""}, [ledger.Room("aws", "collect.aws", "", 100)])
    found = ledger.find_due(connection, choice, NOW, 4)
    paid = [one for one in targets if one.target.region == "us-east-1"]
    assert {one.target_id for one in found} > {one.target_id for one in paid}


def test_a_larger_budget_goes_on_with_what_is_left(connection: Connection) -> None:
    begin(connection, "11:00", "11:30", region="us-east-1", budget=CENT)
    assert len(take(connection)) == 1
    assert take(connection) == []
    targets = ledger.find_targets(connection, ["aws/*/us-east-1/ec2"])
    (shown,) = ledger.preview(connection, targets, Window(at("11:00"), at("11:30")))
    assert (shown.missing, shown.again, shown.held) == (0, 0, 5)
    number = begin(connection, "11:00", "11:30", region="us-east-1", budget=3 * CENT)
    collect(connection, take(connection), CENT)
    assert len(take(connection)) == 2
    newest, oldest = ledger.list_backfills(connection)
    assert (newest.backfill_id, newest.done, newest.out, newest.held) == (number, 1, 2, 2)
    assert (oldest.out, oldest.held) == (1, 0)


def test_targets_that_are_not_collected_now_do_not_hold_up_a_budget(connection: Connection) -> None:
    begin(connection, "11:00", "11:30", budget=Decimal(1))
    sync(connection, plan("us-west-2"))  # the other one is not configured any more
    found: Counter[str] = Counter()
    while taken := take(connection, limit=3):
        collect(connection, taken, CENT)
        found.update(one.target.region for one in taken)
    assert found == {"us-west-2": 6}


def test_windows_that_wait_for_a_later_time_do_not_hold_up_a_budget(connection: Connection) -> None:
    begin(connection, "11:00", "11:30", region="us-east-1", budget=Decimal(1))
    collect(connection, take(connection), CENT)
    for one in take(connection, limit=3):
        run = w.run(one.target, one.window, attempt=one.attempt)
        w.put(connection, w.report(run, outcome=Outcome.THROTTLED, batches=0, not_before=at("23:00")), now=NOW)
    assert len(take(connection, limit=3)) == 2


def test_what_was_out_when_it_was_cancelled_is_not_handed_out_again(connection: Connection) -> None:
    number = begin(connection, "11:00", "11:30", region="us-east-1")
    _, failed = take(connection, limit=2)
    assert cancel(connection, number) == (4, 0, 2, [number])
    w.put(connection, w.report(w.run(failed.target, failed.window), outcome=Outcome.FAILED, batches=0), now=NOW)
    assert [take(connection, now=NOW + minutes(60 * hours)) for hours in range(1, 4)] == [[], [], []]
    assert ledger.heal_gaps(connection, NOW) == (0, 0)
    assert windows(connection) == {}
    check_nothing_comes_back(connection)


def test_what_was_out_comes_to_its_end_and_heals_no_more(connection: Connection) -> None:
    number = begin(connection, "11:00", "11:15")
    assert cancel(connection, number, region="us-east-1") == (3, 0, 0, [])
    one, two, three = take(connection)
    assert cancel(connection, region="us-west-2") == (0, 0, 3, [number])
    collect(connection, [one], CENT)
    for denied in (two, three):
        settle(connection, denied, "denied")
    ledger.heal_gaps(connection, NOW + minutes(120))
    ledger.heal_gaps(connection, NOW + minutes(120))
    assert take(connection, now=NOW + minutes(120)) == []
    assert list(windows(connection, "us-west-2").values()) == ["complete"]
    check_nothing_comes_back(connection)


def test_what_is_left_of_a_cancelled_one_is_that_of_the_next_and_within_its_budget(connection: Connection) -> None:
    begin(connection, "11:00", "11:30", region="us-east-1")
    out = take(connection, limit=2)
    cancel(connection)
    number = begin(connection, "11:00", "11:30", region="us-east-1", budget=3 * CENT)
    assert take(connection) == [], "two are out, and none has said yet what it costs"
    collect(connection, out[:1], CENT)
    assert len(take(connection)) == 1
    assert take(connection, now=NOW + minutes(20)) == [], "what is lost has cost that, too"
    (found, _) = ledger.list_backfills(connection)
    assert (found.backfill_id, found.held + found.waiting, found.out, found.done) == (number, 5, 0, 1)
    assert ledger.heal_gaps(connection, NOW) == (0, 0)
    assert len(windows(connection)) == 6


def test_what_the_planner_opens_while_it_is_cancelled_is_withdrawn_too(connection: Connection) -> None:
    begin(connection, "11:00", "11:30", region="us-east-1")
    # As where the planner has looked for its number before, and commits after.
    connection.execute("UPDATE finfleet.backfills SET cancelled_at = %s", (NOW,))
    assert take(connection) == []
    assert ledger.heal_gaps(connection, NOW) == (0, 0)
    assert windows(connection) == {}
    check_nothing_comes_back(connection)


def test_what_was_there_before_is_tried_again_whatever_has_become_of_the_back_fill(connection: Connection) -> None:
    ledger.open_windows(connection, "aws", "ec2", NOW + minutes(5))
    settle(connection, take(connection, now=NOW + minutes(5))[0], "failed")
    number = begin(connection, "12:00", "12:05")
    assert len(take(connection, now=NOW + minutes(6), limit=1)) == 1
    cancel(connection, number)
    assert len(take(connection, now=NOW + minutes(60))) >= 1, "it was owed before anybody asked for it"


def test_what_is_to_be_read_again_is_among_what_a_plan_waits_for(connection: Connection) -> None:
    begin(connection, "11:00", "11:30", region="us-east-1")
    for dispatch in take(connection):
        settle(connection, dispatch, "complete", 7)
    waiting = {"aws/default/us-east-1/ec2": 0, "aws/default/us-west-2/ec2": 0}
    assert waiting_windows(connection, NOW) == waiting
    begin(connection, "11:00", "11:30", region="us-east-1", again=True)
    assert waiting_windows(connection, NOW) == waiting | {"aws/default/us-east-1/ec2": 6}


def test_a_budget_is_kept_where_a_reading_costs_many_times_the_estimate(connection: Connection) -> None:
    begin(connection, "11:00", "11:30", budget=Decimal("0.30"))
    spent = Decimal(0)
    while taken := take(connection):
        collect(connection, taken, 12 * CENT)
        spent += len(taken) * 12 * CENT
    assert spent == Decimal("0.24"), "one of each target went ahead"


def test_what_is_spent_counts_though_the_clock_was_ahead_where_it_was_asked_for(connection: Connection) -> None:
    target = ledger.find_targets(connection, ["aws/*/us-east-1/ec2"])
    span, ahead = Window(at("11:00"), at("11:30")), datetime(2999, 1, 1, tzinfo=UTC)
    asked = [ledger.Asked(one.target_id, span, CENT) for one in target]
    number = ledger.begin_backfill(connection, asked, ahead, budget_usd=2 * CENT)
    ledger.backfill(connection, target, span, NOW, backfill_id=number)
    spent = 0
    while taken := take(connection):
        spent += len(taken)
        for one in taken:
            run = w.run(one.target, one.window, attempt=one.attempt)
            report = w.report(run, apis=[ApiUse("ce:GetCostAndUsage", 1, 0, CENT)])
            w.put(connection, w.batch(run), report, now=datetime.now(UTC) + minutes(1))
    assert spent == 2
