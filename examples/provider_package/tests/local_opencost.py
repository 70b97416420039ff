"""A small OpenCost on loopback for tests: a cluster of known cost, on the wire as OpenCost's documentation has it.

It adds up what it is asked for, window and aggregate, from three pods and a node; it can be told to ask for a wait, to
refuse, and to answer broken items. What it was asked is kept.
"""

from __future__ import annotations

import contextlib
import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

CLUSTER = "cluster-one"
_GIB = 1024**3
_CPU_HOUR, _GIB_HOUR = 0.031611, 0.004237
"""OpenCost's own default prices."""
_IDLE = "__idle__"


@dataclass(frozen=True)
class Pod:
    """A pod that runs all the time."""

    namespace: str
    controller_kind: str
    controller: str
    name: str
    cpu_request: float
    cpu_usage: float
    ram_request: float
    ram_usage: float
    labels: dict[str, str]

    @property
    def cpu(self) -> float:
        """Cores that are allocated: what is requested, or used where that is more."""
        return max(self.cpu_request, self.cpu_usage)

    @property
    def ram(self) -> float:
        """Bytes that are allocated."""
        return max(self.ram_request, self.ram_usage)


PODS = (
    Pod("shop", "deployment", "web", "web-6d4b75cb6d-hx7qp", 0.5, 0.2, 1 * _GIB, 0.5 * _GIB, {"app": "web"}),
    Pod("shop", "statefulset", "db", "db-0", 1.0, 0.9, 2 * _GIB, 1.5 * _GIB, {"app": "db"}),
    # It requests nothing.
    Pod("kube-system", "daemonset", "dns", "dns-x2v9k", 0.0, 0.1, 0.0, 0.25 * _GIB, {}),
)
NODE_CPU, NODE_RAM = 4.0, 16.0 * _GIB


