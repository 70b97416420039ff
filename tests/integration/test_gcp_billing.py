"""The billing export against the local BigQuery, which evaluates the query over the rows that were loaded."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from agents.core.context import Shared
from agents.core.service import find
from emulators.gcp import LocalGcp
from telemetry.batch import Outcome
from telemetry.costs import CostLine
from telemetry.errors import BudgetReached, CollectionFailed, Denied, Throttled, Unavailable
from telemetry.target import Window
from tests.support.collecting import Collected, collect
from tests.support.gcp import PROJECT, shared, standing_gcp

TARGET = "gcp/default/global/billing"
TABLE = f"{PROJECT}.billing.gcp_billing_export_resource_v1_0123AB_4567CD_89EF01"
DAY = datetime(2026, 11, 20, tzinfo=UTC)
WINDOW = Window(DAY, DAY + timedelta(days=1))
HOUR = timedelta(hours=1)


@pytest.fixture
def gcp() -> Iterator[LocalGcp]:
    with standing_gcp() as running:
        yield running


def _shared(gcp: LocalGcp, **section: Any) -> Shared:
    return shared(gcp, **{"billing_export_table": TABLE, **section})


def _row(at: datetime, cost: float, *, late: timedelta = 3 * HOUR, **fields: Any) -> dict[str, Any]:
    """An hour of one core, exported some hours later."""
    return {
        "billing_account_id": "0123AB-4567CD-89EF01",
        "service": {"id": "6F81-5844-456A", "description": "Compute Engine"},
        "sku": {"id": "2E27-4F75-95CD", "description": "N2 Instance Core running in Americas"},
        "usage_start_time": at,
        "usage_end_time": at + HOUR,
        "project": {"id": PROJECT, "name": "Shop", "number": "1"},
        "labels": [{"key": "team", "value": "search"}],
        "location": {"location": "us-central1", "region": "us-central1", "country": "US"},
        "export_time": at + late,
        "cost": cost,
        "currency": "USD",
        "usage": {"amount": 3600.0, "unit": "seconds"},
        "cost_type": "regular",
        "cost_at_list": cost * 2,
        "invoice": {"month": "202611"},
        "resource": {"name": "vm-1", "global_name": f"//compute.googleapis.com/projects/{PROJECT}/instances/1"},
        **fields,
    }


def _credit(amount: float, kind: str = "SUSTAINED_USAGE_DISCOUNT") -> dict[str, Any]:
    return {"name": "Sustained use", "full_name": "Sustained use discount", "amount": amount, "type": kind, "id": ""}


def _lines(collected: Collected) -> list[CostLine]:
    assert collected.error is None
    return [line for batch in collected.batches for line in batch.costs]


def _totals(lines: Sequence[CostLine]) -> Counter[str]:
    totals: Counter[str] = Counter()
    for line in lines:
        assert line.billed_cost is not None
        totals[line.currency] += line.billed_cost  # type: ignore[assignment] # a Counter adds Decimals as well
    return totals


def _own_sums(gcp: LocalGcp, window: Window) -> Counter[str]:
    """The export's own sum of cost and credits by currency, from the rows that were loaded."""
    totals: Counter[str] = Counter()
    for row in gcp.billing_export.rows(TABLE):
        if window.start <= row["usage_start_time"] < window.end:
            amounts = [row["cost"], *(credit["amount"] for credit in row.get("credits") or ())]
            totals[row["currency"]] += sum(Decimal(str(amount)) for amount in amounts)  # type: ignore[assignment]
    return totals


