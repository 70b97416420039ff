"""The answer with which each API meets a fault, as Azure words it."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import Enum
from random import Random

from emulators.azure.errors import AzureError, LoginError
from emulators.azure.request import AzureRequest

_FORBIDDEN, _TOO_MANY = 403, 429
_COST_HEADERS = ("qpu", "entity", "tenant", "clienttype")


class Form(Enum):
    """How a throttled caller is told to wait."""

    NATIVE = "native"
    """As this API does it."""
    RETRY_AFTER = "retry-after"
    """`Retry-After` in seconds."""
    DATE = "date"
    """`Retry-After` as an HTTP date."""
    MILLISECONDS = "milliseconds"
    """`x-ms-retry-after-ms`."""
    COST = "costmanagement"
    """One or more of `x-ms-ratelimit-microsoft.costmanagement-*-retry-after`, and no `Retry-After`."""
    QUOTA = "quota"
    """`x-ms-user-quota-remaining: 0` and `x-ms-user-quota-resets-after`, and no `Retry-After`."""
    BARE = "bare"
    """No word about it."""
    ANY = "any"
    """One of the others, drawn at random."""


def throttled(request: AzureRequest, form: Form, seconds: int, random: Random | None = None) -> AzureError:
    """A 429 that asks to wait for `seconds`; `random` draws what the form leaves open."""
    random = random or Random(0)
    if form is Form.ANY:
        form = random.choice([one for one in Form if one not in {Form.ANY, Form.NATIVE}])
    if form is Form.NATIVE:
        form = {"costmanagement:query": Form.COST, "resourcegraph:resources": Form.QUOTA}.get(
            request.api, Form.RETRY_AFTER
        )
    error = _worded(request, seconds)
    error.headers |= _told(form, seconds, random)
    return error


def cost_throttled(waits: dict[str, int]) -> AzureError:
    """Cost Management's 429: `waits` are seconds by what is used up (`qpu`, `entity`, `tenant`, `clienttype`)."""
    headers = {f"x-ms-ratelimit-microsoft.costmanagement-{name}-retry-after": f"{n}" for name, n in waits.items()}
    return AzureError(_TOO_MANY, "429", "Too many requests. Please retry.", headers=headers)


def graph_throttled(request: AzureRequest, seconds: int) -> AzureError:
    """Resource Graph's 429, with the quota's headers."""
    error = _worded(request, seconds)
    error.headers |= _told(Form.QUOTA, seconds, Random(0))
    return error


def denied(request: AzureRequest, action: str, scope: str) -> AzureError:
    """A 403 that names the permission and the scope."""
    if request.api.startswith("costmanagement:"):
        text = f"The client does not have authorization to perform action. Request ID: {request.request_id}"
        return AzureError(_FORBIDDEN, "RBACAccessDenied", text)
    if request.api == "logs:query":
        inner = {"code": "InsufficientAccessError", "message": "The provided credentials have insufficient access"}
        text = "The provided credentials have insufficient access to perform the requested operation"
        return AzureError(_FORBIDDEN, "InsufficientAccessError", text, inner=inner)
    if request.api == "resourcegraph:resources":
        text = "Access is denied to the requested resource. The user might not have enough permission."
        details = [{"code": "AccessDenied", "message": text}]
        return AzureError(_FORBIDDEN, "AccessDenied", support(request), details=details)
    who = request.claims.get("appid", "")
    text = (
        f"The client '{who}' with object id '{request.principal}' does not have authorization to perform action "
        f"'{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh "
        "your credentials."
    )
    return AzureError(_FORBIDDEN, "AuthorizationFailed", text)


def expired_token() -> AzureError:
    """A 401 for a token that was good before."""
    text = "The access token expiry UTC time is earlier than current UTC time."
    challenge = f'Bearer error="invalid_token", error_description="{text}"'
    return AzureError(401, "ExpiredAuthenticationToken", text, headers={"WWW-Authenticate": challenge})


