"""What is said of an address that a person names: no query, user or password of it."""

import pytest

from agents.core.bills.store_addresses import parse_address
from telemetry.errors import CollectionFailed
from workers.brought_files import locate
from workers.download import download, named


@pytest.mark.parametrize(
    "addresses",
    [
        ["https://a.blob.core.windows.net/c/x.csv?sig=SECRET"],
        ["s3://bucket/x.csv", "s3://bucket/y.csv?sig=SECRET"],
        ["s3://bucket/x.csv#SECRET"],
        ["s3://key:SECRET@bucket/x.csv"],
        ["https://user:SECRET@localhost/x.csv"],
        ["https://user:SECRET/@localhost/x.csv"],
        ["https://user:SECRET@localhost"],
        ["sftp://user:SECRET@localhost/x.csv"],
        ["sftp://user:SEC/RET@localhost:SECRET/x.csv"],
        ["sftp://SECRET@localhost:port/x.csv"],
        ["ftp://user:SECRET@localhost/x.csv"],
        ["https://user:SECRET@[bad/x.csv?sig=SECRET"],
        ["s3://key:SECRET@one/x.csv", "s3://key:SECRET@two/x.csv"],
        ["s3://key:SECRET@one/x/", "s3://key:SECRET@one/y.csv"],
    ],
)
def test_of_a_bill(addresses: list[str]) -> None:
    with pytest.raises(CollectionFailed) as caught:
        parse_address(locate(addresses).folder)
    assert "SEC" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("https://a.example/x?sig=SECRET", "https://a.example/x"),
        ("https://a.example/x#SECRET", "https://a.example/x"),
        ("https://user:SECRET@a.example/x", "the address"),
        ("https:/a.example/x?sig=SECRET", "the address"),
        ("HTTPS:a.example?SECRET", "the address"),
        ("rates.csv", "rates.csv"),
    ],
)
def test_of_rates(address: str, said: str) -> None:
    assert named(address) == said


@pytest.mark.parametrize(
    "address",
    ["https://user:SECRET@a.example/x", "https://[SECRET?SECRET", "ftp://a.example/?SECRET", "https:/x?SECRET"],
)
def test_of_what_cannot_be_downloaded(address: str) -> None:
    with pytest.raises(ValueError, match=r"address|Protocol") as caught:
        download(address, 1)
    assert "SECRET" not in str(caught.value)
