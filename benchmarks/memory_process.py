"""A process whose memory is measured: `python -m benchmarks.memory_process bare|agent|worker PROVIDER`.

It does its work, and then answers each line on standard input with the number of modules that it has loaded. An agent
gets what it is to collect in the variable FINFLEET_TASK.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Any

THREADS = 1
"""Its own, which answers."""


def _aws() -> list[Any]:
    import boto3  # noqa: PLC0415 - each process loads one SDK

    session = boto3.Session("AKIALOCALAWS", "not-a-secret", region_name="us-east-1")
    return [session.client(name) for name in ("ec2", "cloudwatch", "pricing", "sts")]


def _azure() -> list[Any]:
    from azure.identity import ClientSecretCredential  # noqa: PLC0415
    from azure.mgmt.resourcegraph import ResourceGraphClient  # noqa: PLC0415
    from azure.monitor.querymetrics import MetricsClient  # noqa: PLC0415

    credential = ClientSecretCredential("11111111-1111-1111-1111-111111111111", "client", "not-a-secret")
    return [ResourceGraphClient(credential), MetricsClient("https://eastus.metrics.monitor.azure.com", credential)]


def _gcp() -> list[Any]:
    from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415
    from google.cloud import asset_v1, billing_v1, monitoring_v3  # noqa: PLC0415

    clients = (asset_v1.AssetServiceClient, monitoring_v3.MetricServiceClient, billing_v1.CloudCatalogClient)
    return [client(credentials=AnonymousCredentials()) for client in clients]  # type: ignore[no-untyped-call]


_SDKS: dict[str, Callable[[], list[Any]]] = {"aws": _aws, "azure": _azure, "gcp": _gcp}


def _agent() -> None:
    """A collection without a fleet."""
    import msgspec  # noqa: PLC0415 - the bare SDK has none of ours

    from benchmarks.cloud_collectors import Task, collect  # noqa: PLC0415

    collect(msgspec.json.decode(os.environ["FINFLEET_TASK"], type=Task), "finfleet")


def _worker(provider: str) -> None:
    """As `finfleet worker PROVIDER` is run; it does not return."""
    from workers import cli  # noqa: PLC0415 - the bare SDK has none of ours

    sys.argv = ["finfleet", "worker", provider]
    cli.main()


def _answer(questions: int, answers: int) -> None:
    while os.read(questions, 1):
        os.write(answers, f"{len(sys.modules)}\n".encode())


def main() -> None:
    """Be one of them, until standard input ends."""
    way, provider = sys.argv[1:]
    # Standard output is for the answers alone, and Celery closes standard input.
    questions, answers = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    if way == "worker":
        threading.Thread(target=_answer, args=(questions, answers), daemon=True).start()
        _worker(provider)
        return
    kept = _SDKS[provider]() if way == "bare" else []
    if way == "agent":
        _agent()
    thread = threading.Thread(target=_answer, args=(questions, answers))
    thread.start()
    thread.join()
    del kept


if __name__ == "__main__":
    main()
