"""Files of exchange rates: the ECB's forms, a table, and what is wrong with one."""

import io
import zipfile
from contextlib import suppress
from datetime import date
from decimal import Decimal

import pytest

from storage.exchange.files import Rate, RatesUnreadable, read_rates

_XML = b"""<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01"
                 xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
  <gesmes:subject>Reference rates</gesmes:subject>
  <Cube><Cube time="2026-11-27"><Cube currency="USD" rate="1.0897"/><Cube currency="JPY" rate="162.45"/></Cube></Cube>
</gesmes:Envelope>"""
# Each line of the ECB's ends with a comma; what was not published is N/A.
_CSV = b"Date,USD,JPY,RUB,\n2026-11-27,1.0897,162.45,N/A,\n2026-11-26,1.0901,162.10,N/A,\n"
_FRIDAY = date(2026, 11, 27)
_FIRST = [Rate(_FRIDAY, "EUR", "USD", Decimal("1.0897")), Rate(_FRIDAY, "EUR", "JPY", Decimal("162.45"))]


def zipped(name: str, data: bytes, packed: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), data, packed)
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(_XML, id="xml"),
        pytest.param(_CSV, id="history"),
        pytest.param(zipped("eurofxref-hist.csv", _CSV), id="zip"),
        pytest.param(zipped("eurofxref-hist.xml", _XML), id="zip of xml"),
        pytest.param(b"Date, USD, JPY, \n27 November 2026, 1.0897, 162.45, \n", id="one day"),
    ],
)
def test_the_files_of_the_ecb_are_read(data: bytes) -> None:
    found = read_rates(data)
    assert found.is_ecb
    assert found.rates[:2] == _FIRST


def test_a_table_is_read_with_every_digit() -> None:
    data = "\ufeffday,base,quote,rate\r\n2026-11-01,USD,EUR,0.91234567890123456789\r\n\r\n".encode()
    found = read_rates(data)
    assert found == (False, [Rate(date(2026, 11, 1), "USD", "EUR", Decimal("0.91234567890123456789"))])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "its first line is ''"),
        (b"day,base,quote,rate\n", "it has no rate"),
        (b"day,base,quote,rate\n2026-11-31,USD,EUR,1\n", "line 2: '2026-11-31' is no day"),
        (b"day,base,quote,rate\n2026-11-30,usd,EUR,1\n", "line 2: 'usd' is no currency"),
        (b"day,base,quote,rate\n2026-11-30,USD,EUR,0\n", "line 2: the rate 0 must be more than zero"),
        (b"day,base,quote,rate\n2026-11-30,USD,EUR,NaN\n", "line 2: 'NaN': must be an amount"),
        (b"day,base,quote,rate\n2026-11-30,USD,EUR,-1\n", "more than zero"),
        (b"day,base,quote,rate\n2026-11-30,EUR,EUR,1\n", "needs no rate"),
        (b"day,base,quote,rate\n2026-11-30,USD,EUR\n", "line 2: it has 3 columns"),
        (b"day,base,quote,rate\n2026-11-30,USD,EUR,1\n2026-11-30,USD,EUR,2\n", "has two rates: 1 and 2"),
        (b"Date,USD,\n2026-11-30,1,2,\n", "line 2: it has 3 rates for 1 currencies"),
        (b"Date,USD,JPY,\n2026-11-30,1\n", "line 2: it has 1 rates for 2 currencies"),
        (b"<a", "it is not XML"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", "DOCTYPE"),
        (b"<a/>", "it has no rate"),
        (b"PK\x03\x04torn", "the archive cannot be read"),
        (zipped("a.txt", b""), "exactly one file"),
        (b"PK\x05\x06" + bytes(18), "exactly one file"),
        (b"PK\x05\x06", "the archive cannot be read"),
        (b"Date,EUR,\n2026-11-30,1,\n", "line 2: EUR in EUR needs no rate"),
        (_XML.replace(b"JPY", b"EUR"), "Cube of 2026-11-27: EUR in EUR needs no rate"),
        (b"day,base,quote,rate\n9999-12-31,USD,EUR,1\n", "line 2: 9999-12-31: write a day of the years"),
        (b"Date,USD,\n9999-12-31,1,\n", "line 2: 9999-12-31: write a day of the years"),
        (_XML.replace(b"2026-11-27", b"0001-01-01"), "Cube: 0001-01-01: write a day of the years"),
        (b"day,base,quote,rate\n2026-11-30,USD,EUR,1e30\n", "line 2: the rate 1e30 must be between 1E-15 and 1E+15"),
        (b"Date,USD,\n2026-11-30,1e-16,\n", "line 2: the rate 1e-16 must be between"),
        (_XML.replace(b"162.45", b"1e16"), "Cube of 2026-11-27: the rate 1e16 must be between"),
        (b"\xff\xfe\x00", "neither CSV"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(data: bytes, said: str) -> None:
    with pytest.raises(RatesUnreadable) as caught:
        read_rates(data)
    assert said in str(caught.value)


@pytest.mark.parametrize("packed", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_archive_is_said_to_be_one(packed: int) -> None:
    whole = zipped("rates.csv", _CSV, packed)
    for place in range(4, len(whole)):
        for byte in (0x00, 0xFF, whole[place] ^ 0x80):
            damaged = whole[:place] + bytes([byte]) + whole[place + 1 :]
            # What does not count, as a date of the archive, may be damaged.
            with suppress(RatesUnreadable):
                assert read_rates(damaged).rates[:2] == _FIRST
