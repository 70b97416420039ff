"""Google's own clients of the local Google Cloud."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from google.auth.transport.grpc import AuthMetadataPlugin
from google.auth.transport.requests import Request
from google.cloud.asset_v1 import AssetServiceClient
from google.cloud.asset_v1.services.asset_service.transports import AssetServiceGrpcTransport
from google.cloud.monitoring_v3 import MetricServiceClient
from google.cloud.monitoring_v3.services.metric_service.transports import MetricServiceGrpcTransport
from google.oauth2 import service_account

from emulators.gcp import LocalGcp

_OPTIONS = (("grpc.max_receive_message_length", -1),)
_CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"


@contextmanager
def channel(address: str, credentials_file: Any = None, service: str = "monitoring") -> Iterator[grpc.Channel]:
    """A channel in plaintext; with a credentials file its calls bear a token that the service account signed itself."""
    if credentials_file is None:
        opened = grpc.insecure_channel(address, options=_OPTIONS)
    else:
        account = service_account.Credentials.from_service_account_file(
            str(credentials_file), always_use_jwt_access=True
        )
        plugin = AuthMetadataPlugin(account, Request(), default_host=f"{service}.googleapis.com")
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
