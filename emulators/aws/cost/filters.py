"""Cost Explorer's filter expressions."""

from collections.abc import Callable
from typing import Any

from emulators.aws.cost.dimensions import dimension
from emulators.aws.cost.errors import invalid
from emulators.aws.cost.lines import CostLine

Predicate = Callable[[CostLine], bool]

_COMPARE: dict[str, Callable[[str, str], bool]] = {
    "EQUALS": lambda got, want: got == want,
    "CASE_SENSITIVE": lambda got, want: got == want,
    "CASE_INSENSITIVE": lambda got, want: got.lower() == want.lower(),
    "STARTS_WITH": lambda got, want: got.startswith(want),
    "ENDS_WITH": lambda got, want: got.endswith(want),
    "CONTAINS": lambda got, want: want in got,
}


def predicate(expression: dict[str, Any] | None, *, resources: bool = False) -> Predicate:
    """Whether a line passes the filter; without one every line does.

    Raises:
        AwsError: the expression is not well formed.
    """
    if expression is None:
        return lambda _line: True
    if len(expression) != 1:
        raise invalid(
            "Expression must have exactly one root: And, Or, Not, Dimensions, Tags or CostCategories; "
            f"this has {', '.join(sorted(expression)) or 'none'}"
        )
    ((kind, value),) = expression.items()
    if kind in {"And", "Or"}:
        if len(value) < 2:  # noqa: PLR2004  # fewer than two is not a combination
            raise invalid(f"{kind} must have at least 2 operands")
        parts = [predicate(part, resources=resources) for part in value]
        return lambda line: (all if kind == "And" else any)(part(line) for part in parts)
    if kind == "Not":
        inner = predicate(value, resources=resources)
        return lambda line: not inner(line)
    if kind == "Dimensions":
        return _dimension(value, resources=resources)
    if kind == "Tags":
        return _tag(value)
    raise invalid(f"{kind} is not supported by the local Cost Explorer")


def _dimension(condition: dict[str, Any], *, resources: bool) -> Predicate:
    read = dimension(condition.get("Key", ""), resources=resources)
    compare, values = _comparison(condition), _values(condition)
    return lambda line: any(compare(read(line), value) for value in values)


def _tag(condition: dict[str, Any]) -> Predicate:
    key = condition.get("Key", "")
    if "ABSENT" in (condition.get("MatchOptions") or []):
        return lambda line: key not in line.tags
    compare, values = _comparison(condition), _values(condition)
    return lambda line: any(compare(line.tags.get(key, ""), value) for value in values)


def _values(condition: dict[str, Any]) -> list[str]:
    values = condition.get("Values")
    if not values:
        raise invalid(f"Values of {condition.get('Key')} must not be empty")
    return list(values)


def _comparison(condition: dict[str, Any]) -> Callable[[str, str], bool]:
    options = [option for option in condition.get("MatchOptions") or ["EQUALS"] if option != "CASE_SENSITIVE"]
    if any(option not in _COMPARE for option in options):
        raise invalid(f"Invalid MatchOptions: {', '.join(options)}")
    return _COMPARE[options[0]] if options else _COMPARE["EQUALS"]
