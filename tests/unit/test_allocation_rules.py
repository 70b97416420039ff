"""The file of rules: what is wrong with one is said by field, value and remedy, all at once."""

from pathlib import Path

import pytest

from storage.allocation.compiling import Compiled
from storage.allocation.model import Document, Rules
from storage.allocation.patterns import as_like, folded, folded_key
from storage.allocation.reading import as_json, from_json, hash_of, read_rules
from telemetry.errors import ConfigError
from tests.support.allocating import Reference

EXAMPLE = Path(__file__).parents[2] / "config" / "allocation.example.yaml"
_TEAM = "{name: team, rules: [{tag: team}]}"


def read(directory: Path, text: str) -> Document:
    path = directory / "allocation.yaml"
    path.write_text(text, encoding="utf-8")
    return read_rules(path)


def version(dimensions: str = _TEAM, shared: str = "", *, more: str = "") -> str:
    return f"versions:\n- {{effective_from: 2026-01, dimensions: [{dimensions}], shared: [{shared}]{more}}}\n"


def shared(rest: str) -> str:
    return version(shared=f"{{name: s, dimension: team, where: {{accounts: a}}, {rest}}}")


def test_the_example_is_read_and_so_is_what_it_only_hints_at(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    (rules,) = read(tmp_path, text).versions
    assert [one.name for one in rules.dimensions] == ["team", "application", "cost_center"]
    (more,) = read(tmp_path, text.replace("      # -", "      -").replace("      #   ", "        ")).versions
    assert len(more.shared) == len(rules.shared) + 1


def test_stored_rules_are_the_same_rules(tmp_path: Path) -> None:
    (rules,) = read(tmp_path, EXAMPLE.read_text(encoding="utf-8")).versions
    again = from_json(as_json(rules))
    assert as_json(again) == as_json(rules)
    assert hash_of(again) == hash_of(rules)
    (later,) = read(tmp_path, EXAMPLE.read_text(encoding="utf-8").replace("2026-01", "2026-02")).versions
    assert hash_of(later) == hash_of(rules)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("versions: [{}]\nversion: []", "version: there is no such key; did you mean versions?"),
        ("versions: []", "versions: must not be empty"),
        (version().replace("2026-01", "2026-13"), "versions[0].effective_from: '2026-13': write a month"),
        (version(more=", sharde: []"), "versions[0].sharde: there is no such key; did you mean shared?"),
        (version("{name: Team, rules: [{tag: team}]}"), "versions[0].dimensions[0].name: 'Team': lower-case letters"),
        (version("{name: team, rules: []}"), "versions[0].dimensions[0].rules: must not be empty"),
        (version("{name: team, rules: [{tag: a, value: b}]}"), "write exactly one of tag, value and by"),
        (version("{name: team, rules: [{value: b}]}"), "value: say with where which charges it is for"),
        (version("{name: team, rules: [{value: Unallocated, where: {accounts: a}}]}"), "choose another"),
        (version("{name: team, rules: [{tag: a, where: {}}]}"), "name at least one condition"),
        (version("{name: team, rules: [{tag: a, where: {acounts: b}}]}"),
         "versions[0].dimensions[0].rules[0].where.acounts: there is no such key; did you mean accounts?"),
        (version("{name: team, rules: [{tag: a, where: {categories: [tax]}}]}"), "did you mean Tax?"),
        (version("{name: team, rules: [{tag: a, where: {accounts: ['*a*b*c*d*e*f*g*h*i*']}}]}"), "at most 8 stars"),
        (version("{name: team, rules: [{by: app, values: {a: b}}]}"), "'app' is no dimension before team"),
        (version("{name: team, rules: [{by: app}]}"), "by and values go together"),
        (version(f"{_TEAM}, {_TEAM}"), "dimensions: 'team' is there twice"),
        (shared("split: evenly"), "versions[0].shared[0].split: 'evenly': did you mean even?"),
        (shared("split: fixed"), "shares and split: fixed go together"),
        (shared("split: fixed, shares: {a: 0.3, b: 0.3, c: 0.3}"), "shares: they add up to 0.9, and must be 1 exactly"),
        (shared("split: fixed, shares: {a: 0, b: 1}"), "versions[0].shared[0].shares.a: 0: must be more than 0"),
        (shared("split: fixed, shares: {a: 1e-25, b: 1}"), "shares.a: '1e-25': at most 20 digits behind the point"),
        (shared("split: fixed, shares: {a: x, b: 1}"), "shares.a: 'x': write a number, such as 5 or 0.5"),
        (shared("split: metric, metric: {name: a, min_coverage: x}"), "min_coverage: 'x': write a number"),
        ("", "it is empty: begin with versions"),
        ("[]", "it must hold versions"),
        ("versions:", "versions: it is empty: write what belongs there below it"),
        (shared("split: even, normalise: true"), "normalise: it is for shares alone"),
        (shared("split: metric"), "metric and split: metric go together"),
        (shared("split: even").replace("dimension: team", "dimension: app"), "shared[0].dimension: 'app' is no"),
        (version(more=", tags: {values: {team: {a: [x], b: [X]}}}"), "'X' stands for 'a' and 'b': choose one"),
        (version() + version().removeprefix("versions:\n"), "versions: '2026-01' is there twice"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert said in str(caught.value)
    assert len(caught.value.problems) <= 3, "what one fault makes is no second one"


def test_shares_that_are_to_be_normalised_need_not_be_one(tmp_path: Path) -> None:
    read(tmp_path, shared("split: fixed, normalise: true, shares: {a: 2, b: 1}"))
    read(tmp_path, shared("split: fixed, shares: {a: 0.1, b: 0.2, c: 0.7}"))


@pytest.mark.parametrize(
    ("key", "plain"),
    [
        ("Team", "team"),
        ("user:Cost-Center", "costcenter"),
        ("cost_center ", "costcenter"),
        ("Cost Center", "costcenter"),
    ],
)
def test_keys_are_compared_without_what_spellings_differ_by(key: str, plain: str) -> None:
    assert folded_key(key) == plain


def test_values_are_compared_without_case_and_blanks() -> None:
    assert folded("  Growth \t Team ") == "growth team"


@pytest.mark.parametrize(
    ("glob", "like"), [("a*b?", "a%b_"), ("**", "%"), ("100%_\\", r"100\%\_\\"), ("[ab]", "[ab]")]
)  # fmt: skip
def test_globs_are_patterns_of_like(glob: str, like: str) -> None:
    assert as_like(glob) == like


@pytest.mark.parametrize(
    ("tags", "owner"),
    [
        ({"team": "data", "Team": "x"}, "data"),
        ({"team": "data", "TEAM": "x", "user:team": "y"}, "data"),
        ({"team": " ", "Team": "x"}, "x"),
        ({"Team": "x", "squad": "y"}, "x"),
        ({"squad": "y", "Squad": "z"}, "y"),
        ({"Owner": "of the provider", "team": "data"}, "of the provider"),
        ({"owner": "of another spelling", "Owner": "of the provider"}, "of the provider"),
    ],
)
def test_of_keys_that_differ_in_spelling_the_one_of_the_rules_comes_first(tags: dict[str, str], owner: str) -> None:
    told = {
        "effective_from": "2026-01",
        "tags": {"keys": {"team": ["squad"]}, "providers": {"aws": {"team": ["Owner"]}}},
        "dimensions": [{"name": "team", "rules": [{"tag": "team"}]}],
    }
    for spelled in (tags, dict(reversed(tags.items()))):
        assert Compiled(Rules.model_validate(told)).told("aws", spelled) == [owner]
        assert Reference(told).tag({"provider": "aws", "tags": spelled}, "team") == owner


def test_a_file_of_rules_that_is_not_there_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_rules(tmp_path / "nosuch.yaml")
    assert "there is no such file: name the file of the rules" in str(caught.value)
    assert "--config" not in str(caught.value)
