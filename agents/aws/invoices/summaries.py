"""What AWS has invoiced for a billing month: one question, and an answer that counts whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from agents.aws.calls import AwsCalls
from agents.aws.regions import cost_calls
from agents.core.context import Context
from agents.core.items import Item
from telemetry.amounts import parse_amount
from telemetry.errors import CollectionFailed, Unavailable
from telemetry.faults import CURRENCY

API = "invoicing:ListInvoiceSummaries"
PERMISSIONS = (API, "sts:GetCallerIdentity")
_PAGE = 100
"""As many as AWS gives at once."""
_DETAILS = (
    "BillType",
    "InvoiceFrequency",
    "OriginalInvoiceId",
    "CommercialInvoiceId",
    "PurchaseOrderNumber",
    "TaxAuthorityStatus",
    "ReceiverRole",
)
_INVOICE, _CREDIT = "INVOICE", "CREDIT_MEMO"
_CANCELLED = "CANCELLED"


class Invoice(msgspec.Struct, frozen=True):
    """One document. What a credit memo comes to is negative, whichever sign AWS gives it: it is owed to the account."""

    number: str
    #: AWS's number of the account that it is sent to.
    account: str
    kind: str
    currency: str
    total: Decimal
    #: Of the total; None where it is not told.
    tax: Decimal | None
    #: Whether it is a demand that stands: no receipt of a payment, and not cancelled.
    owed: bool
    details: dict[str, str]


def invoicing(context: Context) -> AwsCalls:
    """To ask where Invoicing is, for the account's partition: where Cost Explorer is."""
    return cost_calls(context)


def invoices_of(calls: AwsCalls, month: datetime) -> list[Invoice]:
    """Those of the billing month that begins then, by their numbers.

    CollectionFailed where one cannot be read: without it the others are not what was invoiced.
    """
    found: dict[str, Invoice] = {}
    for page in _pages(calls, month):
        listed = page.get("InvoiceSummaries")
        if not isinstance(listed, list):
            raise Unavailable("an answer has no list InvoiceSummaries: it is asked for anew")
        for one in listed:
            if not isinstance(one, dict):
                raise CollectionFailed("one of the invoices is no object")
            invoice = _invoice(Item(one), month)
            if found.setdefault(invoice.number, invoice) != invoice:
                raise CollectionFailed(
                    f"the invoice {invoice.number:.60} is listed twice, and not with the same amounts"
                )
    return sorted(found.values(), key=lambda one: one.number)


def version_of(invoices: list[Invoice]) -> str:
    """The same for the same invoices, another one for any other."""
    return hashlib.sha256(msgspec.json.encode(invoices, order="deterministic")).hexdigest()


def _pages(calls: AwsCalls, month: datetime) -> Iterator[dict[str, Any]]:
    return calls.pages(
        "invoicing",
        "ListInvoiceSummaries",
        page_size=_PAGE,
        Selector={"ResourceType": "ACCOUNT_ID", "Value": calls.account_id},
        Filter={"BillingPeriod": {"Month": month.month, "Year": month.year}},
    )


def _invoice(item: Item, month: datetime) -> Invoice:
    number = item.text("InvoiceId")
    if not number:
        raise CollectionFailed(f"one of the invoices of {month:%Y-%m} has no InvoiceId")
    where = f"the invoice {number:.60} of {month:%Y-%m}"
    period = item.item("BillingPeriod")
    if item.has("BillingPeriod") and (period.number("Year"), period.number("Month")) != (month.year, month.month):
        raise CollectionFailed(f"{where}: its BillingPeriod is another one than was asked for")
    kind = item.text("InvoiceType")
    base = item.item("BaseCurrencyAmount")
    total = _amount(base, "TotalAmount", where)
    currency = base.text("CurrencyCode")
    if total is None or not CURRENCY.fullmatch(currency):
        raise CollectionFailed(f"{where}: BaseCurrencyAmount: TotalAmount and CurrencyCode are not both told")
    tax = _tax(base, total, where)
    owed = kind in {_INVOICE, _CREDIT} and item.text("TaxAuthorityStatus") != _CANCELLED
    if kind not in {_INVOICE, _CREDIT, "PAYMENT_RECEIPT"}:
        raise CollectionFailed(
            f"{where}: its InvoiceType {kind[:40]!r} is none that is known: is it owed, or a credit?"
        )
    # Documented are the names of the amounts alone; a memo gives back what it tells, in whichever form.
    sign = -1 if kind == _CREDIT and total > 0 else 1
    details = _details(item)
    if item.faults:
        raise CollectionFailed(f"{where}: {', '.join(sorted(item.faults))}: told, and not readable")
    return Invoice(
        number=number,
        account=item.text("AccountId"),
        kind=kind,
        currency=currency,
        total=sign * total,
        tax=None if tax is None else sign * tax,
        owed=owed,
        details=details,
    )


def _tax(base: Item, total: Decimal, where: str) -> Decimal | None:
    tax = _amount(base.item("AmountBreakdown").item("Taxes"), "TotalAmount", where)
    before = _amount(base, "TotalAmountBeforeTax", where)
    return total - before if tax is None and before is not None else tax


def _amount(item: Item, name: str, where: str) -> Decimal | None:
    text = item.text(name)
    try:
        return parse_amount(text) if text else None
    except ValueError as error:
        raise CollectionFailed(f"{where}: {name}: {error}") from None


def _details(item: Item) -> dict[str, str]:
    entity, paid = item.item("Entity"), item.item("PaymentCurrencyAmount")
    dates = {name: item.time(name) for name in ("IssuedDate", "DueDate")}
    told = {name: item.text(name) for name in _DETAILS} | {
        **{name: "" if at is None else f"{at:%Y-%m-%d}" for name, at in dates.items()},
        "InvoicingEntity": entity.text("InvoicingEntity"),
        "BillingEntity": entity.text("BillingEntity"),
        "BillSourceAccounts": ", ".join(item.texts("BillSourceAccounts")),
        "PaymentCurrency": paid.text("CurrencyCode"),
        "PaymentTotal": paid.text("TotalAmount"),
    }
    return {name: text for name, text in told.items() if text}
