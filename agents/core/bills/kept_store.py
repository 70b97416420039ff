"""Object stores through obstore: its errors in our words, its requests counted (docs/adr/0018-bills.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from agents.core.bills.entry import Entry
from agents.core.bills.libraries import need
from agents.core.bills.ranges import RangeFile
from agents.core.bills.store_addresses import Address
from agents.core.bills.store_credentials import AccountKey, Credentials, Keys, Sas, ServiceAccount, Token
from agents.core.bills.store_errors import Changed, translated
from agents.core.bills.store_kinds import AZURE, FOLDER, GOOGLE, S3
from agents.core.context import Context
from agents.core.foreign import ours
from telemetry.errors import CollectionError, CollectionFailed

if TYPE_CHECKING:
    from obstore.store import ObjectStore as Library

MAX_MANIFEST = 64 * 1024 * 1024
"""Bytes of a file that is read at once."""
_TIMEOUT = timedelta(seconds=60)
_RETRIES = {
    "max_retries": 4,
    "backoff": {"init_backoff": timedelta(milliseconds=200), "max_backoff": timedelta(seconds=5), "base": 2},
    "retry_timeout": timedelta(seconds=60),
}
"""For what is over in a moment. Past them the ledger decides."""


class KeptStore:
    """One bucket, container or folder. See stores.ObjectStore."""

    def __init__(self, address: Address, context: Context, store: Library, credentials: _Provider | None) -> None:
        self._address = address
        self._context = context
        self._store: Library | None = store
        self._credentials = credentials
        self._library = need("obstore")

    def __repr__(self) -> str:
        return f"KeptStore({self.url!r})"

    @property
    def url(self) -> str:
        """Where it is, without credentials."""
        return self._address.url

    @property
    def prefix(self) -> str:
        """The path of the URL inside the bucket."""
        return self._address.prefix

    def list(self, prefix: str) -> Iterator[Entry]:
        """The files below ``prefix``, by pages."""
        kind, where = self._address.kind, f"{self.url}/{prefix}"
        with self._asking(where, kind.list_permission):
            pages = iter(self._library.list(self._store, prefix=prefix.strip("/") or None, chunk_size=kind.page))
        full = True
        while True:
            with self._asking(where, kind.list_permission):
                if full:
                    self._count(kind.list_api, is_list=True)
                page = next(pages, None)
            if page is None:
                return
            full = len(page) >= kind.page
            yield from map(_entry, page)

    def head(self, key: str) -> Entry:
        """The file of that key as it is now."""
        kind = self._address.kind
        with self._asking(f"{self.url}/{key}", kind.read_permission):
            self._count(kind.read_api)
            return _entry(self._library.head(self._store, key))

    def read(self, key: str) -> tuple[bytes, Entry]:
        """A small file at once, and what it was."""
        kind, where = self._address.kind, f"{self.url}/{key}"
        with self._asking(where, kind.read_permission):
            self._count(kind.read_api)
            answer = self._library.get(self._store, key)
            entry = _entry(answer.meta)
            if entry.size > MAX_MANIFEST:
                raise CollectionFailed(f"{where}: {entry.size} bytes are too many for a manifest")
            body = bytes(answer.bytes())
        if len(body) != entry.size:
            raise CollectionFailed(f"{where}: {len(body)} bytes came of {entry.size}")
        return body, entry

    def open(self, entry: Entry) -> BinaryIO:
        """The file, by ranges."""
        return cast("BinaryIO", RangeFile(lambda start, end: self._fetch(entry, start, end), entry.size))

    def close(self) -> None:
        """Nothing is held but connections, which end with the last reference."""
        self._store = None

    def _fetch(self, entry: Entry, start: int, end: int) -> bytes:
        kind, where = self._address.kind, f"{self.url}/{entry.key}"
        options: dict[str, object] = {"range": (start, end)}
        if entry.etag:
            options["if_match"] = entry.etag
        with self._asking(where, kind.read_permission):
            self._count(kind.read_api)
            answer = self._library.get(self._store, entry.key, options=options)
            size, etag = answer.meta["size"], answer.meta["e_tag"] or ""
            # A store that knows no If-Match answers all the same.
            if size != entry.size or (entry.etag and etag and _bare(etag) != _bare(entry.etag)):
                raise Changed(f"{where}: the file was replaced while it was read")
            body = bytes(answer.bytes())
        if len(body) != end - start:
            raise CollectionFailed(f"{where}: {len(body)} bytes came of {end - start}, from byte {start} on")
        return body

    def _count(self, api: str, *, is_list: bool = False) -> None:
        self._context.check_deadline()
        prices = self._address.prices
        self._context.meter.call_at(api, None if prices is None else prices.list if is_list else prices.read)

    @contextmanager
    def _asking(self, where: str, permission: str) -> Iterator[None]:
        """Raise our errors for the library's."""
        kind = self._address.kind
        try:
            yield
        except CollectionError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it raises is about this request
            if self._credentials is not None and (failure := self._credentials.failure) is not None:
                raise failure from None
            found = translated(error, kind, where, permission)
            if found.code == "throttled":
                self._context.meter.throttle(kind.read_api if permission == kind.read_permission else kind.list_api)
            raise found from None


