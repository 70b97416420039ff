"""The error with which each service meets a fault: code, text and status as AWS sends them."""

import math

from emulators.aws.actions import iam_action
from emulators.aws.errors import AwsError
from emulators.aws.request import AwsRequest, Protocol

_FORBIDDEN = 403
_TOO_MANY = 429
_UNAVAILABLE = 503


def fault_error(kind: str, request: AwsRequest, retry_after_ms: int | None = None) -> AwsError:
    """The error of fault `kind` (a `FaultKind` value) for this request."""
    error = {
        "throttle": _throttled,
        "deny": _denied,
        "expired_token": _expired,
        "auth_failure": auth_failure,
        "bad_page_token": _bad_page_token,
        "clock_skew": _clock_skew,
        "internal": _internal,
    }[kind](request)
    if retry_after_ms is not None:
        error.headers["Retry-After"] = str(math.ceil(retry_after_ms / 1000))
        error.headers["x-amz-retry-after"] = str(retry_after_ms)
    return error


def _throttled(request: AwsRequest) -> AwsError:
    code, message, status = {
        "ec2": ("RequestLimitExceeded", "Request limit exceeded.", _UNAVAILABLE),
        "s3": ("SlowDown", "Please reduce your request rate.", _UNAVAILABLE),
        "cloudwatch": ("Throttling", "Rate exceeded", 400),
        "lambda": ("TooManyRequestsException", "Rate exceeded", _TOO_MANY),
    }.get(request.service, ("ThrottlingException", "Rate exceeded", 400))
    if request.protocol is Protocol.QUERY:
        code = "Throttling"
    elif request.protocol is Protocol.REST_JSON:
        status = _TOO_MANY
    return AwsError(code, message, status, shape="ThrottlingException" if request.query_mode else None)


def _denied(request: AwsRequest) -> AwsError:
    action = iam_action(request.service, request.action)
    who = f"User: {_principal(request)} is not authorized to perform: {action}"
    why = f"because no identity-based policy allows the {action} action"
    match request.protocol:
        case Protocol.EC2:
            text = f"You are not authorized to perform this operation. {who} {why}"
            return AwsError("UnauthorizedOperation", text, _FORBIDDEN)
        case Protocol.REST_XML:
            return AwsError("AccessDenied", f"{who} {why}", _FORBIDDEN)
        case Protocol.QUERY:
            return AwsError("AccessDenied", f"{who} on resource: {request.resource}", _FORBIDDEN)
    if request.service == "cloudwatch":
        return AwsError("AccessDenied", f"{who} {why}", _FORBIDDEN, shape="AccessDeniedException")
    arn = f"arn:aws:{request.service}:{request.region}:{request.account}:/{request.action}"
    status = _FORBIDDEN if request.protocol is Protocol.REST_JSON else 400
    return AwsError("AccessDeniedException", f"{who} on resource: {arn} {why}", status)


def _expired(request: AwsRequest) -> AwsError:
    text = "The security token included in the request is expired"
    match request.protocol:
        case Protocol.EC2:
            return AwsError("RequestExpired", "Request has expired.")
        case Protocol.REST_XML:
            return AwsError("ExpiredToken", "The provided token has expired.")
        case Protocol.QUERY:
            return AwsError("ExpiredToken", text, _FORBIDDEN)
    if request.query_mode:
        return AwsError("ExpiredToken", text, _FORBIDDEN, shape="ExpiredTokenException")
    return AwsError("ExpiredTokenException", text, _FORBIDDEN if request.protocol is Protocol.REST_JSON else 400)


def auth_failure(request: AwsRequest) -> AwsError:
    """Credentials that mean nothing here: what a region that is not enabled answers."""
    text = "The security token included in the request is invalid."
    match request.protocol:
        case Protocol.EC2:
            return AwsError("AuthFailure", "AWS was not able to validate the provided access credentials", 401)
        case Protocol.REST_XML:
            text = "The AWS Access Key Id you provided does not exist in our records."
            return AwsError("InvalidAccessKeyId", text, _FORBIDDEN)
        case Protocol.QUERY:
            return AwsError("InvalidClientTokenId", text, _FORBIDDEN)
    if request.query_mode:
        return AwsError("InvalidClientTokenId", text, _FORBIDDEN, shape="UnrecognizedClientException")
    return AwsError("UnrecognizedClientException", text, _FORBIDDEN if request.protocol is Protocol.REST_JSON else 400)


def _bad_page_token(request: AwsRequest) -> AwsError:
    match request.service:
        case "ec2":
            return AwsError("InvalidPaginationToken", "The provided pagination token is invalid or has expired")
        case "cloudwatch":
            return AwsError("InvalidNextToken", "The next token specified is invalid.")
        case "pricing":
            return AwsError("ExpiredNextTokenException", "The pagination token expired. Try again without a token.")
        case "ce":
            return AwsError("InvalidNextTokenException", "Invalid NextToken")
        case "sagemaker":
            return AwsError("ValidationException", "Invalid NextToken")
    return AwsError("InvalidParameterValue", "The page token is invalid")


def _clock_skew(request: AwsRequest) -> AwsError:
    text = "Signature expired: the difference between the request time and the current time is too large."
    match request.protocol:
        case Protocol.EC2:
            return AwsError("RequestExpired", "Request has expired. Timestamp date is outside the allowed range.")
        case Protocol.REST_XML:
            text = "The difference between the request time and the current time is too large."
            return AwsError("RequestTimeTooSkewed", text, _FORBIDDEN)
        case Protocol.QUERY:
            return AwsError("SignatureDoesNotMatch", text, _FORBIDDEN)
    if request.query_mode:
        return AwsError("SignatureDoesNotMatch", text, _FORBIDDEN, shape="InvalidSignatureException")
    return AwsError("InvalidSignatureException", text, _FORBIDDEN if request.protocol is Protocol.REST_JSON else 400)


def _internal(request: AwsRequest) -> AwsError:
    match request.protocol:
        case Protocol.EC2 | Protocol.REST_XML:
            return AwsError("InternalError", "An internal error has occurred", 500)
        case Protocol.QUERY:
            return AwsError("InternalFailure", "An internal error has occurred", 500)
    if request.query_mode:
        return AwsError("InternalServiceError", "An internal error has occurred", 500, shape="InternalServiceFault")
    return AwsError("InternalServerException", "An internal error has occurred", 500)


def _principal(request: AwsRequest) -> str:
    if request.temporary_credentials:
        return f"arn:aws:sts::{request.account}:assumed-role/finfleet/session"
    return f"arn:aws:iam::{request.account}:user/finfleet"
