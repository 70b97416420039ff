"""AWS errors, and the shape in which each wire protocol carries one."""

from xml.sax.saxutils import escape

import msgspec

from emulators.aws.request import AwsRequest, Protocol
from emulators.core.reply import Reply


class AwsError(Exception):
    """A refusal as AWS words it.

    `code` is what a boto3 caller sees in `response["Error"]["Code"]`; `shape` is the name of the error on the wire
    where it differs (CloudWatch: code `InvalidParameterValue`, shape `InvalidParameterValueException`).
    """

    def __init__(self, code: str, message: str, status: int = 400, shape: str | None = None) -> None:
        super().__init__(code, message, status, shape)
        self.code = code
        self.message = message
        self.status = status
        self.shape = shape or code
        self.headers: dict[str, str] = {}


def json_reply(payload: object, version: str = "1.1") -> Reply:
    """A 200 of an AWS JSON protocol."""
    return Reply(200, msgspec.json.encode(payload), f"application/x-amz-json-{version}")


def xml_reply(body: str) -> Reply:
    """A 200 of an XML protocol."""
    return Reply(200, f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'.encode(), "text/xml;charset=UTF-8")


def render(error: AwsError, request: AwsRequest) -> Reply:
    """`error` in the protocol that `request` speaks."""
    sender = "Sender" if error.status < 500 else "Receiver"  # noqa: PLR2004  # where HTTP's server errors begin
    headers = {"x-amzn-RequestId": request.request_id, **error.headers}
    code, message = escape(error.code), escape(error.message)
    match request.protocol:
        case Protocol.JSON:
            payload: dict[str, str] = {"__type": error.shape, "message": error.message}
            if request.query_mode:
                headers["x-amzn-query-error"] = f"{error.code};{sender}"
            body, kind = msgspec.json.encode(payload), "application/x-amz-json-1.1"
        case Protocol.REST_JSON:
            headers["x-amzn-ErrorType"] = error.code
            body, kind = msgspec.json.encode({"message": error.message}), "application/json"
        case Protocol.EC2:
            text = (
                f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
                f"<RequestID>{request.request_id}</RequestID></Response>"
            )
            body, kind = text.encode(), "text/xml;charset=UTF-8"
        case Protocol.QUERY:
            text = (
                f"<ErrorResponse><Error><Type>{sender}</Type><Code>{code}</Code><Message>{message}</Message></Error>"
                f"<RequestId>{request.request_id}</RequestId></ErrorResponse>"
            )
            body, kind = text.encode(), "text/xml"
        case Protocol.REST_XML:
            text = (
                f"<Error><Code>{code}</Code><Message>{message}</Message>"
                f"<RequestId>{request.request_id}</RequestId></Error>"
            )
            body, kind = text.encode(), "application/xml"
    return Reply(error.status, body, kind, headers)