def test_a_line_is_whole_and_its_credits_are_lines_of_their_own(gcp: LocalGcp) -> None:
    granted = [_credit(-0.01), _credit(-0.005), _credit(-0.02, "PROMOTION")]
    gcp.billing_export.load(TABLE, [_row(DAY + hour * HOUR, 0.1, credits=granted) for hour in range(24)])

    lines = sorted(_lines(collect(_shared(gcp), TARGET, WINDOW)), key=lambda line: line.charge_type)
    promotion, sustained, usage = lines

    assert usage == CostLine(
        start=DAY,
        end=DAY + timedelta(days=1),
        currency="USD",
        billed_cost=Decimal("2.4"),
        effective_cost=Decimal("2.4"),
        list_cost=Decimal("4.8"),
        charge_category="Usage",
        charge_type="regular",
        charge_description="N2 Instance Core running in Americas",
        service_name="Compute Engine",
        sub_account_id=PROJECT,
        sub_account_name="Shop",
        region_id="us-central1",
        resource_id=f"//compute.googleapis.com/projects/{PROJECT}/instances/1",
        sku_id="2E27-4F75-95CD",
        quantity=Decimal(86400),
        unit="seconds",
        tags={"team": "search"},
        billing_period_start=datetime(2026, 11, 1, tzinfo=UTC),
        billing_period_end=datetime(2026, 12, 1, tzinfo=UTC),
    )
    assert (promotion.charge_category, promotion.charge_type) == ("Credit", "PROMOTION")
    assert promotion.billed_cost == promotion.effective_cost == Decimal("-0.48")
    assert promotion.list_cost is None
    assert sustained.billed_cost == Decimal("-0.36")
    assert sustained.charge_description == "Sustained use discount"


def test_totals_are_the_exports_own_to_the_last_digit_and_currencies_stay_apart(gcp: LocalGcp) -> None:
    rows = []
    for hour in range(24):
        at = DAY + hour * HOUR
        rows += [
            _row(at, round(0.123456789 + hour, 9), credits=[_credit(round(-0.000000001 * hour, 9))]),
            _row(at, 0.1, currency="EUR", credits=[_credit(-0.03), _credit(-0.07, "FREE_TIER")]),
            _row(at, 0.2, labels=[], cost_type="tax", project=None, resource=None, location=None),
            _row(at, -0.05, cost_type="adjustment", labels=[{"key": "team", "value": None}]),
        ]
    rows += [_row(DAY - HOUR, 1000.0), _row(DAY + 24 * HOUR, 1000.0)]  # the days before and after
    gcp.billing_export.load(TABLE, rows)

    lines = _lines(collect(_shared(gcp), TARGET, WINDOW))

    assert _totals(lines) == _own_sums(gcp, WINDOW)
    assert _totals(lines).keys() == {"USD", "EUR"}
    assert {line.charge_category for line in lines} == {"Usage", "Credit", "Tax", "Adjustment"}
    (tax,) = [line for line in lines if line.charge_category == "Tax"]
    assert (tax.sub_account_id, tax.region_id, tax.tags) == ("", "", {})


def test_a_sum_that_lacks_a_part_is_unknown(gcp: LocalGcp) -> None:
    rows = [_row(DAY, 0.1), _row(DAY, 0.2, cost_at_list=None), _row(DAY, 0.3, usage={"unit": "seconds"})]
    gcp.billing_export.load(TABLE, rows)
    (line,) = _lines(collect(_shared(gcp), TARGET, WINDOW))
    assert line.billed_cost == Decimal("0.6")
    assert (line.list_cost, line.quantity) == (None, None)


def test_usage_belongs_to_the_day_of_utc_that_it_begins_on(gcp: LocalGcp) -> None:
    last = DAY + timedelta(days=1) - timedelta(microseconds=1)
    begins = {DAY - timedelta(microseconds=1): 1, DAY: 2, last: 4, DAY + timedelta(days=1): 8}
    # The last one goes on until the next day.
    gcp.billing_export.load(TABLE, [_row(at, cost, late=timedelta(days=200)) for at, cost in begins.items()])
    (line,) = _lines(collect(_shared(gcp), TARGET, WINDOW))
    assert line.billed_cost == 2 + 4
    (following,) = _lines(collect(_shared(gcp), TARGET, Window(WINDOW.end, WINDOW.end + timedelta(days=1))))
    assert following.billed_cost == 8


