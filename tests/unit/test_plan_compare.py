"""What a comparison says of its sums: no more than is known of their parts."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from workers.estimates import Reading
from workers.plan_compare import Comparison, Difference, _add, _show

NOW = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
CENT = Decimal("0.01")


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ([(CENT, "")], "estimated USD 0.01, metered"),
        ([(CENT, "at least"), (CENT, "")], "estimated at least USD 0.02, metered"),
        ([(CENT, "at most"), (CENT, "at least")], "estimated about USD 0.02, metered"),
        ([(CENT, ""), (None, "")], "estimated at least USD 0.01, metered"),
        ([(Decimal(0), ""), (None, "")], "estimated USD unknown, metered"),
        ([], "estimated USD 0, metered"),
    ],
)
def test_the_sum_is_bounded_as_its_parts_are(
    parts: Sequence[tuple[Decimal | None, str]], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [
        Difference(f"aws/{number}", "x:Get", None if usd is None else 1, usd, 1, CENT, bound)
        for number, (usd, bound) in enumerate(parts)
    ]
    _show(Comparison(NOW, NOW, found, 1, 1, []))
    assert says in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("bounds", "said"),
    [(("at least", ""), "at least"), (("", "at most"), "at most"), (("at most", "at least"), "about")],
)
def test_the_targets_of_a_service_leave_the_widest_bound(bounds: Sequence[str], said: str) -> None:
    rows: dict[tuple[str, str], Difference] = {}
    for bound in bounds:
        _add(rows, "aws/cost", Reading({"x:Get": Decimal(1)}, CENT, {"x:Get": CENT}, "estimated", bound), 2)
    (row,) = rows.values()
    assert (row.estimated_usd, row.bound) == (4 * CENT, said)
