"""Expressions: parsed into functions from a row to a value."""

import operator
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from emulators.azure.kql.errors import KqlError
from emulators.azure.kql.functions import KEEPS_NAME, SCALARS
from emulators.azure.kql.operators import COMPARISONS, PRODUCTS, SUMS, WORDS, Test, negated_if
from emulators.azure.kql.tokens import Token
from emulators.azure.kql.values import as_datetime, fold, timespan

Row = dict[str, Any]
Evaluate = Callable[[Row], Any]


class Expression(NamedTuple):
    """`name` is that of its column where no other is given, empty where it has none; `columns` are those it reads."""

    evaluate: Evaluate
    name: str = ""
    columns: frozenset[str] = frozenset()


class Reader:
    """Reads tokens one by one. `now` is the time at which the query is asked."""

    def __init__(self, tokens: list[Token], now: datetime) -> None:
        self.now = now
        self._tokens = tokens
        self._at = 0

    @property
    def next(self) -> Token:
        """The token that comes."""
        return self._tokens[self._at]

    def take(self) -> Token:
        """The token that comes, which is then behind."""
        token = self._tokens[self._at]
        self._at += token.kind != "end"
        return token

    def accept(self, *texts: str) -> str | None:
        """Take one of these marks or words if it comes."""
        token = self.next
        if token.kind in {"mark", "name"} and token.text in texts:
            self._at += 1
            return token.text
        return None

    def expect(self, text: str) -> None:
        """Take this mark or word.

        Raises:
            KqlError: another comes.
        """
        if self.accept(text) is None:
            raise self.wrong(f"'{text}' is expected")

    def name(self) -> str:
        """Take a name.

        Raises:
            KqlError: none comes.
        """
        token = self.take()
        if token.kind != "name":
            raise KqlError(f"Syntax error at position {token.at}: a name is expected, not '{token.text}'")
        return token.text

    def follows(self, text: str) -> bool:
        """Whether the mark after the next token is this one."""
        after = self._tokens[min(self._at + 1, len(self._tokens) - 1)]
        return after.kind == "mark" and after.text == text

    def wrong(self, why: str) -> KqlError:
        """A syntax error here."""
        return KqlError(f"Syntax error at position {self.next.at}: {why}, not '{self.next.text}'")


def expression(reader: Reader) -> Expression:
    """An expression with `or` as its loosest operator."""
    parts = [_conjunction(reader)]
    while reader.accept("or"):
        parts.append(_conjunction(reader))
    if len(parts) == 1:
        return parts[0]
    tests = [part.evaluate for part in parts]
    return Expression(lambda row: any(test(row) for test in tests), "", _columns(*parts))


def _conjunction(reader: Reader) -> Expression:
    parts = [_comparison(reader)]
    while reader.accept("and"):
        parts.append(_comparison(reader))
    if len(parts) == 1:
        return parts[0]
    tests = [part.evaluate for part in parts]
    return Expression(lambda row: all(test(row) for test in tests), "", _columns(*parts))


def _comparison(reader: Reader) -> Expression:
    left = _sum(reader)
    mark = reader.accept(*COMPARISONS)
    if mark:
        return _compared(left, _sum(reader), COMPARISONS[mark])
    negated = reader.accept("!") is not None
    word = reader.accept("in", "in~", "between", *WORDS)
    if word in {"in", "in~"}:
        return _among(left, _list(reader), folded=word == "in~", negated=negated)
    if word == "between":
        return _between(reader, left, negated=negated)
    if word is not None:
        return _compared(left, _sum(reader), negated_if(negated, WORDS[word]))
    if negated:
        raise reader.wrong("an operator is expected")
    return left


def _compared(left: Expression, right: Expression, test: Test) -> Expression:
    one, other = left.evaluate, right.evaluate
    return Expression(lambda row: test(one(row), other(row)), "", _columns(left, right))


def _among(left: Expression, items: list[Expression], *, folded: bool, negated: bool) -> Expression:
    values = {fold(item.evaluate({})) if folded else item.evaluate({}) for item in items}
    one = left.evaluate
    return Expression(lambda row: ((fold(one(row)) if folded else one(row)) in values) is not negated, "", left.columns)


def _between(reader: Reader, left: Expression, *, negated: bool) -> Expression:
    reader.expect("(")
    low = _sum(reader)
    reader.expect("..")
    high = _sum(reader)
    reader.expect(")")
    at_least = _compared(left, low, COMPARISONS[">="]).evaluate
    at_most = _compared(left, high, COMPARISONS["<="]).evaluate
    return Expression(lambda row: bool(at_least(row) and at_most(row)) is not negated, "", _columns(left, low, high))


