"""Fixtures for all tests: a neutral environment, real servers, a database and a broker for each test.

Servers start when the first test asks for them, once for each process of the test run.
"""

import gc
import itertools
import os
import signal
import threading
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import pytest
import redis
from pydantic import SecretStr

from storage.database import Database
from storage.migrate import migrate
from tests.support import granting
from tests.support.brokers import Lending
from tests.support.command_runs import RunsFinfleet, finfleet_runs
from tests.support.databases import create_database, drop_database
from tests.support.environment import of_this_machine
from tests.support.servers import running_postgres, running_valkey, short_directory
from workers.embedded import EmbeddedPostgres, EmbeddedValkey

# The same examples at every run where a run decides; new ones, which may find more, on a developer's machine.
# A busy machine is no fault of an example, so none has a deadline.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None, database=None)
hypothesis.settings.register_profile("developer", deadline=None)
hypothesis.settings.register_profile("few", derandomize=True, deadline=None, database=None, max_examples=10)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "developer")

# A shell has what it starts in the background ignore Ctrl-C, and that would go on to every process of the tests.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)

_redis_databases = itertools.cycle(range(1, 16))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests of one `xdist_group` in one process.

    xdist 3.8 writes the group into an attribute that pytest does not read any more since 9.2: without this, groups are
    silently not kept (pytest-dev/pytest-xdist, issue 1386).
    """
    for item in items:
        grouped = vars(item).get("_nodeid")
        if grouped is not None and hasattr(item, "_id"):
            item._id = type(item._id).parse(grouped)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage among what is imported: neither while it is, nor again and again while the tests run."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        # A fifteenth of the time of tests went into looking, seven hundred new objects at a time.
        gc.set_threshold(50_000, 10, 10)
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _neutral_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in of_this_machine(os.environ):
            patch.delenv(name)
        # Agents that run by themselves keep prices under a person's own directory.
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        # Of a machine that is busy with other tests.
        patch.setenv("FINFLEET_STATUS_WAIT", "30")
        patch.setenv("FINFLEET_SIGNING_KEYS", granting.KEY.get_secret_value())
        yield


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A temporary directory that is short, and that root's Postgres can be run in (`tmp_path` is neither)."""
    with short_directory() as directory:
        yield directory


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedPostgres]:
    """The Postgres of this test process; for tests that leave it as it was."""
    with running_postgres() as postgres:
        yield postgres


@pytest.fixture(scope="session")
def migrated_template(postgres_server: EmbeddedPostgres) -> str:
    """The name of a migrated database, which `database_url` clones: migrating takes longer than most tests."""
    name = "template_finfleet"
    migrate(SecretStr(create_database(postgres_server.url.get_secret_value(), name=name)))
    return name


@pytest.fixture
def database_url(postgres_server: EmbeddedPostgres, migrated_template: str) -> Iterator[str]:
    """A migrated database of the test's own, as its owner `finfleet`."""
    server = postgres_server.url.get_secret_value()
    url = create_database(server, migrated_template)
    yield url
    drop_database(server, url)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Connections to a migrated database of the test's own."""
    with Database(SecretStr(database_url), size=8) as database:
        yield database


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[EmbeddedValkey]:
    """The Valkey of this test process; for tests that leave it as it was."""
    with running_valkey() as valkey:
        yield valkey


@pytest.fixture
def redis_url(valkey_server: EmbeddedValkey) -> Iterator[str]:
    """An empty numbered database of the shared Valkey, emptied again after the test."""
    url = valkey_server.url.get_secret_value().removesuffix("/0") + f"/{next(_redis_databases)}"
    with redis.Redis.from_url(url) as client:
        client.flushdb()
        yield url
        client.flushdb()


@pytest.fixture(scope="session")
def brokers() -> Iterator[Lending]:
    """Lends brokers to tests that leave them running; for those that do not there is `running_broker`."""
    with Lending() as lending:
        yield lending


@pytest.fixture(scope="session")
def finfleet_program() -> Iterator[RunsFinfleet]:
    """Runs the command line. A test that is about how it starts makes a process of its own instead."""
    with finfleet_runs() as runs:
        yield runs


@pytest.fixture
def valkey() -> Iterator[EmbeddedValkey]:
    """A Valkey of the test's own, to flush, stop, kill and start again."""
    with running_valkey() as server:
        yield server