def internal(request: AzureRequest) -> AzureError:
    """A 500."""
    if request.api.startswith("login:"):
        return _login(request, 500, "server_error", 90033, "A transient error has occurred. Please try again.")
    return AzureError(500, "InternalServerError", "Encountered internal server error. Please try again.")


def unavailable(request: AzureRequest, seconds: int | None) -> AzureError:
    """A 503, with or without a time to wait."""
    headers = {} if seconds is None else {"Retry-After": f"{seconds}"}
    if request.api.startswith("login:"):
        text = "A transient error has occurred. Please try again."
        error = _login(request, 503, "temporarily_unavailable", 90033, text)
        error.headers |= headers
        return error
    return AzureError(503, "ServerTimeout", "The request timed out. Please try again later.", headers=headers)


def bad_page(request: AzureRequest) -> AzureError:
    """A 400 for a page that cannot be had any more."""
    if request.api == "resourcegraph:resources":
        details = [{"code": "InvalidSkipToken", "message": "Skip token is invalid or has expired."}]
        return AzureError(400, "BadRequest", support(request), details=details)
    return AzureError(400, "BadRequest", "Invalid skiptoken: the token is malformed or has expired.")


def disabled(subscription: str, *, write: bool) -> AzureError:
    """What a disabled subscription answers: it can be read, but nothing in it can be done."""
    text = f"The subscription '{subscription}' is disabled and therefore marked as read only."
    if write:
        text += " You cannot perform any write actions on this subscription until it is re-enabled."
    return AzureError(409, "ReadOnlyDisabledSubscription", text)


def support(request: AzureRequest) -> str:
    """What Resource Graph says in the place of a message."""
    now = datetime.now(UTC).isoformat()
    return (
        f"Please provide below info when asking for support: timestamp = {now}, correlationId = {request.request_id}."
    )


def _login(request: AzureRequest, status: int, error: str, number: int, text: str) -> AzureError:
    stamp = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%SZ}"
    return LoginError(status, error, number, text, trace=request.request_id, stamp=stamp)


def _worded(request: AzureRequest, seconds: int) -> AzureError:
    if request.api.startswith("login:"):
        text = "The server is terminating the request due to too many requests. Please try again later."
        return _login(request, _TOO_MANY, "temporarily_unavailable", 90055, text)
    if request.api.startswith("costmanagement:"):
        return AzureError(_TOO_MANY, "429", "Too many requests. Please retry.")
    if request.api == "resourcegraph:resources":
        text = (
            "Client application has been throttled and should not attempt to repeat the request until an amount of "
            "time has elapsed. Please see https://aka.ms/resourcegraph-throttling for help."
        )
        details = [{"code": "RateLimiting", "message": text}]
        return AzureError(_TOO_MANY, "RateLimiting", support(request), details=details)
    if request.subscription and not request.api.startswith("metrics:"):
        text = (
            f"Number of 'read' requests for subscription '{request.subscription}' actor '{request.principal}' "
            f"exceeded. Please try again after '{seconds}' seconds after additional tokens are available. Refer to "
            "https://aka.ms/arm-throttling for additional information."
        )
        return AzureError(_TOO_MANY, "SubscriptionRequestsThrottled", text)
    return AzureError(_TOO_MANY, "TooManyRequests", "The request is being throttled as the limit has been reached.")


def _told(form: Form, seconds: int, random: Random) -> dict[str, str]:
    match form:
        case Form.RETRY_AFTER:
            return {"Retry-After": f"{seconds}"}
        case Form.DATE:
            return {"Retry-After": format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)}
        case Form.MILLISECONDS:
            return {"x-ms-retry-after-ms": f"{seconds * 1000}"}
        case Form.COST:
            names = random.sample(_COST_HEADERS, random.randint(1, len(_COST_HEADERS)))
            waits = {name: random.randint(0, seconds) for name in names} | {names[0]: seconds}
            return cost_throttled(waits).headers
        case Form.QUOTA:
            resets = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
            return {"x-ms-user-quota-remaining": "0", "x-ms-user-quota-resets-after": resets}
    return {}
