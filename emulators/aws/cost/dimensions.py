"""What a cost line is by each of Cost Explorer's dimensions."""

from collections.abc import Callable

from emulators.aws.cost.errors import invalid
from emulators.aws.cost.lines import CostLine, CostTable

_READERS: dict[str, Callable[[CostLine], str]] = {
    "AZ": lambda line: line.zone or "NoAZ",
    "BILLING_ENTITY": lambda _line: "AWS",
    "INSTANCE_TYPE": lambda line: line.instance_type or "NoInstanceType",
    "LEGAL_ENTITY_NAME": lambda _line: "Amazon Web Services, Inc.",
    "LINKED_ACCOUNT": lambda line: line.account,
    "OPERATION": lambda line: line.operation or "NoOperation",
    "PURCHASE_TYPE": lambda line: line.purchase_type,
    "RECORD_TYPE": lambda line: line.record_type,
    "REGION": lambda line: line.region or "NoRegion",
    "RESOURCE_ID": lambda line: line.resource_id or "NoResourceId",
    "SERVICE": lambda line: line.service,
    "USAGE_TYPE": lambda line: line.usage_type or "NoUsageType",
}


def dimension(key: str, *, resources: bool = False) -> Callable[[CostLine], str]:
    """The reader of a dimension. RESOURCE_ID exists in GetCostAndUsageWithResources alone.

    Raises:
        AwsError: no such dimension here.
    """
    if key not in _READERS or (key == "RESOURCE_ID" and not resources):
        raise invalid(f"Dimension {key} is not supported by the local Cost Explorer")
    return _READERS[key]


def group_reader(definition: dict[str, str], *, resources: bool = False) -> Callable[[CostLine], str]:
    """The reader of a GroupBy: a dimension's value, or `key$value` of a tag (`key$` where there is no such tag).

    Raises:
        AwsError: an unknown type or dimension.
    """
    kind, key = definition.get("Type"), definition.get("Key")
    if not key:
        raise invalid("GroupBy must have a Key")
    if kind == "DIMENSION":
        return dimension(key, resources=resources)
    if kind == "TAG":
        return lambda line: f"{key}${line.tags.get(key, '')}"
    raise invalid(f"GroupBy type {kind} is not supported by the local Cost Explorer")


def attributes(definitions: list[dict[str, str]], keys: set[str], table: CostTable) -> list[dict[str, object]]:
    """DimensionValueAttributes: the names of the linked accounts among the groups."""
    if not any(one.get("Key") == "LINKED_ACCOUNT" for one in definitions):
        return []
    return [
        {"Value": account, "Attributes": {"description": name}}
        for account, name in sorted(table.account_names.items())
        if account in keys
    ]
