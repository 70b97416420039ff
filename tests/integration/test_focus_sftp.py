"""Bills in FOCUS from an SFTP server: a real one, of asyncssh, over a folder."""

import os
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from agents.core.bills.ranges import BLOCK, HEAD
from agents.core.bills.stores import Changed, Entry, Login, Missing, ObjectStore, Token, open_store
from agents.core.context import Shared
from agents.testing.collecting import check_collection
from telemetry.deliveries import Delivery, DeliveryState
from telemetry.errors import CollectionFailed, DeadlineReached, Denied, Unavailable
from telemetry.settings import Settings
from telemetry.target import Window
from tests.support.azure_exports import encoded, focus_row
from tests.support.bills import context
from tests.support.collecting import Collected, collect
from tests.support.sftp import PASSWORD, USER, Sftp, running_sftp

_NOVEMBER = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
_ROW = focus_row("2026-11-02", "1.5", BillingCurrency="USD")
_OTHER_KEY = "SHA256:" + "A" * 43


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sftp]:
    with running_sftp(tmp_path_factory.mktemp("sftp")) as running:
        yield running


@pytest.fixture
def sftp(standing: Sftp, tmp_path: Path) -> Iterator[Sftp]:
    """The server, over a folder of the test's own."""
    standing.folder = tmp_path
    yield standing
    standing.before = None
    standing.cut()


@pytest.fixture
def store(sftp: Sftp) -> Iterator[ObjectStore]:
    opened = open_store(f"{sftp.url}/bills", context(), credentials=lambda: _login(sftp))
    yield opened
    opened.close()


def _login(sftp: Sftp) -> Login:
    return Login(password=PASSWORD, fingerprint=sftp.fingerprint)


def _put(sftp: Sftp, key: str, body: bytes) -> Path:
    path = sftp.folder / "bills" / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return path


def _shared(sftp: Sftp, **source: Any) -> Shared:
    # Files are as old as the test: they are settled in two hours.
    now = datetime.now(UTC) + timedelta(hours=2)
    given = {"name": "main", "url": f"{sftp.url}/bills", **source}
    return Shared(Settings.model_validate({"focus": {"sources": [given]}}), now=lambda: now)


def _look(shared: Shared) -> Collected:
    hour = Window(_NOVEMBER.start, _NOVEMBER.start + timedelta(hours=1))
    return collect(shared, "focus/default/main/deliveries", hour)


def _read(shared: Shared) -> Collected:
    return collect(shared, "focus/default/main/files", _NOVEMBER)


def _deliveries(found: Collected) -> list[Delivery]:
    assert found.error is None, found.error
    return [one for batch in found.batches for one in batch.deliveries]


@pytest.mark.parametrize(
    ("form", "by"), [("csv.gz", "password"), ("parquet", "private_key"), ("csv", "files")], ids=str
)
def test_a_bill_by_each_kind_of_login(sftp: Sftp, form: Any, by: str) -> None:
    _put(sftp, f"2026-11/part.{form}", encoded([_ROW], list(_ROW), form))
    key, hosts = sftp.folder / "key", sftp.folder / "hosts"
    key.write_text(sftp.private_key)
    hosts.write_text(sftp.known_hosts)
    shared = _shared(
        sftp,
        **{
            "password": {"password": PASSWORD, "fingerprint": sftp.fingerprint},
            "private_key": {"private_key": sftp.private_key, "known_hosts": sftp.known_hosts},
            "files": {"private_key_file": str(key), "known_hosts_file": str(hosts)},
        }[by],
    )
    (seen,) = [one for one in _deliveries(_look(shared)) if one.state is DeliveryState.SEEN]
    found = _read(shared)
    check_collection(found)
    (proof,) = _deliveries(found)
    assert (proof.version, proof.totals) == (seen.version, {"USD": Decimal("1.5")})
    assert set(found.calls) == {"sftp.list", "sftp.read"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"password": "canary/wrong"}, "the login is refused"),
        ({"fingerprint": _OTHER_KEY}, "the server is not the one that is trusted: its key has the fingerprint SHA256:"),
        ({"fingerprint": None, "known_hosts": "elsewhere ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA=="}, "known_hosts"),
        ({"password": None, "private_key": "canary/no key"}, "private_key: it cannot be read"),
        ({"password": None, "private_key_file": "/no/such/key"}, "private_key_file /no/such/key: it cannot be read"),
    ],
    ids=["password", "host key", "known_hosts", "private_key", "private_key_file"],
)
def test_a_refusal_is_a_gap_that_names_the_remedy(sftp: Sftp, changes: dict[str, Any], said: str) -> None:
    _put(sftp, "2026-11/part.csv", b"")
    given = {"password": PASSWORD, "fingerprint": sftp.fingerprint, **changes}
    found = _look(_shared(sftp, **{name: value for name, value in given.items() if value is not None}))
    told = str(found.error) if found.error else _deliveries(found)[0].reason
    assert said in told
    assert "canary" not in f"{told}{found.report}"


