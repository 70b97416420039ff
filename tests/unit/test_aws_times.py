"""Times of AWS's answers are understood as botocore understands them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.session
import botocore.utils
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.aws.parsing import instant, read_leniently


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("2026-11-28T13:00:00Z", datetime(2026, 11, 28, 13, tzinfo=UTC)),
        ("2026-11-28T13:00:00.250Z", datetime(2026, 11, 28, 13, 0, 0, 250_000, tzinfo=UTC)),
        ("2028-02-29T23:59:59.999Z", datetime(2028, 2, 29, 23, 59, 59, 999_000, tzinfo=UTC)),
        (1764000000, datetime(2025, 11, 24, 16, tzinfo=UTC)),
        (1764000000.5, datetime(2025, 11, 24, 16, 0, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_a_time_is_in_utc(value: Any, read: datetime) -> None:
    assert instant(value) == read
    assert instant(value).utcoffset() == timedelta(0)


@given(st.floats(-6e10, 2e11) | st.integers(-6 * 10**10, 2 * 10**11))
def test_any_seconds_are_the_time_that_botocore_reads(seconds: float) -> None:
    assert instant(seconds) == botocore.utils.parse_timestamp(seconds)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e300, 10**30, -(10**11)])
def test_seconds_that_are_no_time_are_an_error_of_botocores(value: float) -> None:
    with pytest.raises((ValueError, RuntimeError)) as caught:
        botocore.utils.parse_timestamp(value)
    with pytest.raises(caught.type) as ours:
        instant(value)
    assert str(ours.value) == str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        *("2026-11-28T13:00:00+02:00", "2026-11-28", "20261128T130000Z", "Sat, 28 Nov 2026 13:00:00 GMT", "1764000000"),
        *("2026-11-28T13:00:00.1234Z", "2026-11-28T13:00:00Z\n", "2026-02-30T00:00:00Z", "2026-11-28T25:00:00Z"),
        *("", "soon", "\u0662026-11-28T13:00:00Z", None, [], {}),
    ],
)
def test_every_other_form_is_left_to_botocore(value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(botocore.utils, "parse_timestamp", lambda given: ("left", given))
    assert instant(value) == ("left", value)


@pytest.mark.parametrize("protocol", ["json", "query", "ec2", "rest-xml", "rest-json"])
def test_the_parser_of_each_protocol_reads_so(protocol: str) -> None:
    session = botocore.session.Session()
    read_leniently(session)
    parser = session.get_component("response_parser_factory").create_parser(protocol)
    assert parser._timestamp_parser is instant
