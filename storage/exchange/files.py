"""Reads rates: the ECB's reference rates as CSV, XML or ZIP, and a table of anybody's as CSV.

A file is read whole or not at all: what is wrong with it is named by line, value and remedy.
"""

from __future__ import annotations

import csv
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple
from xml.etree import ElementTree as ET

from telemetry.amounts import parse_amount
from telemetry.errors import FinfleetError
from telemetry.text import shown

MAX_BYTES = 64 * 1024 * 1024
"""Of a file, unpacked: 27 years of the ECB's are 1 MB."""
LEAST, MOST = Decimal("1e-15"), Decimal("1e15")
"""Of a rate: no two currencies are further apart."""
_FIRST_YEAR, _LAST_YEAR = 1900, 2999
ECB = "ecb"
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_DAY_IN_WORDS = re.compile(r"[0-9]{1,2} [A-Z][a-z]+ [0-9]{4}", re.ASCII)
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
"""One with files, and an empty one."""
_UNREADABLE = (zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError, OSError, RuntimeError, ValueError)
_UNTOLD = {"", "N/A"}
_TABLE = ["day", "base", "quote", "rate"]
_DECLARED = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)


class RatesUnreadable(FinfleetError):
    """The file has no rates, or one that is none."""


class Rate(NamedTuple):
    """What one of ``base`` was worth in ``quote`` on a day."""

    day: date
    base: str
    quote: str
    rate: Decimal


class Rates(NamedTuple):
    """What a file has."""

    #: Whether the file is the ECB's.
    is_ecb: bool
    rates: list[Rate]


def read_rates(data: bytes) -> Rates:
    """The rates in the bytes of a file; RatesUnreadable where there are none, or one of them cannot be read."""
    if len(data) > MAX_BYTES:
        raise RatesUnreadable(f"it is longer than {MAX_BYTES} bytes")
    if data.startswith(_ZIP):
        data = _unpacked(data)
    if data.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
        rates, is_ecb = list(_of_xml(data)), True
    else:
        rates, is_ecb = _of_text(data)
    if not rates:
        raise RatesUnreadable("it has no rate")
    known: dict[tuple[date, str, str], Decimal] = {}
    for one in rates:
        if known.setdefault(one[:3], one.rate) != one.rate:
            raise RatesUnreadable(f"{one.day} {one.base}/{one.quote} has two rates: {known[one[:3]]} and {one.rate}")
    return Rates(is_ecb, [Rate(*key, rate) for key, rate in known.items()])


