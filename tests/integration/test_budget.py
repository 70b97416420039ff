"""The budget of a day for paid APIs: kept by the whole fleet, and what it stops is deferred and says so."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from agents.core.spend import LocalSpend, Spend
from tasks.spend import RedisSpend
from telemetry.batch import Outcome
from telemetry.errors import Unavailable
from tests.support.collecting import collect
from tests.support.ec2 import NOW, TARGET, WINDOW, add_instance, shared, standing_aws


@pytest.mark.parametrize("kind", ["local", "redis"])
def test_workers_side_by_side_never_spend_more(kind: str, redis_url: str) -> None:
    if kind == "local":
        spends: list[Spend] = [LocalSpend()] * 4
    else:
        spends = [RedisSpend(redis.Redis.from_url(redis_url)) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        granted = list(
            pool.map(lambda n: spends[n % 4].reserve("aws/a", Decimal("0.00004"), Decimal("0.001")), range(60))
        )
    assert sum(granted) == 25
    # Another account, or another day, has its own.
    assert spends[0].reserve("aws/b", Decimal("0.001"), Decimal("0.001"))


def test_without_redis_nothing_is_spent() -> None:
    away = redis.Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.2, retry=Retry(NoBackoff(), 0))
    with pytest.raises(Unavailable):
        RedisSpend(away).reserve("aws/a", Decimal(1), Decimal(2))


def test_a_used_up_budget_defers_the_window_to_the_next_day_and_says_so() -> None:
    with standing_aws() as aws:
        for number in range(1, 4):
            add_instance(aws, number)
        # Three instances of four metrics are $0.00012; the second window does not fit any more.
        process = shared(aws, budget_usd_per_day="0.0002")
        first, second = (collect(process, TARGET, WINDOW) for _ in range(2))
        assert first.report.outcome is Outcome.COMPLETE
        assert second.report.outcome is Outcome.THROTTLED
        assert "the budget of 0.0002 USD a day" in second.report.error
        assert second.report.not_before is not None
        assert abs(second.report.not_before - (NOW + timedelta(hours=11, minutes=59, seconds=30))) < timedelta(
            minutes=1
        )
        assert aws.calls()["cloudwatch.GetMetricData"] == 1
