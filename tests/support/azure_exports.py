"""Deliveries as Cost Management lays them out: files of a run, and its manifest behind them."""

import csv
import gzip
import io
import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from tests.support.azurite import Container

Row = Mapping[str, str]
Form = Literal["csv", "csv.gz", "parquet"]
SCOPE = "/subscriptions/11111111-1111-4111-8111-111111111111"


def encoded(rows: Sequence[Row], columns: Sequence[str], form: Form) -> bytes:
    """The rows as a file. A CSV begins with a mark of its order of bytes, as Azure's do."""
    if form == "parquet":
        sink = io.BytesIO()
        pq.write_table(pa.table({name: [row.get(name) for row in rows] for name in columns}), sink)
        return sink.getvalue()
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows(rows)
    body = text.getvalue().encode("utf-8-sig")
    return gzip.compress(body) if form == "csv.gz" else body


def deliver(
    container: Container,
    parts: Sequence[Sequence[Row]],
    *,
    month: str = "2026-11",
    export: str = "daily",
    kind: str = "FocusCost",
    form: Form = "csv.gz",
    submitted: str = "2026-11-24T08:10:31.7047394Z",
    folder: str = "root",
    mend: Mapping[str, Any] | None = None,
) -> str:
    """Write a run of an export, a file each of ``parts``, and give the key of its manifest.

    ``mend`` changes the manifest at its top.
    """
    run = str(uuid.uuid4())
    place = f"{folder}/{export}/{month.replace('-', '')}01-{month.replace('-', '')}30/{run}"
    blobs = []
    for number, rows in enumerate(parts, 1):
        key = f"{place}/part_0_{number:04}.{form}"
        body = encoded(rows, list(dict.fromkeys(name for part in parts for row in part for name in row)), form)
        container.put(key, body)
        blobs.append({"blobName": key, "byteCount": len(body), "dataRowCount": len(rows)})
    manifest = {
        "manifestVersion": "2024-04-01",
        "byteCount": sum(int(str(one["byteCount"])) for one in blobs),
        "blobCount": len(blobs),
        "dataRowCount": sum(map(len, parts)),
        "exportConfig": {
            "exportName": export,
            "resourceId": f"{SCOPE}/providers/Microsoft.CostManagement/exports/{export}",
            "dataVersion": "1.2-preview",
            "type": kind,
            "timeFrame": "MonthToDate",
            "granularity": "Daily",
        },
        "deliveryConfig": {
            "partitionData": True,
            "dataOverwriteBehavior": "CreateNewReport",
            "fileFormat": "Parquet" if form == "parquet" else "Csv",
            "compressionMode": "gzip" if form == "csv.gz" else "none",
            "containerUri": container.url,
            "rootFolderPath": folder,
        },
        "runInfo": {
            "executionType": "Scheduled",
            "submittedTime": submitted,
            "runId": run,
            "startDate": f"{month}-01T00:00:00",
            "endDate": f"{month}-{_days(month)}T00:00:00",
        },
        "blobs": blobs,
        **(mend or {}),
    }
    key = f"{place}/manifest.json"
    container.put(key, json.dumps(manifest).encode())
    return key


def focus_row(day: str, cost: str, **columns: str) -> dict[str, str]:
    """A row of FOCUS 1.2, as Azure writes it."""
    month = f"{day[:7]}-01T00:00:00Z"
    after = datetime.fromisoformat(f"{day[:7]}-01").replace(month=int(day[5:7]) % 12 + 1)
    following = after.replace(year=after.year + (after.month == 1))
    return {
        "BilledCost": cost,
        "BillingAccountId": "/providers/Microsoft.Billing/billingAccounts/1234",
        "BillingCurrency": "EUR",
        "BillingPeriodStart": month,
        "BillingPeriodEnd": f"{following:%Y-%m-%d}T00:00:00Z",
        "ChargeCategory": "Usage",
        "ChargeDescription": "Virtual Machines - D2s v5",
        "ChargePeriodStart": f"{day}T00:00:00Z",
        "ChargePeriodEnd": f"{datetime.fromisoformat(day) + timedelta(days=1):%Y-%m-%d}T00:00:00Z",
        "ConsumedQuantity": "24",
        "ConsumedUnit": "Hours",
        "ContractedCost": cost,
        "EffectiveCost": cost,
        "ListCost": cost,
        "ProviderName": "Microsoft",
        "PublisherName": "Microsoft",
        "RegionId": "westeurope",
        "ResourceId": f"{SCOPE}/resourceGroups/Web/providers/Microsoft.Compute/virtualMachines/VM-1",
        "ServiceCategory": "Compute",
        "ServiceName": "Virtual Machines",
        "SkuId": "DZH318Z0BQ4B",
        "SubAccountId": SCOPE,
        "SubAccountName": "Shop",
        "Tags": '{"team": "search"}',
        "x_ResourceGroupName": "web",
        **columns,
    }


def _days(month: str) -> str:
    return "30" if month[5:] in {"04", "06", "09", "11"} else "28" if month[5:] == "02" else "31"
