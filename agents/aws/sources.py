"""botocore's sources of credentials, as a worker can use them: none asks a person, none waits for ever.

Profiles may name a program that gives credentials, or a device that shows codes. A worker has nobody who could type,
and a question on its terminal would hold its slots for good.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from telemetry.errors import CollectionError, Denied
from telemetry.redact import remember

T = TypeVar("T")

_PROGRAM_SECONDS = 60.0
"""A credential_process may take so long; browsers and devices take longer, and have no place in a worker."""
_SENDABLE = re.compile(r"[!-~]*")
_CORRECT = (
    "correct the profile, the role, the token file (AWS_WEB_IDENTITY_TOKEN_FILE) or the credential_process that it "
    "names"
)
MFA = (
    "the profile names an MFA device (mfa_serial), and nobody can type its code into a worker: give a role or a "
    "profile that needs none, or the temporary keys of a session (aws sts get-session-token)"
)


def ask_nobody(session: Any) -> None:
    """Let no source of a botocore session ask a person, in the chain of credentials or behind it."""
    _close(session.get_component("credential_provider").providers)


def load(session: Any) -> None:
    """Find the credentials of a botocore session: a fault of their source is Denied, now and when they are renewed.

    Errors of botocore's are raised as they are.
    """
    credentials = _guarded(session.get_credentials)
    renew = getattr(credentials, "_refresh_using", None)
    if renew is None and credentials is not None:
        _take(credentials.access_key, credentials.secret_key, credentials.token)
    elif renew is not None and not isinstance(renew, partial):
        credentials._refresh_using = partial(_renewed, renew)  # noqa: SLF001 - botocore has no other door


def _renewed(renew: Callable[[], Any]) -> Any:
    found = _guarded(renew)
    if isinstance(found, Mapping):
        _take(found.get("access_key"), found.get("secret_key"), found.get("token"))
    return found


def _take(key_id: object, *secrets: object) -> None:
    """Let no text repeat them; Denied where they could not even be sent, as with a line break at the end of a file."""
    for secret in secrets:
        remember(str(secret or ""))
    if not all(_SENDABLE.fullmatch(str(one or "")) for one in (key_id, *secrets)):
        raise Denied(
            "the keys or the session token that were found hold a line break or another character that no key has: "
            "write them anew (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, or the profile)"
        )


def _guarded(source: Callable[[], T]) -> T:
    """What a source of credentials gives. What it said is not repeated: it may hold a secret."""
    from botocore.exceptions import (  # noqa: PLC0415 - an SDK is loaded where it is used
        BotoCoreError,
        ClientError,
        ParamValidationError,
    )

    try:
        return source()
    except ParamValidationError as error:
        raise Denied(f"a source of credentials names what AWS does not take: {error}: {_CORRECT}") from None
    except (CollectionError, BotoCoreError, ClientError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever the source of credentials is, and raises
        said = f"{error.strerror}: {error.filename}" if isinstance(error, OSError) else "it is not of AWS's form"
        raise Denied(f"a source of credentials failed ({type(error).__name__}: {said}): {_CORRECT}") from None


def _close(providers: list[Any]) -> None:
    """Whatever asks, or starts a program, does so our way."""
    for one in providers:
        if hasattr(one, "_prompter"):
            one._prompter = _refuse  # noqa: SLF001 - botocore has no other door
        if hasattr(one, "_popen"):
            one._popen = _Program  # noqa: SLF001
        builder = getattr(one, "_profile_provider_builder", None)
        if builder is not None:
            _close_builder(builder)


def _close_builder(builder: Any) -> None:
    """The profiles that a role's profile leans on have sources of their own, made when they are needed."""
    make = builder.providers

    def providers(*names: Any, **more: Any) -> list[Any]:
        made: list[Any] = make(*names, **more)
        _close(made)
        return made

    builder.providers = providers


def _refuse(question: str = "") -> str:
    """In place of a person's answer."""
    del question
    raise Denied(MFA)


class _Program(subprocess.Popen[bytes]):
    """A credential_process: without a terminal to ask on, and ended where it takes too long."""

    def __init__(self, arguments: list[str], **more: Any) -> None:
        super().__init__(arguments, stdin=subprocess.DEVNULL, start_new_session=True, **more)

    def communicate(self, input: Any = None, timeout: float | None = None) -> tuple[bytes, bytes]:  # noqa: A002 - the name that Popen gives it
        """What it wrote; Denied where it did not end in time. What it complained of may hold a secret."""
        try:
            written, _ = super().communicate(input, timeout or _PROGRAM_SECONDS)
            return written, f"the credential_process ended with {self.returncode}: run it by hand to see why".encode()
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            super().communicate()
            raise Denied(
                f"the credential_process did not end within {_PROGRAM_SECONDS:.0f} s: give one that asks nobody"
            ) from None
