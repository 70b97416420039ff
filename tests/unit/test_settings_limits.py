"""Whatever the configuration holds, it is read in bounded time and memory, and what is wrong is a ConfigError."""

import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.errors import ConfigError
from telemetry.settings import Settings, load_settings
from telemetry.settings.document import MAX_BYTES, MAX_DEPTH, MAX_VALUES
from telemetry.settings.explaining import MAX_FAULTS
from telemetry.settings.places import keys_at

_LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)
)
_MERGES = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}], k{n}: 1}}\n" for n in range(1, 40))
_CHAIN = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 2000))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _load(text: str) -> Settings:
    path = Path("telemetry.yaml")
    path.write_text(text, encoding="utf-8")
    return load_settings(path, {"LONG": "x" * 50_000})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (_LAUGHS, "aliases written out"),
        (_MERGES, "aliases written out"),
        (_CHAIN, f"nested more than {MAX_DEPTH} deep, aliases written out"),
        ("a: &a [*a]", "an alias stands for what it is a part of"),
        ("a: &a {<<: *a}", "an alias stands for what it is a part of"),
        ("a: " + "[" * 100_000, f"line 1, column 43: it is nested more than {MAX_DEPTH} deep"),
        ("a: " + "[" * 300 + "]" * 300, "nested more than"),
        ("a: " + "{a: " * 100_000, "nested more than"),
        ("- " * 100_000, "nested more than"),
        ("? " * 100_000, "nested more than"),
        ("".join(f"{' ' * n}a:\n" for n in range(1000)), "nested more than"),
        ("#" * (MAX_BYTES + 1), f"longer than {MAX_BYTES} bytes"),
        ("a: [" + "x, " * (MAX_VALUES + 1) + "]", "it holds more than"),
        ("a: " + "9" * 100_000, "a number of 100000 characters: at most 64"),
        ("a: 0x" + "f" * 100_000, "a number of 100002 characters"),
        ("a: 0b" + "1" * 100_000, "a number of"),
        ("a: 1" + ":59" * 100_000, "a number of"),
        ("a: 1" + "_" * 100_000, "a number of"),
        ("a: !!int '" + "9" * 100_000 + "'", "a number of"),
        ("a: !!float '" + "9" * 100_000 + "'", "a number of"),
        ("a: " + "x" * 20_000, "a text of 20000 characters: at most 16384"),
        ("a: !!set {x, y}", "a tag (!)"),
        ("a: !!omap [x: 1]", "a tag (!)"),
        ("a: !!python/object/apply:os.system [ls]", "a tag (!)"),
        ("? [a, b]\n: x", "a list or a mapping cannot be a key"),
        ("aws: {<<: {region: a, region: b}}", "key 'region' is given twice"),
        ("ledger: {max_attempts: 1" + "0" * 60 + "}", "ledger.max_attempts: '1000"),
        ("ledger: {max_in_flight: 1e300}", "ledger.max_in_flight: "),
        ("ledger: {max_backlog: 10_000_000_000}", "ledger.max_backlog: '10000000000'"),
        ("gcp: {maximum_bytes_billed: 1" + "0" * 30 + "}", "gcp.maximum_bytes_billed"),
        ("aws: {budget_usd_per_day: '1e999999999'}", "aws.budget_usd_per_day"),
        ("aws: {budget_usd_per_day: sNaN}", "aws.budget_usd_per_day"),
        ("aws: {budget_usd_per_day: .inf}", "aws.budget_usd_per_day"),
        ("aws: {quotas: {'*': 1.0e+300}}", "aws.quotas.*: '1e+300'"),
        ("aws: {region: '" + "${LONG}" * 2000 + "'}", "too long"),
        ("aws: {access_key_id: '" + "${LONG}" * 2000 + "'}", "too long"),
        ("generic: {sources: [{mapping: [{value: '" + "(" * 4000 + "'}], kind: http_json}]}", "mapping[0].value: "),
    ],
)
def test_what_would_cost_too_much_is_refused_before_it_costs(text: str, said: str) -> None:
    begun = time.process_time()
    with pytest.raises(ConfigError) as caught:
        _load(text)
    assert said in str(caught.value)
    assert time.process_time() - begun < 20
    assert len(str(caught.value)) < 20_000


def test_a_long_document_takes_seconds_and_little_memory() -> None:
    accounts = "".join(f"    - {{name: a{n}, regions: [us-east-1, eu-west-1]}}\n" for n in range(2_000))
    tracemalloc.start()
    begun = time.process_time()
    loaded = _load(f"aws:\n  accounts:\n{accounts}")
    assert loaded.aws is not None
    assert len(loaded.aws.accounts) == 2_000
    assert time.process_time() - begun < 60
    assert tracemalloc.get_traced_memory()[1] < 100 * 2**20
    tracemalloc.stop()


