"""Invoicing: summaries of invoices, page by page."""

from datetime import UTC, datetime
from typing import Any

from emulators.aws.errors import AwsError, json_reply
from emulators.aws.request import AwsRequest
from emulators.core.reply import Reply

_MOST = 100
_ANYWHERE = ("us-east-1", "cn-northwest-1")


class Invoicing:
    """ListInvoiceSummaries over `invoices`, which are as the service's model has them, by their numbers."""

    def __init__(self, invoices: dict[str, dict[str, Any]]) -> None:
        self._invoices = invoices

    def handle(self, request: AwsRequest) -> Reply:
        """Answer one request.

        Raises:
            AwsError: Invoicing refuses, or the local one does not serve it.
        """
        if request.action != "ListInvoiceSummaries":
            raise AwsError("UnknownOperationException", "The local Invoicing serves ListInvoiceSummaries.")
        if request.region not in _ANYWHERE:
            raise _invalid(f"Invoicing has no endpoint in {request.region}")
        asked = request.json
        found = [one for one in self._invoices.values() if _selected(one, asked, request.account)]
        first, size = _offset(asked.get("NextToken"), len(found)), int(asked.get("MaxResults") or _MOST)
        if not 1 <= size <= _MOST:
            raise _invalid(f"MaxResults must be between 1 and {_MOST}")
        answer: dict[str, Any] = {"InvoiceSummaries": found[first : first + size]}
        if first + size < len(found):
            answer["NextToken"] = f"page-{first + size}"
        return json_reply(answer, "1.0")


def invoice(number: str, total: str, month: str = "2026-10", **more: Any) -> dict[str, Any]:
    """A summary as AWS writes it: of one month's use, issued on the third of the next, unless `more` says otherwise.

    A `tax` makes the total that of what is before tax, and of the tax.
    """
    year, number_of_month = map(int, month.split("-"))
    issued = datetime(year + number_of_month // 12, number_of_month % 12 + 1, 3, 7, 30, tzinfo=UTC)
    amount: dict[str, Any] = {"TotalAmount": total, "CurrencyCode": more.pop("currency", "USD")}
    if (tax := more.pop("tax", None)) is not None:
        amount["AmountBreakdown"] = {
            "Taxes": {"TotalAmount": tax, "Breakdown": [{"Description": "VAT", "Amount": tax}]}
        }
    return {
        "AccountId": "123456789012",
        "InvoiceId": number,
        "IssuedDate": int(issued.timestamp()),
        "DueDate": int(issued.timestamp()),
        "Entity": {"InvoicingEntity": "Amazon Web Services, Inc.", "BillingEntity": "AWS"},
        "BillingPeriod": {"Month": number_of_month, "Year": year},
        "InvoiceType": "INVOICE",
        "InvoiceFrequency": "RECURRING",
        "BillType": "ANNIVERSARY",
        "BaseCurrencyAmount": amount,
        **more,
    }


def _selected(one: dict[str, Any], asked: dict[str, Any], account: str) -> bool:
    selector, wanted = asked.get("Selector"), asked.get("Filter") or {}
    if not isinstance(selector, dict) or selector.get("ResourceType") not in {"ACCOUNT_ID", "INVOICE_ID"}:
        raise _invalid("Selector is required: ResourceType is ACCOUNT_ID or INVOICE_ID")
    if selector["ResourceType"] == "INVOICE_ID":
        return bool(one["InvoiceId"] == selector.get("Value"))
    if selector.get("Value") != account:
        raise AwsError("AccessDeniedException", f"You don't have access to account {selector.get('Value')}", 403)
    period = wanted.get("BillingPeriod")
    return one["AccountId"] == account and period in (None, one["BillingPeriod"])


def _offset(token: Any, length: int) -> int:
    if token is None:
        return 0
    number = str(token).removeprefix("page-")
    if not number.isdecimal() or int(number) > length:
        raise _invalid("NextToken is not one of this listing")
    return int(number)


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)