def test_late_and_corrected_rows_are_found_when_the_day_is_read_again(gcp: LocalGcp) -> None:
    gcp.billing_export.load(TABLE, [_row(DAY + hour * HOUR, 0.1) for hour in range(20)])
    context = _shared(gcp)
    first = _totals(_lines(collect(context, TARGET, WINDOW)))
    assert first == {"USD": Decimal("2.0")}

    gcp.billing_export.load(
        TABLE,
        [
            *(_row(DAY + hour * HOUR, 0.1, late=timedelta(days=4)) for hour in range(20, 24)),
            # What was wrong is taken back, and put in anew.
            _row(DAY, -0.1, late=timedelta(days=30)),
            _row(DAY, 0.04, late=timedelta(days=30), credits=[_credit(-0.04)]),
        ],
    )
    again = _totals(_lines(collect(context, TARGET, WINDOW)))
    assert again == _own_sums(gcp, WINDOW) == {"USD": Decimal("2.3")}


def test_a_day_is_read_again_until_its_month_is_closed() -> None:
    refresh = find("gcp", "billing").refresh
    assert refresh[0] <= timedelta(days=2)
    assert refresh[-1] >= timedelta(days=31 + 8)


def test_partitions_from_before_the_day_are_not_scanned(gcp: LocalGcp) -> None:
    gcp.billing_export.byte_scale = 100_000
    gcp.billing_export.load(TABLE, [_row(DAY + hour * HOUR, 0.1) for hour in range(10)])
    alone = collect(_shared(gcp), TARGET, WINDOW)
    gcp.billing_export.load(TABLE, [_row(DAY - timedelta(days=30) + hour * HOUR, 0.1) for hour in range(200)])
    beside = collect(_shared(gcp), TARGET, WINDOW)
    cost = alone.report.apis[0].cost_usd
    assert cost is not None
    assert cost > (find("gcp", "billing").estimate(WINDOW, 0).cost_usd or 0), "more than the least that is billed"
    assert beside.report.apis[0].cost_usd == cost
    assert _totals(_lines(beside)) == {"USD": Decimal(1)}


def test_more_than_may_be_scanned_is_refused_and_costs_nothing(gcp: LocalGcp) -> None:
    gcp.billing_export.byte_scale = 10_000_000
    gcp.billing_export.load(TABLE, [_row(DAY, 0.1)] * 20)
    collected = collect(_shared(gcp, maximum_bytes_billed=10 * 2**20), TARGET, WINDOW)
    assert isinstance(collected.error, CollectionFailed)
    assert "gcp.maximum_bytes_billed: raise it" in collected.report.error
    assert collected.report.apis[0].cost_usd == 0
    assert gcp.calls() == {"bigquery:jobs.query": 1}


