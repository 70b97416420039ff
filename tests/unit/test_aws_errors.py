"""Each error of AWS's, and what becomes of it."""

import time
from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from agents.aws.api_call import AwsCall
from agents.aws.codes import wait_of
from agents.aws.errors import translate
from agents.core.api_call import translate_errors
from agents.core.context import Context, Shared, utc_now
from agents.core.errors import ExpiredCredentials
from agents.core.meter import Meter
from telemetry.errors import CollectionError, CollectionFailed, Denied, Throttled, Unavailable
from telemetry.settings import Settings


@pytest.fixture
def call() -> AwsCall:
    settings = Settings.model_validate({"aws": {}})
    (account,) = settings.aws.accounts_of("aws")
    context = Context(Shared(settings), account, Meter(), time.monotonic() + 60)
    return AwsCall(context, "ec2:DescribeInstances", "us-east-1")


def _client_error(
    code: str,
    said: str = "",
    status: int = 400,
    *,
    operation: str = "DescribeInstances",
    headers: dict[str, str] | None = None,
) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": said},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers or {}},
    }
    return ClientError(response, operation)


def _ours(error: Exception, call: AwsCall) -> CollectionError:
    with pytest.raises(CollectionError) as caught, translate_errors(call, translate):
        raise error
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__, "the original holds the request"
    return caught.value


_NAMED = "User: arn:aws:iam::1:user/x is not authorized to perform: ec2:DescribeInstances on resource: *"

_MARKED = (
    "User: arn:aws:iam::1:user/x is not authorized to perform: sagemaker:DescribeEndpoint on resource: "
    "arn:aws:sagemaker:us-east-1:1:endpoint/next-marker"
)

_CASES: list[tuple[str, int, str, type[CollectionError], str]] = [
    ("RequestLimitExceeded", 503, "Request limit exceeded.", Throttled, "RequestLimitExceeded"),
    ("Throttling", 400, "Rate exceeded", Throttled, "Rate exceeded"),
    ("TooManyRequestsException", 429, "", Throttled, ""),
    ("Whatever", 429, "", Throttled, ""),
    ("SlowDown", 503, "Please reduce your request rate.", Throttled, ""),
    ("Unavailable", 503, "", Unavailable, ""),
    ("InternalError", 500, "An internal error has occurred", Unavailable, ""),
    ("UnauthorizedOperation", 403, _NAMED, Denied, "allow ec2:DescribeInstances"),
    ("AccessDeniedException", 400, _MARKED, Denied, "allow sagemaker:DescribeEndpoint"),
    ("AccessDeniedException", 400, "no", Denied, "allow ec2:DescribeInstances"),
    ("SomethingNew", 403, "", Denied, "allow ec2:DescribeInstances"),
    ("ExpiredToken", 400, "", ExpiredCredentials, "expired: give new ones"),
    ("ExpiredTokenException", 403, "", ExpiredCredentials, "expired"),
    ("RequestExpired", 400, "Request has expired.", ExpiredCredentials, "expired"),
    ("RequestExpired", 400, "Timestamp date is outside the allowed range.", CollectionFailed, "clock"),
    ("RequestTimeTooSkewed", 403, "", CollectionFailed, "clock"),
    ("SignatureDoesNotMatch", 403, "Signature expired: 2026 is now earlier than", CollectionFailed, "clock"),
    ("InvalidSignatureException", 400, "Signature not yet current", CollectionFailed, "clock"),
    ("SignatureDoesNotMatch", 403, "does not match the signature you provided", Denied, "secret_access_key"),
    ("AuthFailure", 401, "", Denied, "check the keys, and whether the region is enabled"),
    ("InvalidClientTokenId", 403, "", Denied, "check the keys"),
    ("UnrecognizedClientException", 400, "", Denied, "check the keys"),
    ("OptInRequired", 401, "You are not subscribed to this service.", Denied, "enable ec2 in region 'us-east-1'"),
    ("InvalidPaginationToken", 400, "", Unavailable, "between two pages"),
    ("ValidationException", 400, "Invalid NextToken", Unavailable, "between two pages"),
    ("InvalidParameterValue", 400, "no such filter", CollectionFailed, "no such filter"),
    ("", 0, "", CollectionFailed, ""),
]


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case[0])
def test_every_refusal_has_its_kind_and_its_remedy(
    call: AwsCall, case: tuple[str, int, str, type[CollectionError], str]
) -> None:
    code, status, said, kind, text = case
    ours = _ours(_client_error(code, said, status), call)
    assert type(ours) is kind
    assert text in str(ours)
    assert str(ours).startswith(f"aws/default/us-east-1 ec2:DescribeInstances: {code}")


def test_a_clock_is_told_from_an_expired_token_by_the_date_of_the_answer(call: AwsCall) -> None:
    wrong = format_datetime(utc_now() - timedelta(minutes=20))
    ours = _ours(_client_error("RequestExpired", "Request has expired.", headers={"date": wrong}), call)
    assert type(ours) is CollectionFailed
    assert "(it is 1" in str(ours)
    right = format_datetime(utc_now() - timedelta(seconds=5))
    assert type(_ours(_client_error("RequestExpired", headers={"date": right}), call)) is ExpiredCredentials


