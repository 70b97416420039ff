"""GetDimensionValues and GetTags."""

from datetime import datetime
from typing import Any

from emulators.aws.cost.dimensions import dimension
from emulators.aws.cost.filters import predicate
from emulators.aws.cost.lines import CostLine, CostTable
from emulators.aws.cost.periods import periods
from emulators.aws.request import AwsRequest


def get_dimension_values(table: CostTable, request: AwsRequest, now: datetime) -> dict[str, Any]:
    """The values that a dimension takes in a time.

    Raises:
        AwsError: a rule of Cost Explorer is broken.
    """
    read = dimension(request.json.get("Dimension", ""))
    values = sorted({read(line) for line in _lines(table, request, now)})
    values = [value for value in values if request.json.get("SearchString", "") in value]
    described = [{"Value": value, "Attributes": {}} for value in values]
    return {"DimensionValues": described, "ReturnSize": len(values), "TotalSize": len(values)}


def get_tags(table: CostTable, request: AwsRequest, now: datetime) -> dict[str, Any]:
    """The tag keys in use, or the values of one key (the empty one for lines without it).

    Raises:
        AwsError: a rule of Cost Explorer is broken.
    """
    key = request.json.get("TagKey")
    lines = _lines(table, request, now)
    found = {line.tags.get(key, "") for line in lines} if key else {name for line in lines for name in line.tags}
    return {"Tags": sorted(found), "ReturnSize": len(found), "TotalSize": len(found)}


def _lines(table: CostTable, request: AwsRequest, now: datetime) -> list[CostLine]:
    passes = predicate(request.json.get("Filter"))
    cut = periods(request.json.get("TimePeriod") or {}, "DAILY", now, table.history_months)
    return [line for line in table.between(cut[0].start, cut[-1].end, request.account) if passes(line)]
