"""What a URL of a store says, and whether it may be asked at all."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

import msgspec

from agents.core.bills.store_kinds import AWS, AZURE, FOLDER, FREE, GOOGLE, S3, SFTP, Kind, Prices
from telemetry.errors import CollectionFailed
from telemetry.settings.fields import is_loopback

FORMS = (
    "s3://bucket/prefix, https://account.blob.core.windows.net/container/prefix, gs://bucket/prefix, "
    "sftp://user@host/folder or file:///folder"
)
_AZURE_PARTS = 2
"""At an endpoint of one's own: account and container."""


class Address(msgspec.Struct, frozen=True):
    """Where a store is."""

    kind: Kind
    #: Bucket or container; of a folder its path.
    bucket: str
    prefix: str = ""
    #: Of Azure; of SFTP the user.
    account: str = ""
    #: Where it is asked, if not at the provider's own address; of SFTP host and port.
    endpoint: str = ""

    @property
    def url(self) -> str:
        """For messages."""
        if self.kind is FOLDER:
            return f"file://{self.bucket}"
        if self.kind is SFTP:
            return f"sftp://{self.account}@{self.endpoint}{self.bucket}"
        account = f"{self.account}/" if self.account else ""
        return f"{self.kind.name}://{account}{self.bucket}"

    @property
    def prices(self) -> Prices | None:
        """What a request costs; None: nobody has published it, or it depends on what a URL does not tell."""
        if self.kind in {FOLDER, SFTP}:
            return FREE
        return AWS if self.kind is S3 and not self.endpoint else None


def parse_address(url: str, endpoint: str = "") -> Address:
    """What ``url`` names; CollectionFailed says what may be written."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise _wrong(url) from None
    user, sent, server = parts.netloc.rpartition("@") if parts.scheme == "sftp" else ("", "", parts.netloc)
    if parts.query or parts.fragment or "@" in server or ":" in user:
        raise CollectionFailed("url: it may hold no credentials, query or fragment: give credentials by their options")
    path = unquote(parts.path).strip("/")
    check_endpoint(endpoint)
    if parts.scheme == "file" and not host:
        return Address(FOLDER, unquote(parts.path).rstrip("/") or "/")
    if parts.scheme == "sftp" and sent and user and host:
        return Address(
            SFTP, unquote(parts.path).rstrip("/") or "/", account=unquote(user), endpoint=_server(url, server)
        )
    if parts.scheme in {"s3", "gs"} and parts.netloc:
        return Address(S3 if parts.scheme == "s3" else GOOGLE, parts.netloc, path, endpoint=endpoint)
    if parts.scheme in {"https", "http"} and path:
        return _blob(url, parts.scheme, parts.netloc, path, endpoint)
    raise _wrong(url)


def _blob(url: str, scheme: str, netloc: str, path: str, endpoint: str) -> Address:
    account, _, rest = netloc.partition(".")
    if rest.startswith(("blob.", "dfs.")) and scheme == "https":
        container, _, prefix = path.partition("/")
        own = endpoint or f"https://{account}.blob.{rest.partition('.')[2]}"
        return Address(AZURE, container, prefix, account, own)
    # azurite and the like have the account in the path: http://127.0.0.1:10000/account/container/prefix
    pieces = path.split("/", _AZURE_PARTS)
    if len(pieces) < _AZURE_PARTS:
        raise _wrong(url)
    own = f"{scheme}://{netloc}/{pieces[0]}"
    check_endpoint(own)
    return Address(AZURE, pieces[1], pieces[2] if len(pieces) > _AZURE_PARTS else "", pieces[0], own)


def _server(url: str, server: str) -> str:
    try:
        urlsplit(f"//{server}").port  # noqa: B018 - refuses what is no port
    except ValueError:
        raise _wrong(url) from None
    return server


def check_endpoint(endpoint: str) -> None:
    """CollectionFailed where somebody on the way could read along."""
    if not endpoint:
        return
    try:
        parts = urlsplit(endpoint)
        host = parts.hostname or ""
    except ValueError:
        raise CollectionFailed(f"endpoint: {endpoint[:200]!r}: must be an address such as https://host") from None
    if parts.scheme not in {"https", "http"} or not host:
        raise CollectionFailed(f"endpoint: {endpoint[:200]!r}: must be an address such as https://host")
    if parts.scheme == "http" and not is_loopback(host):
        raise CollectionFailed(
            f"endpoint: {endpoint[:200]!r}: must begin with https://, since it is not on this machine"
        )


def _wrong(url: str) -> CollectionFailed:
    named = re.split(r"[?#]", url, maxsplit=1)[0]
    if "@" in unquote(url):  # a password may hold any of these characters
        named = f"{url.partition('://')[0]}://..."
    return CollectionFailed(f"url: {named[:200]!r}: must be {FORMS}")
