"""The address of the results queue's broker: what is taken, what is shown, what is refused."""

import ssl
from pathlib import Path

import certifi
import pytest
from pydantic import SecretStr
from redis.connection import SSLConnection

from tasks.app import make_app
from tasks.redis_client import redis_of
from tasks.results import NAME, open_carrier
from tasks.results.amqp import AmqpCarrier
from tasks.results.amqp_link import tls_options
from tasks.results.redis_stream import RedisCarrier
from telemetry.broker import parse
from telemetry.errors import ConfigError
from telemetry.redact import redact
from telemetry.settings import load_settings

SECRET = "canary%2Fsecret"
CA = certifi.where()


@pytest.mark.parametrize(
    ("url", "kind", "shown"),
    [
        (f"redis://:{SECRET}@broker.example:6379/3", RedisCarrier, "redis://broker.example:6379/3"),
        (f"rediss://user:{SECRET}@broker.example", RedisCarrier, "rediss://broker.example"),
        (f"redis://user:{SECRET}@[::1]:7000/0", RedisCarrier, "redis://[::1]:7000/0"),
        ("redis://", RedisCarrier, "redis://localhost"),
        (f"amqp://user:{SECRET}@broker.example:5672//", AmqpCarrier, "amqp://broker.example:5672//"),
        (f"amqps://user:{SECRET}@broker.example/fleet", AmqpCarrier, "amqps://broker.example/fleet"),
    ],
)
def test_the_scheme_decides_and_no_secret_is_shown(url: str, kind: type, shown: str) -> None:
    carrier = open_carrier(SecretStr(url))
    assert isinstance(carrier, kind)
    assert carrier.where == shown
    assert "canary" not in repr(parse(SecretStr(url)))


REFUSED = [
    ("canary", "not an address"),
    ("sqs://key:canary@", "scheme 'sqs' has no results queue: use one of amqp://, amqps://, redis://, rediss://"),
    ("redis+socket:///canary", "scheme 'redis\\+socket' .*: have the server listen on a port"),
    ("unix:///canary", "scheme 'unix' .*: have the server listen on a port"),
    ("sentinel://:canary@host:26379/0", "scheme 'sentinel' .*: name the primary itself"),
    ("redis://:ca/nary@host:6379/0", "cannot be read: percent-encode"),
    ("redis://user:12/canary@host:6379/0", "cannot be told from the password: percent-encode"),
    ("redis://:ca#nary@host:6379/0", "percent-encode"),
    ("redis://:canary#@host:6379/0", "percent-encode"),
    ("redis://user:1?canary@host:6379/0", "percent-encode"),
    ("redis://:ca[nary@host:6379/0", "percent-encode"),
    ("redis://:ca\nnary@host:6379/0", "characters that nobody sees"),
    ("redis://:ca;nary@host:6379/0", "several hosts are not read"),
    ("redis://:canary@host,other:6379/0", "several hosts are not read"),
    ("redis://:canary@host:99999/0", "the host or the port cannot be read"),
    ("redis://:canary@host:0/0", "the host or the port cannot be read"),
    ("redis://:canary@host/canary", "the number of a database, or nothing"),
    ("redis://:canary@host/0?colour=canary", "no options are read behind the \\?"),
    ("redis://:canary@host/0?socket_timeout=canary", "no options are read behind the \\?"),
    ("redis://:canary@host/0?ssl_ca_certs=/canary.pem", "without TLS: use rediss:// or amqps://"),
    ("rediss://:canary@host/0?ssl_cert_reqs=none", "ssl_cert_reqs would let anybody have the password"),
    ("rediss://:canary@host/0?ssl_cert_reqs=CERT_OPTIONAL", "ssl_cert_reqs would let anybody have the password"),
    ("rediss://:canary@host/0?ssl_check_hostname=false", "ssl_check_hostname would let anybody have the password"),
    ("amqp://user:canary@host//?heartbeat=3", "no options are read behind the \\?"),
    ("amqp://user:canary@host;amqp://other", "several hosts are not read"),
    ("amqp://user:canary@host/vhost;amqp://user:canary@other", "cannot be told from the password"),
    ("redis://:canary%E4@host:6379/0", "not followed by two digits of UTF-8: percent-encode"),
    ("redis://:ca%nary@host:6379/0", "not followed by two digits of UTF-8: percent-encode"),
    ("amqp://user:canary%00@host//", "not followed by two digits of UTF-8: percent-encode"),
    ("AMQP://user:canary@host", "scheme 'AMQP' has no results queue"),
]


