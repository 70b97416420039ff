"""What an object store answers is told in our words, with the permission that is missing and without an address."""

import pytest
from obstore import exceptions

from agents.core.bills.store_errors import Changed, Missing, translated
from agents.core.bills.store_kinds import AZURE, S3
from telemetry.errors import CollectionError, CollectionFailed, Denied, Throttled, Unavailable

_SECRET = "sig=0123456789abcdef"


def _text(status: str, code: str = "", message: str = "") -> str:
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>" if code else ""
    return (
        f"Generic S3 error: Error performing GET https://bucket.example/key?{_SECRET} in 3ms, after 4 retries - Server"
        f" returned non-2xx status code: {status}: {body}\n\nDebug source:\nRetryError {{ uri: ?{_SECRET}, timeout }}"
    )


_ANSWERS: list[tuple[Exception, type[CollectionError], str]] = [
    (exceptions.PreconditionError(_text("412 Precondition Failed")), Changed, "the file was replaced"),
    (
        exceptions.NotFoundError(_text("404 Not Found", "NoSuchKey", "no key")),
        Missing,
        "no such file (NoSuchKey no key)",
    ),
    (exceptions.GenericError(_text("404 Not Found", "NoSuchBucket")), Missing, "no such bucket"),
    (exceptions.PermissionDeniedError(_text("403 Forbidden", "AccessDenied")), Denied, "s3:GetObject is refused"),
    (exceptions.UnauthenticatedError(_text("401 Unauthorized")), Denied, "s3:GetObject is refused"),
    (
        exceptions.GenericError(_text("403 Forbidden", "ExpiredToken", "old")),
        Denied,
        "credentials are not taken (ExpiredT",
    ),
    (exceptions.GenericError(_text("503 Service Unavailable", "SlowDown")), Throttled, "asks to slow down (SlowDown)"),
    (exceptions.GenericError(_text("429 Too Many Requests")), Throttled, "asks to slow down"),
    (
        exceptions.GenericError(_text("503 Service Unavailable", "ServerBusy")),
        Throttled,
        "asks to slow down (ServerBusy)",
    ),
    (exceptions.GenericError(_text("500 Internal Server Error", "InternalError")), Unavailable, "status 500"),
    (
        exceptions.GenericError("Error performing GET x - error sending request: connect refused"),
        Unavailable,
        "reached",
    ),
    (exceptions.GenericError("HTTP error: operation timed out"), Unavailable, "reached"),
    (exceptions.GenericError(_text("301 Moved", "PermanentRedirect")), CollectionFailed, "set region"),
    (exceptions.GenericError(_text("400 Bad Request", "InvalidArgument")), CollectionFailed, "(InvalidArgument)"),
    (ValueError('Path "a//b" contained empty path segment'), CollectionFailed, "cannot ask for such a key"),
    (PermissionError(13, "no"), Denied, "is refused"),
]


@pytest.mark.parametrize(("error", "kind", "said"), _ANSWERS, ids=[said for _, _, said in _ANSWERS])
def test_an_answer_in_our_words(error: Exception, kind: type[CollectionError], said: str) -> None:
    found = translated(error, S3, "s3://bucket/key", "s3:GetObject")
    assert type(found) is kind
    assert str(found).startswith("s3://bucket/key: ")
    assert said in str(found)
    assert _SECRET not in repr(found)
    assert "bucket.example" not in str(found)


def test_a_refusal_names_the_permission_as_its_provider_does() -> None:
    error = exceptions.PermissionDeniedError(_text("403 Forbidden", "AuthorizationPermissionMismatch"))
    found = translated(error, AZURE, "blob://account/container", AZURE.list_permission)
    assert isinstance(found, Denied)
    assert found.permission == "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
