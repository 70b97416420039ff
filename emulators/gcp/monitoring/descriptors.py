"""The metric types that Google itself defines, as far as a fleet reads them."""

from typing import NamedTuple


class Descriptor(NamedTuple):
    """`kind`: GAUGE, DELTA or CUMULATIVE; `value_type`: INT64, DOUBLE, BOOL, DISTRIBUTION or STRING."""

    kind: str
    value_type: str
    unit: str
    resource_types: tuple[str, ...]


_GCE = ("gce_instance",)
_ENDPOINT = ("aiplatform.googleapis.com/Endpoint",)
_BUCKET = ("gcs_bucket",)
_FUNCTION = ("cloud_function",)
_NODE = ("k8s_node",)
_CONTAINER = ("k8s_container",)
_RUN = ("cloud_run_revision",)

_COMPUTE = "compute.googleapis.com/instance/"
_PREDICTION = "aiplatform.googleapis.com/prediction/online/"

GOOGLE: dict[str, Descriptor] = {
    _COMPUTE + "cpu/utilization": Descriptor("GAUGE", "DOUBLE", "10^2.%", _GCE),
    _COMPUTE + "cpu/reserved_cores": Descriptor("GAUGE", "DOUBLE", "1", _GCE),
    _COMPUTE + "cpu/usage_time": Descriptor("DELTA", "DOUBLE", "s{CPU}", _GCE),
    _COMPUTE + "uptime": Descriptor("DELTA", "DOUBLE", "s{uptime}", _GCE),
    _COMPUTE + "uptime_total": Descriptor("GAUGE", "INT64", "s", _GCE),
    _COMPUTE + "disk/read_bytes_count": Descriptor("DELTA", "INT64", "By", _GCE),
    _COMPUTE + "disk/write_bytes_count": Descriptor("DELTA", "INT64", "By", _GCE),
    _COMPUTE + "disk/read_ops_count": Descriptor("DELTA", "INT64", "1", _GCE),
    _COMPUTE + "disk/write_ops_count": Descriptor("DELTA", "INT64", "1", _GCE),
    _COMPUTE + "network/received_bytes_count": Descriptor("DELTA", "INT64", "By", _GCE),
    _COMPUTE + "network/sent_bytes_count": Descriptor("DELTA", "INT64", "By", _GCE),
    _COMPUTE + "memory/balloon/ram_used": Descriptor("GAUGE", "INT64", "By", _GCE),
    _COMPUTE + "memory/balloon/ram_size": Descriptor("GAUGE", "INT64", "By", _GCE),
    _PREDICTION + "prediction_count": Descriptor("DELTA", "INT64", "1", _ENDPOINT),
    _PREDICTION + "response_count": Descriptor("DELTA", "INT64", "1", _ENDPOINT),
    _PREDICTION + "error_count": Descriptor("DELTA", "INT64", "1", _ENDPOINT),
    _PREDICTION + "prediction_latencies": Descriptor("DELTA", "DISTRIBUTION", "ms", _ENDPOINT),
    _PREDICTION + "replicas": Descriptor("GAUGE", "INT64", "1", _ENDPOINT),
    _PREDICTION + "target_replicas": Descriptor("GAUGE", "INT64", "1", _ENDPOINT),
    _PREDICTION + "cpu/utilization": Descriptor("GAUGE", "DOUBLE", "10^2.%", _ENDPOINT),
    _PREDICTION + "memory/bytes_used": Descriptor("GAUGE", "INT64", "By", _ENDPOINT),
    _PREDICTION + "accelerator/duty_cycle": Descriptor("GAUGE", "DOUBLE", "10^2.%", _ENDPOINT),
    "storage.googleapis.com/storage/total_bytes": Descriptor("GAUGE", "DOUBLE", "By", _BUCKET),
    "storage.googleapis.com/storage/object_count": Descriptor("GAUGE", "INT64", "1", _BUCKET),
    "storage.googleapis.com/storage/v2/total_bytes": Descriptor("GAUGE", "DOUBLE", "By", _BUCKET),
    "storage.googleapis.com/storage/v2/total_count": Descriptor("GAUGE", "DOUBLE", "1", _BUCKET),
    "storage.googleapis.com/api/request_count": Descriptor("DELTA", "INT64", "1", _BUCKET),
    "storage.googleapis.com/network/sent_bytes_count": Descriptor("DELTA", "INT64", "By", _BUCKET),
    "storage.googleapis.com/network/received_bytes_count": Descriptor("DELTA", "INT64", "By", _BUCKET),
    "cloudfunctions.googleapis.com/function/execution_count": Descriptor("DELTA", "INT64", "1", _FUNCTION),
    "cloudfunctions.googleapis.com/function/execution_times": Descriptor("DELTA", "DISTRIBUTION", "ns", _FUNCTION),
    "cloudfunctions.googleapis.com/function/user_memory_bytes": Descriptor("DELTA", "DISTRIBUTION", "By", _FUNCTION),
    "cloudfunctions.googleapis.com/function/active_instances": Descriptor("GAUGE", "INT64", "1", _FUNCTION),
    "cloudfunctions.googleapis.com/function/instance_count": Descriptor("GAUGE", "INT64", "1", _FUNCTION),
    "cloudfunctions.googleapis.com/function/network_egress": Descriptor("DELTA", "INT64", "By", _FUNCTION),
    "run.googleapis.com/request_count": Descriptor("DELTA", "INT64", "1", _RUN),
    "run.googleapis.com/request_latencies": Descriptor("DELTA", "DISTRIBUTION", "ms", _RUN),
    "run.googleapis.com/container/billable_instance_time": Descriptor("DELTA", "DOUBLE", "s", _RUN),
    "kubernetes.io/node/cpu/allocatable_utilization": Descriptor("GAUGE", "DOUBLE", "1", _NODE),
    "kubernetes.io/node/cpu/allocatable_cores": Descriptor("GAUGE", "DOUBLE", "{cpu}", _NODE),
    "kubernetes.io/node/cpu/total_cores": Descriptor("GAUGE", "DOUBLE", "{cpu}", _NODE),
    "kubernetes.io/node/cpu/core_usage_time": Descriptor("CUMULATIVE", "DOUBLE", "s{CPU}", _NODE),
    "kubernetes.io/node/memory/allocatable_utilization": Descriptor("GAUGE", "DOUBLE", "1", _NODE),
    "kubernetes.io/node/memory/total_bytes": Descriptor("GAUGE", "INT64", "By", _NODE),
    "kubernetes.io/node/memory/used_bytes": Descriptor("GAUGE", "INT64", "By", _NODE),
    "kubernetes.io/container/cpu/core_usage_time": Descriptor("CUMULATIVE", "DOUBLE", "s{CPU}", _CONTAINER),
    "kubernetes.io/container/cpu/request_utilization": Descriptor("GAUGE", "DOUBLE", "1", _CONTAINER),
    "kubernetes.io/container/cpu/request_cores": Descriptor("GAUGE", "DOUBLE", "{cpu}", _CONTAINER),
    "kubernetes.io/container/memory/used_bytes": Descriptor("GAUGE", "INT64", "By", _CONTAINER),
    "kubernetes.io/container/memory/request_utilization": Descriptor("GAUGE", "DOUBLE", "1", _CONTAINER),
    "kubernetes.io/container/memory/request_bytes": Descriptor("GAUGE", "INT64", "By", _CONTAINER),
    "kubernetes.io/container/restart_count": Descriptor("CUMULATIVE", "INT64", "1", _CONTAINER),
}

# The Ops Agent's metrics exist in a project from the first point that an agent there has written.
AGENT: dict[str, Descriptor] = {
    "agent.googleapis.com/memory/percent_used": Descriptor("GAUGE", "DOUBLE", "%", _GCE),
    "agent.googleapis.com/memory/bytes_used": Descriptor("GAUGE", "DOUBLE", "By", _GCE),
    "agent.googleapis.com/disk/percent_used": Descriptor("GAUGE", "DOUBLE", "%", _GCE),
    "agent.googleapis.com/gpu/utilization": Descriptor("GAUGE", "DOUBLE", "%", _GCE),
    "agent.googleapis.com/gpu/memory/bytes_used": Descriptor("GAUGE", "DOUBLE", "By", _GCE),
}