def test_of_many_faults_the_first_are_told_and_the_rest_counted() -> None:
    with pytest.raises(ConfigError) as caught:
        _load("aws: {" + "".join(f"wrong_{n}: 1, " for n in range(5_000)) + "}")
    assert len(caught.value.problems) == MAX_FAULTS + 1
    assert caught.value.problems[-1] == f"and {5_000 - MAX_FAULTS} more"


def test_anchors_and_merge_keys_do_what_they_are_for() -> None:
    loaded = _load(
        """
aws:
  accounts:
    - &one {name: one, regions: [eu-west-1], services: [ec2]}
    - {<<: *one, name: two}
    - {<<: *one, name: three, services: [s3]}
"""
    )
    assert loaded.aws is not None
    assert [(a.name, a.regions, a.services) for a in loaded.aws.accounts] == [
        ("one", ("eu-west-1",), ("ec2",)),
        ("two", ("eu-west-1",), ("ec2",)),
        ("three", ("eu-west-1",), ("s3",)),
    ]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("36500d", "must be at most ten years: 3660d"),
        ("9999999999999999d", "must be at most ten years"),
        ("999999999999d", "must be at most ten years"),
        ("1.0e+300", "must be at most ten years"),
        (".inf", "must be at most ten years"),
        ("-.inf", "must be at most ten years"),
        (".nan", "write seconds"),
        ("'nan'", "write seconds"),
        ("'²'", "write seconds"),
        ("'٣'", "write seconds"),
        ("''", "write seconds"),
        ("true", "write seconds"),
        ("-1", "must not be negative"),
        ("[1]", "write seconds, or a number with s, m, h or d"),
        ("2026-01-01", "write seconds, or a number with s, m, h or d"),
    ],
)
def test_a_duration_has_an_end(value: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(f"retention: {{points: {value}}}")
    assert said in str(caught.value)


def test_the_longest_duration_is_ten_years() -> None:
    assert _load("retention: {points: 3660d}").retention.points.days == 3660


_KEYS = sorted(
    {
        name
        for place in ((), ("aws",), ("azure",), ("gcp",), ("generic",), ("openfinops",), ("ledger",), ("retention",))
        for name in keys_at(place)
    }
    | {"name", "kind", "url", "headers", "auth", "mapping", "bearer", "value", "metric", "enabled"}
)
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.dates(),
    st.sampled_from(
        ["5m", "${HOME}", "${NOPE}", "push", "http_json", "prometheus", "https://[", "redis://x@", "1e400"]
    ),
)
_TREES: st.SearchStrategy[Any] = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.one_of(st.sampled_from(_KEYS), st.text(max_size=8), st.integers(), st.none()), inner, max_size=5
        ),
    ),
    max_leaves=25,
)
_FRAGMENTS = st.lists(
    st.sampled_from(
        [
            *_KEYS, *"{}[]:,&*!%@`|>-?#'\"\\~", "\n", "  ", ": ", "- ", "? ", "<<: ", "&a ", "*a", "!!int ",
            "!!binary ", "!!null ", "!x ", "---", "...", "%YAML 1.1\n", "1:30", "0o7", "2026-02-30",
            "2026-02-30T99:99:99Z", "=", ".nan", "\x85", "\ufeff", "\u2028", "é", "🚀", "\\x",
            '"\\u0000"', '"\\ud800"', "x" * 200,
        ]
    ),
    max_size=40,
).map("".join)  # fmt: skip


def _only_config_errors(text: str) -> None:
    path = Path("telemetry.yaml")
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    for environ in ({"HOME": "/x"}, {"HOME": "/x", "FINFLEET_DATABASE_URL": "postgresql://h/x"}):
        for providers in ((), ("aws", "azure", "gcp", "generic")):
            try:
                load_settings(path, environ, providers=providers, forwards=False, stores=False)
            except ConfigError as error:
                str(error).encode()


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(_KEYS), _TREES, max_size=4))
def test_any_document_is_loaded_or_a_config_error(document: dict[str, Any]) -> None:
    _only_config_errors(yaml.safe_dump(document, allow_unicode=True))


@settings(max_examples=500, deadline=None)
@given(st.one_of(_FRAGMENTS, st.text(max_size=60)))
def test_any_text_is_loaded_or_a_config_error(text: str) -> None:
    _only_config_errors(text)
