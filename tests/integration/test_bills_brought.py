"""Bills that a person brings: in every layout that is read, from several files, by the credentials of accounts."""

import gzip
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agents.core.bill_months import BillService
from agents.core.bills.bill_layouts import BillLayout
from agents.core.bills.layouts import NOTHING, Columns, Layout
from agents.core.meter import Meter
from agents.core.service import Estimate, services
from emulators.aws import LocalAws
from telemetry.costs import CostLine
from telemetry.deliveries import Delivery
from telemetry.errors import CollectionFailed, Denied
from telemetry.settings import Settings
from telemetry.target import Target, Window
from tests.support import aws_bills, ec2
from tests.support.azure_exports import encoded, focus_row
from tests.support.bill_sums import DATA, recorded
from tests.support.local_aws import aws_client
from tests.support.sftp import PASSWORD, Sftp, running_sftp
from workers.bill_access import access_of, context_of, reader_of
from workers.bill_import import Import, _records
from workers.brought_files import url_of

_NOW = datetime(2026, 12, 2, tzinfo=UTC)
_NONE = Settings.model_validate({"generic": {}})
_ROW = focus_row("2026-11-02", "1.5", BillingCurrency="USD")


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with ec2.standing_aws() as running:
        aws_client(running, "s3").create_bucket(Bucket="brought")
        yield running


@pytest.fixture(scope="module")
def sftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sftp]:
    with running_sftp(tmp_path_factory.mktemp("sftp")) as running:
        yield running


def _month(text: str) -> Window:
    start = datetime.fromisoformat(f"{text}-01").replace(tzinfo=UTC)
    return Window(start, (start + timedelta(days=31)).replace(day=1))


def _bring(
    provider: str,
    *files: str | Path,
    month: str = "2026-11",
    settings: Settings = _NONE,
    account: str = "default",
    **more: Any,
) -> tuple[list[CostLine], Delivery]:
    target = Target(provider, account, "import", reader_of(provider).name)
    asked = Import(tuple(url_of(str(one)) for one in files), target, _month(month), **more)
    *lines, last = _records(settings, asked, _NOW, Meter())
    assert isinstance(last, Delivery)
    return [one for one in lines if isinstance(one, CostLine)], last


def _usd(found: tuple[list[CostLine], Delivery], column: str = "billed_cost") -> Decimal:
    return sum((getattr(line, column) or Decimal(0) for line in found[0]), Decimal(0))


def _sum(name: str, column: str) -> Decimal:
    return sum((Decimal(row[column] or 0) for row in recorded(name)), Decimal(0))


@pytest.mark.parametrize(
    ("provider", "name", "layout", "column", "field"),
    [
        ("aws", "aws_nise/2026-08.v1", "", "lineItem/UnblendedCost", "billed_cost"),
        ("aws", "focus_toolkit/aws-1.3", "", "BilledCost", "billed_cost"),
        ("azure", "azure_nise/2026-08.v1", "actual", "CostInBillingCurrency", "billed_cost"),
        ("azure", "azure_nise/2026-08.v1", "amortized", "CostInBillingCurrency", "effective_cost"),
        ("azure", "focus_toolkit/azure-1.2", "", "BilledCost", "billed_cost"),
        ("gcp", "focus_toolkit/gcp-1.2", "", "BilledCost", "billed_cost"),
        ("gcp", "gcp_nise/2026-08", "", "cost", "billed_cost"),
    ],
)
def test_a_file_in_a_layout_of_its_provider(provider: str, name: str, layout: str, column: str, field: str) -> None:
    file = f"{name}.csv.gz"
    month = recorded(file)[0].get("BillingPeriodStart", "2026-08")[:7]
    found = _bring(provider, DATA / file, month=month, layout=layout)
    assert (_usd(found, field), found[1].rows_read) == (_sum(file, column), len(recorded(file)))
    assert {line.billing_period_start for line in found[0]} == {_month(month).start}


def test_a_file_of_cur_2_has_rows_of_its_month_alone_and_what_follows_from_its_sums(tmp_path: Path) -> None:
    october = {"bill_billing_period_start_date": "2026-10-01T00:00:00.000Z"}
    fee = {"line_item_line_item_type": "RIFee", "reservation_unused_amortized_upfront_fee_for_billing_period": "3"}
    fee["reservation_unused_recurring_fee"] = "4"
    rows = [aws_bills.line("0.1"), aws_bills.line("0.2"), aws_bills.line("7", **october), aws_bills.line("9", **fee)]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    file = tmp_path / "cur.csv.gz"
    file.write_bytes(aws_bills.chunk(*rows, columns=columns))
    found = _bring("aws", file)
    assert (_usd(found), found[1].rows_read) == (Decimal("9.3"), 4)
    assert {line.effective_cost for line in found[0] if line.charge_type == "RIFee"} == {Decimal(7)}


