"""How far forecasts of a bill are off, beside methods of statsforecast: `pip install statsforecast`.

Each forecast is of 10 and of 30 days, on bills with faults in the days before and none in these. The other methods see
the days too that are not whole.
"""

from __future__ import annotations

import importlib
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from statistics import fmean
from typing import Any

import numpy as np

from benchmarks.faulty_bills import COUNT, Bill, bill
from benchmarks.frame import conclude, parser, say, show
from storage.anomalies.detect import moved
from storage.forecasts.model import Known, days_between, level, seasonal_naive

_BILLS = 60
_ORIGINS = (75, 100, 120, 140)
_AHEAD = 30
_HORIZONS = (10, 30)
_FIRST_SEED = 3000

_Forecast = Callable[[Bill, Sequence[date]], Sequence[float]]
"""Of the thirty days after these."""


def main() -> None:
    """Run the command line."""
    options = parser(__doc__)
    options.add_argument("--bills", type=int, default=_BILLS, help="how many [%(default)s]")
    asked = options.parse_args()
    methods = {"finfleet": _of(level), "seasonal naive": _of(seasonal_naive), **_others()}
    errors: dict[tuple[str, int], list[float]] = defaultdict(list)
    took: dict[str, float] = defaultdict(float)
    for made, known, ahead in _cases(asked.bills):
        for name, forecast in methods.items():
            began = time.process_time()
            expected = forecast(made, known)
            took[name] += time.process_time() - began
            for days in _HORIZONS:
                actual = sum(made.costs[day] for day in ahead[:days])
                errors[name, days].append(abs(sum(expected[:days]) - actual) / actual)
    _tell(methods, errors, took)


def _cases(bills: int) -> Iterator[tuple[Bill, Sequence[date], Sequence[date]]]:
    """Bills, the days until one of the origins, and the thirty after it."""
    for made in map(bill, range(_FIRST_SEED, _FIRST_SEED + bills)):
        days = list(made.costs)
        for origin in _ORIGINS:
            ahead = days[origin : origin + _AHEAD]
            if not any(fault.kind in COUNT and ahead[0] <= fault.first <= ahead[-1] for fault in made.faults):
                yield made, days[:origin], ahead


def _of(method: Callable[[Known, Sequence[date]], list[float] | None]) -> _Forecast:
    def forecast(made: Bill, days: Sequence[date]) -> Sequence[float]:
        usage = {day: made.costs[day] for day in days if day not in made.incomplete}
        last = max(usage)
        known = Known(last, usage, dict.fromkeys(usage, 0.0), list(usage), moved(usage, {last})[last])
        found = method(known, days_between(days[-1] + timedelta(days=1), days[-1] + timedelta(days=_AHEAD)))
        if found is None:
            raise SystemExit("too few days for a forecast")
        return found

    return forecast


def _others() -> Mapping[str, _Forecast]:
    """Those of statsforecast, by week."""
    try:
        models = importlib.import_module("statsforecast.models")
    except ModuleNotFoundError:
        say("statsforecast is not installed: its methods are LEFT OUT (pip install statsforecast)")
        return {}
    warnings.filterwarnings("ignore")
    names = ("AutoETS", "AutoTheta", "AutoCES", "MSTL")
    return {name: _theirs(getattr(models, name)(season_length=7)) for name in names}


def _theirs(model: Any) -> _Forecast:
    def forecast(made: Bill, days: Sequence[date]) -> Sequence[float]:
        found: Sequence[float] = model.forecast(y=np.array([made.costs[day] for day in days]), h=_AHEAD)["mean"]
        return found

    return forecast


def _tell(methods: Mapping[str, Any], errors: Mapping[tuple[str, int], list[float]], took: Mapping[str, float]) -> None:
    rows = []
    for name in methods:
        cells = []
        for days in _HORIZONS:
            found = sorted(errors[name, days])
            cells += [f"{fmean(found):.1%}", f"{found[len(found) * 9 // 10]:.1%}"]
        rows.append((name, *cells, f"{took[name]:.2f} s"))
    columns = ("method", *(f"{days} days, {what}" for days in _HORIZONS for what in ("mean", "p90")), "processor")
    show(f"Error of {len(errors['finfleet', 10])} forecasts", columns, rows)
    conclude({"30 days, mean error": f"{fmean(errors['finfleet', 30]):.1%}"})


if __name__ == "__main__":
    main()
