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
    # Its files are copied: to write each of their pages into the log as well takes several times as long.
    source = sql.SQL("TEMPLATE {} STRATEGY FILE_COPY").format(sql.Identifier(template or "template0"))
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} {}").format(sql.Identifier(name), source))
    return urlunsplit(urlsplit(admin_url)._replace(path=f"/{name}"))


def drop_database(admin_url: str, url: str) -> None:
    """Drop the database of a URL, whoever is still connected to it."""
    drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(urlsplit(url).path.removeprefix("/")))

    def dropped() -> bool:
        # An ordinary role may not end a worker of autovacuum, which is the server's own: it ends by itself soon.
        try:
            connection.execute(drop)
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectInUse):
            return False
        return True

    with psycopg.connect(admin_url, autocommit=True) as connection:
        until(dropped, what="the database can be dropped")


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