def test_credits_of_google_are_added_to_the_cost_of_their_row(tmp_path: Path) -> None:
    def row(cost: Any, *granted: Any, month: str = "202611") -> dict[str, Any]:
        return {
            "cost": cost, "currency": "USD", "cost_type": "regular", "credits": [{"amount": one} for one in granted],
            "usage_start_time": "2026-11-02 04:00:00 UTC", "usage_end_time": "2026-11-02 05:00:00 UTC",
            "service": {"id": "6F81", "description": "Compute Engine"}, "sku": {"id": "A", "description": "Core"},
            "invoice": {"month": month}, "labels": [{"key": "team", "value": "search"}], "project": None,
        }  # fmt: skip

    file = tmp_path / "export.jsonl"
    rows = [
        row(1.5),
        row(2, -0.25, -0.1),
        row(0.5, -0.5),
        row(9, month="202610"),
        row(1.25e-9, -1.2345678901234567e-12),
    ]
    file.write_text("\n".join(map(json.dumps, rows)))
    found = _bring("gcp", file)
    tiny = Decimal("-1.2345678901234567e-12")
    assert (_usd(found), found[1].rows_read) == (Decimal("3.15") + Decimal("1.25e-9") + tiny, 5)
    assert sum(line.amounts.get("x_Credits", 0) or 0 for line in found[0]) == Decimal("-0.85") + tiny
    assert {(line.service_name, line.sku_id, line.charge_category) for line in found[0]} == {
        ("Compute Engine", "A", "Usage")
    }
    assert {line.tags["team"] for line in found[0]} == {"search"}
    for odd in (1e-30, None):
        file.write_text(json.dumps(row(1, odd)))
        with pytest.raises(CollectionFailed, match="these credits cannot be added up"):
            _bring("gcp", file)


def test_what_may_be_in_two_layouts_is_not_guessed(tmp_path: Path) -> None:
    file = DATA / "azure_nise/2026-08.v1.csv.gz"
    with pytest.raises(CollectionFailed, match=r"name one with --layout: actual \(actual cost\), amortized"):
        _bring("azure", file, month="2026-08")
    with pytest.raises(CollectionFailed, match=r"in none of the layouts that are read: cur .*, focus .*InvoiceSection"):
        _bring("aws", file, month="2026-08")
    with pytest.raises(ValueError, match=r"--layout cur2: aws reads no such layout; .*cur"):
        _bring("aws", file, month="2026-08", layout="cur2")
    other = tmp_path / "other.csv"
    other.write_bytes(encoded([_ROW], list(_ROW), "csv"))
    cur = tmp_path / "cur.csv.gz"
    cur.write_bytes(aws_bills.chunk(aws_bills.line("1")))
    with pytest.raises(CollectionFailed, match="some files are in the layout"):
        _bring("aws", other, cur)


def test_several_files_are_one_bill_in_whatever_folders_they_are(tmp_path: Path) -> None:
    files = [tmp_path / "a 1/one.csv", tmp_path / "b%/two.parquet"]
    for file in files:
        file.parent.mkdir()
        file.write_bytes(encoded([_ROW], list(_ROW), "parquet" if file.suffix == ".parquet" else "csv"))
    found = _bring("focus", *files)
    assert (_usd(found), [one.name for one in found[1].files]) == (Decimal(3), ["a 1/one.csv", "b%/two.parquet"])
    (tmp_path / "_SUCCESS").touch()
    assert _usd(_bring("focus", tmp_path)) == 3
    for urls, said in (
        ((files[0], "s3://bucket/x.csv"), "have to be in one bucket, or all of them here"),
        ((files[0], tmp_path / "b%"), "a folder is a bill by itself"),
        ((tmp_path / "none.csv",), "there is no such file"),
    ):
        with pytest.raises(CollectionFailed, match=said):
            _bring("focus", *urls)