@dataclass
class LocalOpenCost:
    """The server; a context manager."""

    #: Asked for where it is not empty.
    token: str = ""
    #: So many of the next calls are refused with 429 and Retry-After.
    throttled: int = 0
    retry_after: str = "1"
    #: Answered to every call with this status, where it is one.
    status: int = 0
    #: Items that are answered besides, whatever is asked.
    items: dict[str, Any] = field(default_factory=dict)
    #: The paths and queries of all calls.
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Take a port."""
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=[0.02])

    @property
    def url(self) -> str:
        """The address of its API."""
        return f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        """Listen."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def answer(self, target: str, authorization: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body for a GET."""
        parts = urlsplit(target)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        with self._lock:
            self.asked.append((parts.path, query))
            refused = self.throttled > 0
            self.throttled -= refused
        if refused:
            return 429, {"Retry-After": self.retry_after}, b"slow down\n"
        if self.token and authorization != f"Bearer {self.token}":
            return (403 if authorization else 401), {}, _error(403, "services is forbidden: cannot get services/proxy")
        if self.status:
            return self.status, {}, _error(self.status, "told so by the test")
        return self._found(parts.path, query)

    def _found(self, path: str, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        try:
            start, end = (datetime.fromisoformat(text) for text in query["window"].split(","))
        except (KeyError, ValueError) as error:
            # http.Error, not the envelope: as OpenCost does it.
            return 400, {"Content-Type": "text/plain"}, f"Invalid 'window' parameter: {error}\n".encode()
        if path in {"/allocation", "/allocation/compute"}:
            items = _allocations(start, end, query.get("aggregate", "").split(","), query.get("includeIdle") == "true")
        elif path == "/assets":
            items = _assets(start, end)
        else:
            return 404, {"Content-Type": "text/plain"}, b"404 page not found\n"
        data = {"code": 200, "data": [{**items, **self.items}]}
        return 200, {"Content-Type": "application/json"}, json.dumps(data).encode()


def _error(code: int, message: str) -> bytes:
    return json.dumps({"code": code, "data": None, "message": message}).encode()


def _rounded(value: float) -> float:
    """OpenCost writes five digits."""
    return round(value, 5)


def _allocations(start: datetime, end: datetime, by: list[str], idle: bool) -> dict[str, Any]:
    groups: dict[str, list[Pod]] = {}
    for pod in PODS:
        groups.setdefault("/".join(_properties(pod)[name] for name in by), []).append(pod)
    found = {name: _allocation(name, pods, start, end, by) for name, pods in groups.items()}
    if idle:
        name = f"{CLUSTER}/{_IDLE}" if len(by) > 1 else _IDLE
        cpu, ram = NODE_CPU - sum(pod.cpu for pod in PODS), NODE_RAM - sum(pod.ram for pod in PODS)
        rest = Pod("", "", "", "", cpu, cpu, ram, ram, {})
        found[name] = _allocation(name, [rest], start, end, ["cluster"])
    return found


def _properties(pod: Pod) -> dict[str, str]:
    return {
        "cluster": CLUSTER,
        "node": "node-1",
        "namespace": pod.namespace,
        "controllerKind": pod.controller_kind,
        "controller": pod.controller,
        "pod": pod.name,
        "providerID": "i-064548f89b9d35c11",
    }


def _allocation(name: str, pods: list[Pod], start: datetime, end: datetime, by: list[str]) -> dict[str, Any]:
    hours = (end - start).total_seconds() / 3600
    common = dict(set.intersection(*(set(_properties(pod).items()) for pod in pods)))
    properties: dict[str, Any] = {key: text for key, text in common.items() if text and (key in by or len(pods) == 1)}
    if len(pods) == 1 and pods[0].labels:
        properties["labels"] = pods[0].labels
    cpu, ram = sum(pod.cpu for pod in pods), sum(pod.ram for pod in pods)
    request, usage = sum(pod.cpu_request for pod in pods), sum(pod.cpu_usage for pod in pods)
    ram_request, ram_usage = sum(pod.ram_request for pod in pods), sum(pod.ram_usage for pod in pods)
    cpu_cost, ram_cost = cpu * hours * _CPU_HOUR, ram / _GIB * hours * _GIB_HOUR
    numbers = {
        "minutes": hours * 60,
        "cpuCores": cpu,
        "cpuCoreRequestAverage": request,
        "cpuCoreUsageAverage": usage,
        "cpuCoreHours": cpu * hours,
        "cpuCost": cpu_cost,
        "cpuCostAdjustment": 0.0,
        "cpuEfficiency": usage / request if request else 1.0,
        "gpuCount": 0.0,
        "gpuHours": 0.0,
        "gpuCost": 0.0,
        "networkTransferBytes": 1e6 * hours,
        "networkReceiveBytes": 2e6 * hours,
        "networkCost": 0.0,
        "loadBalancerCost": 0.0,
        "pvBytes": 0.0,
        "pvByteHours": 0.0,
        "pvCost": 0.0,
        "ramBytes": ram,
        "ramByteRequestAverage": ram_request,
        "ramByteUsageAverage": ram_usage,
        "ramByteHours": ram * hours,
        "ramCost": ram_cost,
        "ramCostAdjustment": 0.0,
        "ramEfficiency": ram_usage / ram_request if ram_request else 1.0,
        "sharedCost": 0.0,
        "externalCost": 0.0,
        "totalCost": cpu_cost + ram_cost,
        "totalEfficiency": 0.5,
    }
    return {
        "name": name,
        "properties": properties,
        "window": {"start": _text(start), "end": _text(end)},
        "start": _text(start),
        "end": _text(end),
        **{key: _rounded(value) for key, value in numbers.items()},
        "gpuEfficiency": None,  # what is no number is null
        "pvs": None,
        "lbAllocations": None,
        "rawAllocationOnly": {"cpuCoreUsageMax": usage},
    }


def _assets(start: datetime, end: datetime) -> dict[str, Any]:
    hours = (end - start).total_seconds() / 3600
    span = {"window": {"start": _text(start), "end": _text(end)}, "start": _text(start), "end": _text(end)}
    cpu_cost, ram_cost = NODE_CPU * hours * _CPU_HOUR, NODE_RAM / _GIB * hours * _GIB_HOUR
    place = {"provider": "AWS", "account": "297945954695", "service": "Kubernetes", "cluster": CLUSTER}
    node = {
        "type": "Node",
        "properties": {"category": "Compute", "name": "node-1", "providerID": "i-064548f89b9d35c11", **place},
        "labels": {"label_kubernetes_io_os": "linux"},
        **span,
        "minutes": hours * 60,
        "nodeType": "m5.xlarge",
        "cpuCores": NODE_CPU,
        "ramBytes": NODE_RAM,
        "cpuCoreHours": NODE_CPU * hours,
        "ramByteHours": NODE_RAM * hours,
        "GPUHours": 0.0,
        "cpuBreakdown": {"idle": 0.4, "other": 0.0, "system": 0.1, "user": 0.5},
        "preemptible": 0.0,
        "discount": 0.0,
        "cpuCost": _rounded(cpu_cost),
        "gpuCost": 0.0,
        "gpuCount": 0.0,
        "ramCost": _rounded(ram_cost),
        "adjustment": 0.0,
        "totalCost": _rounded(cpu_cost + ram_cost),
    }
    disk = {
        "type": "Disk",
        "properties": {"category": "Storage", "name": "pvc-8a1c", "providerID": "vol-01", **place},
        "labels": {},
        **span,
        "minutes": hours * 60,
        "byteHours": 100 * _GIB * hours,
        "bytes": 100 * _GIB,
        "byteHoursUsed": None,
        "byteUsageMax": None,
        "adjustment": 0.0,
        "totalCost": _rounded(0.0137 * hours),
        "storageClass": "gp3",
    }
    prefix = f"AWS/297945954695/__undefined__/{{}}/{CLUSTER}/{{}}/Kubernetes/{{}}/{{}}"
    return {
        prefix.format("Compute", "Node", "i-064548f89b9d35c11", "node-1"): node,
        prefix.format("Storage", "Disk", "vol-01", "pvc-8a1c"): disk,
    }


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _handler(server: LocalOpenCost) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """Answer."""
            status, headers, body = server.answer(self.path, self.headers.get("Authorization", ""))
            with contextlib.suppress(ConnectionError):  # the client may have given up
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler
