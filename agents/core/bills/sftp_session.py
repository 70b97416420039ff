"""A session of SFTP: an event loop in a thread of its own, so that whatever hangs can be given up in time."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from agents.core.bills.libraries import need
from agents.core.bills.sftp_errors import translated_sftp
from agents.core.bills.store_addresses import Address
from agents.core.bills.store_credentials import Credentials, Login
from agents.core.context import Context
from agents.core.foreign import ours
from telemetry.errors import CollectionError, CollectionFailed, Denied, Unavailable

if TYPE_CHECKING:
    from asyncssh import SFTPClient, SSHClientConnection, SSHKey

T = TypeVar("T")

_TIMEOUT = 60.0
"""Seconds of one request, its connection included."""
_PORT = 22
_NO_HOST: tuple[list[Any], list[Any], list[Any]] = ([], [], [])
"""Of trusted keys, of authorities, of revoked keys: with a fingerprint the key is compared with that alone."""


class Session:
    """One connection at a time, made when it is needed, and again where it broke."""

    def __init__(self, address: Address, context: Context, ask: Callable[[], Credentials]) -> None:
        self._address = address
        self._context = context
        self._ask = ask
        self._seen = ""
        self._connection: SSHClientConnection | None = None
        self._client: SFTPClient | None = None
        self._connecting = asyncio.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sftp", daemon=True)
        self._thread.start()

    def ask(self, work: Callable[[SFTPClient], Awaitable[T]], where: str, permission: str, *, again: bool = True) -> T:
        """What ``work`` finds; errors in our words. Where the connection broke it is made anew once, if ``again``."""
        try:
            return self._asked(work, where, permission)
        except Unavailable:
            if not again or time.monotonic() >= self._context.deadline:
                raise
            return self._asked(work, where, permission)

    def close(self) -> None:
        """Hang up."""
        if self._loop.is_closed():
            return
        self._drop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(_ended())
        self._loop.close()

    def _asked(self, work: Callable[[SFTPClient], Awaitable[T]], where: str, permission: str) -> T:
        self._context.check_deadline()
        seconds = min(_TIMEOUT, self._context.deadline - time.monotonic())
        future = asyncio.run_coroutine_threadsafe(asyncio.wait_for(self._work(work), seconds), self._loop)
        try:
            return future.result()
        except CollectionError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it raises is about this request
            found = translated_sftp(error, where, permission, self._seen)
            if isinstance(found, Unavailable):
                self._drop()
                self._context.check_deadline()
            raise found from None
        finally:
            future.cancel()  # where this thread was interrupted

    async def _work(self, work: Callable[[SFTPClient], Awaitable[T]]) -> T:
        async with self._connecting:
            client = self._client or await self._connect()
        return await work(client)

    async def _connect(self) -> SFTPClient:
        login = self._login()
        server = urlsplit(f"//{self._address.endpoint}")
        library = need("asyncssh")
        self._connection = await library.connect(
            server.hostname,
            server.port or _PORT,
            username=self._address.account,
            client_factory=lambda: self._known_by(login.fingerprint),
            known_hosts=_hosts(login),
            password=login.password or None,
            client_keys=[_key(login.private_key)] if login.private_key else None,
            # Nothing of the machine's: no configuration, keys or agent of whoever started the worker.
            config=None,
            x509_trusted_certs=[],
            x509_trusted_cert_paths=[],
            agent_path=None,
            gss_host=None,
            connect_timeout=_TIMEOUT,
            login_timeout=_TIMEOUT,
            keepalive_interval=15,
        )
        assert self._connection is not None  # noqa: S101 - connect() gives one, or raises
        self._client = await self._connection.start_sftp_client()
        return self._client

    def _login(self) -> Login:
        try:
            found = self._ask()
        except Exception as error:  # noqa: BLE001 - theirs may raise anything
            raise ours(error) from None
        if not isinstance(found, Login):
            raise CollectionFailed(f"{self._address.url}: {type(found).__name__} are no credentials of this store")
        if not found.known_hosts and not found.fingerprint:
            raise CollectionFailed(f"{self._address.url}: set fingerprint or known_hosts: nothing tells the server")
        return found

    def _known_by(self, fingerprint: str) -> Any:
        session, library = self, need("asyncssh")

        class Client(library.SSHClient):  # type: ignore[misc,name-defined] # imported where it is needed
            """Asked of a key that known_hosts does not have."""

            def validate_host_public_key(self, _host: str, _addr: str, _port: int, key: SSHKey) -> bool:
                """Whether it is the configured one."""
                session._seen = key.get_fingerprint()
                return bool(fingerprint) and session._seen == fingerprint

        return Client()

    def _drop(self) -> None:
        connection, self._connection, self._client = self._connection, None, None
        if connection is not None:
            self._loop.call_soon_threadsafe(connection.abort)


async def _ended() -> None:
    """Let what the connection has scheduled come to its end."""
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _hosts(login: Login) -> Any:
    if not login.known_hosts:
        return _NO_HOST
    try:
        return need("asyncssh").import_known_hosts(login.known_hosts)
    except ValueError:
        raise CollectionFailed("known_hosts: it cannot be read: write lines: host ssh-ed25519 AAAA...") from None


def _key(text: str) -> Any:
    library = need("asyncssh")
    try:
        return library.import_private_key(text)
    except library.KeyEncryptionError:
        raise Denied(
            "private_key: it has a passphrase: make a copy of it without one (ssh-keygen -p), kept as a secret"
        ) from None
    except (ValueError, library.KeyImportError):
        raise Denied("private_key: it cannot be read: write all lines of a key that ssh-keygen has made") from None
