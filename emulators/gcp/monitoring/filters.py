"""Monitoring's filters: parsed for real, so that what Google would not understand is refused here too."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from emulators.gcp.errors import GoogleError, invalid_field
from emulators.gcp.monitoring.store import Series, project_label

Test = Callable[[Series], bool]

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<sign>!=|>=|<=|[=():,<>])|(?P<word>[A-Za-z_][\w./-]*(?:\."[^"]*")?))"""
)
_LABEL = re.compile(r'(metric|resource)\.labels?\.(?:"([^"]+)"|(\w+))$')
_FUNCTIONS: dict[str, Callable[[str, list[str]], bool]] = {
    "starts_with": lambda value, arguments: value.startswith(arguments[0]),
    "ends_with": lambda value, arguments: value.endswith(arguments[0]),
    "has_substring": lambda value, arguments: arguments[0] in value,
    "one_of": lambda value, arguments: value in arguments,
    "monitoring.regex.full_match": lambda value, arguments: re.fullmatch(arguments[0], value) is not None,
}
_MANY = "one_of"
_NO_METRIC = (
    'must specify a restriction on "metric.type" in the filter; see '
    '"https://cloud.google.com/monitoring/api/resources" for a list of available metric types.'
)


@dataclass
class Filter:
    """A filter that was understood: the one metric type, the resource type where it is named, and the test."""

    text: str
    metric_type: str
    resource_type: str | None
    matches: Test

    def refusal(self, why: str) -> GoogleError:
        """An INVALID_ARGUMENT about this filter."""
        return invalid_field("filter", self.text, why)


def parse(text: str) -> Filter:
    """Understand a filter of ListTimeSeries.

    Raises:
        GoogleError: INVALID_ARGUMENT: it is not a filter, or does not name a single metric type.
    """
    parser = _Parser(text)
    test = parser.whole()
    if len(parser.types["metric"]) != 1:
        raise invalid_field("filter", text, _NO_METRIC)
    resource = parser.types["resource"]
    return Filter(text, parser.types["metric"][0], resource[0] if len(resource) == 1 else None, test)


class _Parser:
    """Comparisons with AND, OR, NOT and parentheses; AND and OR side by side need the parentheses."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._split(text)
        self._at = 0
        self.types: dict[str, list[str]] = {"metric": [], "resource": []}

    def whole(self) -> Test:
        if not self._tokens:
            raise invalid_field("filter", self._text, _NO_METRIC)
        test = self._all()
        if self._at != len(self._tokens):
            raise self._unexpected()
        return test

    def _all(self) -> Test:
        test = self._one()
        word = self._peek()
        while self._peek() in {"AND", "OR"}:
            if self._next() != word:
                raise self._refused("AND and OR cannot be mixed without parentheses.")
            test = _joined(word, test, self._one())
        return test

    def _one(self) -> Test:
        if self._peek() == "NOT":
            self._next()
            inner = self._one()
            return lambda series: not inner(series)
        if self._peek() == "(":
            self._next()
            test = self._all()
            self._take(")")
            return test
        return self._comparison()

    def _comparison(self) -> Test:
        read = self._selector(name := self._next())
        sign = self._next()
        if sign not in {"=", "!="}:
            raise self._refused(f"the operator {sign!r} is not supported for {name}.")
        function, arguments = self._value()
        if name.endswith(".type") and function is None and sign == "=":
            self.types[name.split(".", maxsplit=1)[0]].append(arguments[0])
        if function is None:
            return lambda series: (read(series) == arguments[0]) == (sign == "=")
        call = _FUNCTIONS[function]
        return lambda series: (call(read(series), arguments)) == (sign == "=")

    def _selector(self, name: str) -> Callable[[Series], str]:
        if name == "metric.type":
            return lambda series: series.metric_type
        if name == "resource.type":
            return lambda series: series.resource_type
        if name == "project":
            return lambda series: series.resource_labels[project_label(series.resource_type)]
        found = _LABEL.match(name)
        if found is None:
            raise self._refused(f'The left hand side of the expression "{name}" is not supported.')
        key = found[2] or found[3]
        if found[1] == "metric":
            return lambda series: series.metric_labels.get(key, "")
        return lambda series: series.resource_labels.get(key, "")

    def _value(self) -> tuple[str | None, list[str]]:
        token = self._next()
        if token.startswith('"'):
            return None, [_unquoted(token)]
        if token not in _FUNCTIONS:
            raise self._refused(f'The value "{token}" must be a quoted string or a known function.')
        self._take("(")
        arguments = [self._string()]
        while self._peek() == ",":
            self._next()
            arguments.append(self._string())
        self._take(")")
        if token != _MANY and len(arguments) != 1:
            raise self._refused(f"{token} takes one argument.")
        return token, arguments

    def _string(self) -> str:
        token = self._next()
        if not token.startswith('"'):
            raise self._unexpected()
        return _unquoted(token)

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        if not token:
            raise self._refused("The filter ends where more was expected.")
        self._at += 1
        return token

    def _take(self, token: str) -> None:
        if self._next() != token:
            raise self._unexpected()

    def _unexpected(self) -> GoogleError:
        return self._refused(f'Could not parse filter: unexpected "{self._tokens[max(0, self._at - 1)]}".')

    def _refused(self, why: str) -> GoogleError:
        return invalid_field("filter", self._text, why)

    def _split(self, text: str) -> list[str]:
        tokens, at = [], 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None:
                raise invalid_field("filter", text, f'Could not parse filter "{text}": syntax error at {at}.')
            tokens.append(found[0].strip())
            at = found.end()
        return tokens


def _joined(word: str, left: Test, right: Test) -> Test:
    if word == "AND":
        return lambda series: left(series) and right(series)
    return lambda series: left(series) or right(series)


def _unquoted(token: str) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1])
