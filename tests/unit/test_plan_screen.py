"""A plan on terminals of any width: no line is longer, no name is broken, and what is not known is no zero."""

import io
import re
import sys
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from workers.money import bounded, dollars
from workers.plan_lines import Line
from workers.plan_screen import show_plan

_SERVICES = ("aws/cost", "azure/virtual_machines", "gcp/cloud_functions", "generic/prometheus")


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _line(service: str, *, known: bool = True) -> Line:
    provider, _, name = service.partition("/")
    calls = {"costmanagement:query": 14, "sagemaker:DescribeEndpoint": 28_800} if known else None
    usd = Decimal("1234.5678") if known else None
    return Line(
        target=f"{provider}/production/us-east-1/{name}",
        queue=f"collect.{provider}",
        interval=timedelta(minutes=5),
        windows_per_day=288,
        rereads_per_day=0,
        resources=100 if known else None,
        calls_per_day=calls,
        usd_per_day=usd,
        basis="estimated" if known else "unknown",
        bound="at least" if known else "",
        why="" if known else "not collected yet",
        usd_per_day_by_api={"costmanagement:query": usd} if usd is not None else None,
        backfill_windows=100_000,
        backfill_calls=calls,
        backfill_usd=usd,
        backfill_usd_by_api={"costmanagement:query": usd} if usd is not None else None,
    )


def _shown(monkeypatch: pytest.MonkeyPatch, width: int, *, each: bool = False) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("LINES", "24")
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    lines = [_line(service, known=service != "gcp/cloud_functions") for service in _SERVICES]
    show_plan(lines, each=each)
    return re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue()).splitlines()


def test_of_what_is_delivered_it_is_said_what_a_delivery_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    line = replace(_line("aws/bill_files", known=False), bound="at least", calls_per_delivery={"s3:GetObject": 3})
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "stdout", terminal := _Terminal())
    show_plan([line], each=True)
    assert "a delivery: at least 3 s3:GetObject" in terminal.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 160])
@pytest.mark.parametrize("each", [False, True])
def test_it_fits_and_names_are_whole(monkeypatch: pytest.MonkeyPatch, width: int, each: bool) -> None:
    shown = _shown(monkeypatch, max(width, 60) if each else width, each=each)
    assert max(map(len, shown)) <= (max(width, 60) if each else width)
    names = [_line(service).target for service in _SERVICES] if each else _SERVICES
    for name in (*names, "sagemaker:DescribeEndpoint" if each else "costmanagement:query"):
        assert any(name in line for line in shown), name


def test_at_eighty_by_twenty_four_all_that_matters_is_there_and_on_top(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = _shown(monkeypatch, 80)
    assert len(shown) <= 24
    assert shown[0] == "a day: at least USD 3,703.70; 1 target unknown: gcp/cloud_functions"
    assert shown[1].startswith("back-fill once: 400,000 windows, at least 86,442 calls, at least USD 3,703.70;")
    assert "unknown: gcp/cloud_functions: not collected yet" in shown
    (row,) = (line for line in shown if line.startswith("gcp/cloud_functions"))
    assert row.split() == ["gcp/cloud_functions", "1", "288", "unknown", "100,000", "unknown"]


def test_a_pipe_has_every_column_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    show_plan([_line(service) for service in _SERVICES], each=True)
    text = capsys.readouterr().out
    assert "wider" not in text
    assert "14 costmanagement:query, 28,800 sagemaker:DescribeEndpoint" in text


@pytest.mark.parametrize(
    ("usd", "bound", "shown"),
    [
        ("0", "", "0"),
        ("0.06", "at least", ">= 0.06"),
        ("0.0042", "about", "~ 0.0042"),
        ("0.00000005", "about", "< 0.0001"),
        ("1234.567", "at most", "<= 1,234.57"),
        ("1E+3", "", "1,000.00"),
    ],
)
def test_dollars_are_never_rounded_to_nothing(usd: str, bound: str, shown: str) -> None:
    assert bounded(Decimal(usd), bound) == shown
    assert bounded(None, bound) == "unknown"
    assert not dollars(Decimal(usd)).startswith("-")
