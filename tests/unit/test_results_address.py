"""The address of the results queue's broker: what is taken, what is shown, what is refused."""

import pytest
from pydantic import SecretStr

from tasks.results import open_carrier
from tasks.results.address import parse
from tasks.results.amqp import AmqpCarrier
from tasks.results.redis_stream import RedisCarrier
from telemetry.errors import ConfigError
from telemetry.redact import redact

SECRET = "canary%2Fsecret"


@pytest.mark.parametrize(
    ("url", "kind", "shown"),
    [
        (f"redis://:{SECRET}@broker.example:6379/3", RedisCarrier, "redis://broker.example:6379/3"),
        (f"rediss://user:{SECRET}@broker.example", RedisCarrier, "rediss://broker.example"),
        (f"redis://user:{SECRET}@[::1]:7000/0?health_check_interval=5", RedisCarrier, "redis://[::1]:7000/0"),
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


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("canary", "not an address"),
        ("sqs://key:canary@", "scheme 'sqs' has no results queue: use one of amqp://, amqps://, redis://, rediss://"),
        ("redis+socket:///canary", "scheme 'redis\\+socket'"),
        ("redis://:ca/nary@host:6379/0", "cannot be read: percent-encode"),
        ("redis://user:12/canary@host:6379/0", "cannot be told from the password: percent-encode"),
        ("redis://:ca#nary@host:6379/0", "percent-encode"),
        ("redis://user:1?canary@host:6379/0", "percent-encode"),
        ("redis://:canary@host:99999/0", "the host or the port cannot be read"),
        ("redis://:canary@host/0?colour=red", "not one of redis-py's: .*'colour'"),
        ("redis://:canary@host/0?socket_timeout=canary", "Invalid value for 'socket_timeout'"),
        ("redis://:canary@host/0?decode_responses=yes", "leave decode_responses and protocol out"),
        ("redis://:canary@host/0?protocol=3", "leave decode_responses and protocol out"),
        ("amqp://user:canary@host//?heartbeat=3", "options and several hosts"),
        ("amqp://user:canary@host;amqp://other", "options and several hosts"),
        ("amqp://user:canary@host/vhost;amqp://user:canary@other", "cannot be told from the password"),
        ("AMQP://user:canary@host", "scheme 'AMQP' has no results queue"),
    ],
)
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
