"""The exports of ``azure.bill_exports``: where they are written, who reads them, and what is there at the moment."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from agents.azure.bill_manifests import NAME, Manifest, NoMonth, current, parse_manifest
from agents.azure.calls import AzureCalls
from agents.azure.session import section_of
from agents.azure.settings import AzureSettings, BillExport
from agents.core.bill_months import first_month
from agents.core.bills.entry import Entry
from agents.core.bills.pinned import Pinned, PinnedFile, check_submitted, file_kind
from agents.core.bills.remembered import Remembered
from agents.core.bills.store_addresses import Address, parse_address
from agents.core.bills.stores import Missing, ObjectStore, Token, open_store
from agents.core.context import Context, Shared
from agents.core.estimating import Estimate
from telemetry.errors import CollectionFailed
from telemetry.settings.exports import exports_of
from telemetry.settings.providers import Account, ProviderSettings
from telemetry.target import Target, Window

LIST, GET = "blob:ListBlobs", "blob:GetBlob"

_STORAGE = re.compile(
    r"https://[a-z0-9]{3,24}\.(?:blob|dfs)\.core\.(?:windows\.net|chinacloudapi\.cn|usgovcloudapi\.net)/"
)


@dataclass(frozen=True)
class Found:
    """What there is of an export."""

    #: By month the manifest that counts.
    months: dict[Window, Manifest]
    #: Every file below the URL, by its key.
    entries: dict[str, Entry]


class NotYet(CollectionFailed):
    """A manifest names a file that is not there: another attempt may find it, or a newer manifest."""

    transient = True


def export_names(section: ProviderSettings, account: Account) -> tuple[str, ...]:
    """The names of the exports that an account reads."""
    if not isinstance(section, AzureSettings):
        return ()
    return tuple(entry.name for entry in exports_of(account.name, section.bill_exports, section.accounts))


def export_of(shared: Shared, target: Target) -> BillExport:
    """The export that a target names; CollectionFailed where this worker's configuration has none of that name."""
    found = next((entry for entry in section_of(shared).bill_exports if entry.name == target.region), None)
    if found is None:
        raise CollectionFailed(f"{target}: azure.bill_exports of this worker has no export of that name: add it")
    return found


def open_export(context: Context, export: BillExport) -> ObjectStore:
    """Its container, with a token of the account."""
    return open_container(context, export.url)


def is_container(url: str) -> bool:
    """Whether a URL is of a storage account of Azure's: a token goes to no other address."""
    return _STORAGE.match(url) is not None


def open_container(context: Context, url: str) -> ObjectStore:
    """A container, with a token of the account."""
    section, calls = section_of(context.shared), AzureCalls(context)

    def token() -> Token:
        found = calls.storage_token()
        return Token(found.token, datetime.fromtimestamp(found.expires_on, UTC))

    endpoint, ca_file = section.endpoints.get("storage", ""), section.ca_file or ""
    return open_store(url, context, credentials=token, endpoint=endpoint, ca_file=ca_file)


def look(context: Context, store: ObjectStore, export: BillExport) -> Found:
    """What there is of an export at the moment: every manifest below its URL, wherever it lies."""
    entries = {entry.key: entry for entry in store.list(store.prefix)}
    since = first_month(context.shared.now()).start
    with Remembered[Manifest | None](context.shared, "manifests", f"{store.url}/{store.prefix}") as remembered:
        found = (_manifest(context, store, remembered, entry) for entry in entries.values() if _is_manifest(entry))
        manifests = [one for one in found if one is not None]
    own = [one for one in _chosen(manifests, export) if one.month.start >= since]
    return Found(current(own), entries)


def _is_manifest(entry: Entry) -> bool:
    return entry.key.rpartition("/")[2].lower() == NAME


def _manifest(
    context: Context, store: ObjectStore, remembered: Remembered[Manifest | None], entry: Entry
) -> Manifest | None:
    """What it says; None where it is of no bill, or cannot be read: those of other runs can be all the same."""
    try:
        manifest = remembered.get(entry, partial(_text, store, entry), partial(parse_manifest, entry.key))
        check_submitted(entry.key, None if manifest is None else manifest.submitted, context.shared.now())
    except NoMonth as error:
        context.partial("what they deliver", str(error), of="manifests")
    except CollectionFailed as error:
        if error.transient:
            raise
        context.meter.refused("what they deliver", error, of="manifests")
    else:
        return manifest
    return None


def pin(found: Found, manifest: Manifest) -> Pinned:
    """The files of a manifest, as they are now; NotYet where one is not there."""
    files = []
    for blob in manifest.blobs:
        entry = found.entries.get(blob.name)
        if entry is None:
            raise NotYet(f"{manifest.key}: {blob.name}: the manifest names this file, and it is not there")
        try:
            form, compression = file_kind(blob.name)
        except ValueError as error:
            raise CollectionFailed(str(error)) from None
        # Azure does not say whether its count is of the bytes before or after they are compressed.
        size = blob.bytes if form == "csv" and compression == "none" and not manifest.compressed else None
        files.append(PinnedFile(entry=entry, format=form, compression=compression, rows=blob.rows, bytes=size))
    return Pinned(version=manifest.version, files=tuple(files), submitted_at=manifest.submitted, rows=manifest.rows)


def address_of(section: ProviderSettings, part: str) -> Address | None:
    """Where an export is; None where there is none of that name."""
    exports = section.bill_exports if isinstance(section, AzureSettings) else ()
    return next((parse_address(one.url) for one in exports if one.name == part), None)


def estimate(gets: int, more: str) -> Estimate:
    """A list of the container, and some files; what Azure takes for them depends on the account's region and kind."""
    return Estimate({LIST: 1, GET: gets} if gets else {LIST: 1}, None, more)


def _text(store: ObjectStore, entry: Entry) -> bytes:
    try:
        return store.read(entry.key)[0]
    except Missing as error:
        raise NotYet(str(error)) from None


def _chosen(manifests: Iterable[Manifest], export: BillExport) -> list[Manifest]:
    """Those of the one export that is meant; CollectionFailed where there are several, and it is not clear which."""
    by_export: dict[tuple[str, str], list[Manifest]] = {}
    for one in manifests:
        by_export.setdefault(one.identity, []).append(one)
    meant = list(by_export.values())
    if export.export or len(meant) > 1:
        wanted = (export.export or export.url.rstrip("/").rpartition("/")[2]).lower()
        meant = [found for (_, name), found in by_export.items() if name == wanted]
    if len(meant) > 1 or (by_export and not meant and not export.export):
        there = ", ".join(sorted({found[0].export for found in by_export.values()}))
        raise CollectionFailed(
            f"{export.url}: several exports write there: {there}, of {len({scope for scope, _ in by_export})} scopes: "
            "set export to the name of one, or give each a folder of its own"
        )
    return meant[0] if meant else []
