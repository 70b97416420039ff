"""A folder of an SFTP server as an object store (docs/adr/0018-bills.md).

SFTP knows no ETag and no If-Match: a file is what it was while its size and its time are the same before and behind
each range. No link is followed below the folder, whoever made it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, TypeVar, cast

from agents.core.bills.entry import Entry
from agents.core.bills.kept_store import MAX_MANIFEST
from agents.core.bills.libraries import need
from agents.core.bills.ranges import RangeFile
from agents.core.bills.sftp_session import Session
from agents.core.bills.store_addresses import Address
from agents.core.bills.store_credentials import Credentials
from agents.core.bills.store_errors import Changed, Missing
from agents.core.bills.store_kinds import SFTP
from agents.core.context import Context
from telemetry.errors import CollectionFailed, Denied

if TYPE_CHECKING:
    from asyncssh import SFTPAttrs, SFTPClient, SFTPName

T = TypeVar("T")

_PAGE = 1000
_HOME = "/~"
_FILE, _FOLDER, _LINK = 1, 2, 3
"""As the protocol numbers what there is."""
_ODD = frozenset({"", ".", ".."})


class SftpStore:
    """One folder. See stores.ObjectStore."""

    prefix = ""

    def __init__(self, address: Address, context: Context, ask: Callable[[], Credentials]) -> None:
        self.url = address.url
        self._context = context
        self._session = Session(address, context, ask)
        path = address.bucket
        self._root = path[len(_HOME) :].lstrip("/") or "." if f"{path}/".startswith(f"{_HOME}/") else path

    def __repr__(self) -> str:
        return f"SftpStore({self.url!r})"

    def list(self, prefix: str) -> Iterator[Entry]:
        """The files below ``prefix``, folder by folder; links are none."""
        top = prefix.strip("/")
        waiting = [self._checked(top) if top else ""]
        while waiting:
            at = waiting.pop()
            try:
                for name, told in self._names(at):
                    key = f"{at}/{name}".lstrip("/")
                    if told.type == _FOLDER:
                        waiting.append(key)
                    elif told.type == _FILE:
                        yield self._entry(key, told)
            except Missing:
                if not top or at != top:  # of a prefix there may be nothing
                    raise

    def head(self, key: str) -> Entry:
        """The file of that key as it is now."""
        return self._ask(SFTP.read_api, key, partial(self._look, key=self._checked(key)))

    def read(self, key: str) -> tuple[bytes, Entry]:
        """A small file at once, and what it was."""
        entry = self.head(key)
        if entry.size > MAX_MANIFEST:
            raise CollectionFailed(f"{self.url}/{key}: {entry.size} bytes are too many for a manifest")
        return self._fetch(entry, 0, entry.size), entry

    def open(self, entry: Entry) -> BinaryIO:
        """The file, by ranges."""
        self._checked(entry.key)
        return cast("BinaryIO", RangeFile(partial(self._fetch, entry), entry.size))

    def close(self) -> None:
        """Hang up."""
        self._session.close()

    def _names(self, folder: str) -> Iterator[tuple[str, SFTPAttrs]]:
        """What is in a folder, by pages."""
        pages: AsyncIterator[SFTPName] | None = None

        async def page(client: SFTPClient) -> list[SFTPName]:
            nonlocal pages
            if pages is None:
                await self._folders(client, folder)
                pages = client.scandir(self._path(folder))
            found: list[SFTPName] = []
            async for name in pages:
                found.append(name)
                if len(found) == _PAGE:
                    break
            return found

        while True:
            found = self._ask(SFTP.list_api, folder, page, again=pages is None)
            for name in found:
                if name.filename not in {".", ".."}:
                    yield self._told(folder, name)
            if len(found) < _PAGE:
                return

    def _told(self, folder: str, name: SFTPName) -> tuple[str, SFTPAttrs]:
        """A name that is one, with what it is."""
        filename = str(name.filename)
        if filename in _ODD or "/" in filename or "\0" in filename:
            raise CollectionFailed(f"{self.url}/{folder}: the server names {filename[:100]!r} there, which is no name")
        if name.attrs.type not in {_FILE, _FOLDER, _LINK} and name.attrs.permissions is None:
            raise CollectionFailed(f"{self.url}/{folder}: the server does not say what is a file and what is a link")
        return filename, name.attrs

    def _fetch(self, entry: Entry, start: int, end: int) -> bytes:
        async def fetch(client: SFTPClient) -> bytes:
            self._same(entry, await self._look(client, key=entry.key))
            async with client.open(self._path(entry.key), "rb") as file:
                body = await file.read(end - start, start)
            self._same(entry, await self._look(client, key=entry.key))
            return cast("bytes", body)

        body = self._ask(SFTP.read_api, entry.key, fetch) if end > start else b""
        if len(body) != end - start:
            where = f"{self.url}/{entry.key}"
            raise CollectionFailed(f"{where}: {len(body)} bytes came of {end - start}, from byte {start} on")
        return body

    def _same(self, entry: Entry, now: Entry) -> None:
        if now.size != entry.size or (entry.etag and now.etag != entry.etag):
            raise Changed(f"{self.url}/{entry.key}: the file was replaced while it was read")

    async def _look(self, client: SFTPClient, *, key: str) -> Entry:
        """The file of that key, where no part of its path is a link."""
        folder = key.rpartition("/")[0]
        _, found = await asyncio.gather(self._folders(client, folder), client.lstat(self._path(key)))
        if found.type != _FILE:
            raise self._no_file(key, found)
        return self._entry(key, found)

    async def _folders(self, client: SFTPClient, folder: str) -> None:
        """Nothing, where each part of a path below the root is a folder, and no link to one."""
        parts = folder.split("/") if folder else []
        paths = ["/".join(parts[: at + 1]) for at in range(len(parts))]
        for key, found in zip(
            paths, await asyncio.gather(*(client.lstat(self._path(one)) for one in paths)), strict=True
        ):
            if found.type != _FOLDER:
                raise self._no_file(key, found)

    def _no_file(self, key: str, found: SFTPAttrs) -> CollectionFailed:
        where = f"{self.url}/{key}"
        if found.type == _LINK:
            return CollectionFailed(f"{where}: it is a link, and none is followed: put there what it leads to")
        return Missing(f"{where}: it is no file, or no folder")

    def _entry(self, key: str, told: SFTPAttrs) -> Entry:
        if told.size is None or told.mtime is None:
            raise CollectionFailed(
                f"{self.url}/{key}: the server does not tell its size and time: nothing can be pinned"
            )
        return Entry(key, told.size, f"{told.size}-{told.mtime}", datetime.fromtimestamp(told.mtime, UTC))

    def _path(self, key: str) -> str:
        return f"{self._root.rstrip('/')}/{key}" if key else self._root

    def _checked(self, key: str) -> str:
        if _ODD & set(key.split("/")) or "\0" in key:
            raise CollectionFailed(f"{self.url}: {key[:200]!r} is not the name of a file in this folder")
        return key

    def _ask(self, api: str, key: str, work: Callable[[SFTPClient], Awaitable[T]], *, again: bool = True) -> T:
        self._context.check_deadline()
        self._context.meter.call(api)
        return self._session.ask(work, f"{self.url}/{key}".rstrip("/"), "read", again=again)


def open_sftp(address: Address, context: Context, ask: Callable[[], Credentials] | None) -> SftpStore:
    """The store at an address of SFTP."""
    need("asyncssh")
    if ask is None:
        raise Denied(f"{address.url}: an SFTP server wants a login: set password or private_key")
    return SftpStore(address, context, ask)