def test_the_permission_is_the_one_that_aws_names_else_that_of_the_call(call: AwsCall) -> None:
    said = "User: x is not authorized to perform: ec2:DescribeVolumes because no identity-based policy allows it"
    named = _ours(_client_error("UnauthorizedOperation", said, 403), call)
    silent = _ours(_client_error("UnauthorizedOperation", "", 403), call)
    assert isinstance(named, Denied)
    assert isinstance(silent, Denied)
    assert (named.permission, silent.permission) == ("ec2:DescribeVolumes", "ec2:DescribeInstances")


def test_an_error_on_the_way_to_the_credentials_is_stss(call: AwsCall) -> None:
    ours = _ours(_client_error("AccessDenied", "", 403, operation="AssumeRole"), call)
    assert isinstance(ours, Denied)
    assert ours.permission == "sts:AssumeRole"
    throttled = _ours(_client_error("Throttling", operation="AssumeRole"), call)
    assert isinstance(throttled, Throttled)
    assert throttled.scope == "aws/default/us-east-1/sts:*"


def test_what_aws_appends_for_its_support_is_cut_off(call: AwsCall) -> None:
    said = (
        "The request signature we calculated does not match the signature you provided.\n\nThe Canonical String for "
        "this request should have been\n'POST\n/\n\nx-amz-security-token:canary-token\n'"
    )
    assert "canary" not in str(_ours(_client_error("SignatureDoesNotMatch", said, 403), call))
    said = "You are not authorized to perform this operation. Encoded authorization failure message: canary" * 50
    text = str(_ours(_client_error("UnauthorizedOperation", said, 403), call))
    assert "canary" not in text
    assert "You are not authorized" in text


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"x-amz-retry-after": "1500"}, 1.5),
        ({"retry-after": "7"}, 7.0),
        ({"x-amz-retry-after": "250", "retry-after": "7"}, 0.25),
        ({"x-amz-retry-after": "soon", "retry-after": "7"}, 7.0),
        ({"retry-after": "Tue, 24 Nov 2026 12:00:00 GMT"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
    ],
)
def test_the_wait_is_read_from_either_header(headers: dict[str, str], seconds: float | None, call: AwsCall) -> None:
    assert wait_of(headers) == seconds
    ours = _ours(_client_error("Throttling", headers=headers), call)
    assert ours.retry_after == seconds


_UNANSWERED: list[tuple[Exception, type[CollectionError], str]] = [
    (exceptions.NoCredentialsError(), Denied, "give this machine a role"),
    (exceptions.PartialCredentialsError(provider="env", cred_var="aws_secret_access_key"), Denied, "env"),
    (exceptions.CredentialRetrievalError(provider="process", error_msg="exit 1"), Denied, "exit 1"),
    (exceptions.ProfileNotFound(profile="absent"), Denied, "absent"),
    (exceptions.UnauthorizedSSOTokenError(), Denied, "SSO"),
    (exceptions.EndpointConnectionError(endpoint_url="https://ec2.mars-1.amazonaws.com"), Unavailable, "mars-1"),
    (exceptions.ConnectTimeoutError(endpoint_url="https://x.example"), Unavailable, "does this network reach it"),
    (exceptions.ReadTimeoutError(endpoint_url="https://x.example"), Unavailable, "x.example"),
    (exceptions.ConnectionClosedError(endpoint_url="https://x.example"), Unavailable, "x.example"),
    (exceptions.ResponseStreamingError(error="reset"), Unavailable, "reset"),
    (exceptions.SSLError(endpoint_url="https://x.example", error="self-signed"), Unavailable, "aws.ca_file"),
    (exceptions.PaginationError(message="the same token twice"), Unavailable, "anew"),
    (exceptions.ParamValidationError(report="Unknown parameter"), CollectionFailed, "ParamValidationError"),
    (exceptions.InvalidRegionError(region_name="u s"), CollectionFailed, "u s"),
]


@pytest.mark.parametrize(("error", "kind", "text"), _UNANSWERED, ids=lambda value: getattr(type(value), "__name__", ""))
def test_every_error_of_botocores_own_has_its_kind(
    call: AwsCall, error: Exception, kind: type[CollectionError], text: str
) -> None:
    ours = _ours(error, call)
    assert type(ours) is kind
    assert text in str(ours)


def _every_class(root: type[Exception]) -> Iterator[type[Exception]]:
    for error in root.__subclasses__():
        yield error
        yield from _every_class(error)


def test_no_error_of_botocores_gets_through_untranslated(call: AwsCall) -> None:
    classes = [one for one in _every_class(exceptions.BotoCoreError) if one.__module__ == "botocore.exceptions"]
    assert len(classes) > 80
    for kind in classes:
        error = kind.__new__(kind)
        Exception.__init__(error, "as it was said")
        assert "as it was said" in str(_ours(error, call)), kind


def test_whatever_an_sdk_raises_becomes_an_error_of_ours(call: AwsCall) -> None:
    for foreign in (KeyError("x"), EOFError(), RuntimeError("x"), RecursionError(), StopIteration()):
        assert type(_ours(foreign, call)) is CollectionFailed
        assert type(foreign).__name__ in str(_ours(foreign, call))
    for broken in (OSError("reset"), ResponseParserError("no XML"), AttributeError("get"), ValueError("no time")):
        assert isinstance(_ours(broken, call), Unavailable)
    with pytest.raises(Throttled, match="ours already"), translate_errors(call, translate):
        raise Throttled("ours already", "scope", 1.0)
