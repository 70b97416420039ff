"""The files of the views: what may stand in one, in which order they are made, and that nothing is written twice."""

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

import storage.views
from storage.views import View, load

FOLDER = Path(storage.views.__path__[0])
_ONE = """-- What there is.
CREATE VIEW reporting.one AS
SELECT 1 AS number;

COMMENT ON VIEW reporting.one IS 'One row, which isn''t much;'
    ' but one.';
COMMENT ON COLUMN reporting.one.number IS :'number';
"""


def folder(path: Path, **texts: str) -> Path:
    path.joinpath("shared.toml").write_text('number = "A number."\n')
    for name, text in texts.items():
        path.joinpath(f"{name}.sql").write_text(text)
    return path


def test_a_file_is_a_view_and_what_it_means(tmp_path: Path) -> None:
    assert load(folder(tmp_path, one=_ONE)) == [
        View("one", "SELECT 1 AS number", {"": "One row, which isn't much; but one.", "number": "A number."})
    ]


def test_a_view_comes_after_those_that_it_reads(tmp_path: Path) -> None:
    reads = {"a": "c", "b": "one", "c": "b"}
    texts = {
        name: f"CREATE VIEW reporting.{name} AS\nSELECT * -- not of reporting.a\n  FROM reporting.{other};\n"
        for name, other in reads.items()
    }
    assert [view.name for view in load(folder(tmp_path, one=_ONE, **texts))] == ["one", "b", "c", "a"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("CREATE VIEW reporting.one", "CREATE VIEW reporting.two", "begin it with CREATE VIEW reporting.one AS"),
        ("CREATE VIEW", "CREATE OR REPLACE VIEW", "begin it with CREATE VIEW"),
        ("VIEW reporting.one IS", "VIEW reporting.two IS", r"two\. is there twice, or not its own"),
        ("VIEW reporting.one IS", "COLUMN reporting.one.number IS", r"one\.number is there twice"),
        (":'number'", ":'letter'", "shared.toml has no text 'letter'"),
        ("SELECT", "SELECT :letter,", "parts.toml has no part 'letter'"),
        (":'number'", "number", "neither the view nor a comment: 'COMMENT ON COLUMN"),
        ("COMMENT ON VIEW", "DROP TABLE finfleet.points;\nCOMMENT ON VIEW", "neither the view .*: 'DROP TABLE"),
    ],
)
def test_anything_else_is_refused_by_the_name_of_its_file(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in _ONE
    with pytest.raises(ValueError, match=rf"storage/views/one\.sql: .*{says}"):
        load(folder(tmp_path, one=_ONE.replace(old, new)))


def test_what_several_columns_mean_is_written_once() -> None:
    texts = {path.name: path.read_text() for path in FOLDER.glob("*.sql")}
    named = Counter(name for text in texts.values() for name in re.findall(r":'(\w+)'", text))
    shared = tomllib.loads((FOLDER / "shared.toml").read_text())
    assert {name: named[name] for name in shared if named[name] < 2} == {}
    meanings = Counter(text for view in load() for text in view.comments.values())
    assert {text for text, times in meanings.items() if times > 1} == set(shared.values())


def test_every_file_comments_its_view_and_no_line_is_too_long() -> None:
    assert [view.name for view in load() if not view.comments.get("")] == []
    long = [(path.name, line) for path in FOLDER.glob("*.sql") for line in path.read_text().splitlines()]
    assert [(name, line) for name, line in long if len(line) > 120] == []
