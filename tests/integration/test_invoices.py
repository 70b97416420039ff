"""Invoices of AWS, from the local Invoicing to what they say beside the bill."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from agents.core.context import Shared
from agents.core.permissions import permission_of
from agents.core.service import find
from agents.testing.collecting import check_collection, check_denied, check_estimate
from emulators.aws import LocalAws
from emulators.aws.invoicing import invoice
from storage.database import Connection, Database
from telemetry.batch import Batch, Outcome
from telemetry.costs import CostLine
from telemetry.deliveries import DeliveryState
from telemetry.target import Target, Window
from tests.support.aws_bills import deliveries
from tests.support.bill_readings import rows, settle
from tests.support.collecting import Collected, collect
from tests.support.ec2 import ACCESS_KEY, SECRET_KEY, SERVICES, shared, standing_aws

LOOKING, READING = "aws/default/global/invoice_deliveries", "aws/default/global/invoices"
LOOK = Window(datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC))
OCTOBER = Window(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
FILE, TOLD = Target("aws", "payer", "cur", "bill_files"), Target("aws", "payer", "global", "invoices")
API, SEEN, MISSING = "invoicing.ListInvoiceSummaries", DeliveryState.SEEN, DeliveryState.MISSING
_MONTHS = 14


@pytest.fixture(scope="module")
def running() -> Iterator[LocalAws]:
    with standing_aws() as found:
        yield found


@pytest.fixture
def aws(running: LocalAws) -> Iterator[LocalAws]:
    yield running
    running.invoices.clear()
    running.faults.clear()


def asking(aws: LocalAws) -> Shared:
    """What the collections of one process share."""
    endpoints = dict.fromkeys({*SERVICES, "invoicing"}, aws.url)
    return shared(aws, endpoints=endpoints, invoice_accounts=["default"])


def add(aws: LocalAws, number: str, total: str, month: str = "2026-10", **more: Any) -> None:
    aws.invoices[number] = invoice(number, total, month, **more)


def amounts(found: Collected) -> list[tuple[str, str, Decimal | None, dict[str, Decimal]]]:
    return [(one.invoice_id, one.breakdown, one.billed_cost, one.amounts) for one in found.costs()]


class TestCollecting:
    """What is asked, and what is made of the answers."""

    def test_a_look_tells_of_the_months_that_have_invoices(self, aws: LocalAws) -> None:
        add(aws, "I-1", "10")
        add(aws, "I-2", "20", "2025-10")
        add(aws, "I-3", "30", "2025-09")
        process = asking(aws)
        found = collect(process, LOOKING, LOOK)
        check_collection(found)
        assert [(one.state, one.period_start, one.service) for one in deliveries(found)] == [
            (SEEN, datetime(2025, 10, 1, tzinfo=UTC), "invoices"),
            (SEEN, OCTOBER.start, "invoices"),
        ]
        assert found.calls == {API: _MONTHS, "sts.GetCallerIdentity": 1}
        again = collect(process, LOOKING, LOOK)
        check_estimate(again, 0)
        assert deliveries(again) == deliveries(found)
        add(aws, "I-4", "1", InvoiceType="CREDIT_MEMO")
        newer = collect(process, LOOKING, LOOK)
        assert [one.version for one in deliveries(newer)][:1] == [deliveries(found)[0].version]
        assert deliveries(newer)[1].version != deliveries(found)[1].version

    def test_a_month_is_read_with_its_tax_and_its_memos(self, aws: LocalAws) -> None:
        add(aws, "I-1", "119.00", tax="19.00", PurchaseOrderNumber="PO-7")
        add(aws, "I-2", "5.25", InvoiceType="CREDIT_MEMO", tax="0.25", OriginalInvoiceId="I-1")
        add(aws, "I-3", "-1.50", InvoiceType="CREDIT_MEMO")
        add(aws, "I-4", "119.00", InvoiceType="PAYMENT_RECEIPT")
        add(aws, "I-5", "7", TaxAuthorityStatus="CANCELLED", currency="EUR")
        add(aws, "I-6", "1000", "2026-09")
        found = collect(asking(aws), READING, OCTOBER)
        check_collection(found)
        check_estimate(found, 0)
        assert amounts(found) == [
            ("I-1", "invoice", Decimal(119), {"Tax": Decimal(19)}),
            ("I-2", "invoice", Decimal("-5.25"), {"Tax": Decimal("-0.25")}),
            ("I-3", "invoice", Decimal("-1.50"), {}),
            ("I-4", "invoice:not owed", Decimal(119), {}),
            ("I-5", "invoice:not owed", Decimal(7), {}),
        ]
        first = found.costs()[0]
        assert (first.start, first.billing_period_start, first.sub_account_id, first.charge_type) == (
            OCTOBER.start,
            OCTOBER.start,
            "123456789012",
            "INVOICE",
        )
        assert first.details["PurchaseOrderNumber"] == "PO-7"
        proof = deliveries(found)[-1]
        assert (proof.state, proof.rows_read, proof.totals) == (
            DeliveryState.READ,
            5,
            {"USD": Decimal(119) - Decimal("6.75")},
        )
        assert proof.version == deliveries(collect(asking(aws), LOOKING, LOOK))[1].version

    def test_pages_are_followed_and_what_is_listed_twice_counts_once(self, aws: LocalAws) -> None:
        for number in range(250):
            add(aws, f"I-{number:03}", "1")
        aws.invoices["again"] = aws.invoices["I-007"]
        found = collect(asking(aws), READING, OCTOBER)
        assert (len(found.costs()), found.calls[API]) == (250, 3)

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"BaseCurrencyAmount": {"CurrencyCode": "USD"}}, "TotalAmount and CurrencyCode are not both told"),
            ({"BaseCurrencyAmount": {"TotalAmount": "1"}}, "TotalAmount and CurrencyCode are not both told"),
            ({"BaseCurrencyAmount": {"TotalAmount": "1,5", "CurrencyCode": "USD"}}, "TotalAmount: '1,5'"),
            ({"InvoiceType": "DEBIT_MEMO"}, "its InvoiceType 'DEBIT_MEMO' is none that is known"),
            ({"InvoiceId": ""}, "has no InvoiceId"),
        ],
    )
    def test_a_month_of_which_one_invoice_cannot_be_read_is_a_gap(
        self, aws: LocalAws, change: dict[str, Any], says: str
    ) -> None:
        add(aws, "I-1", "1")
        add(aws, "I-2", "1", **change)
        add(aws, "I-3", "1", "2026-09")
        found = collect(asking(aws), READING, OCTOBER)
        assert found.report.outcome is Outcome.FAILED
        assert says in found.report.error
        looked = collect(asking(aws), LOOKING, LOOK)
        september, october = deliveries(looked)
        assert (september.state, october.state) == (SEEN, MISSING)
        assert says in october.reason
        assert looked.report.partial

    @pytest.mark.parametrize(("target", "window"), [(LOOKING, LOOK), (READING, OCTOBER)])
    def test_a_refusal_names_the_permission(self, aws: LocalAws, target: str, window: Window) -> None:
        add(aws, "I-1", "1")
        aws.inject("deny", service="invoicing", action="ListInvoiceSummaries")
        found = collect(asking(aws), target, window)
        check_denied(found)
        assert found.report.permission == "invoicing:ListInvoiceSummaries"
        service = find("aws", target.rpartition("/")[2])
        assert {permission_of("aws", api.replace(".", ":")) for api in found.calls} <= set(service.permissions)
        for secret in (ACCESS_KEY, SECRET_KEY):
            assert secret not in f"{found.error!r} {found.report}"


class TestBesideTheBill:
    """reporting.invoices and reporting.cost_reconciliation."""

    @pytest.fixture
    def connection(self, database: Database) -> Iterator[Connection]:
        with database.connection() as connection:
            yield connection

    @staticmethod
    def bill(*told: tuple[str, str, str, str]) -> list[CostLine]:
        """Lines of October: account, invoice, category and cost."""
        return [
            CostLine(
                start=OCTOBER.start,
                end=OCTOBER.start.replace(day=2),
                currency="USD",
                billed_cost=Decimal(cost),
                charge_category=category,
                sub_account_id=account,
                invoice_id=number,
                billing_period_start=OCTOBER.start,
                billing_period_end=OCTOBER.end,
            )
            for account, number, category, cost in told
        ]

    @staticmethod
    def read(aws: LocalAws) -> list[CostLine]:
        found = collect(asking(aws), READING, OCTOBER)
        assert all(isinstance(one, Batch) for one in found.batches)
        return found.costs()

    def test_each_invoice_is_compared_with_all_that_bears_its_number(
        self, aws: LocalAws, connection: Connection
    ) -> None:
        add(aws, "I-1", "123.46", tax="19.70")
        add(aws, "I-2", "5", InvoiceType="CREDIT_MEMO")
        add(aws, "I-3", "50", InvoiceType="PAYMENT_RECEIPT")
        settle(
            connection,
            FILE,
            OCTOBER,
            self.bill(
                ("123456789012", "I-1", "Usage", "100.001"),
                ("member", "I-1", "Usage", "3.7567"),
                ("123456789012", "I-1", "Tax", "19.71"),
                ("member", "I-2", "Credit", "-4.50"),
                ("member", "", "Usage", "7"),
            ),
            version="v1",
        )
        settle(connection, TOLD, OCTOBER, self.read(aws), version="v1")
        first, second = rows(connection, "SELECT * FROM reporting.invoices ORDER BY invoice_id")
        names = ("total", "tax", "file_cost", "difference", "tax_difference", "rounding", "rest")
        assert [first[name] for name in names] == [
            *map(Decimal, ("123.46", "19.70", "123.4677", "-0.0077", "-0.01", "0.0023", "0"))
        ]
        assert [second[name] for name in names] == [
            Decimal(-5),
            None,
            *map(Decimal, ("-4.50", "-0.50", "0", "0", "-0.50")),
        ]
        assert (first["invoice_type"], second["invoice_type"]) == ("INVOICE", "CREDIT_MEMO")
        assert (first["month"], first["issued_on"]) == (date(2026, 10, 1), date(2026, 11, 3))
        payer, member = rows(
            connection, "SELECT * FROM reporting.cost_reconciliation WHERE month = '2026-10-01' ORDER BY sub_account_id"
        )
        assert {name: value for name, value in payer.items() if name.startswith("invoice_")} == {
            "invoice_cost": Decimal("119.711"),
            "invoice_types": "CREDIT_MEMO, INVOICE",
            "invoice_total": Decimal("118.46"),
            "invoice_tax": None,
            "invoice_file_cost": Decimal("118.9677"),
            "invoice_difference": Decimal("-0.5077"),
            "invoice_tax_difference": Decimal("-0.01"),
            "invoice_rounding": Decimal("0.0023"),
            "invoice_rest": Decimal("-0.50"),
            "invoice_incomplete": "",
        }
        assert (payer["file_cost"], member["file_cost"]) == (Decimal("119.711"), Decimal("6.2567"))
        assert (member["invoice_total"], member["invoice_incomplete"]) == (None, "no invoice is told")

    def test_invoices_are_never_added_to_the_bill(self, aws: LocalAws, connection: Connection) -> None:
        add(aws, "I-1", "10")
        settle(connection, FILE, OCTOBER, self.bill(("123456789012", "I-1", "Usage", "10")), version="v1")
        before = rows(connection, "SELECT * FROM reporting.daily_costs")
        settle(connection, TOLD, OCTOBER, self.read(aws), version="v1")
        assert rows(connection, "SELECT * FROM reporting.daily_costs") == before
        (one,) = rows(connection, "SELECT * FROM reporting.cost_reconciliation")
        assert (one["file_cost"], one["invoice_total"], one["invoice_rest"]) == (10, 10, 0)

    def test_what_no_file_tells_of_is_no_difference(self, aws: LocalAws, connection: Connection) -> None:
        add(aws, "I-1", "10", tax="1")
        add(aws, "I-2", "20", tax="2")
        settle(connection, FILE, OCTOBER, self.bill(("123456789012", "I-1", "Usage", "10")), version="v1")
        settle(connection, TOLD, OCTOBER, self.read(aws), version="v1", partial=("a part was refused",))
        first, second = rows(connection, "SELECT * FROM reporting.invoices ORDER BY invoice_id")
        assert (first["difference"], first["tax_difference"], first["rest"]) == (0, 1, -1)
        names = ("file_cost", "difference", "tax_difference", "rounding", "rest")
        assert [second[name] for name in names] == [None] * 5
        (one,) = rows(connection, "SELECT * FROM reporting.cost_reconciliation")
        assert (one["invoice_total"], one["invoice_tax"], one["invoice_difference"]) == (30, 3, None)
        assert one["invoice_incomplete"] == "1 invoices have no line in a file; a part was refused"

    def test_a_newer_reading_takes_the_place_of_the_former_one(self, aws: LocalAws, connection: Connection) -> None:
        add(aws, "I-1", "10")
        settle(connection, TOLD, OCTOBER, self.read(aws), version="v1")
        add(aws, "I-2", "3", InvoiceType="CREDIT_MEMO")
        settle(connection, TOLD, OCTOBER, self.read(aws), version="v2", attempt=2)
        other = Target("aws", "again", "global", "invoices")
        settle(connection, other, OCTOBER, self.read(aws), version="v1")
        found = rows(connection, "SELECT invoice_id, total, account FROM reporting.invoices ORDER BY 1")
        assert [(one["invoice_id"], one["total"]) for one in found] == [("I-1", 10), ("I-2", -3)]