def test_a_copy_of_an_export_of_aws_by_its_manifest(tmp_path: Path) -> None:
    for month, cost in (("2026-11", "1"), ("2026-10", "2")):
        begun = {"bill_billing_period_start_date": f"{month}-01T00:00:00.000Z"}
        name = f"data/BILLING_PERIOD={month}/cur-00001.csv.gz"
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(aws_bills.chunk(aws_bills.line(cost, **begun)))
        (tmp_path / f"data/BILLING_PERIOD={month}/stale.csv.gz").write_bytes(gzip.compress(b"stale"))
        told = {"exportName": "cur", "billingPeriod": month, "dataFiles": [f"s3://bucket/exports/cur/{name}"]}
        manifest = tmp_path / f"metadata/BILLING_PERIOD={month}/cur-Manifest.json"
        manifest.parent.mkdir(parents=True)
        manifest.write_text(json.dumps(told))
    assert _usd(_bring("aws", tmp_path)) == 1
    assert _usd(_bring("aws", tmp_path, month="2026-10")) == 2
    with pytest.raises(CollectionFailed, match="it is of 2026-10, 2026-11: name that month with --period"):
        _bring("aws", tmp_path, month="2026-09")
    with pytest.raises(CollectionFailed, match="the manifest names this file, and it is not there: name the folder"):
        _bring("aws", manifest, month="2026-10")


def test_a_manifest_of_azure_says_which_costs_its_files_have(tmp_path: Path) -> None:
    rows = recorded("azure_nise/2026-08.v1.csv.gz")
    (tmp_path / "part.csv").write_bytes(encoded(rows, list(rows[0]), "csv"))
    told: dict[str, Any] = {
        "blobs": [{"blobName": "root/run/part.csv", "dataRowCount": len(rows)}],
        "exportConfig": {"exportName": "daily", "resourceId": "/s/exports/daily", "type": "AmortizedCost"},
        "runInfo": {"startDate": "2026-08-01T00:00:00", "submittedTime": "2026-09-01T08:10:31.7047394Z"},
    }
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps(told))
    found = _bring("azure", manifest, month="2026-08")
    assert {line.billed_cost for line in found[0]} == {None}
    assert _usd(found, "effective_cost") == _sum("azure_nise/2026-08.v1.csv.gz", "CostInBillingCurrency")
    told["blobs"][0]["dataRowCount"] += 1
    manifest.write_text(json.dumps(told))
    with pytest.raises(CollectionFailed, match="that were promised"):
        _bring("azure", tmp_path, month="2026-08")


def _aws_settings(aws: LocalAws) -> Settings:
    return ec2.settings(aws, accounts=[{"name": "payer"}])


def test_an_account_of_the_configuration_reads_a_bucket(aws: LocalAws) -> None:
    for number in (1, 2):
        body = aws_bills.chunk(aws_bills.line(str(number)))
        aws_client(aws, "s3").put_object(Bucket="brought", Key=f"{number}.csv.gz", Body=body)
    settings = _aws_settings(aws)
    urls = ("s3://brought/1.csv.gz", "s3://brought/2.csv.gz")
    assert _usd(_bring("aws", *urls, settings=settings, account="payer")) == 3
    assert _usd(_bring("aws", "s3://brought/", settings=settings, account="payer")) == 3
    assert _usd(_bring("aws", urls[0], settings=settings, account="team", credentials="aws/payer")) == 1
    for credentials, said in (
        ("aws/prayer", r"aws/prayer: there are no credentials of that name.*payer"),
        ("azure/x", "azure is not configured here"),
        ("payer", "write PROVIDER/NAME"),
    ):
        with pytest.raises(LookupError, match=said):
            _bring("aws", urls[0], settings=settings, credentials=credentials)
    with pytest.raises(CollectionFailed, match="these are no credentials of sftp://"):
        _bring("aws", "sftp://user@host/a.csv", settings=settings, credentials="aws/payer")


