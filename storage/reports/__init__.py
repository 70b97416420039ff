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
from storage.reports.trouble import (
    BadWindows,
    Lateness,
    Unsent,
    read_bad_windows,
    read_dead_letters,
    read_lateness,
    read_unsent,
)
from storage.reports.usage import (
    ApiReadings,
    Metered,
    PlannedReadings,
    Readings,
    deliveries_a_day,
    metered,
    newest_readings,
    planned_readings,
    waiting_windows,
)

__all__ = [
    "ApiReadings",
    "BadWindows",
    "Gauges",
    "Lateness",
    "Metered",
    "Partial",
    "PlannedReadings",
    "ProviderActivity",
    "Readings",
    "Status",
    "TargetCoverage",
    "Trouble",
    "Unsent",
    "deliveries_a_day",
    "metered",
    "newest_readings",
    "planned_readings",
    "read_activity",
    "read_bad_windows",
    "read_coverage",
    "read_dead_letters",
    "read_gauges",
    "read_lateness",
    "read_partial",
    "read_status",
    "read_troubles",
    "read_unsent",
    "resources_by_target",
    "waiting_windows",
]
