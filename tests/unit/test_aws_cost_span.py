"""What a caller may ask the costs of, and what is refused with its remedy."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from agents.aws.cost.span import span_of

MIDNIGHT = datetime(2025, 9, 1, tzinfo=UTC)
NAIVE = datetime(2025, 9, 1)  # noqa: DTZ001 - what is to be refused


def test_dates_are_whole_days_with_both_ends() -> None:
    assert span_of(date(2025, 9, 1), date(2025, 9, 30), "DAILY").text == {"Start": "2025-09-01", "End": "2025-10-01"}
    assert span_of(date(2025, 9, 1), date(2025, 9, 1), "MONTHLY").text == {"Start": "2025-09-01", "End": "2025-09-02"}
    assert span_of(date(2025, 12, 31), date(2025, 12, 31), "HOURLY").text == {
        "Start": "2025-12-31T00:00:00Z",
        "End": "2026-01-01T00:00:00Z",
    }


def test_datetimes_are_instants_half_open() -> None:
    assert span_of(MIDNIGHT, MIDNIGHT + timedelta(days=30), "DAILY").text == {
        "Start": "2025-09-01",
        "End": "2025-10-01",
    }
    india = timezone(timedelta(hours=5, minutes=30))
    start = datetime(2025, 9, 1, 5, 30, tzinfo=india)
    assert span_of(start, start + timedelta(hours=3), "HOURLY").text == {
        "Start": "2025-09-01T00:00:00Z",
        "End": "2025-09-01T03:00:00Z",
    }
    assert span_of(start, MIDNIGHT + timedelta(days=1), "DAILY").text == {"Start": "2025-09-01", "End": "2025-09-02"}


@pytest.mark.parametrize(
    ("start", "end", "granularity", "said"),
    [
        (date(2025, 9, 1), date(2025, 9, 2), "WEEKLY", "granularity: 'WEEKLY': use one of DAILY, MONTHLY, HOURLY"),
        (date(2025, 9, 1), date(2025, 9, 2), "daily", "granularity: 'daily': use one of"),
        (date(2025, 9, 1), MIDNIGHT, "DAILY", "use two dates"),
        (MIDNIGHT, date(2025, 9, 1), "DAILY", "use two dates"),
        (date(2025, 9, 2), date(2025, 9, 1), "DAILY", "end_date: 2025-09-01: use a day that is not before start_date"),
        (date(2025, 9, 2), date.max, "DAILY", "end_date: 9999-12-31: use a day before the last"),
        (MIDNIGHT, MIDNIGHT, "DAILY", "end_date: .* the end is excluded"),
        (NAIVE, MIDNIGHT, "DAILY", "start_date: .* add a time zone"),
        (MIDNIGHT, NAIVE, "DAILY", "end_date: .* add a time zone"),
        (MIDNIGHT, MIDNIGHT + timedelta(hours=5), "DAILY", "end_date: .* use a midnight of UTC, or HOURLY"),
        (MIDNIGHT, MIDNIGHT + timedelta(hours=5), "MONTHLY", "MONTHLY costs are by its days"),
        (MIDNIGHT, MIDNIGHT + timedelta(minutes=5), "HOURLY", "end_date: .* use a whole hour"),
    ],
)
def test_what_cannot_be_asked_is_named_with_its_remedy(start: Any, end: Any, granularity: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        span_of(start, end, granularity)


@pytest.mark.parametrize("value", ["2025-09-01", None, 20250901])
def test_what_is_no_date_is_no_date(value: Any) -> None:
    with pytest.raises(TypeError, match=r"start_date: .*: use a datetime\.date"):
        span_of(value, date(2025, 9, 1), "DAILY")
    with pytest.raises(TypeError, match="end_date"):
        span_of(date(2025, 9, 1), value, "DAILY")