def test_another_server_in_its_place_gets_no_password(sftp: Sftp) -> None:
    with running_sftp(sftp.folder) as other:
        taken: list[str] = []
        other.before = taken.append
        url = f"sftp://{USER}@127.0.0.1:{other.port}/bills"
        opened = open_store(url, context(), credentials=lambda: _login(sftp))
        with pytest.raises(Denied, match=re.escape(f"its key has the fingerprint {other.fingerprint[:20]}")) as found:
            list(opened.list(""))
        opened.close()
    assert PASSWORD not in f"{found.value!r}{opened!r}{_login(sftp)!r}"
    assert not taken


def test_a_listing_and_a_file_by_ranges(sftp: Sftp, store: ObjectStore) -> None:
    body = bytes(range(256)) * ((2 * BLOCK + HEAD) // 256 + 1)
    _put(sftp, "a/b/big file=1+2.bin", body)
    _put(sftp, "a/small", b"x")
    _put(sftp, "other/small", b"x")
    found = {entry.key: entry for entry in store.list("a")}
    assert found.keys() == {"a/b/big file=1+2.bin", "a/small"}
    assert list(store.list("nothing/here")) == []
    entry = found["a/b/big file=1+2.bin"]
    with store.open(entry) as file:
        assert file.read() == body
        file.seek(HEAD - 1)
        assert file.read(2) == body[HEAD - 1 : HEAD + 1]
    assert store.read("a/small") == (b"x", store.head("a/small"))
    with pytest.raises(Missing, match="there is no such file"):
        store.read("a/none")


def test_more_files_than_a_page_has(sftp: Sftp, store: ObjectStore) -> None:
    for number in range(1001):
        _put(sftp, f"many/{number:04}", b"")
    assert sorted(entry.key for entry in store.list("")) == [f"many/{number:04}" for number in range(1001)]


@pytest.mark.parametrize("how", ["in place", "renamed", "deleted"])
def test_a_file_that_is_replaced_while_it_is_read(sftp: Sftp, store: ObjectStore, how: str) -> None:
    path = _put(sftp, "a.csv", b"a" * (HEAD + 10))
    os.utime(path, (1_700_000_000,) * 2)
    (entry,) = store.list("")
    with store.open(entry) as file:
        assert file.read(10) == b"a" * 10
        if how == "deleted":
            path.unlink()
        else:
            new = path if how == "in place" else path.with_suffix(".new")
            new.write_bytes(b"b" * (HEAD + 10))
            new.replace(path)
        with pytest.raises(Missing if how == "deleted" else Changed, match=r"while it was read|no such file"):
            file.read()


def test_a_file_that_is_replaced_between_two_checks_of_one_range(sftp: Sftp, store: ObjectStore) -> None:
    path = _put(sftp, "a.csv", b"a" * 100)
    os.utime(path, (1_700_000_000,) * 2)
    (entry,) = store.list("")

    def replace(_name: str) -> None:
        path.write_bytes(b"b" * 100)

    sftp.before = replace
    with store.open(entry) as file, pytest.raises(Changed, match="replaced while it was read"):
        file.read()


def test_a_connection_that_is_cut_is_made_again_and_one_that_is_cut_again_is_an_outage(
    sftp: Sftp, store: ObjectStore
) -> None:
    _put(sftp, "a.csv", b"a" * 100)
    (entry,) = store.list("")
    cuts = [1]
    sftp.before = lambda _name: sftp.cut() if cuts and cuts.pop() else None
    with store.open(entry) as file:
        assert file.read() == b"a" * 100
    sftp.before = lambda _name: sftp.cut()
    with store.open(entry) as file, pytest.raises(Unavailable, match="the server cannot be reached, or broke off"):
        file.read()


def test_no_link_and_no_key_leads_out_of_the_folder(sftp: Sftp, store: ObjectStore) -> None:
    outside = sftp.folder / "outside"
    outside.mkdir()
    (outside / "secret.csv").write_bytes(b"secret")
    _put(sftp, "inside.csv", b"x")
    (sftp.folder / "bills" / "link.csv").symlink_to(outside / "secret.csv")
    (sftp.folder / "bills" / "folder").symlink_to(outside)
    assert [entry.key for entry in store.list("")] == ["inside.csv"]
    for key, said in (
        ("link.csv", "it is a link, and none is followed"),
        ("folder/secret.csv", "it is a link, and none is followed"),
        ("../outside/secret.csv", "is not the name of a file in this folder"),
        ("/etc/passwd", "is not the name of a file in this folder"),
    ):
        with pytest.raises(CollectionFailed, match=said):
            store.read(key)
        with pytest.raises(CollectionFailed, match=said), store.open(Entry(key, 6, "")) as file:
            file.read()
    with pytest.raises(CollectionFailed, match="it is a link"):
        list(store.list("folder"))


def test_a_folder_that_may_not_be_read_or_is_not_there(sftp: Sftp) -> None:
    def refuse(_name: str) -> None:
        raise asyncssh.SFTPPermissionDenied("canary of the server")

    _put(sftp, "a.csv", b"x")
    sftp.before = refuse
    opened = open_store(f"{sftp.url}/bills", context(), credentials=lambda: _login(sftp))
    with pytest.raises(Denied, match=r"bills/a\.csv: read is refused") as found:
        opened.read("a.csv")
    opened.close()
    assert "canary" not in str(found.value)
    absent = open_store(f"{sftp.url}/absent", context(), credentials=lambda: _login(sftp))
    with pytest.raises(Missing, match="there is no such file or folder"):
        list(absent.list(""))
    absent.close()


def test_a_server_that_hangs_is_given_up_at_the_deadline(sftp: Sftp) -> None:
    _put(sftp, "a.csv", b"x")
    answer = threading.Event()

    def hang(_name: str) -> None:
        answer.wait(20)

    opened = open_store(f"{sftp.url}/bills", context(seconds=0.7), credentials=lambda: _login(sftp))
    opened.head("a.csv")
    sftp.before = hang
    try:
        with pytest.raises(DeadlineReached):
            opened.read("a.csv")
        opened.close()
    finally:
        answer.set()


def test_nothing_is_asked_past_the_deadline_and_nothing_hangs(sftp: Sftp) -> None:
    late = open_store(f"{sftp.url}/bills", context(seconds=-1), credentials=lambda: _login(sftp))
    with pytest.raises(DeadlineReached):
        late.read("x")
    late.close()
    with pytest.raises(CollectionFailed, match="Token are no credentials of this store"):
        open_store(sftp.url, context(), credentials=lambda: Token("t")).head("x")
    away = open_store(f"sftp://{USER}@127.0.0.1:1/x", context(), credentials=lambda: _login(sftp))
    with pytest.raises(Unavailable, match="cannot be reached"):
        away.head("x")
    away.close()
