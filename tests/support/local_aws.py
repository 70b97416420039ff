"""boto3 clients of the local AWS."""

from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from emulators.aws import LocalAws


@cache
def _session() -> Any:
    return boto3.Session()


def aws_client(
    aws: LocalAws,
    service: str,
    region: str = "us-east-1",
    *,
    key: str = "AKIALOCALAWS",
    secret: str = "not-a-secret",
    token: str | None = None,
    attempts: int = 1,
) -> Any:
    """A real client with credentials of no value; no retries unless `attempts` says so."""
    return _session().client(
        service,
        region_name=region,
        endpoint_url=aws.url,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(retries={"total_max_attempts": attempts}),
    )


def error_of(error: ClientError) -> tuple[str, int]:
    """(code, HTTP status)."""
    return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