@pytest.mark.parametrize(("url", "problem"), REFUSED)
def test_what_cannot_be_used_is_refused_without_repeating_secrets(url: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as refused:
        open_carrier(SecretStr(url))
    text = str(refused.value)
    assert text.startswith("broker_url: 1 fault")
    assert "canary" not in text
    assert "nary" not in text


def test_the_password_is_blanked_out_of_every_text() -> None:
    open_carrier(SecretStr("redis://:a-password-that%2Fnobody%2Fsees@host"))
    assert "nobody" not in redact("somebody said a-password-that/nobody/sees aloud")


@pytest.mark.parametrize(("url", "problem"), REFUSED)
def test_it_is_refused_already_where_the_configuration_is_read(
    url: str, problem: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=problem) as refused:
        load_settings(environ={"FINFLEET_BROKER_URL": url})
    assert "nary" not in str(refused.value)


def test_every_client_is_told_to_verify_the_certificate(tmp_path: Path) -> None:
    (tmp_path / "telemetry.yaml").write_text(f"broker: {{url: 'rediss://:secret-enough@localhost', ca_file: {CA}}}\n")
    settings = load_settings(tmp_path / "telemetry.yaml", {})
    address = settings.broker.address
    assert address is not None
    conf = make_app(settings).conf
    assert conf.broker_url == "rediss://:secret-enough@localhost"
    assert conf.broker_use_ssl == {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True, "ssl_ca_certs": CA}
    kept = redis_of(settings.broker)
    assert kept is not None
    for client in (kept, RedisCarrier(address, NAME)._client):
        made = client.connection_pool.make_connection()
        assert isinstance(made, SSLConnection)
        assert (made.cert_reqs, made.check_hostname, made.ca_certs) == (ssl.CERT_REQUIRED, True, CA)
    (tmp_path / "telemetry.yaml").write_text(
        f"broker: {{url: 'amqps://user:secret@rabbit.example/v?ssl_ca_certs={CA}'}}\n"
    )
    settings = load_settings(tmp_path / "telemetry.yaml", {})
    address = settings.broker.address
    assert address is not None
    wanted = {"server_hostname": "rabbit.example", "cert_reqs": ssl.CERT_REQUIRED, "ca_certs": CA}
    assert make_app(settings).conf.broker_use_ssl == wanted == tls_options(address)


def test_authorities_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    for ca_file in (str(tmp_path / "missing.pem"), __file__):
        with pytest.raises(ConfigError, match=r"broker\.ca_file: .* cannot be read as certificates"):
            parse(SecretStr("rediss://host"), ca_file)
    assert parse(SecretStr("redis://host"), str(tmp_path / "missing.pem")).where == "redis://host"


@pytest.mark.parametrize(
    "url",
    [
        "mysql://finfleet:canary@h/x",
        "postgresql://finfleet:ca/nary@h/x",
        "postgresql://finfleet:1/canary@h/x",
        "postgresql://finfleet:can@ary@h/x",
        "postgresql://finfleet:canary@h:port/x",
        "postgresql://finfleet:canary:5432/x",
        "postgresql://finfleet:ca[nary/x",
        "postgresql://finfleet:ca\nnary@h/x",
        "postgresql://finfleet:canary%E4@h/x",
        "postgresql://finfleet:canary%@h/x",
        "postgresql://h/x?password=canary%E4",
    ],
)
def test_an_address_of_a_database_that_cannot_be_read_is_not_repeated(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"database.url: (must start with|the host cannot be told)") as refused:
        load_settings(environ={"FINFLEET_DATABASE_URL": url})
    assert not {word for word in ("nary", "ary@") if word in str(refused.value)}


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:///finfleet",
        "postgresql://h/finfleet?sslmode=verify-full&sslrootcert=/ca.pem",
        "postgres://user:pa%2Fss@h:5432/finfleet",
        "postgresql://user@[::1]:5432,h2:5433/finfleet",
        "postgresql://user@%2Fvar%2Frun%2Fpostgresql/finfleet",
        "postgresql://?host=/var/run/postgresql&user=u@corp",
        "postgresql://user:pa:ss@h/finfleet",
    ],
)
def test_addresses_of_databases_that_libpq_reads_are_taken(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings(environ={"FINFLEET_DATABASE_URL": url}).database.url == SecretStr(url)


@pytest.mark.parametrize("variable", ["FINFLEET_DATABASE_URL", "FINFLEET_BROKER_URL"])
def test_bytes_that_are_no_text_are_refused(variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"(database|broker)\.url: ") as refused:
        load_settings(environ={variable: "redis://:ca\udcffnary@h/0"})
    assert "nary" not in str(refused.value)
