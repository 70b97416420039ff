"""Invoice months of the exported bill, against the local BigQuery: seen by their change tokens, read whole, proven."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from agents.core.context import Shared
from agents.core.service import find
from agents.core.targets import targets_of
from agents.testing.collecting import check_collection, check_estimate
from emulators.gcp import LocalGcp
from telemetry.batch import Outcome
from telemetry.costs import CostLine
from telemetry.deliveries import Delivery, DeliveryState
from telemetry.errors import BudgetReached, CollectionFailed
from telemetry.target import Window
from tests.support.collecting import Collected, collect
from tests.support.gcp import NOW, PROJECT, shared, standing_gcp

ACCOUNT = "0123AB_4567CD_89EF01"
TABLES = {
    "standard": f"{PROJECT}.billing.gcp_billing_export_v1_{ACCOUNT}",
    "detailed": f"{PROJECT}.billing.gcp_billing_export_resource_v1_{ACCOUNT}",
    "focus": f"{PROJECT}.gcp_billing_immutable_{ACCOUNT}_us.gcp_billing_export_focus_{ACCOUNT}",
}
OCTOBER = Window(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
NOVEMBER = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
every_kind = pytest.mark.parametrize("kind", list(TABLES))


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalGcp]:
    with standing_gcp() as running:
        yield running


@pytest.fixture
def gcp(cloud: LocalGcp) -> Iterator[LocalGcp]:
    yield cloud
    cloud.billing_export.clear()
    cloud.faults.clear()


def _shared(gcp: LocalGcp, kind: str = "detailed", **section: Any) -> Shared:
    return shared(gcp, **{"bill_tables": [{"name": "main", "table": TABLES[kind]}], **section})


def _row(
    kind: str, at: datetime, cost: str, *, month: str = "202611", exported: datetime | None = None
) -> dict[str, Any]:
    """An hour of a machine, in the layout of a table of that kind."""
    if kind == "focus":
        return _focus_row(at, cost, month=month, exported=exported)
    named = {"resource": {"name": "vm-1", "global_name": "//compute.googleapis.com/vm-1"}} if kind == "detailed" else {}
    return {
        "service": {"id": "6F81", "description": "Compute Engine"},
        "sku": {"id": "2E27", "description": "N2 Instance Core"},
        "usage_start_time": at,
        "usage_end_time": at + HOUR,
        "project": {"id": PROJECT, "name": "Shop"},
        "labels": [{"key": "team", "value": "search"}],
        "location": {"region": "us-central1", "zone": "us-central1-a"},
        "export_time": exported or at + 3 * HOUR,
        "cost": float(cost),
        "cost_at_list": float(cost) * 2,
        "currency": "USD",
        "usage": {"amount": 3600.0, "unit": "seconds", "amount_in_pricing_units": 1.0, "pricing_unit": "hour"},
        "credits": [{"name": "Sustained", "full_name": "Sustained use", "amount": -0.25, "type": "SUSTAINED"}],
        "cost_type": "regular",
        "invoice": {"month": month},
        **named,
    }


def _focus_row(at: datetime, cost: str, *, month: str, exported: datetime | None) -> dict[str, Any]:
    # Google's months begin at midnight in Los Angeles.
    begins = datetime(int(month[:4]), int(month[4:]), 1, 7, tzinfo=UTC)
    return {
        "BillingAccountId": "0123AB-4567CD-89EF01",
        "BillingCurrency": "USD",
        "BillingPeriodStart": begins,
        "BillingPeriodEnd": begins + 31 * DAY,
        "ChargePeriodStart": at,
        "ChargePeriodEnd": at + HOUR,
        "ChargeCategory": "Usage",
        "ChargeDescription": "N2 Instance Core",
        "BilledCost": Decimal(cost) - Decimal("0.25"),
        "EffectiveCost": Decimal(cost) - Decimal("0.25"),
        "ContractedCost": Decimal(cost),
        "ListCost": Decimal(cost) * 2,
        "ConsumedQuantity": Decimal(3600),
        "ConsumedUnit": "seconds",
        "PricingQuantity": Decimal(1),
        "PricingUnit": "hour",
        "ServiceName": "Compute Engine",
        "SkuId": "2E27",
        "SubAccountId": PROJECT,
        "SubAccountName": "Shop",
        "RegionId": "us-central1",
        "AvailabilityZone": "us-central1-a",
        "ResourceId": "//compute.googleapis.com/vm-1",
        "x_CostType": "regular",
        "x_ExportTime": exported or at + 3 * HOUR,
        "x_Labels": [{"Key": "team", "Value": "search"}],
        "x_Credits": [{"Name": "Sustained", "Amount": Decimal("-0.25"), "Type": "SUSTAINED"}],
    }


def _deliveries(found: Collected) -> dict[datetime, Delivery]:
    assert found.error is None, found.error
    every = [one for batch in found.batches for one in batch.deliveries]
    assert len({(one.period_start, one.state) for one in every}) == len(every)
    return {one.period_start: one for one in every}


def _look(context: Shared, account: str = "default") -> Collected:
    return collect(context, f"gcp/{account}/main/bill_deliveries", Window(NOW - HOUR, NOW))


def _read(context: Shared, window: Window = NOVEMBER) -> Collected:
    return collect(context, "gcp/default/main/bill_tables", window)


def _proof(found: Collected) -> Delivery:
    (proof,) = _deliveries(found).values()
    assert found.records[-1] is proof, "the last of all"
    return proof


def _sum(lines: list[CostLine]) -> Decimal:
    return sum((line.billed_cost or Decimal(0) for line in lines), Decimal(0))


@every_kind
def test_what_is_seen_is_what_is_read_afterwards(gcp: LocalGcp, kind: str) -> None:
    rows = [_row(kind, NOVEMBER.start + hour * HOUR, "1.000000001") for hour in range(30)]
    rows += [_row(kind, OCTOBER.start + hour * HOUR, "2", month="202610") for hour in range(5)]
    # It is of October, and on the invoice of November: as a correction, or the last hours of a month.
    rows += [_row(kind, OCTOBER.end - HOUR, "4", exported=OCTOBER.end - HOUR / 2), _row(kind, NOW - DAY, "8")]
    gcp.billing_export.load(TABLES[kind], rows)
    context = _shared(gcp, kind)

    seen = _deliveries(_look(context))

    assert {(one.state, one.period_start, one.period_end) for one in seen.values()} == {
        (DeliveryState.SEEN, month.start, month.end) for month in (OCTOBER, NOVEMBER)
    }
    assert seen[NOVEMBER.start].files[0].rows == 32
    for window, count in ((NOVEMBER, 32), (OCTOBER, 5)):
        found = _read(context, window)
        check_collection(found)
        proof = _proof(found)
        assert (proof.state, proof.version, proof.rows_read) == (DeliveryState.READ, seen[window.start].version, count)
        assert proof.totals == {"USD": _sum(found.costs())}
        assert {(line.billing_period_start, line.billing_period_end) for line in found.costs()} == {
            (window.start, window.end)
        }
    assert _proof(_read(context)).totals == {"USD": 30 * Decimal("1.000000001") + 12 - 32 * Decimal("0.25")}


def test_a_line_of_the_focus_table_is_whole(gcp: LocalGcp) -> None:
    gcp.billing_export.load(TABLES["focus"], [_row("focus", NOVEMBER.start + hour * HOUR, "1") for hour in range(24)])

    (line,) = _read(_shared(gcp, "focus")).costs()

    assert line == CostLine(
        start=NOVEMBER.start,
        end=NOVEMBER.start + DAY,
        currency="USD",
        billed_cost=Decimal(18),
        effective_cost=Decimal(18),
        list_cost=Decimal(48),
        contracted_cost=Decimal(24),
        amounts={"x_Credits": Decimal(-6)},
        charge_category="Usage",
        charge_type="regular",
        charge_description="N2 Instance Core",
        service_name="Compute Engine",
        sub_account_id=PROJECT,
        sub_account_name="Shop",
        region_id="us-central1",
        availability_zone="us-central1-a",
        resource_id="//compute.googleapis.com/vm-1",
        sku_id="2E27",
        quantity=Decimal(86_400),
        unit="seconds",
        pricing_quantity=Decimal(24),
        pricing_unit="hour",
        tags={"team": "search"},
        billing_period_start=NOVEMBER.start,
        billing_period_end=NOVEMBER.end,
        lines=24,
        details={"BillingAccountId": "0123AB-4567CD-89EF01"},
    )


def test_credits_of_the_detailed_table_are_lines_of_their_own_and_no_rows(gcp: LocalGcp) -> None:
    gcp.billing_export.load(TABLES["detailed"], [_row("detailed", NOVEMBER.start, "1")])
    found = _read(_shared(gcp))
    usage, credit = sorted(found.costs(), key=lambda line: line.charge_category, reverse=True)
    assert (usage.billed_cost, usage.pricing_quantity, usage.lines) == (Decimal(1), Decimal(1), 1)
    assert (usage.resource_id, usage.availability_zone) == ("//compute.googleapis.com/vm-1", "us-central1-a")
    assert (credit.charge_category, credit.billed_cost, credit.lines) == ("Credit", Decimal("-0.25"), 1)
    assert _proof(found).rows_read == 1


@pytest.mark.parametrize(("currency", "told"), [("EUR", {"currency_conversion_rate": "0.925"}), ("USD", {})])
def test_the_rate_that_the_bill_was_converted_by_is_kept(gcp: LocalGcp, currency: str, told: dict[str, str]) -> None:
    row = _row("detailed", NOVEMBER.start, "1") | {"currency": currency, "currency_conversion_rate": 0.925}
    gcp.billing_export.load(TABLES["detailed"], [row])
    usage, credit = _read(_shared(gcp)).costs()
    assert (usage.details, credit.details) == (told, told)


def test_every_digit_of_a_float_counts(gcp: LocalGcp) -> None:
    random = Random(14)
    costs = [f"{random.uniform(0, 1e-6):.17f}" for _ in range(200)] + ["1e-07", "12345.678901234"]
    rows = [_row("detailed", NOVEMBER.start, cost) | {"credits": []} for cost in costs]
    gcp.billing_export.load(TABLES["detailed"], rows)
    assert _proof(_read(_shared(gcp))).totals == {"USD": sum(Decimal(repr(float(cost))) for cost in costs)}


def test_a_fold_by_hours_adds_up_to_the_same(gcp: LocalGcp) -> None:
    gcp.billing_export.load(TABLES["focus"], [_row("focus", NOVEMBER.start + hour * HOUR, "1") for hour in range(24)])
    hourly = _shared(gcp, "focus", bill_tables=[{"name": "main", "table": TABLES["focus"], "granularity": "hourly"}])
    found = _read(hourly)
    assert {line.end - line.start for line in found.costs()} == {HOUR}
    assert len(found.costs()) == 24
    assert _proof(found).totals == _proof(_read(_shared(gcp, "focus"))).totals


@every_kind
def test_a_month_that_gets_rows_has_another_version_and_no_other_month_has(gcp: LocalGcp, kind: str) -> None:
    for month, start in (("202610", OCTOBER.start), ("202611", NOW - DAY)):
        gcp.billing_export.load(TABLES[kind], [_row(kind, start, "1", month=month)])
    context = _shared(gcp, kind)
    before = {start: one.version for start, one in _deliveries(_look(context)).items()}
    assert {start: one.version for start, one in _deliveries(_look(context)).items()} == before

    correction = _row(kind, OCTOBER.start, "-1", month="202610", exported=NOW - HOUR)
    gcp.billing_export.load(TABLES[kind], [correction])

    after = {start: one.version for start, one in _deliveries(_look(context)).items()}
    assert after[NOVEMBER.start] == before[NOVEMBER.start]
    assert after[OCTOBER.start] != before[OCTOBER.start]
    assert _proof(_read(context, OCTOBER)).version == after[OCTOBER.start]


def test_a_view_is_read_by_the_time_of_the_export(gcp: LocalGcp) -> None:
    gcp.billing_export.create(TABLES["detailed"], view=True)
    gcp.billing_export.load(TABLES["detailed"], [_row("detailed", NOW - DAY, "1")])
    context = _shared(gcp)
    assert _deliveries(_look(context))[NOVEMBER.start].version == _proof(_read(context)).version


def test_a_table_that_is_not_written_any_more_is_a_gap_with_a_reason(gcp: LocalGcp) -> None:
    gcp.billing_export.load(TABLES["detailed"], [_row("detailed", OCTOBER.start, "1", month="202610")])
    found = _look(_shared(gcp))
    assert found.report.outcome is Outcome.COMPLETE
    seen = _deliveries(found)
    assert seen[OCTOBER.start].state is DeliveryState.SEEN
    assert seen[NOVEMBER.start].state is DeliveryState.MISSING
    assert "nothing was delivered since 2026-10-01" in seen[NOVEMBER.start].reason
    assert any("still switched on" in reason for reason in found.report.partial)


def test_an_empty_table_is_a_gap_too(gcp: LocalGcp) -> None:
    gcp.billing_export.create(TABLES["focus"])
    (missing,) = _deliveries(_look(_shared(gcp, "focus"))).values()
    assert (missing.state, missing.period_start) == (DeliveryState.MISSING, NOVEMBER.start)
    assert "nothing was delivered yet" in missing.reason


def test_a_permission_that_is_lost_is_a_gap_with_its_name(gcp: LocalGcp) -> None:
    gcp.billing_export.load(TABLES["detailed"], [_row("detailed", NOVEMBER.start, "1")])
    gcp.faults.deny("bigquery.tables.getData")
    found = _look(_shared(gcp))
    (missing,) = _deliveries(found).values()
    assert missing.state is DeliveryState.MISSING
    assert "bigquery.tables.getData" in missing.reason
    assert found.report.permission == "bigquery.tables.getData"


def test_a_month_that_has_vanished_is_not_read_as_one_without_charges(gcp: LocalGcp) -> None:
    gcp.billing_export.load(TABLES["detailed"], [_row("detailed", NOVEMBER.start, "1")])
    found = _read(_shared(gcp), OCTOBER)
    assert isinstance(found.error, CollectionFailed)
    assert "2026-10" in str(found.error)
    assert not found.batches


@pytest.mark.parametrize(
    "harm",
    [
        {"cost": None},
        {"currency": None},
        {"currency": "dollars"},
    ],
    ids=str,
)
def test_a_row_that_cannot_be_read_leaves_the_former_version_standing(gcp: LocalGcp, harm: Mapping[str, Any]) -> None:
    gcp.billing_export.load(
        TABLES["detailed"],
        [_row("detailed", NOVEMBER.start, "1"), _row("detailed", NOVEMBER.start + DAY, "1") | dict(harm)],
    )
    found = _read(_shared(gcp))
    assert isinstance(found.error, CollectionFailed)
    assert "stays as it was" in str(found.error)


def test_only_a_calendar_month_can_be_read(gcp: LocalGcp) -> None:
    found = _read(_shared(gcp), Window(NOVEMBER.start, NOVEMBER.start + DAY))
    assert isinstance(found.error, CollectionFailed)
    assert "calendar month" in str(found.error)


def test_partitions_from_before_a_month_are_not_scanned(gcp: LocalGcp) -> None:
    gcp.billing_export.byte_scale = 100_000
    gcp.billing_export.load(TABLES["detailed"], [_row("detailed", NOVEMBER.start, "1")] * 50)
    alone = _read(_shared(gcp)).report.apis[0].cost_usd
    old = [_row("detailed", OCTOBER.start, "1", month="202609")] * 500
    gcp.billing_export.load(TABLES["detailed"], old)
    beside = _read(_shared(gcp)).report.apis[0].cost_usd
    gcp.billing_export.byte_scale = 1
    assert alone is not None
    assert beside is not None
    assert beside < alone * 2


def test_each_table_is_read_by_one_account(gcp: LocalGcp) -> None:
    accounts = [{"name": "first", "project_id": PROJECT}, {"name": "second", "project_id": PROJECT}]
    tables = [
        {"name": "main", "table": TABLES["detailed"]},
        {"name": "other", "table": TABLES["focus"], "account": "second"},
    ]
    section = _shared(gcp, accounts=accounts, bill_tables=tables).settings.provider("gcp")
    assert section is not None
    for name in ("bill_deliveries", "bill_tables"):
        found = [str(target) for _, target in targets_of("gcp", section, find("gcp", name))]
        assert found == [f"gcp/first/main/{name}", f"gcp/second/other/{name}"]


def test_the_price_is_asked_for_where_there_is_a_budget(gcp: LocalGcp) -> None:
    gcp.billing_export.load(TABLES["detailed"], [_row("detailed", NOVEMBER.start, "1")])
    found = _read(_shared(gcp, budget_usd_per_day=10))
    assert found.calls["bigquery.jobs.query"] == 4
    for context in (_shared(gcp), _shared(gcp, budget_usd_per_day=10)):
        for collected in (_look(context), _read(context)):
            check_estimate(collected, 0, context)
    refused = _read(_shared(gcp, budget_usd_per_day=Decimal("0.00001")))
    assert isinstance(refused.error, BudgetReached)
