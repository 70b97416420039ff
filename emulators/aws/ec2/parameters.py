"""EC2's flattened parameters: `InstanceId.1`, `Filter.1.Name`, `Filter.1.Value.1`."""

import re
from collections import defaultdict
from fnmatch import fnmatchcase

_FILTER = re.compile(r"Filter\.(\d+)\.(?:Name|Value\.(\d+))")


def members(form: dict[str, str], prefix: str) -> list[str]:
    """The values of `prefix.1`, `prefix.2`, ... in order."""
    numbered = [
        (int(key.rpartition(".")[2]), value)
        for key, value in form.items()
        if key.startswith(prefix + ".") and key.rpartition(".")[2].isdecimal()
    ]
    return [value for _, value in sorted(numbered)]


def filters(form: dict[str, str]) -> dict[str, list[str]]:
    """Filter name -> the values of which one must match."""
    names: dict[int, str] = {}
    values: defaultdict[int, list[str]] = defaultdict(list)
    for key, value in form.items():
        if found := _FILTER.fullmatch(key):
            if found.group(2) is None:
                names[int(found.group(1))] = value
            else:
                values[int(found.group(1))].append(value)
    return {name: values[number] for number, name in names.items()}


def matches(value: str, patterns: list[str]) -> bool:
    """Whether a value matches one of a filter's patterns (`*` and `?`)."""
    return any(fnmatchcase(value, pattern.replace("[", "[[]")) for pattern in patterns)