def test_a_source_reads_what_is_in_its_kind_of_store(sftp: Sftp, aws: LocalAws) -> None:
    (sftp.folder / "part.csv").write_bytes(encoded([_ROW], list(_ROW), "csv"))
    aws_client(aws, "s3").put_object(Bucket="brought", Key="focus/part.csv", Body=encoded([_ROW], list(_ROW), "csv"))
    keys = {"access_key_id": "AKIALOCALAWS", "secret_access_key": "canary/secret", "endpoint": aws.url}
    bank = {"name": "bank", "url": sftp.url, "password": PASSWORD, "fingerprint": sftp.fingerprint}
    sources = [bank, {"name": "oracle", "url": "s3://elsewhere", **keys}]
    settings = Settings.model_validate({"focus": {"sources": sources}})
    url = f"{sftp.url}/part.csv"
    assert _usd(_bring("focus", url, settings=settings, account="bank")) == Decimal("1.5")
    assert _usd(_bring("aws", url, settings=settings, credentials="focus/bank")) == Decimal("1.5")
    assert _usd(_bring("focus", "s3://brought/focus/", settings=settings, credentials="focus/oracle")) == Decimal("1.5")
    with pytest.raises(Denied, match=r"wants a login.*name whose credentials read it with --credentials") as refused:
        _bring("focus", url, settings=settings)
    assert PASSWORD not in str(refused.value)


_AZURE_SETTINGS = {"subscription_id": "1", "tenant_id": "1", "client_id": "1", "client_secret": "canary"}
_BLOB_SOURCE = {"name": "blob", "url": "https://acct.blob.core.windows.net/c", "sas_token": "canary"}
_SFTP_SOURCE = {
    "name": "bank",
    "url": "sftp://user@bank.example",
    "password": "canary",
    "fingerprint": "SHA256:" + "A" * 43,
}


@pytest.mark.parametrize(
    ("section", "credentials", "own", "foreign"),
    [
        ({"azure": _AZURE_SETTINGS}, "azure/default", "https://acct.blob.core.windows.net/c/", "https://acct.blob.evil.example/c/"),
        ({"azure": _AZURE_SETTINGS}, "azure/default", "https://acct.dfs.core.windows.net/c/", "https://evil.example/acct/c/"),
        ({"focus": {"sources": [_BLOB_SOURCE]}}, "focus/blob", "https://acct.blob.core.windows.net/d/", "https://evil.blob.core.windows.net/c/"),
        ({"focus": {"sources": [_SFTP_SOURCE]}}, "focus/bank", "sftp://user@bank.example/x/", "sftp://user@evil.example/"),
    ],
)  # fmt: skip
def test_no_credentials_go_where_they_are_not_for(
    section: dict[str, Any], credentials: str, own: str, foreign: str
) -> None:
    """Whoever sends a person a URL must not get a token by it."""
    settings = Settings.model_validate(section)
    target = Target("focus", "default", "import", "files")
    access = access_of(settings, target, credentials)
    assert access is not None
    context = context_of(settings, target, access, Meter(), time.monotonic() + 60)
    opened = access.service.open_bill(context, own)
    assert opened is not None
    opened.close()
    assert access.service.open_bill(context, foreign) is None
    with pytest.raises(CollectionFailed, match="these are no credentials of"):
        access.open(context, foreign, asked=True)


class _Theirs(BillService):
    """Of another distribution, with a layout of its own."""

    provider = "theirs"
    name = "reads"
    permissions = ()

    def bill_layouts(self) -> tuple[BillLayout, ...]:
        def layout(columns: Columns) -> Layout:
            numbers = {"billed_cost": columns.text("Theirs")}
            return Layout(start=columns.text("Day"), currency="'USD'", fields={}, numbers=numbers)

        return (BillLayout("theirs", "their own", lambda columns: "Theirs" in columns, layout, lambda _: NOTHING),)

    def collect(self, context: Any, target: Target, window: Window) -> Iterator[Any]:
        del context, target, window
        yield from ()

    def estimate(self, window: Window, resources: int) -> Estimate:
        del window, resources
        return Estimate({}, Decimal(0))


def test_a_provider_of_another_distribution_has_its_own_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = _Theirs()
    monkeypatch.setattr("workers.bill_access.services", lambda: {theirs.key: theirs})
    file = tmp_path / "a.csv"
    file.write_bytes(b"Day,Theirs\n2026-11-02,1.5\n2026-10-31,7\n")
    assert _usd(_bring("theirs", file)) == Decimal("1.5")


@pytest.mark.parametrize("reader", [one for one in services().values() if one.delivered], ids=lambda one: one.provider)
def test_every_service_that_reads_bills_names_its_layouts(reader: Any) -> None:
    names = [one.name for one in reader.bill_layouts()]
    assert names
    assert "focus" in names, "anybody writes it"
    assert len(set(names)) == len(names)
    kinds = [kind for one in reader.bill_layouts() for kind in one.kinds]
    assert len(set(kinds)) == len(kinds), "a manifest tells one layout"
