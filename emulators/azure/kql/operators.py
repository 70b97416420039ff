"""Operators between two values, and what null does to them."""

import operator
from collections.abc import Callable
from typing import Any

from emulators.azure.kql.errors import KqlError
from emulators.azure.kql.values import as_text, equal, fold

Test = Callable[[Any, Any], bool | None]


def negated_if(negated: bool, test: Test) -> Test:
    """The test, or its opposite; null stays null."""
    if not negated:
        return test

    def opposite(left: Any, right: Any) -> bool | None:
        result = test(left, right)
        return None if result is None else not result

    return opposite


def _ordered(compare: Callable[[Any, Any], bool]) -> Test:
    def test(left: Any, right: Any) -> bool | None:
        if left is None or right is None:
            return None
        try:
            return compare(left, right)
        except TypeError as error:
            raise KqlError(f"Values of types {type(left).__name__} and {type(right).__name__} have no order") from error

    return test


def _textual(test: Callable[[str, str], bool], *, folded: bool = True) -> Callable[[Any, Any], bool]:
    if folded:
        return lambda left, right: test(as_text(left).casefold(), as_text(right).casefold())
    return lambda left, right: test(as_text(left), as_text(right))


COMPARISONS: dict[str, Test] = {
    "==": equal,
    "!=": negated_if(True, equal),
    "=~": lambda left, right: equal(fold(left), fold(right)),
    "!~": negated_if(True, lambda left, right: equal(fold(left), fold(right))),
    "<": _ordered(operator.lt),
    "<=": _ordered(operator.le),
    ">": _ordered(operator.gt),
    ">=": _ordered(operator.ge),
}
WORDS: dict[str, Test] = {
    "contains": _textual(lambda left, right: right in left),
    "contains_cs": _textual(lambda left, right: right in left, folded=False),
    "startswith": _textual(str.startswith),
    "startswith_cs": _textual(str.startswith, folded=False),
    "endswith": _textual(str.endswith),
    "endswith_cs": _textual(str.endswith, folded=False),
}
SUMS = {"+": operator.add, "-": operator.sub}
PRODUCTS = {"*": operator.mul, "/": operator.truediv, "%": operator.mod}
