"""Make and drop databases, from a template where there is one."""

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit, urlunsplit

import psutil
import psycopg
from psycopg import sql

from tests.support.waiting import until


def create_database(admin_url: str, template: str | None = None, name: str | None = None) -> str:
    """Make a database, and return its URL.

    Args:
        admin_url: of any database of the server, as a role that may create databases, who will own the new one.
        template: the database to clone, to which nobody may be connected; an empty one where None.
        name: of the database; a fresh one where None.
    """
    name = name or f"test_{secrets.token_hex(6)}"
    source = sql.SQL("TEMPLATE {}").format(sql.Identifier(template or "template0"))
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} {}").format(sql.Identifier(name), source))
    return urlunsplit(urlsplit(admin_url)._replace(path=f"/{name}"))


def drop_database(admin_url: str, url: str) -> None:
    """Drop the database of a URL, whoever is still connected to it."""
    name = sql.Identifier(urlsplit(url).path.removeprefix("/"))
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@contextmanager
def busy_backend(url: str) -> Iterator[int]:
    """A session deep in a computation, which notices nothing, not even that its server has died; its process number."""

    def work() -> None:
        with suppress(psycopg.Error):
            session.execute("SELECT count(*) FROM generate_series(1, 1000000000000) AS n WHERE n % 2 = 0")

    with psycopg.connect(url, autocommit=True) as session:
        backend = psutil.Process(session.info.backend_pid)
        thread = threading.Thread(target=work)
        thread.start()
        try:
            until(lambda: backend.cpu_times().user > 0.1, what="the session computes")
            yield backend.pid
        finally:
            with suppress(psutil.NoSuchProcess):
                backend.terminate()
            thread.join()
