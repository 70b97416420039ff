"""Object stores: lists by pages, and range reads that notice where a file was replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

from agents.core.bills.entry import Entry
from agents.core.bills.kept_store import MAX_MANIFEST, open_kept
from agents.core.bills.sftp_store import open_sftp
from agents.core.bills.store_addresses import parse_address
from agents.core.bills.store_credentials import AccountKey, Credentials, Keys, Login, Sas, ServiceAccount, Token
from agents.core.bills.store_errors import Changed, Missing
from agents.core.bills.store_kinds import SFTP
from agents.core.context import Context

__all__ = [
    "MAX_MANIFEST", "AccountKey", "Changed", "Credentials", "Entry", "Keys", "Login", "Missing", "ObjectStore", "Sas",
    "ServiceAccount", "Token", "open_store",
]  # fmt: skip


class ObjectStore(Protocol):
    """One bucket, container or folder, with its credentials inside. Safe to share between threads.

    Every method raises telemetry.errors.CollectionError and its kinds, nothing else. Requests are counted
    (``context.meter``), and none goes out past the collection's deadline.
    """

    @property
    def url(self) -> str:
        """Where it is, without credentials: for messages."""

    @property
    def prefix(self) -> str:
        """The path of the URL inside the bucket, without a slash at its ends; of a folder (SFTP, too) always empty."""

    def list(self, prefix: str) -> Iterator[Entry]:
        """The files whose key begins with ``prefix``, by pages, in no certain order.

        ``prefix`` is of whole folders (``a/b``, with or without a slash at its end), from the top of the bucket.
        """

    def head(self, key: str) -> Entry:
        """The file of that key as it is now; Missing where there is none."""

    def read(self, key: str) -> tuple[bytes, Entry]:
        """A small file at once, a manifest, and what it was; CollectionFailed past MAX_MANIFEST, Missing."""

    def open(self, entry: Entry) -> BinaryIO:
        """The file, to be read by ranges with a read-ahead, and to be closed. It can seek.

        A read raises Changed where the file is no longer the one of ``entry``, and CollectionFailed where it ends
        before its size.
        """

    def close(self) -> None:
        """Give back what it holds."""


def open_store(
    url: str,
    context: Context,
    *,
    credentials: Callable[[], Credentials] | None = None,
    region: str = "",
    endpoint: str = "",
    path_style: bool = False,
    ca_file: str = "",
) -> ObjectStore:
    """The store that a URL names.

    Args:
        url: ``s3://bucket/prefix``, ``https://account.blob.core.windows.net/container/prefix``, ``gs://bucket/prefix``,
            ``sftp://user@host:22/folder`` (``/~/folder`` for one in the user's home), ``file:///folder``.
        context: counts the requests, and says when time is up.
        credentials: is called for credentials, and again when they are about to expire. None: none are sent.
        region: of a bucket of S3; needed where it is not us-east-1.
        endpoint: instead of the provider's own: a private link, OCI, MinIO, azurite. Plaintext for loopback only.
        path_style: the bucket in the path, not in the host's name; always so where there is an endpoint.
        ca_file: certificates of authorities to trust besides the usual ones.

    Raises:
        CollectionFailed: in words, where the URL is none of these, or the extra ``bills`` is not installed.
    """
    address = parse_address(url, endpoint)
    if address.kind is SFTP:
        return open_sftp(address, context, credentials)
    return open_kept(address, context, credentials, region=region, path_style=path_style, ca=ca_file)
