"""The metrics of each type of resource, by the names and units that Azure Monitor has for them."""

from typing import NamedTuple

_FINE = ("PT1M", "PT5M", "PT15M", "PT30M", "PT1H", "PT6H", "PT12H", "P1D")
_HOURLY = ("PT1H", "PT6H", "PT12H", "P1D")
_ALL = ("average", "minimum", "maximum", "total", "count")
_COUNTED = ("total",)


class Definition(NamedTuple):
    """One metric: `primary` is the aggregation where none is asked for."""

    name: str
    unit: str
    primary: str = "average"
    grains: tuple[str, ...] = _FINE
    aggregations: tuple[str, ...] = _ALL


_STORAGE = (
    Definition("Transactions", "Count", "total", aggregations=_COUNTED),
    Definition("Ingress", "Bytes", "total"),
    Definition("Egress", "Bytes", "total"),
    Definition("SuccessServerLatency", "MilliSeconds"),
    Definition("SuccessE2ELatency", "MilliSeconds"),
    Definition("Availability", "Percent"),
)

_DEFINITIONS: dict[str, tuple[Definition, ...]] = {
    "Microsoft.Compute/virtualMachines": (
        Definition("Percentage CPU", "Percent"),
        Definition("Network In", "Bytes", "total"),
        Definition("Network Out", "Bytes", "total"),
        Definition("Network In Total", "Bytes", "total"),
        Definition("Network Out Total", "Bytes", "total"),
        Definition("Disk Read Bytes", "Bytes", "total"),
        Definition("Disk Write Bytes", "Bytes", "total"),
        Definition("Disk Read Operations/Sec", "CountPerSecond"),
        Definition("Disk Write Operations/Sec", "CountPerSecond"),
        Definition("CPU Credits Remaining", "Count"),
        Definition("CPU Credits Consumed", "Count"),
        Definition("Available Memory Bytes", "Bytes"),
        Definition("Available Memory Percentage", "Percent"),
        Definition("OS Disk IOPS Consumed Percentage", "Percent"),
        Definition("Data Disk IOPS Consumed Percentage", "Percent"),
        Definition("VmAvailabilityMetric", "Count"),
    ),
    "Microsoft.MachineLearningServices/workspaces": tuple(
        Definition(name, "Count", "total")
        for name in (
            "Cancelled Runs",
            "Completed Runs",
            "Failed Runs",
            "Finalizing Runs",
            "Not Responding Runs",
            "Not Started Runs",
            "Preparing Runs",
            "Provisioning Runs",
            "Queued Runs",
            "Started Runs",
            "Starting Runs",
        )
    )
    + tuple(
        Definition(name, "Count")
        for name in (
            "Active Cores",
            "Active Nodes",
            "Idle Cores",
            "Idle Nodes",
            "Preempted Cores",
            "Preempted Nodes",
            "Total Cores",
            "Total Nodes",
            "Unusable Cores",
            "Unusable Nodes",
            "Quota Utilization Percentage",
            "CpuUtilization",
            "GpuUtilization",
        )
    ),
    "Microsoft.ContainerService/managedClusters": (
        Definition("node_cpu_usage_percentage", "Percent"),
        Definition("node_cpu_usage_millicores", "MilliCores"),
        Definition("node_memory_working_set_percentage", "Percent"),
        Definition("node_memory_working_set_bytes", "Bytes"),
        Definition("node_memory_rss_percentage", "Percent"),
        Definition("node_disk_usage_percentage", "Percent"),
        Definition("node_network_in_bytes", "Bytes"),
        Definition("node_network_out_bytes", "Bytes"),
        Definition("kube_node_status_allocatable_cpu_cores", "Count"),
        Definition("kube_node_status_allocatable_memory_bytes", "Bytes"),
        Definition("kube_node_status_condition", "Count"),
        Definition("kube_pod_status_phase", "Count"),
        Definition("kube_pod_status_ready", "Count"),
        Definition("apiserver_current_inflight_requests", "Count"),
    ),
    "Microsoft.Web/sites": (
        Definition("FunctionExecutionCount", "Count", "total", aggregations=_COUNTED),
        Definition("FunctionExecutionUnits", "Count", "total", aggregations=_COUNTED),
        Definition("Requests", "Count", "total", aggregations=_COUNTED),
        Definition("Http2xx", "Count", "total", aggregations=_COUNTED),
        Definition("Http4xx", "Count", "total", aggregations=_COUNTED),
        Definition("Http5xx", "Count", "total", aggregations=_COUNTED),
        Definition("HttpResponseTime", "Seconds"),
        Definition("BytesReceived", "Bytes", "total"),
        Definition("BytesSent", "Bytes", "total"),
        Definition("CpuTime", "Seconds", "total"),
        Definition("MemoryWorkingSet", "Bytes"),
        Definition("AverageMemoryWorkingSet", "Bytes"),
    ),
    "Microsoft.Storage/storageAccounts": (Definition("UsedCapacity", "Bytes", grains=_HOURLY), *_STORAGE),
    "Microsoft.Storage/storageAccounts/blobServices": (
        Definition("BlobCapacity", "Bytes", grains=_HOURLY),
        Definition("BlobCount", "Count", grains=_HOURLY),
        Definition("ContainerCount", "Count", grains=_HOURLY),
        Definition("IndexCapacity", "Bytes", grains=_HOURLY),
        *_STORAGE,
    ),
}

NAMESPACES: dict[str, dict[str, Definition]] = {
    namespace.lower(): {one.name.lower(): one for one in metrics} for namespace, metrics in _DEFINITIONS.items()
}
"""Metrics by namespace and name, both in lower case."""


def definition(namespace: str, metric: str) -> Definition:
    """One metric.

    Raises:
        KeyError: there is none of that name.
    """
    return NAMESPACES[namespace.lower()][metric.lower()]
