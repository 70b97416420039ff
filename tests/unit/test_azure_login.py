"""What Entra says where it gives no token: a matter of time, or of who asks."""

from typing import Any, cast

import pytest
from azure.core.exceptions import ClientAuthenticationError

from agents.azure.api_call import AzureCall, Login
from agents.azure.credentials import Identity
from agents.azure.errors import translate
from agents.core.api_call import translate_errors
from agents.core.context import Context
from agents.core.limits import LocalLimiter
from telemetry.errors import CollectionError, Denied, Throttled, Unavailable

_ME = Identity("default", "sub", "tenant", "client", None, None)


class _Shared:
    limiter = LocalLimiter()


class _Context:
    shared = _Shared()


def _error(said: str) -> CollectionError:
    context = cast("Context", cast("Any", _Context()))
    call = AzureCall(context, "resourcegraph:resources", _ME, "", {}, Login(400))
    with pytest.raises(CollectionError) as raised, translate_errors(call, translate):
        raise ClientAuthenticationError(f"Authentication failed: {said}")
    return raised.value


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("AADSTS90055: The server is terminating the request due to too many requests.", Throttled),
        ("AADSTS90024: A transient error has occurred.", Throttled),
        ("AADSTS90025: Request processing has exceeded gateway allowance.", Throttled),
        ("AADSTS50196: The server terminated an operation because it encountered a loop.", Throttled),
        ("AADSTS90033: A transient error has occurred. Please try again.", Unavailable),
        ("AADSTS90006: The service is temporarily unavailable.", Unavailable),
        ("AADSTS90012: The request timed out.", Unavailable),
        ("temporarily_unavailable", Unavailable),
        ("AADSTS900025: The secret is not what it was.", Denied),
        ("AADSTS7000222: The provided client secret keys are expired.", Denied),
        ("AADSTS53003: Access has been blocked by Conditional Access policies.", Denied),
    ],
)
def test_what_passes_is_never_denied(said: str, kind: type[CollectionError]) -> None:
    assert type(_error(said)) in {kind, *kind.__subclasses__()}
