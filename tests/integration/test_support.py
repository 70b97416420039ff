"""The fixtures that other tests stand on."""

import os
from contextlib import closing

import psycopg
import pytest
import redis

from tests.support.databases import create_database, drop_database
from tests.support.environment import of_this_machine
from workers.embedded import EmbeddedPostgres, EmbeddedValkey


def _names(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {str(name) for (name,) in connection.execute("SELECT datname FROM pg_database")}


def test_a_database_is_cloned_from_its_template_and_dropped(postgres_server: EmbeddedPostgres) -> None:
    server = postgres_server.url.get_secret_value()
    template = create_database(server, name="template_of_a_test")
    with psycopg.connect(template) as connection:
        connection.execute("CREATE TABLE cloned AS SELECT 42 AS answer")
    url = create_database(server, "template_of_a_test")
    with closing(psycopg.connect(url)) as connected:  # a drop does not wait for those who forgot to leave
        assert connected.execute("SELECT answer, current_user FROM cloned").fetchone() == (42, "finfleet")
        drop_database(server, url)
    drop_database(server, template)
    assert not {"template_of_a_test", url.rsplit("/", 1)[1]} & _names(server)


@pytest.mark.parametrize("_turn", [1, 2])
def test_each_test_has_an_empty_database(database_url: str, _turn: int) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE TABLE only_mine ()")


@pytest.mark.parametrize("_turn", [1, 2])
def test_each_test_has_an_empty_broker(redis_url: str, valkey_server: EmbeddedValkey, _turn: int) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("only", "mine")
    with redis.Redis.from_url(valkey_server.url.get_secret_value()) as shared:
        assert shared.dbsize() == 0


def test_a_valkey_of_the_tests_own_is_another_one(valkey: EmbeddedValkey, valkey_server: EmbeddedValkey) -> None:
    assert valkey.process.pid != valkey_server.process.pid


def test_the_environment_is_neutral() -> None:
    assert of_this_machine({"https_proxy": "", "AWS_PROFILE": "", "PATH": "", "FINFLEET_DATABASE_URL": ""}) == {
        "https_proxy",
        "AWS_PROFILE",
        "FINFLEET_DATABASE_URL",
    }
    # The key of the tests is their own, and so is their patience.
    assert of_this_machine(os.environ) == {"FINFLEET_SIGNING_KEYS", "FINFLEET_STATUS_WAIT"}
