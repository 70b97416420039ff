"""The query language of SearchAllResources, as far as an inventory needs it."""

import re
from collections.abc import Callable

from emulators.gcp.asset.store import Asset
from emulators.gcp.errors import invalid

Test = Callable[[Asset], bool]

_TERM = re.compile(
    r"""\s*(?P<not>NOT\s+|-)?(?:(?P<field>[A-Za-z][\w.-]*)(?P<sign>[:=]))?(?P<value>"[^"]*"|\([^()]*\)|[^\s():="]+)"""
)
_WORDS = re.compile(r"[^\W_]+")
# Field in a query -> what it reads.
_FIELDS: dict[str, Callable[[Asset], str]] = {
    "name": lambda asset: asset.name,
    "displayName": lambda asset: asset.display_name,
    "location": lambda asset: asset.location,
    "state": lambda asset: asset.state,
    "project": lambda asset: asset.project,
    "assetType": lambda asset: asset.asset_type,
    "networkTags": lambda asset: " ".join(asset.network_tags),
}

# Types that may be asked for though no project holds one.
KNOWN_TYPES = frozenset(
    {
        "aiplatform.googleapis.com/CustomJob",
        "aiplatform.googleapis.com/Endpoint",
        "aiplatform.googleapis.com/Model",
        "cloudfunctions.googleapis.com/CloudFunction",
        "cloudfunctions.googleapis.com/Function",
        "cloudresourcemanager.googleapis.com/Project",
        "compute.googleapis.com/Disk",
        "compute.googleapis.com/Instance",
        "container.googleapis.com/Cluster",
        "container.googleapis.com/NodePool",
        "run.googleapis.com/Service",
        "storage.googleapis.com/Bucket",
    }
)


def parse(query: str) -> Test:
    """Understand a query: terms joined by AND (or by nothing) and OR, each a field's or free text.

    Raises:
        GoogleError: INVALID_ARGUMENT: it is not a query.
    """
    either = [_conjunction(part, query) for part in re.split(r"\s+OR\s+(?![^(]*\))", query)]
    return lambda asset: any(test(asset) for test in either)


def type_test(patterns: list[str], held: set[str]) -> Callable[[str], bool]:
    """Which asset types are meant; each pattern is a whole type or a regular expression.

    Raises:
        GoogleError: INVALID_ARGUMENT: a pattern that no known type matches.
    """
    if not patterns:
        return lambda _: True
    known = held | KNOWN_TYPES
    wanted: set[str] = set()
    for pattern in patterns:
        try:
            found = {name for name in known if re.fullmatch(pattern, name)}
        except re.error:
            found = set()
        if not found:
            raise invalid(f"Request contains an invalid argument: asset type {pattern} is not supported.")
        wanted |= found
    return wanted.__contains__


def _conjunction(text: str, query: str) -> Test:
    tests, at = [], 0
    while text[at:].strip():
        term = _TERM.match(text, at)
        if term is None:
            raise invalid(f'Invalid search query "{query}": syntax error.')
        at = term.end()
        if term["value"] != "AND" or term["field"]:
            tests.append(_term(term, query))
    return lambda asset: all(test(asset) for test in tests)


def _term(term: re.Match[str], query: str) -> Test:
    values = re.split(r"\s+OR\s+", term["value"].strip("()")) if term["value"].startswith("(") else [term["value"]]
    read = _reader(term["field"], query)
    tests = [_value_test(value.strip('"'), exact=term["sign"] == "=") for value in values]

    def test(asset: Asset) -> bool:
        text = read(asset)
        return (text is not None and any(one(text) for one in tests)) != bool(term["not"])

    return test


def _reader(field: str | None, query: str) -> Callable[[Asset], str | None]:
    if field is None:
        return _everything
    if field == "labels":
        return lambda asset: " ".join([*asset.labels, *asset.labels.values()])
    if field.startswith("labels."):
        return lambda asset: asset.labels.get(field.removeprefix("labels."))
    if field not in _FIELDS:
        raise invalid(f'Invalid search query "{query}": field {field} is not searchable.')
    return _FIELDS[field]


def _everything(asset: Asset) -> str:
    return " ".join([*(read(asset) for read in _FIELDS.values()), *asset.labels, *asset.labels.values()])


def _value_test(value: str, *, exact: bool) -> Callable[[str], bool]:
    """`=` is the whole text; `:` is words in it, each perhaps with a `*` for its end."""
    if exact:
        return lambda text: text == value
    if value == "*":
        return lambda _: True
    open_end = value.endswith("*")
    wanted = [word.lower() for word in _WORDS.findall(value)]

    def test(text: str) -> bool:
        words = [word.lower() for word in _WORDS.findall(text)]
        whole, last = (wanted[:-1], wanted[-1:]) if open_end else (wanted, [])
        return set(whole) <= set(words) and all(any(word.startswith(start) for word in words) for start in last)

    return test