def _list(reader: Reader) -> list[Expression]:
    reader.expect("(")
    items = [expression(reader)]
    while reader.accept(","):
        items.append(expression(reader))
    reader.expect(")")
    if any(item.columns for item in items):
        raise KqlError("'in' takes literal values here, not columns or tables")
    return items


def _sum(reader: Reader) -> Expression:
    return _chain(reader, SUMS, _product)


def _product(reader: Reader) -> Expression:
    return _chain(reader, PRODUCTS, _unary)


def _chain(
    reader: Reader, marks: dict[str, Callable[[Any, Any], Any]], operand: Callable[[Reader], Expression]
) -> Expression:
    left = operand(reader)
    while mark := reader.accept(*marks):
        left = _calculated(left, operand(reader), marks[mark])
    return left


def _calculated(left: Expression, right: Expression, calculate: Callable[[Any, Any], Any]) -> Expression:
    one, other = left.evaluate, right.evaluate

    def evaluate(row: Row) -> Any:
        first, second = one(row), other(row)
        if first is None or second is None:
            return None
        try:
            return calculate(first, second)
        except (TypeError, ZeroDivisionError):
            return None

    return Expression(evaluate, "", _columns(left, right))


def _unary(reader: Reader) -> Expression:
    if reader.accept("-"):
        return _calculated(_constant(0), _path(reader), operator.sub)
    return _path(reader)


def _path(reader: Reader) -> Expression:
    found = _primary(reader)
    while mark := reader.accept(".", "["):
        key: str | int
        if mark == ".":
            key = reader.name()
        else:
            token = reader.take()
            if token.kind not in {"string", "number"}:
                raise KqlError(f"Syntax error at position {token.at}: a key or an index is expected")
            key = token.text if token.kind == "string" else int(token.text)
            reader.expect("]")
        found = _member(found, key)
    return found


def _member(of: Expression, key: str | int) -> Expression:
    whole = of.evaluate

    def evaluate(row: Row) -> Any:
        value = whole(row)
        if isinstance(value, dict):
            return value.get(key)
        if isinstance(value, list) and isinstance(key, int) and key < len(value):
            return value[key]
        return None

    return Expression(evaluate, f"{of.name}_{key}" if of.name else "", of.columns)


def _primary(reader: Reader) -> Expression:
    if reader.accept("("):
        inner = expression(reader)
        reader.expect(")")
        return inner
    token = reader.take()
    match token.kind:
        case "string":
            return _constant(token.text)
        case "number":
            return _constant(float(token.text) if set(token.text) & set(".eE") else int(token.text))
        case "timespan":
            return _constant(timespan(token.text))
        case "datetime":
            return _constant(_moment(token.text))
        case "name":
            return _named(reader, token)
    raise KqlError(f"Syntax error at position {token.at}: a value is expected, not '{token.text}'")


def _named(reader: Reader, token: Token) -> Expression:
    name = token.text
    if reader.next.text == "(" and reader.next.kind == "mark":
        return _call(reader, name)
    if name in {"true", "false"}:
        return _constant(name == "true")
    return Expression(operator.itemgetter(name), name, frozenset({name}))


def _call(reader: Reader, name: str) -> Expression:
    reader.expect("(")
    arguments: list[Expression] = []
    while not reader.accept(")"):
        if arguments:
            reader.expect(",")
        arguments.append(expression(reader))
    evaluations = [argument.evaluate for argument in arguments]
    if name in {"now", "ago"}:
        back, now = evaluations[0] if evaluations else None, reader.now
        return Expression(lambda row: now - back(row) if back else now)
    function = SCALARS.get(name)
    if function is None:
        raise KqlError(f"Unknown function: '{name}'.")
    named = arguments[0].name if name in KEEPS_NAME and arguments else ""

    def evaluate(row: Row) -> Any:
        try:
            return function(*[one(row) for one in evaluations])
        except TypeError as error:
            raise KqlError(f"{name}() cannot be called like this: {error}") from error

    return Expression(evaluate, named, _columns(*arguments))


def _moment(text: str) -> datetime | None:
    moment = as_datetime(text)
    if moment is None and text != "null":
        raise KqlError(f"'{text}' is not a datetime: write it as datetime(2026-10-01T00:00:00Z)")
    return moment


def _constant(value: Any) -> Expression:
    return Expression(lambda _row: value)


def _columns(*parts: Expression) -> frozenset[str]:
    return frozenset().union(*(part.columns for part in parts))
