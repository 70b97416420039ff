"""Amounts in text: what is taken is what Postgres keeps and a person reads the same way."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry import amounts
from telemetry.amounts import MAX_DIGITS, MAX_EXPONENT, is_bounded, parse_amount
from telemetry.batch import ApiUse
from telemetry.codec import decode, encode
from telemetry.errors import InvalidRecord, MessageError
from telemetry.logs.values import text as as_text
from telemetry.push.checks import PushRefused, parse
from telemetry.wording import written
from tests.support.hostile_batches import frame, pack, with_field
from tests.support.messages import make_report
from tests.support.pushing import SENT_AT, body, day

GOOD = ["0", "12.40", "-1.5E-7", "+3", ".5", "5.", "1E+3", "0E-10", "9" * MAX_DIGITS, f"1E{MAX_EXPONENT}", "1e-400"]
BAD = [
    "", " 1", "1 ", "1_000", "\u0661\u0662", "\uff11", "NaN", "sNaN", "Infinity", "-inf", "0x10", "1,5",
    "--1", ".", "e5",
    "9" * (MAX_DIGITS + 1), "0." + "3" * MAX_DIGITS + "1", "1E401", "1e-401", "1e999999999", "0e-999999999",
    "1E+99999", "1\n",
]  # fmt: skip
_SENT = datetime.fromisoformat(SENT_AT)


@pytest.mark.parametrize("text", GOOD)
def test_an_amount_in_digits_is_taken_as_it_is(text: str) -> None:
    assert parse_amount(text) == Decimal(text)
    assert amounts.are_plain([text])
    assert _pushed(text) == Decimal(text)


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("12.40", "12.40"),
        ("1E+3", "1000"),
        ("1E+999999999", "1E+999999999"),
        ("0E-999999999", "0E-999999999"),
        ("NaN", "NaN"),
    ],
)
def test_an_amount_is_shown_without_a_gigabyte_of_zeros(amount: str, shown: str) -> None:
    assert amounts.in_digits(Decimal(amount)) == written(Decimal(amount)) == as_text(Decimal(amount)) == shown


@pytest.mark.parametrize("text", BAD)
def test_anything_else_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="an amount in ASCII digits"):
        parse_amount(text)
    with pytest.raises(
        PushRefused, match=r"costs\[0\].charges\[0\].billed_cost: .*: must be an amount in ASCII digits"
    ):
        _pushed(text)
    for message in (_with_rate(text), _with_use(text), _with_line(text), _with_line("1", named=text)):
        with pytest.raises(MessageError) as refusal:
            decode(message)
        assert len(str(refusal.value)) < 600


def _pushed(text: str) -> Decimal | None:
    costs = [{"day": day(1), "charges": [{"currency": "USD", "billed_cost": text}]}]
    return parse(body(metrics=[], costs=costs), ["training"], _SENT).costs[0].charges[0].billed_cost


def _with_rate(text: str) -> bytes:
    return with_field("batch", 8, [[0, 1795496400, 300, text, "USD", ""]])


def _with_use(text: str) -> bytes:
    return with_field("report", 6, [["ec2:X", 1, 0, text]])


def _with_line(text: str, named: str = "1") -> bytes:
    start, end = "2026-11-24T05:00:00Z", "2026-11-24T05:05:00Z"
    return with_field("batch", 9, [["", start, end, "USD", text, None, None, None, {"Net": named}]])


@pytest.mark.parametrize("make", [_with_rate, _with_use, _with_line])
def test_the_codec_takes_plain_amounts_and_names_the_others(make: Any) -> None:
    decode(make("1.50"))
    with pytest.raises(InvalidRecord, match=r"(amount|cost_usd|billed_cost): '1_000': an amount in ASCII digits"):
        decode(make("1_000"))


@pytest.mark.parametrize("amount", [1e401, float("nan"), float("inf"), 10**101, True])
def test_a_number_of_json_has_bounds_as_well(amount: Any) -> None:
    costs = [{"day": day(1), "charges": [{"currency": "USD", "billed_cost": amount}]}]
    with pytest.raises(PushRefused):
        parse(body(metrics=[], costs=costs), ["training"], _SENT)


@pytest.mark.parametrize("amount", [Decimal("NaN"), Decimal("1E+401"), Decimal(-1), Decimal("9" * 101)])
def test_no_report_of_ours_bears_what_none_would_take(amount: Decimal) -> None:
    report = msgspec.structs.replace(make_report(), apis=[ApiUse("ec2:X", 1, 0, amount)])
    with pytest.raises(InvalidRecord, match=r"apis\[0\].cost_usd"):
        encode(report)
    with pytest.raises(MessageError):
        decode(frame(pack(report)))


@given(st.decimals(allow_nan=True, allow_infinity=True) | st.integers().map(Decimal))
def test_a_bounded_amount_is_the_same_after_its_text(amount: Decimal) -> None:
    if is_bounded(amount):
        assert str(parse_amount(str(amount))) == str(amount)
    else:
        with pytest.raises(ValueError, match="must be"):
            parse_amount(str(amount))


@given(st.text(alphabet="0123456789+-.eE_ \u0663", max_size=12))
def test_what_is_taken_decimal_takes_too(text: str) -> None:
    try:
        found = parse_amount(text)
    except ValueError:
        return
    assert found == Decimal(text)
    assert text.isascii()
    assert "_" not in text
