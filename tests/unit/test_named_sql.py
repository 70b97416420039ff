"""Statements by name, out of their files."""

from importlib.resources import files

import pytest

from storage import sql

FILES = sorted(path.name.removesuffix(".sql") for path in files("storage").joinpath("sql").iterdir())


@pytest.mark.parametrize("name", FILES)
def test_every_file_can_be_read(name: str) -> None:
    statements = sql.load(name)
    assert statements
    for section, statement in statements.items():
        assert statement == statement.strip(), section
        assert b"-- name:" not in statement, section


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError, match="no_such"):
        sql.load(FILES[0])["no_such"]
