"""Errors of SFTP in our words. Text of the server's is left out: anybody may have written it."""

from __future__ import annotations

from agents.core.bills.libraries import need
from agents.core.bills.store_errors import Missing
from telemetry.errors import CollectionError, CollectionFailed, Denied, Unavailable

_NOT_THERE = frozenset({"SFTPNoSuchFile", "SFTPNoSuchPath", "SFTPNotADirectory"})
_LOST = frozenset({"SFTPConnectionLost", "SFTPNoConnection", "BrokenPipeError"})
_TRUST = (
    "ask who runs the server for its fingerprint, and set fingerprint to it (or known_hosts to the line of its key)"
)


def translated_sftp(error: Exception, where: str, permission: str, seen: str) -> CollectionError:
    """What an error of the library's means; ``seen`` is the fingerprint of the server's key, where it was refused."""
    library, name = need("asyncssh"), type(error).__name__
    if name in _NOT_THERE:
        return Missing(f"{where}: there is no such file or folder")
    if (found := _refused(error, where, permission, seen)) is not None:
        return found
    if isinstance(error, library.KeyExchangeFailed):
        return CollectionFailed(
            f"{where}: the server has no cipher of a kind that is taken, or no key of the kind that known_hosts has: "
            f"{_TRUST}"
        )
    if name in _LOST or isinstance(error, (library.DisconnectError, OSError, TimeoutError, EOFError)):
        return Unavailable(f"{where}: the server cannot be reached, or broke off ({name})")
    return CollectionFailed(f"{where}: the server cannot do that ({name})")


def _refused(error: Exception, where: str, permission: str, seen: str) -> Denied | None:
    library = need("asyncssh")
    if isinstance(error, library.HostKeyNotVerifiable):
        key = f"its key has the fingerprint {seen}, which" if seen else "its key"
        return Denied(f"{where}: the server is not the one that is trusted: {key} is not the configured one: {_TRUST}")
    if isinstance(error, library.PermissionDenied):
        return Denied(f"{where}: the login is refused: correct the user in url, password or private_key", "login")
    if isinstance(error, library.ChannelOpenError):
        return Denied(f"{where}: the server opens no session of SFTP for this user: let it be allowed", "sftp")
    if isinstance(error, library.SFTPPermissionDenied):
        return Denied(f"{where}: {permission} is refused", permission)
    return None
