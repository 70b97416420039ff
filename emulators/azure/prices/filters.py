"""`$filter`: the part of OData that the Retail Prices API takes, and its refusal of the rest."""

import re
from collections.abc import Callable
from typing import Any

Item = dict[str, Any]
Test = Callable[[Item], bool]

_TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<word>[A-Za-z_]+)|(?P<mark>[(),]))")
_MOST_COMPARISONS = 20
_FIELDS = {
    "armRegionName": "armRegionName",
    "armSkuName": "armSkuName",
    "currencyCode": "currencyCode",
    "location": "location",
    "meterId": "meterId",
    "meterName": "meterName",
    "priceType": "type",
    "productId": "productId",
    "productName": "productName",
    "reservationTerm": "reservationTerm",
    "serviceFamily": "serviceFamily",
    "serviceId": "serviceId",
    "serviceName": "serviceName",
    "skuId": "skuId",
    "skuName": "skuName",
    "unitOfMeasure": "unitOfMeasure",
}


class FilterRefused(ValueError):
    """The filter is none that the API takes."""


class _Reader:
    def __init__(self, text: str, *, folded: bool) -> None:
        self._text = text
        self._at = 0
        self._fold = str.casefold if folded else str
        self.comparisons = 0

    def take(self) -> tuple[str, str]:
        """(kind, text) of the next token; kind `end` at the end."""
        if not self._text[self._at :].strip():
            return "end", ""
        found = _TOKEN.match(self._text, self._at)
        if found is None:
            raise FilterRefused(self._text)
        self._at = found.end()
        return found.lastgroup or "", found[found.lastgroup or 0]

    def accept(self, text: str) -> bool:
        """Take this word or mark if it comes."""
        before = self._at
        if self.take()[1] == text:
            return True
        self._at = before
        return False

    def either(self) -> Test:
        """Terms joined by `or`."""
        tests = [self.both()]
        while self.accept("or"):
            tests.append(self.both())
        return lambda item: any(test(item) for test in tests)

    def both(self) -> Test:
        """Terms joined by `and`."""
        tests = [self.term()]
        while self.accept("and"):
            tests.append(self.term())
        return lambda item: all(test(item) for test in tests)

    def term(self) -> Test:
        """A comparison, a function, or what is in parentheses."""
        kind, text = self.take()
        if text == "(":
            inner = self.either()
            self.need(")")
            return inner
        if kind != "word":
            raise FilterRefused(self._text)
        self.comparisons += 1
        if text in {"contains", "startswith", "endswith"}:
            return self._function(text)
        return self._comparison(text)

    def need(self, mark: str) -> None:
        """Take this mark."""
        if not self.accept(mark):
            raise FilterRefused(self._text)

    def _comparison(self, name: str) -> Test:
        field, fold = self._field(name), self._fold
        operator = self.take()[1]
        value = fold(self._literal())
        if operator == "eq":
            return lambda item: fold(str(item.get(field, ""))) == value
        if operator == "ne":
            return lambda item: fold(str(item.get(field, ""))) != value
        raise FilterRefused(self._text)

    def _function(self, name: str) -> Test:
        self.need("(")
        field, fold = self._field(self.take()[1]), self._fold
        self.need(",")
        value = fold(self._literal())
        self.need(")")
        test = {"contains": str.__contains__, "startswith": str.startswith, "endswith": str.endswith}[name]
        return lambda item: bool(test(fold(str(item.get(field, ""))), value))

    def _field(self, name: str) -> str:
        if name not in _FIELDS:
            raise FilterRefused(self._text)
        return _FIELDS[name]

    def _literal(self) -> str:
        kind, text = self.take()
        if kind != "text":
            raise FilterRefused(self._text)
        return text[1:-1].replace("''", "'")


def parse_filter(text: str, *, folded: bool = False) -> Test:
    """A test of items; `folded` does not tell cases of values apart, as old API versions did.

    Raises:
        FilterRefused: an operator, function or field that is not taken, or more than 20 comparisons.
    """
    reader = _Reader(text, folded=folded)
    test = reader.either()
    if reader.take()[0] != "end" or reader.comparisons > _MOST_COMPARISONS:
        raise FilterRefused(text)
    return test
