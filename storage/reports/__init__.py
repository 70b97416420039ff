"""What the database says of the fleet, for commands to print: the people's own queries go to schema ``reporting``."""

from storage.reports.gauges import Gauges, read_gauges
from storage.reports.resources import resources_by_target
from storage.reports.status import (
    Partial,
    ProviderActivity,
    Status,
    TargetCoverage,
    Trouble,
    read_activity,
    read_coverage,
    read_partial,
    read_status,
    read_troubles,
)
from storage.reports.usage import (
    ApiReadings,
    Metered,
    PlannedReadings,
    Readings,
    metered,
    newest_readings,
    planned_readings,
    waiting_windows,
)

__all__ = [
    "ApiReadings",
    "Gauges",
    "Metered",
    "Partial",
    "PlannedReadings",
    "ProviderActivity",
    "Readings",
    "Status",
    "TargetCoverage",
    "Trouble",
    "metered",
    "newest_readings",
    "planned_readings",
    "read_activity",
    "read_coverage",
    "read_gauges",
    "read_partial",
    "read_status",
    "read_troubles",
    "resources_by_target",
    "waiting_windows",
]
