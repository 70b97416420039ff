"""The SDKs' own clients, unmodified, of the local Azure."""

import ssl
from datetime import timedelta
from typing import Any

import httpx
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline import PipelineResponse
from azure.identity import ClientSecretCredential
from azure.mgmt.costmanagement import CostManagementClient
from azure.mgmt.resourcegraph import ResourceGraphClient
from azure.mgmt.resourcegraph.models import QueryRequest, QueryRequestOptions
from azure.monitor.query import LogsQueryClient
from azure.monitor.querymetrics import MetricsClient

from emulators.azure import DEFAULT_TENANT, LocalAzure
from emulators.azure.seed.vms import VM
from tests.support.azure import NOW

ARM_SCOPE = "https://management.azure.com/.default"
METRICS_SCOPE = "https://metrics.monitor.azure.com/.default"


def credential(azure: LocalAzure, tenant: str = DEFAULT_TENANT, **other: str) -> ClientSecretCredential:
    """The credential of a tenant's application; `other` overrides `client_id` or `client_secret`."""
    return ClientSecretCredential(
        **{**azure.credentials(tenant), **other},
        authority=azure.url,
        disable_instance_discovery=True,
        connection_verify=azure.ca_file,
        retry_total=0,
    )


def graph_client(azure: LocalAzure, tenant: str = DEFAULT_TENANT, **options: Any) -> ResourceGraphClient:
    """Resource Graph; no retries unless `retry_total` says so."""
    return ResourceGraphClient(credential(azure, tenant), base_url=azure.url, **_options(azure, options))


def metrics_client(azure: LocalAzure, region: str = "eastus", tenant: str = DEFAULT_TENANT) -> MetricsClient:
    """The metrics of one region."""
    endpoint = azure.endpoints["metrics"].format(region=region)
    return MetricsClient(endpoint, credential(azure, tenant), **_options(azure, {}))


def logs_client(azure: LocalAzure, tenant: str = DEFAULT_TENANT, **options: Any) -> LogsQueryClient:
    """Log queries."""
    return LogsQueryClient(credential(azure, tenant), endpoint=azure.endpoints["logs"], **_options(azure, options))


def cost_client(azure: LocalAzure, tenant: str = DEFAULT_TENANT, **options: Any) -> CostManagementClient:
    """Cost Management."""
    return CostManagementClient(credential(azure, tenant), base_url=azure.url, **_options(azure, options))


def _options(azure: LocalAzure, options: dict[str, Any]) -> dict[str, Any]:
    return {"connection_verify": azure.ca_file, "retry_total": 0, **options}


def graph(client: ResourceGraphClient, query: str, subscriptions: list[str] | None = None, **options: Any) -> Any:
    """One page of a query."""
    request = QueryRequest(subscriptions=subscriptions, query=query, options=QueryRequestOptions(**options))
    return client.resources(request)


def measure(client: MetricsClient, ids: list[str], *names: str, **options: Any) -> Any:
    """One batch of metrics of virtual machines, of the hour before the clocks of the tests."""
    settings = {
        "metric_namespace": VM,
        "timespan": (NOW - timedelta(hours=1), NOW),
        "granularity": timedelta(minutes=1),
        **options,
    }
    return client.query_resources(resource_ids=ids, metric_names=list(names), **settings)


def plain_client(azure: LocalAzure, scope: str = ARM_SCOPE, tenant: str = DEFAULT_TENANT) -> httpx.Client:
    """HTTP with a token, for what no SDK would send."""
    token = credential(azure, tenant).get_token(scope).token
    context = ssl.create_default_context(cafile=azure.ca_file)
    return httpx.Client(base_url=azure.url, verify=context, headers={"Authorization": f"Bearer {token}"})


def refusal(error: HttpResponseError) -> tuple[int | None, str]:
    """(HTTP status, code)."""
    return error.status_code, str(error.error.code) if error.error else ""


class Headers:
    """Keeps the headers of answers: pass it as `raw_response_hook`."""

    def __init__(self) -> None:
        self.all: list[dict[str, str]] = []

    def __call__(self, response: PipelineResponse[Any, Any]) -> None:
        self.all.append({name.lower(): value for name, value in response.http_response.headers.items()})