def _unpacked(data: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = [one for one in archive.namelist() if one.lower().endswith((".csv", ".xml"))]
            if len(names) != 1:
                raise RatesUnreadable("the archive must hold exactly one file that ends with .csv or .xml")
            with archive.open(names[0]) as file:
                found = file.read(MAX_BYTES + 1)
    except _UNREADABLE as error:
        raise RatesUnreadable(f"the archive cannot be read: {shown(str(error)) or type(error).__name__}") from None
    if len(found) > MAX_BYTES:
        raise RatesUnreadable(f"it is longer than {MAX_BYTES} bytes when unpacked")
    return found


def _of_xml(data: bytes) -> Iterator[Rate]:
    """``<Cube time="2026-11-27"><Cube currency="USD" rate="1.0897"/>``, in whatever namespace."""
    if _DECLARED.search(data):
        raise RatesUnreadable("a document with a DOCTYPE is not read: the ECB's has none")
    try:
        root = ET.fromstring(data)  # noqa: S314 - without a DOCTYPE there are no entities
    except (ET.ParseError, LookupError, ValueError) as error:
        raise RatesUnreadable(f"it is not XML: {error}") from None
    for of_day in root.iter():
        if of_day.tag.endswith("Cube") and "time" in of_day.attrib:
            day = _day(of_day.attrib["time"], "Cube")
            for cube in of_day:
                where = f"Cube of {day}"
                quote = _currency(cube.attrib.get("currency", ""), where)
                yield _checked(Rate(day, "EUR", quote, _rate(cube.attrib.get("rate", ""), where)), where)


def _of_text(data: bytes) -> tuple[list[Rate], bool]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RatesUnreadable("it is neither CSV in UTF-8, nor XML, nor a ZIP of one") from None
    rows = csv.reader(io.StringIO(text, newline=""))
    try:
        header = [one.strip() for one in next(rows, [])]
        if [one.lower() for one in header] == _TABLE:
            return list(_of_table(rows)), False
        if header[:1] == ["Date"]:
            return list(_of_ecb(header, rows)), True
    except csv.Error as error:
        raise RatesUnreadable(f"line {rows.line_num}: it is not CSV: {error}") from None
    raise RatesUnreadable(
        f"its first line is {shown(','.join(header))[:60]!r}: it must be day,base,quote,rate, or that of the ECB's"
        " file, which begins with Date"
    )


def _of_table(rows: Iterator[list[str]]) -> Iterator[Rate]:
    for number, row in enumerate(rows, 2):
        if not any(map(str.strip, row)):
            continue
        where = f"line {number}"
        if len(row) != len(_TABLE):
            raise RatesUnreadable(f"{where}: it has {len(row)} columns: write day,base,quote,rate")
        day, base, quote, rate = (one.strip() for one in row)
        found = Rate(_day(day, where), _currency(base, where), _currency(quote, where), _rate(rate, where))
        yield _checked(found, where)


def _of_ecb(header: list[str], rows: Iterator[list[str]]) -> Iterator[Rate]:
    """``Date,USD,JPY,`` with a day a line, the newest first; N/A where there is none. Each line ends with a comma."""
    quotes = [_currency(one, "line 1") for one in header[1:] if one]
    for number, row in enumerate(rows, 2):
        if not any(map(str.strip, row)):
            continue
        day, *rates = (one.strip() for one in row)
        where = f"line {number}"
        if [one for one in rates[len(quotes) :] if one] or len(rates) < len(quotes):
            raise RatesUnreadable(f"{where}: it has {len(rates)} rates for {len(quotes)} currencies")
        on = _day(day, where)
        for quote, rate in zip(quotes, rates, strict=False):
            if rate not in _UNTOLD:
                yield _checked(Rate(on, "EUR", quote, _rate(rate, where)), where)


def _checked(found: Rate, where: str) -> Rate:
    if found.base == found.quote:
        raise RatesUnreadable(f"{where}: {found.base} in {found.quote} needs no rate: leave it out")
    return found


def _day(text: str, where: str) -> date:
    day: date | None = None
    with suppress(ValueError):
        if _DAY.fullmatch(text):
            day = date.fromisoformat(text)
        elif _DAY_IN_WORDS.fullmatch(text):  # as the ECB's file of one day has it
            day = datetime.strptime(text, "%d %B %Y").date()  # noqa: DTZ007 - a day has no zone
    if day is None:
        raise RatesUnreadable(f"{where}: {shown(text)[:40]!r} is no day: write 2026-11-27")
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise RatesUnreadable(f"{where}: {day}: write a day of the years {_FIRST_YEAR} to {_LAST_YEAR}")
    return day


def _currency(text: str, where: str) -> str:
    if not _CURRENCY.fullmatch(text):
        raise RatesUnreadable(f"{where}: {shown(text)[:40]!r} is no currency: write three capital letters, as EUR")
    return text


def _rate(text: str, where: str) -> Decimal:
    try:
        rate = parse_amount(text)
    except ValueError as error:
        raise RatesUnreadable(f"{where}: {shown(str(error))}") from None
    if rate <= 0:
        raise RatesUnreadable(f"{where}: the rate {text} must be more than zero")
    if not LEAST <= rate <= MOST:
        raise RatesUnreadable(f"{where}: the rate {text} must be between {LEAST} and {MOST}")
    return rate
