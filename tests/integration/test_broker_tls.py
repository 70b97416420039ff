"""A broker over TLS: every client verifies the certificate, and who cannot show one never hears the password."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from kombu.exceptions import OperationalError
from redis import RedisError

from tasks.app import make_app
from tasks.depths import QueueDepths
from tasks.redis_client import redis_of
from tasks.results import CarrierUnavailable, open_carrier
from telemetry.errors import ConfigError, PublishRefused
from telemetry.settings import Settings, load_settings
from tests.support.brokers import Broker, Lending, bodies, fresh_name, publish, receive
from tests.support.certificates import self_signed
from tests.support.proxy import Proxy

KINDS = [pytest.param("redis"), pytest.param("amqp", marks=pytest.mark.amqp)]


@pytest.fixture(scope="module", params=KINDS)
def broker(request: pytest.FixtureRequest, brokers: Lending) -> Iterator[Broker]:
    with brokers.lend(request.param) as running:
        yield running


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def proxy(broker: Broker, certificate: Path) -> Iterator[Proxy]:
    with Proxy(urlsplit(broker.url).port or 0, certificate) as proxy:
        yield proxy


def _settings(directory: Path, **options: str) -> Settings:
    path = directory / "telemetry.yaml"
    path.write_text(yaml.safe_dump({"broker": options}), encoding="utf-8")
    return load_settings(path, {})


def _carrier(settings: Settings) -> None:
    address = settings.broker.address
    assert address is not None
    with closing(open_carrier(address, fresh_name())) as carrier, closing(carrier.consumer()) as consumer:
        publish(carrier, b"one")
        assert bodies(receive(consumer, 1)) == [b"one"]
        assert carrier.depth().messages <= 1


def _celery(settings: Settings) -> None:
    app = make_app(settings)
    try:
        depths = QueueDepths(app)
        assert depths.read(["plan"]) == {"plan": 0}
        depths.close()
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=5)
    finally:
        app.close()


def _shared(settings: Settings) -> None:
    client = redis_of(settings.broker)
    if client is not None:
        assert client.ping()
        client.close()


CLIENTS: list[Callable[[Settings], None]] = [_carrier, _celery, _shared]
_REFUSALS = (PublishRefused, CarrierUnavailable, OperationalError, RedisError, ssl.SSLError)


@pytest.fixture(params=["ca_file", "in the address"])
def trusting(
    request: pytest.FixtureRequest, proxy: Proxy, broker: Broker, certificate: Path, tmp_path: Path
) -> Settings:
    """A configuration that names the authority."""
    url = proxy.before(broker.url)
    if request.param == "ca_file":
        return _settings(tmp_path, url=url, ca_file=str(certificate))
    return _settings(tmp_path, url=f"{url}?ssl_ca_certs={certificate}&ssl_cert_reqs=required")


@pytest.mark.parametrize("client", CLIENTS)
def test_a_server_that_the_named_authority_vouches_for_is_used(
    trusting: Settings, client: Callable[[Settings], None]
) -> None:
    client(trusting)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_server_that_nobody_vouches_for_is_refused(
    proxy: Proxy, broker: Broker, tmp_path: Path, client: Callable[[Settings], None]
) -> None:
    settings = _settings(tmp_path, url=proxy.before(broker.url))
    if client is _shared and broker.kind == "amqp":
        assert redis_of(settings.broker) is None
        return
    with pytest.raises(_REFUSALS, match=r"(?i)certificate verify failed"):
        client(settings)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_server_of_another_name_is_refused(
    proxy: Proxy, broker: Broker, certificate: Path, tmp_path: Path, client: Callable[[Settings], None]
) -> None:
    # The certificate is of 127.0.0.1.
    settings = _settings(tmp_path, url=proxy.before(broker.url, "localhost"), ca_file=str(certificate))
    if client is _shared and broker.kind == "amqp":
        return
    with pytest.raises(_REFUSALS, match=r"(?i)certificate verify failed|hostname mismatch"):
        client(settings)


@pytest.mark.parametrize("name", ["CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL"])
def test_a_broker_that_celery_alone_would_read_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "redis://:canary@elsewhere")
    with pytest.raises(ConfigError, match=f"{name}: unset it") as refused:
        make_app(_settings(tmp_path, url="redis://localhost"))
    assert "canary" not in str(refused.value)
