"""An SFTP server over a folder: a real one, of asyncssh, on a free port of this machine."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

USER = "bills"
PASSWORD = "canary/password/of/sftp"


@dataclass
class Sftp:
    """A running one."""

    folder: Path
    host_key: asyncssh.SSHKey
    client_key: asyncssh.SSHKey
    loop: asyncio.AbstractEventLoop
    port: int = 0
    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list)
    #: Those that it has opened: of a connection that was cut off it forgets them.
    files: list[Any] = field(default_factory=list)
    #: Called with the name of each file before a range of it is read, and before any folder is listed.
    before: Callable[[str], None] | None = None

    @property
    def url(self) -> str:
        """Of its folder."""
        return f"sftp://{USER}@127.0.0.1:{self.port}"

    @property
    def fingerprint(self) -> str:
        """Of its key."""
        return self.host_key.get_fingerprint()

    @property
    def known_hosts(self) -> str:
        """The line of its key."""
        return f"[127.0.0.1]:{self.port} {self.host_key.export_public_key().decode()}"

    @property
    def private_key(self) -> str:
        """That is taken in place of the password."""
        return self.client_key.export_private_key().decode()

    def cut(self) -> None:
        """Break every connection off, as a network does."""
        for connection in self.connections:
            self.loop.call_soon_threadsafe(connection.abort)
        self.connections.clear()


def _server(standing: Sftp) -> Callable[[], asyncssh.SSHServer]:
    class Server(asyncssh.SSHServer):
        """Takes one user, by a password or a key."""

        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            standing.connections.append(conn)

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == (USER, PASSWORD)

        def public_key_auth_supported(self) -> bool:
            return True

        def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
            return username == USER and key == standing.client_key.convert_to_public()

    return Server


def _files(standing: Sftp) -> Callable[[Any], asyncssh.SFTPServer]:
    class Files(asyncssh.SFTPServer):
        """The folder, and nothing above it."""

        def __init__(self, channel: Any) -> None:
            super().__init__(channel, chroot=str(standing.folder).encode())

        def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
            self._told(path)
            standing.files.append(super().open(path, pflags, attrs))
            return standing.files[-1]

        def read(self, file_obj: Any, offset: int, size: int) -> bytes:
            self._told(file_obj.name)
            return super().read(file_obj, offset, size)  # type: ignore[return-value] # what a file gives

        def _told(self, path: bytes | str) -> None:
            if standing.before is not None:
                standing.before(path.decode() if isinstance(path, bytes) else path)

    return Files


@contextmanager
def running_sftp(folder: Path) -> Iterator[Sftp]:
    """One that serves ``folder``."""
    keys = [asyncssh.generate_private_key("ssh-ed25519") for _ in range(2)]
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def wait(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(20)

    standing = Sftp(folder, keys[0], keys[1], loop)

    async def listen() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1", 0, server_factory=_server(standing), server_host_keys=[keys[0]], sftp_factory=_files(standing)
        )

    listening = wait(listen())
    standing.port = listening.get_port()
    try:
        yield standing
    finally:
        standing.cut()
        listening.close()
        wait(_ended())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()
        for one in standing.files:
            one.close()


async def _ended() -> None:
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
