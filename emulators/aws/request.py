"""What one AWS request asks for: service, action, region, account, protocol, parameters."""

import gzip
import re
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from moto.iam.models import get_account_id_from

from emulators.aws.actions import rest_action
from emulators.core.http import Environ

_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")

# Signing name -> the name that boto3's clients and IAM's actions bear.
_SIGNING_NAMES = {"monitoring": "cloudwatch", "api.pricing": "pricing", "elasticmapreduce": "emr"}
# X-Amz-Target prefix -> service, for a request that is not signed.
_TARGETS = {
    "GraniteServiceVersion20100801": "cloudwatch",
    "AWSPriceListService": "pricing",
    "AWSInsightsIndexService": "ce",
    "SageMaker": "sagemaker",
    "Invoicing": "invoicing",
}
# The API version in a form -> service, for a request that is not signed (AssumeRoleWithWebIdentity is one).
_VERSIONS = {"2011-06-15": "sts", "2016-11-15": "ec2", "2014-10-31": "rds"}


class Protocol(Enum):
    """How a service spells parameters, results and errors."""

    JSON = "json"
    REST_JSON = "rest-json"
    EC2 = "ec2"
    QUERY = "query"
    REST_XML = "rest-xml"


@dataclass(frozen=True)
class AwsRequest:
    """A request, read as far as its service, action and parameters.

    Shapes: `body` is the body after any gzip; `form` holds the parameters of the EC2 and query protocols. `service`
    is the boto3 client name and the IAM prefix (`cloudwatch`, not `monitoring`).
    """

    service: str
    action: str
    region: str
    account: str
    access_key: str
    protocol: Protocol
    body: bytes
    form: dict[str, str]
    temporary_credentials: bool = False
    query_mode: bool = False
    resource: str = "*"
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def api(self) -> str:
        """`service.Action`, the key of the call counts."""
        return f"{self.service}.{self.action}"

    @cached_property
    def json(self) -> dict[str, Any]:
        """The parameters of a JSON protocol.

        Raises:
            ValueError: the body is not a JSON object.
        """
        decoded = msgspec.json.decode(self.body or b"{}")
        if not isinstance(decoded, dict):
            raise ValueError("the body is not a JSON object")  # noqa: TRY004  # one error for every unreadable body
        return decoded

    @property
    def page_token(self) -> str | None:
        """The token of the page asked for, where the request carries one."""
        names = ("NextToken", "NextPageToken", "Marker", "continuation-token", "nextToken")
        source: dict[str, Any] = self.form
        if self.protocol is Protocol.JSON:
            with suppress(ValueError):  # the service itself answers for an unreadable body
                source = self.json
        return next((str(source[name]) for name in names if source.get(name)), None)


def parse(environ: Environ, body: bytes) -> AwsRequest:
    """Read a WSGI request whose body is `body`."""
    if environ.get("HTTP_CONTENT_ENCODING") == "gzip":
        body = gzip.decompress(body)
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    form = dict(query)
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        form |= dict(parse_qsl(body.decode(), keep_blank_values=True))
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    access_key, region, service = _signer(environ, query, target, form)
    action = target.rpartition(".")[2] or form.get("Action", "")
    path = environ.get("PATH_INFO", "/")
    if not action:
        action = rest_action(service, environ["REQUEST_METHOD"], path, query)
    return AwsRequest(
        service=service,
        action=action,
        region=region,
        account=get_account_id_from(access_key),
        access_key=access_key,
        protocol=_protocol(service, target, form),
        body=body,
        form=form,
        temporary_credentials="HTTP_X_AMZ_SECURITY_TOKEN" in environ or "X-Amz-Security-Token" in query,
        query_mode=environ.get("HTTP_X_AMZN_QUERY_MODE") == "true",
        resource=form.get("RoleArn", path.strip("/") or "*"),
    )


def _signer(environ: Environ, query: dict[str, str], target: str, form: dict[str, str]) -> tuple[str, str, str]:
    """(access key, region, service): from the signature, or from what an unsigned request still tells."""
    scope = environ.get("HTTP_AUTHORIZATION", "") or f"Credential={query.get('X-Amz-Credential', '')}"
    if found := _CREDENTIAL.search(scope):
        access_key, region, signing_name = found.groups()
        return access_key, region, _SIGNING_NAMES.get(signing_name, signing_name)
    host = environ.get("HTTP_HOST", "").partition(":")[0].split(".")
    service = _TARGETS.get(target.partition(".")[0]) or _VERSIONS.get(form.get("Version", ""))
    region = host[1] if host[-1] == "com" and len(host) > 3 else "us-east-1"  # noqa: PLR2004  # service.region.domain
    if service is None:
        service = _SIGNING_NAMES.get(host[0], host[0]) if host[-1] == "com" else "s3"
    return "", region, service


def _protocol(service: str, target: str, form: dict[str, str]) -> Protocol:
    if service == "ec2":
        return Protocol.EC2
    if target:
        return Protocol.JSON
    if "Action" in form:
        return Protocol.QUERY
    return Protocol.REST_XML if service in {"s3", "route53", "cloudfront"} else Protocol.REST_JSON
