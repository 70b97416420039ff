# mypy: allow-untyped-calls
# (redis-py has annotations for most of its functions only)
"""A primary that became a replica: what is kept of connections to it is let go, and the name leads to the new one."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from agents.core.limits import Quota
from tasks.app import make_app
from tasks.limits import RedisLimiter
from tasks.price_cache import RedisPriceCache
from tasks.redis_client import redis_of
from tasks.results import CarrierUnavailable, open_carrier
from tasks.spend import RedisSpend
from telemetry.errors import ConfigError, PublishRefused
from telemetry.settings import Settings, load_settings
from tests.support.proxy import Proxy
from tests.support.servers import memory, running_valkey, short_directory
from tests.support.waiting import until
from workers.embedded import EmbeddedValkey
from workers.embedded.ports import free_port
from workers.health import readiness

Use = Callable[[Settings, ExitStack], Callable[[], object]]
"""Makes something that keeps connections, and gives what uses it: false, or an error, where that fails."""


class Pair:
    """Two servers with one password, and a name, which is a proxy's address."""

    def __init__(self, primary: EmbeddedValkey, other: EmbeddedValkey, name: Proxy) -> None:
        self._name = name
        url = primary.url.get_secret_value()
        self.url = name.before(url)
        password = urlsplit(url).password or ""
        self._other_port = urlsplit(other.url.get_secret_value()).port or 0
        with redis.Redis.from_url(other.url.get_secret_value()) as client:
            client.config_set("requirepass", password)
        self.primary = redis.Redis.from_url(url)
        self.other = redis.Redis(port=self._other_port, password=password)
        self.primary.config_set("masterauth", password)

    def fail_over(self) -> None:
        """The other one becomes the primary, and the name leads to it; connections that are there stay."""
        self.primary.execute_command("REPLICAOF", "127.0.0.1", self._other_port)
        self._name.server_port = self._other_port


@pytest.fixture
def pair() -> Iterator[Pair]:
    with ExitStack() as stack:
        primary, other = (stack.enter_context(running_valkey()) for _ in range(2))
        name = stack.enter_context(Proxy(urlsplit(primary.url.get_secret_value()).port or 0))
        found = Pair(primary, other, name)
        yield found
        for server in (primary, other):
            server.process.kill()  # in order, each would wait for the other


@pytest.fixture
def settings(pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FINFLEET_BROKER_URL", pair.url)
    return load_settings(stores=False)


def _done(use: Callable[[], None]) -> Callable[[], object]:
    """True, after it."""

    def used() -> bool:
        use()
        return True

    return used


def _publisher(settings: Settings, stack: ExitStack) -> Callable[[], object]:
    assert settings.broker.address is not None
    carrier = stack.enter_context(closing(open_carrier(settings.broker.address)))
    publisher = stack.enter_context(closing(carrier.publisher()))
    return _done(lambda: publisher.publish(b"one", message_id="1"))


def _consumer(settings: Settings, stack: ExitStack) -> Callable[[], object]:
    assert settings.broker.address is not None
    carrier = stack.enter_context(closing(open_carrier(settings.broker.address)))
    consumer = stack.enter_context(closing(carrier.consumer()))
    publish = _publisher(settings, stack)
    return lambda: publish() and consumer.receive(1, 0.2)


def _check(settings: Settings, stack: ExitStack) -> Callable[[], object]:
    assert settings.broker.address is not None
    carrier = stack.enter_context(closing(open_carrier(settings.broker.address)))
    return _done(carrier.check)


def _task(settings: Settings, stack: ExitStack) -> Callable[[], object]:
    app = make_app(settings)
    stack.callback(app.close)
    return lambda: app.send_task("tasks.plan.sweep", queue="plan", retry=False).id


def _shared(settings: Settings, stack: ExitStack) -> redis.Redis:
    client = redis_of(settings.broker)
    assert client is not None
    return stack.enter_context(closing(client))


def _limit(settings: Settings, stack: ExitStack) -> Callable[[], object]:
    limiter = RedisLimiter(_shared(settings, stack))
    return _done(lambda: limiter.acquire("aws/1", Quota(1000, 1000), time.monotonic() + 5))


def _spend(settings: Settings, stack: ExitStack) -> Callable[[], object]:
    spend = RedisSpend(_shared(settings, stack))
    return lambda: spend.reserve("aws/1/2026-11-20", Decimal(1), Decimal(1000))


def _prices(settings: Settings, stack: ExitStack) -> Callable[[], object]:
    client = _shared(settings, stack)
    cache = RedisPriceCache(client)

    def use() -> object:
        cache.put("m5.large", "0.096", timedelta(minutes=1))
        return client.get("finfleet:price:m5.large")

    return use


USES: list[Use] = [_publisher, _consumer, _check, _task, _limit, _spend, _prices]


@pytest.mark.parametrize("make", USES)
def test_what_keeps_a_connection_lets_it_go_and_reaches_the_new_primary(
    pair: Pair, settings: Settings, make: Use
) -> None:
    with ExitStack() as stack:
        use = make(settings, stack)
        assert use()
        before = pair.other.dbsize()
        pair.fail_over()
        failed: list[str] = []

        def works() -> bool:
            try:
                return bool(use())
            except Exception as error:  # noqa: BLE001 - each has errors of its own
                failed.append(str(error))
                return False

        until(works, 10, f"it works again: {failed[-3:]}")
        if make is not _check:
            assert pair.other.dbsize() > before


def test_readiness_asks_a_broker_for_writing(pair: Pair, settings: Settings) -> None:
    del settings
    for role in ("worker", "beat"):
        assert readiness.look(role)[0] == ""
    pair.primary.execute_command("REPLICAOF", "127.0.0.1", "1")
    for role in ("worker", "beat", "plan", "ingest", "flower"):
        trouble, _ = readiness.look(role)
        assert "takes no changes" in trouble, role


@pytest.fixture(scope="module")
def cluster() -> Iterator[EmbeddedValkey]:
    options = {"cluster-enabled": "yes", "cluster-port": str(free_port())}
    with short_directory(memory()) as directory, EmbeddedValkey(directory / "state", options) as server:
        yield server


def test_a_cluster_is_refused_in_words(cluster: EmbeddedValkey) -> None:
    with closing(open_carrier(cluster.url)) as carrier:
        with pytest.raises(CarrierUnavailable, match="it is a cluster"):
            carrier.check()
        with closing(carrier.publisher()) as publisher, pytest.raises(PublishRefused, match="it is a cluster"):
            publisher.publish(b"", message_id="1")
        with closing(carrier.consumer()) as consumer, pytest.raises(ConfigError, match="it is a cluster"):
            consumer.receive(1, 1)


@pytest.mark.parametrize("words", [("worker", "generic"), ("beat",)])
def test_celery_ends_where_its_broker_is_a_cluster(
    cluster: EmbeddedValkey, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "telemetry.yaml").write_text("generic: {services: [host]}")
    url = cluster.url.get_secret_value()
    done = subprocess.run(
        [sys.executable, "-m", "workers.cli", *words],  # without -W error: Celery warns root
        env={**os.environ, "FINFLEET_BROKER_URL": url, "FINFLEET_CONFIG": str(tmp_path / "telemetry.yaml")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 78, done.stderr
    assert "it is a cluster" in done.stderr
    assert (urlsplit(url).password or "") not in done.stderr + done.stdout