def _entry(meta: Any) -> Entry:
    return Entry(meta["path"], meta["size"], meta["e_tag"] or "", meta["last_modified"])


def _bare(etag: str) -> str:
    return etag.removeprefix("W/").strip('"')


class _Provider:
    """Gives the library credentials in its own form, and keeps what our callable raised."""

    def __init__(self, ask: Callable[[], Credentials], address: Address) -> None:
        self._ask = ask
        self._address = address
        self.failure: CollectionError | None = None

    def __call__(self) -> dict[str, object]:
        """Credentials, as the library wants them."""
        try:
            found = self._ask()
            self.failure = None
        except Exception as error:  # noqa: BLE001 - theirs may raise anything
            self.failure = ours(error)
            raise self.failure from None
        match found:
            case Keys() if self._address.kind is S3:
                keys: dict[str, object] = {
                    "access_key_id": found.access_key_id,
                    "secret_access_key": found.secret_access_key,
                    "expires_at": found.expires_at,
                }
                return keys | ({"token": found.session_token} if found.session_token else {})
            case Token() if self._address.kind in {AZURE, GOOGLE}:
                return {"token": found.token, "expires_at": found.expires_at}
            case AccountKey() if self._address.kind is AZURE:
                return {"access_key": found.key, "expires_at": None}
            case Sas() if self._address.kind is AZURE:
                return {"sas_token": found.query.lstrip("?"), "expires_at": None}
        self.failure = CollectionFailed(f"{self._address.url}: {type(found).__name__} are no credentials of this store")
        raise self.failure


def open_kept(
    address: Address, context: Context, ask: Callable[[], Credentials] | None, *, region: str, path_style: bool, ca: str
) -> KeptStore:
    """The store at an address."""
    library = need("obstore.store")
    if address.kind is FOLDER:
        if not Path(address.bucket).is_dir():
            raise CollectionFailed(f"url: file://{address.bucket}: there is no such folder on this worker")
        return KeptStore(address, context, library.LocalStore(prefix=Path(address.bucket)), None)
    client: dict[str, object] = {
        "timeout": _TIMEOUT,
        "allow_http": address.endpoint.startswith("http://"),
        "user_agent": "finfleet",
    }
    if ca:
        try:
            client["root_certificate"] = Path(ca).read_bytes()
        except OSError as error:
            raise CollectionFailed(f"ca_file: {ca}: {error.strerror}: it must be certificates in PEM") from None
    options: dict[str, object] = {"client_options": client, "retry_config": _RETRIES}
    provider = None
    if ask is None:
        options["skip_signature"] = True
    elif address.kind is GOOGLE and isinstance(found := ask(), ServiceAccount):
        options["service_account_key"] = found.key
    else:
        provider = _Provider(ask, address)
        options["credential_provider"] = provider
    options |= _options_of(address, region, path_style=path_style)
    kinds = {S3: library.S3Store, AZURE: library.AzureStore, GOOGLE: library.GCSStore}
    try:
        store = kinds[address.kind](address.bucket, **options)
    except Exception as error:  # noqa: BLE001 - a configuration that it does not take
        raise translated(error, address.kind, address.url, "") from None
    return KeptStore(address, context, store, provider)


def _options_of(address: Address, region: str, *, path_style: bool) -> dict[str, object]:
    if address.kind is S3:
        options: dict[str, object] = {"region": region or "us-east-1"}
        if address.endpoint:
            options["endpoint"] = address.endpoint
        virtual = not (path_style or address.endpoint)
        return options | {"virtual_hosted_style_request": virtual}
    if address.kind is AZURE:
        return {"account_name": address.account, "endpoint": address.endpoint}
    return {"base_url": address.endpoint} if address.endpoint else {}
