"""What the tasks of one process share is made once, when it is first needed."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agents.core.limits import LocalLimiter
from tasks.limits import RedisLimiter
from tasks.price_cache import RedisPriceCache
from tasks.runtime import Runtime
from tasks.spend import RedisSpend

_CONFIG = "aws: {services: [ec2], regions: [us-east-1]}\ngcp: {project_id: shop}\n"


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    config = tmp_path / "telemetry.yaml"
    config.write_text(_CONFIG, encoding="utf-8")
    monkeypatch.setenv("FINFLEET_CONFIG", str(config))
    return config


def test_all_providers_of_a_process_share_one_client_of_redis(
    configured: Path, monkeypatch: pytest.MonkeyPatch, redis_url: str
) -> None:
    assert configured.is_file()
    monkeypatch.setenv("FINFLEET_BROKER_URL", redis_url)
    runtime = Runtime()
    client = runtime.redis_client()
    with ThreadPoolExecutor(8) as pool:
        shared = set(map(id, pool.map(runtime.shared, ["aws", "gcp"] * 8)))
    assert len(shared) == 2
    for provider in ("aws", "gcp"):
        own = runtime.shared(provider)
        assert isinstance(own.limiter, RedisLimiter)
        assert isinstance(own.prices, RedisPriceCache)
        assert isinstance(own.spend, RedisSpend)
        assert own.limiter._client is own.prices._client is client
        assert own.spend._reserve.registered_client is client


def test_without_redis_each_process_keeps_its_quotas(
    configured: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert configured.is_file()
    monkeypatch.setenv("FINFLEET_BROKER_URL", "amqp://localhost:1//")
    assert isinstance(Runtime().shared("aws").limiter, LocalLimiter)
    assert "no Redis is configured" in caplog.text


def test_only_the_celery_application_reads_the_configuration_at_import(configured: Path) -> None:
    """Of its tasks, and of what they use, none does."""
    configured.write_text("aws: {nonsense: 1}\n", encoding="utf-8")
    modules = ["runtime", "plan", "collect", "push", "dispatch", "pressure", "destination", "foreign.letters"]
    statement = "; ".join(f"import tasks.{module}" for module in modules)
    assert subprocess.run([sys.executable, "-c", statement], check=False, timeout=60).returncode == 0
    assert subprocess.run([sys.executable, "-c", "import tasks.app"], check=False, timeout=60).returncode == 78
