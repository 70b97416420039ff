"""Bills in FOCUS from Cloud Storage: a local one that speaks its XML API, by keys and tokens of service accounts."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from agents.core.bills.kept_store import _RETRIES
from agents.core.bills.ranges import BLOCK, HEAD
from agents.core.bills.stores import Changed, Missing, ObjectStore, ServiceAccount, open_store
from agents.core.context import Shared
from agents.core.meter import Meter
from agents.testing.collecting import check_collection
from emulators.gcp import LocalGcp
from telemetry.deliveries import Delivery, DeliveryState
from telemetry.errors import Denied, Throttled, Unavailable
from telemetry.settings import Settings
from telemetry.target import Target, Window
from tests.support import gcp as gcps
from tests.support.azure_exports import encoded, focus_row
from tests.support.bills import context
from tests.support.collecting import Collected, collect
from workers.bill_access import reader_of
from workers.bill_import import Import, _records

_NOVEMBER = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
_ROW = focus_row("2026-11-02", "1.5", BillingCurrency="USD")


@pytest.fixture(scope="module")
def standing() -> Iterator[LocalGcp]:
    with gcps.standing_gcp() as running:
        yield running


@pytest.fixture
def gcp(standing: LocalGcp) -> Iterator[LocalGcp]:
    yield standing
    standing.faults.clear()
    standing.storage.page = 1000


@pytest.fixture
def store(gcp: LocalGcp) -> ObjectStore:
    key = ServiceAccount(gcps.key_file(gcp).read_text())
    return open_store("gs://bills/p", context(), credentials=lambda: key, endpoint=gcp.endpoints["storage"])


def _shared(gcp: LocalGcp, url: str, **source: Any) -> Shared:
    given = {"name": "main", "url": url, "endpoint": gcp.endpoints["storage"], **source}
    settings = Settings.model_validate({"focus": {"sources": [given]}})
    # Files are as old as the local cloud's clock: they are settled in two hours.
    return Shared(settings, now=lambda: gcps.NOW + timedelta(hours=2))


def _look(shared: Shared) -> Collected:
    hour = Window(_NOVEMBER.start, _NOVEMBER.start + timedelta(hours=1))
    return collect(shared, "focus/default/main/deliveries", hour)


def _deliveries(found: Collected) -> list[Delivery]:
    assert found.error is None, found.error
    return [one for batch in found.batches for one in batch.deliveries]


@pytest.mark.parametrize("form", ["csv.gz", "parquet"])
def test_a_bucket_by_the_key_of_a_service_account(gcp: LocalGcp, form: Any) -> None:
    gcp.buckets.put("bills", f"{form}/focus data/2026-11/part 1+2.{form}", encoded([_ROW], list(_ROW), form))
    shared = _shared(gcp, f"gs://bills/{form}/focus data", credentials_file=str(gcps.key_file(gcp)))
    (seen,) = [one for one in _deliveries(_look(shared)) if one.state is DeliveryState.SEEN]
    found = collect(shared, "focus/default/main/files", _NOVEMBER)
    check_collection(found)
    (proof,) = _deliveries(found)
    assert (proof.version, proof.totals) == (seen.version, {"USD": Decimal("1.5")})
    assert set(found.calls) == {"storage.objects.list", "storage.objects.get"}


def test_a_listing_by_pages_and_a_file_by_ranges(gcp: LocalGcp, store: ObjectStore) -> None:
    gcp.storage.page = 2
    body = bytes(range(256)) * ((BLOCK + 2 * HEAD) // 256)
    for number in range(5):
        gcp.buckets.put("bills", f"p/{number} ü&<.bin", body)
    entries = {entry.key: entry for entry in store.list("p")}
    assert entries.keys() == {f"p/{number} ü&<.bin" for number in range(5)}
    entry = entries["p/3 ü&<.bin"]
    assert store.head(entry.key) == entry
    with store.open(entry) as file:
        assert file.read() == body
        file.seek(HEAD - 1)
        assert file.read(2) == body[HEAD - 1 : HEAD + 1]
    with pytest.raises(Missing, match="there is no such file"):
        store.read("p/none")


def test_a_file_that_is_replaced_while_it_is_read(gcp: LocalGcp, store: ObjectStore) -> None:
    gcp.buckets.put("bills", "p/replaced.csv", b"a" * (HEAD + 10))
    entry = store.head("p/replaced.csv")
    with store.open(entry) as file:
        assert file.read(10) == b"a" * 10
        gcp.buckets.put("bills", "p/replaced.csv", b"b" * (HEAD + 10))
        with pytest.raises(Changed, match="replaced while it was read"):
            file.read()


@pytest.mark.parametrize(
    ("fault", "raised", "said"),
    [
        ({"kind": "deny", "permission": "storage.objects.get"}, Denied, "storage.objects.get is refused"),
        ({"kind": "expired_key"}, Denied, "is refused"),
        ({"kind": "throttle"}, Throttled, "asks to slow down"),
        ({"kind": "internal"}, Unavailable, "fails with status 500"),
    ],
    ids=lambda one: str(one["kind"]) if isinstance(one, dict) else "",
)
def test_what_google_refuses_is_said_in_words(
    gcp: LocalGcp, monkeypatch: pytest.MonkeyPatch, fault: dict[str, Any], raised: type[Exception], said: str
) -> None:
    monkeypatch.setitem(_RETRIES, "max_retries", 0)
    key = ServiceAccount(gcps.key_file(gcp).read_text())
    opened = open_store("gs://bills", context(), credentials=lambda: key, endpoint=gcp.endpoints["storage"])
    gcp.buckets.put("bills", "a", b"x")
    gcp.faults.inject(**fault)
    with pytest.raises(raised, match=said) as found:
        opened.read("a")
    assert "PRIVATE KEY" not in str(found.value)
    assert "Bearer" not in str(found.value)


def test_a_bucket_that_may_not_be_read_is_a_gap(gcp: LocalGcp) -> None:
    gcp.buckets.put("bills", "gap/2026-11/a.csv", b"")
    gcp.faults.deny("storage.objects.list")
    found = _look(_shared(gcp, "gs://bills/gap", credentials_file=str(gcps.key_file(gcp))))
    (missing,) = _deliveries(found)
    assert missing.state is DeliveryState.MISSING
    assert found.report.permission == "storage.objects.list"


def test_an_account_of_google_reads_a_bill_that_a_person_brings(gcp: LocalGcp) -> None:
    gcp.buckets.put("bills", "brought/a.csv", encoded([_ROW], list(_ROW), "csv"))
    target = Target("gcp", "default", "import", reader_of("gcp").name)
    asked = Import(("gs://bills/brought/a.csv",), target, _NOVEMBER)
    *_, last = _records(gcps.settings(gcp), asked, gcps.NOW, Meter())
    assert isinstance(last, Delivery)
    assert last.totals == {"USD": Decimal("1.5")}
    gcp.faults.inject("expired_key")
    with pytest.raises(Denied, match=r"gcp|gs://"):
        next(_records(gcps.settings(gcp), asked, gcps.NOW, Meter()))