def test_an_answer_of_many_pages_is_read_whole_and_every_page_is_counted(
    gcp: LocalGcp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.gcp.bigquery._PAGE", 10)
    rows = [_row(DAY, 0.5, sku={"id": f"SKU-{number}", "description": "a thing"}) for number in range(45)]
    gcp.billing_export.load(TABLE, rows)
    collected = collect(_shared(gcp), TARGET, WINDOW)
    assert len(_lines(collected)) == 45
    assert {use.api: use.calls for use in collected.report.apis} == gcp.calls()
    assert gcp.calls()["bigquery:jobs.getQueryResults"] >= 4


def test_the_standard_export_has_no_resources(gcp: LocalGcp) -> None:
    table = TABLE.replace("_resource_v1_", "_v1_")
    row = _row(DAY, 0.1)
    del row["resource"]
    gcp.billing_export.load(table, [row])
    (line,) = _lines(collect(_shared(gcp, billing_export_table=table), TARGET, WINDOW))
    assert line.resource_id == ""
    assert line.billed_cost == Decimal("0.1")


def test_without_a_table_it_says_what_to_configure(gcp: LocalGcp) -> None:
    collected = collect(shared(gcp), TARGET, WINDOW)
    assert collected.report.outcome is Outcome.DENIED
    assert isinstance(collected.error, Denied)
    assert "set gcp.billing_export_table" in collected.report.error
    assert "gcp_billing_export_v1_BILLING_ACCOUNT" in collected.report.error
    assert gcp.calls() == {}


def test_a_table_that_is_not_there_is_named(gcp: LocalGcp) -> None:
    gcp.billing_export.load(TABLE, [_row(DAY, 0.1)])
    collected = collect(_shared(gcp, billing_export_table=f"{PROJECT}.billing.absent"), TARGET, WINDOW)
    assert collected.report.outcome is Outcome.DENIED
    assert "absent" in collected.report.error


@pytest.mark.parametrize("permission", ["bigquery.jobs.create", "bigquery.tables.getData"])
def test_a_missing_permission_is_named(gcp: LocalGcp, permission: str) -> None:
    gcp.billing_export.load(TABLE, [_row(DAY, 0.1)])
    gcp.faults.deny(permission)
    collected = collect(_shared(gcp), TARGET, WINDOW)
    assert collected.report.outcome is Outcome.DENIED
    assert collected.report.permission == permission


def test_a_throttle_and_a_failing_server_end_soon(gcp: LocalGcp, monkeypatch: pytest.MonkeyPatch) -> None:
    """BigQuery's own client would go on for ten minutes."""
    monkeypatch.setattr("agents.core.calls._FIRST_PAUSE", 0.01)
    monkeypatch.setattr("agents.core.api_call._SILENCE", 0.01)
    gcp.billing_export.load(TABLE, [_row(DAY, 0.1)])
    gcp.faults.throttle(api="bigquery:jobs.query", count=4)
    throttled = collect(_shared(gcp), TARGET, WINDOW)
    assert isinstance(throttled.error, Throttled)
    assert throttled.throttles == {"bigquery.jobs.query": 4}
    gcp.faults.unavailable(api="bigquery:jobs.query", count=4)
    unavailable = collect(_shared(gcp), TARGET, WINDOW)
    assert isinstance(unavailable.error, Unavailable)
    assert gcp.calls()["bigquery:jobs.query"] == 8
    assert collect(_shared(gcp), TARGET, WINDOW).error is None


def test_a_table_of_several_accounts_is_read_once(gcp: LocalGcp) -> None:
    gcp.billing_export.load(TABLE, [_row(DAY, 0.1), _row(DAY, 0.2, project={"id": "shop-test", "name": "Test"})])
    accounts = [{"name": "prod", "project_id": PROJECT}, {"name": "test", "project_id": "shop-test"}]
    context = _shared(gcp, accounts=accounts)
    prod = collect(context, "gcp/prod/global/billing", WINDOW)
    test = collect(context, "gcp/test/global/billing", WINDOW)
    assert {line.sub_account_id: line.billed_cost for line in _lines(prod)} == {
        PROJECT: Decimal("0.1"),
        "shop-test": Decimal("0.2"),
    }
    assert test.report.outcome is Outcome.EMPTY
    assert gcp.calls() == {"bigquery:jobs.query": 1}


def test_what_the_budget_does_not_hold_is_not_asked(gcp: LocalGcp) -> None:
    gcp.billing_export.load(TABLE, [_row(DAY, 0.1)])
    least = find("gcp", "billing").estimate(WINDOW, 0).cost_usd
    assert least is not None
    context = _shared(gcp, budget_usd_per_day=str(least))
    first = collect(context, TARGET, WINDOW)
    assert len(_lines(first)) == 1
    assert gcp.calls() == {"bigquery:jobs.query": 2}, "what it would scan, which is free, and the query"
    assert first.report.apis[0].cost_usd == least
    second = collect(context, TARGET, WINDOW)
    assert isinstance(second.error, BudgetReached)
    assert second.report.apis[0].cost_usd == 0
    assert gcp.calls() == {"bigquery:jobs.query": 3}


def test_a_months_lines_add_up_to_its_invoice_whenever_their_use_was(gcp: LocalGcp) -> None:
    last = datetime(2026, 10, 31, tzinfo=UTC)
    rows = [
        _row(last, 1.0, invoice={"month": "202610"}),
        _row(last + 23 * HOUR, 0.25, invoice={"month": "202611"}, credits=[_credit(-0.05)]),
        _row(DAY, 4.0),
        _row(DAY, 0.5, invoice={"month": "202612"}),
        _row(DAY, 0.125, invoice=None),
    ]
    gcp.billing_export.load(TABLE, rows)
    lines = _lines(collect(_shared(gcp), TARGET, Window(last, last + timedelta(days=1))))
    lines += _lines(collect(_shared(gcp), TARGET, WINDOW))
    invoices: Counter[datetime | None] = Counter()
    for line in lines:
        assert line.billed_cost is not None
        invoices[line.billing_period_start] += line.billed_cost  # type: ignore[assignment] # a Counter adds Decimals as well
    assert invoices == {
        datetime(2026, 10, 1, tzinfo=UTC): Decimal(1),
        datetime(2026, 11, 1, tzinfo=UTC): Decimal("4.2"),
        datetime(2026, 12, 1, tzinfo=UTC): Decimal("0.5"),
        None: Decimal("0.125"),
    }
    ends = {line.billing_period_start: line.billing_period_end for line in lines}
    assert ends[datetime(2026, 12, 1, tzinfo=UTC)] == datetime(2027, 1, 1, tzinfo=UTC)


def test_a_view_is_read_without_partitions(gcp: LocalGcp) -> None:
    gcp.billing_export.create(TABLE, view=True)
    gcp.billing_export.load(TABLE, [_row(DAY + hour * HOUR, 0.1, credits=[_credit(-0.01)]) for hour in range(24)])
    collected = collect(_shared(gcp), TARGET, WINDOW)
    assert _totals(_lines(collected)) == {"USD": Decimal("2.16")}
    assert gcp.calls() == {"bigquery:jobs.query": 2}, "that it has no partitions costs nothing to be told"


@pytest.mark.parametrize(
    ("bad", "missing", "count"),
    [
        ({"currency": None}, "amounts of 1 bill line: ", 1),
        ({"invoice": {"month": "202613"}}, "invoice months of 1 bill line: ", 2),
        ({"invoice": {"month": "soon"}}, "invoice months of 1 bill line: ", 2),
    ],
)
def test_one_bad_row_costs_no_other(gcp: LocalGcp, bad: dict[str, Any], missing: str, count: int) -> None:
    gcp.billing_export.load(TABLE, [_row(DAY, 0.1, **bad), _row(DAY, 0.2)])
    collected = collect(_shared(gcp), TARGET, WINDOW)
    assert len(_lines(collected)) == count
    (reason,) = collected.report.partial
    assert reason.startswith(missing)
    assert (collected.report.not_before is not None) == (count == 1), "a bill that is too low is read again"


def test_a_bill_of_which_no_line_can_be_read_is_not_empty(gcp: LocalGcp) -> None:
    gcp.billing_export.load(TABLE, [_row(DAY, 0.1, currency=None)])
    collected = collect(_shared(gcp), TARGET, WINDOW)
    assert collected.report.outcome is Outcome.FAILED
    assert "does not tell amount or currency" in collected.report.error


@pytest.mark.parametrize("field", ["day", "labels", "region", "charge_type", "quantity", "description", "kind"])
@pytest.mark.parametrize("junk", [None, 7, "{", []], ids=str)
def test_a_row_of_another_form_costs_no_other(
    gcp: LocalGcp, monkeypatch: pytest.MonkeyPatch, field: str, junk: object
) -> None:
    from agents.gcp import bigquery  # noqa: PLC0415 - what is patched

    gcp.billing_export.load(TABLE, [_row(DAY, 0.1, sku={"id": "a"}), _row(DAY, 0.2, sku={"id": "b"})])
    query = bigquery.query

    def odd(*asked: Any) -> Iterator[Any]:
        for row in query(*asked):
            yield {**dict(row.items()), field: junk} if row["sku_id"] == "a" else row

    monkeypatch.setattr("agents.gcp.bigquery.query", odd)
    collected = collect(_shared(gcp), TARGET, WINDOW)
    assert collected.error is None
    assert Decimal("0.2") in [line.billed_cost for line in _lines(collected)]
    assert len(_lines(collected)) + bool(collected.report.partial) >= 2
