"""The Price List API's door."""

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any
from zlib import crc32

from emulators.aws.errors import AwsError, json_reply
from emulators.aws.pricing.catalog import Catalog
from emulators.aws.request import AwsRequest
from emulators.core.reply import Reply

# The only regions with an endpoint of this service. Their answers are the same.
_ENDPOINTS = frozenset({"us-east-1", "eu-central-1", "ap-south-1"})
_MOST_RESULTS = 100
_FILTER_TYPES = frozenset({"TERM_MATCH", "EQUALS", "CONTAINS", "ANY_OF", "NONE_OF"})


class Pricing:
    """GetProducts, DescribeServices and GetAttributeValues."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._actions: dict[str, Callable[[dict[str, Any]], tuple[str, Sequence[Any]]]] = {
            "GetProducts": self._get_products,
            "DescribeServices": self._describe_services,
            "GetAttributeValues": self._get_attribute_values,
        }

    def handle(self, request: AwsRequest) -> Reply:
        """Answer one request.

        Raises:
            AwsError: the service refuses, or the local one does not serve it.
        """
        action = self._actions.get(request.action)
        if action is None:
            served = ", ".join(self._actions)
            raise AwsError("UnknownOperationException", f"The local Price List API serves {served}.")
        if request.region not in _ENDPOINTS:
            raise AwsError(
                "InvalidParameterException",
                f"The Price List API has no endpoint in {request.region}, only in {', '.join(sorted(_ENDPOINTS))}.",
            )
        parameters = request.json
        key, found = action(parameters)
        return json_reply({"FormatVersion": "aws_v1", **_page(key, found, parameters)})

    def _get_products(self, parameters: dict[str, Any]) -> tuple[str, Sequence[Any]]:
        filters = parameters.get("Filters") or []
        for one in filters:
            if one.get("Type") not in _FILTER_TYPES or "Field" not in one or "Value" not in one:
                raise AwsError("InvalidParameterException", f"Input Filter is invalid: {json.dumps(one)}")
        return "PriceList", _Lazy(self._catalog.find(self._service_code(parameters), filters))

    def _describe_services(self, parameters: dict[str, Any]) -> tuple[str, Sequence[Any]]:
        codes = [self._service_code(parameters)] if "ServiceCode" in parameters else self._catalog.service_codes()
        names = ["instanceType", "regionCode", "operatingSystem", "usagetype"]
        return "Services", [{"ServiceCode": code, "AttributeNames": names} for code in codes]

    def _get_attribute_values(self, parameters: dict[str, Any]) -> tuple[str, Sequence[Any]]:
        if not parameters.get("AttributeName"):
            raise AwsError("InvalidParameterException", "AttributeName is required.")
        values = self._catalog.values(self._service_code(parameters), parameters["AttributeName"])
        return "AttributeValues", [{"Value": value} for value in values]

    def _service_code(self, parameters: dict[str, Any]) -> str:
        code = parameters.get("ServiceCode")
        if code not in self._catalog.service_codes():
            raise AwsError("NotFoundException", f"Input Parameter ServiceCode is invalid: {code}")
        return str(code)


class _Lazy(Sequence[str]):
    """The JSON of products, written only for the page that is asked for."""

    def __init__(self, products: Sequence[Any]) -> None:
        self._products = products

    def __len__(self) -> int:
        return len(self._products)

    def __getitem__(self, index: Any) -> Any:
        return [product.price_list_item for product in self._products[index]]


def _page(key: str, found: Sequence[Any], parameters: dict[str, Any]) -> dict[str, Any]:
    limit = parameters.get("MaxResults", _MOST_RESULTS)
    if not 1 <= limit <= _MOST_RESULTS:
        raise AwsError("InvalidParameterException", f"MaxResults must be between 1 and 100; it is {limit}.")
    asked = {name: value for name, value in parameters.items() if name not in {"NextToken", "MaxResults"}}
    identity = crc32(json.dumps(asked, sort_keys=True).encode())
    first = _read_token(parameters["NextToken"], identity) if parameters.get("NextToken") else 0
    page: dict[str, Any] = {key: found[first : first + limit]}
    if first + limit < len(found):
        page["NextToken"] = base64.b64encode(f"{identity}:{first + limit}".encode()).decode()
    return page


def _read_token(token: str, identity: int) -> int:
    try:
        owner, offset = base64.b64decode(token).decode().split(":")
        if int(owner) == identity:
            return int(offset)
    except ValueError:
        pass
    raise AwsError("InvalidNextTokenException", "The pagination token is invalid. Try again without a token.")
