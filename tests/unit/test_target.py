"""Targets and windows, as text and as intervals."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.target import Target, Window, floor_time, format_time, parse_time

_TIMES = st.datetimes(datetime(2001, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the zone is given beside


def test_a_target_reads_back_from_its_text() -> None:
    target = Target("aws", "prod", "us-east-1", "ec2")
    assert str(target) == "aws/prod/us-east-1/ec2"
    assert Target.parse(str(target)) == target


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("aws/prod/ec2", "write it as provider/account/region/service"),
        ("aws/prod/us east/ec2", "region 'us east' may hold"),
        ("aws//us-east-1/ec2", "account ''"),
        ("aws/p/r/s/t", "write it as"),
    ],
)
def test_a_bad_target_says_why(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Target.parse(text)


@given(_TIMES, st.timedeltas(timedelta(microseconds=1), timedelta(days=40)))
def test_a_window_reads_back_from_its_text_and_is_half_open(start: datetime, length: timedelta) -> None:
    window = Window(start, start + length)
    assert Window.parse(str(window)) == window
    assert window.start in window
    assert window.end not in window


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-11-24T05:00Z", "START/END"),
        ("2026-11-24T05:00/2026-11-24T06:00", "add its zone"),
        ("2026-11-24T06:00Z/2026-11-24T05:00Z", "the end must come after"),
        ("yesterday/today", "write it as 2026"),
    ],
)
def test_a_bad_window_says_why(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Window.parse(text)


def test_another_zone_is_the_same_instant_in_utc() -> None:
    assert parse_time("2026-11-24T07:00:00+02:00") == datetime(2026, 11, 24, 5, tzinfo=UTC)
    assert format_time(datetime(2026, 11, 24, 7, tzinfo=timezone(timedelta(hours=2)))) == "2026-11-24T05:00:00Z"


@given(_TIMES, st.integers(1, 90_000))
def test_floor_is_the_last_multiple(moment: datetime, seconds: int) -> None:
    step = timedelta(seconds=seconds)
    floor = floor_time(moment, step)
    assert floor <= moment < floor + step
    assert int(floor.timestamp()) % seconds == 0
