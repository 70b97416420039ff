"""Azure Storage: accounts, how much they hold, and what is read and written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from agents.azure import changes, graph, metrics
from agents.azure.calls import AzureCalls
from agents.azure.metric_answer import Metric
from agents.azure.metrics import Group, MetricReader
from agents.core.context import Context
from agents.core.service import Estimate, Service, service
from telemetry.records import Record, Resource
from telemetry.target import Target, Window

_HOUR = timedelta(hours=1)
_TYPE = "microsoft.storage/storageaccounts"
_THINGS = "storage accounts"
_COLUMNS = {
    "access_tier": "tostring(properties.accessTier)",
    "state": "tostring(properties.provisioningState)",
}
_CAPACITY = Group(_TYPE, (Metric("UsedCapacity", "used_capacity", "bytes", "average"),), grain=_HOUR)
_TRAFFIC = Group(
    _TYPE,
    (
        Metric("Transactions", "transactions", "count", "total"),
        Metric("Ingress", "ingress", "bytes", "total"),
        Metric("Egress", "egress", "bytes", "total"),
    ),
)
_BLOBS = Group(
    f"{_TYPE}/blobservices",
    (
        Metric("BlobCapacity", "blob_capacity", "bytes", "average"),
        Metric("BlobCount", "blob_count", "count", "average"),
    ),
    suffix="/blobServices/default",
    grain=_HOUR,
)
_GROUPS = (_CAPACITY, _TRAFFIC, _BLOBS)
_BLOB_KINDS = frozenset({"storage", "storagev2", "blobstorage", "blockblobstorage"})


@service("azure", "storage")
class Storage(Service):
    """Storage accounts: capacity, blobs, transactions and traffic, hour by hour.

    Azure computes capacities once a day and tells them for each hour. What they cost is on the bill.
    """

    owns = ("/subscriptions/*/resourcegroups/*/providers/microsoft.storage/storageaccounts/*",)
    interval = _HOUR
    fixed_interval = True
    delay = _HOUR
    look_back = metrics.LOOK_BACK
    regional = False
    permissions = (graph.PERMISSION, "Microsoft.Storage/storageAccounts/read", metrics.PERMISSION)

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """A resource an account; 50 of a region are measured in three calls."""
        del target
        calls = AzureCalls(context)
        reader = MetricReader(calls, window, of=_THINGS)
        if self.is_late(window, context.shared.now()):
            changes.read_late(calls, _TYPE, window, _THINGS)
        for resource in graph.rows(calls, _TYPE, _COLUMNS, self._read, graph.one_of(context.only), of=_THINGS):
            yield resource
            has_blobs = str(resource.attributes.get("kind", "")).lower() in _BLOB_KINDS
            yield from reader.add(resource, _GROUPS if has_blobs else (_CAPACITY, _TRAFFIC))
        yield from reader.finish()

    def _read(self, row: graph.Row) -> Resource:
        attributes = {
            "kind": row.expected("kind"),
            "redundancy": row.item("sku").text("name"),
            "access_tier": row.expected("access_tier"),
            "state": row.expected("state"),
        }
        return graph.resource_of(row, self.name, kind="storage_account", attributes=attributes)

    def estimate(self, window: Window, resources: int) -> Estimate:
        """Pages of the inventory, and three calls for each 50 accounts of a region."""
        del window
        return metrics.estimate(resources, len(_GROUPS), less="two calls for accounts without blobs")

    def check_interval(self, interval: timedelta) -> str:
        """Capacities have a value an hour."""
        return metrics.check_interval(interval, _HOUR)
