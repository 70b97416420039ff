"""Google's own clients of the local Google Cloud."""

# mypy: disallow-untyped-calls=False
# google-auth has few types.

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import grpc
from google.api.metric_pb2 import MetricDescriptor
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import TransportError
from google.auth.transport.grpc import AuthMetadataPlugin
from google.auth.transport.requests import AuthorizedSession, Request
from google.cloud.asset_v1 import AssetServiceClient
from google.cloud.asset_v1.services.asset_service.transports import AssetServiceGrpcTransport
from google.cloud.bigquery import Client as BigQueryClient
from google.cloud.billing_v1 import CloudBillingClient, CloudCatalogClient
from google.cloud.billing_v1.services.cloud_billing.transports import CloudBillingGrpcTransport
from google.cloud.billing_v1.services.cloud_catalog.transports import CloudCatalogGrpcTransport
from google.cloud.monitoring_v3 import MetricServiceClient, TimeSeries
from google.cloud.monitoring_v3.services.metric_service.transports import MetricServiceGrpcTransport
from google.oauth2 import service_account

from emulators.gcp import LocalGcp

_OPTIONS = (("grpc.max_receive_message_length", -1),)
_CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"


class LoopbackRequest(Request):
    """Sends google-auth's own requests to this machine only: it asks Google where an account may be used from."""

    def __call__(self, url: str, *arguments: Any, **more: Any) -> Any:
        """Send one."""
        if urlsplit(url).hostname != "127.0.0.1":
            raise TransportError(f"{url} is not on this machine")
        return super().__call__(url, *arguments, **more)


loopback_request = LoopbackRequest()


@contextmanager
def channel(address: str, credentials_file: Any = None, service: str = "monitoring") -> Iterator[grpc.Channel]:
    """A channel in plaintext; with a credentials file its calls bear a token that the service account signed itself."""
    if credentials_file is None:
        opened = grpc.insecure_channel(address, options=_OPTIONS)
    else:
        account = service_account.Credentials.from_service_account_file(
            str(credentials_file), always_use_jwt_access=True
        )
        plugin = AuthMetadataPlugin(account, loopback_request, default_host=f"{service}.googleapis.com")
        local = grpc.local_channel_credentials(grpc.LocalConnectionType.LOCAL_TCP)
        both = grpc.composite_channel_credentials(local, grpc.metadata_call_credentials(plugin))
        opened = grpc.secure_channel(address, both, options=_OPTIONS)
    with opened:
        yield opened


@contextmanager
def metric_client(gcp: LocalGcp, credentials_file: Any = None) -> Iterator[MetricServiceClient]:
    """A client of Cloud Monitoring."""
    with channel(gcp.endpoints["monitoring"], credentials_file) as opened:
        yield MetricServiceClient(transport=MetricServiceGrpcTransport(channel=opened))


@contextmanager
def asset_client(gcp: LocalGcp, credentials_file: Any = None) -> Iterator[AssetServiceClient]:
    """A client of Cloud Asset Inventory."""
    with channel(gcp.endpoints["inventory"], credentials_file, "cloudasset") as opened:
        yield AssetServiceClient(transport=AssetServiceGrpcTransport(channel=opened))


@contextmanager
def bigquery_client(gcp: LocalGcp, project: str, credentials_file: Any = None) -> Iterator[BigQueryClient]:
    """A client of BigQuery whose jobs are in `project`."""
    account: Any = AnonymousCredentials()
    if credentials_file is not None:
        account = service_account.Credentials.from_service_account_file(str(credentials_file))
        account = account.with_scopes([_CLOUD_PLATFORM])
    client = BigQueryClient(
        project=project,
        credentials=account,
        client_options={"api_endpoint": gcp.endpoints["bigquery"]},
        _http=AuthorizedSession(account, auth_request=loopback_request),
    )
    try:
        yield client
    finally:
        client.close()


@contextmanager
def catalog_client(gcp: LocalGcp) -> Iterator[CloudCatalogClient]:
    """A client of the price catalogue."""
    with channel(gcp.endpoints["billing"]) as opened:
        yield CloudCatalogClient(transport=CloudCatalogGrpcTransport(channel=opened))


@contextmanager
def billing_client(gcp: LocalGcp) -> Iterator[CloudBillingClient]:
    """A client of the billing accounts."""
    with channel(gcp.endpoints["billing"]) as opened:
        yield CloudBillingClient(transport=CloudBillingGrpcTransport(channel=opened))


def kind_of(series: TimeSeries) -> tuple[str, str]:
    """(metric kind, value type) by name."""
    kinds = MetricDescriptor
    return kinds.MetricKind.Name(series.metric_kind), kinds.ValueType.Name(series.value_type)


def seconds(moment: Any) -> float:
    """A time of an answer, since 1970: proto-plus gives a datetime where its types promise a Timestamp."""
    return float(moment.timestamp())
