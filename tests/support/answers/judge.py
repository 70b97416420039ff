"""What is wrong with a collection of which one answer was harmed.

By the item that the harm is in: what else changes than what would be lost without the item is a lost neighbour. By
the numbers: each is one of the undisturbed collection, unless a number was put in the place of another.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from agents.testing.collecting import Collected
from telemetry.costs import CostLine
from telemetry.records import CostRate, MetricPoint
from tests.support.answers.harm import DROP, TWICE, Harm, Place
from tests.support.answers.standing import Answer, Disturbed, Standing

NAMES = frozenset({".time_series[].metric.labels.status", ".time_series[].metric.labels.storage_class"})
"""Kinds of fields whose words go into what is said: any ending of an execution but `ok`, a class of storage."""
Number = MetricPoint | CostRate | CostLine

DEFAULTS = frozenset(
    {
        ".data[].pools[].scaleSetPriority",
        ".value[].properties.resources",
        ".value[].properties.resources.instanceCount",
        ".InvoiceSummaries[].BaseCurrencyAmount.AmountBreakdown",
        ".InvoiceSummaries[].BaseCurrencyAmount.AmountBreakdown.Taxes",
        ".InvoiceSummaries[].BaseCurrencyAmount.AmountBreakdown.Taxes.TotalAmount",
    }
)
"""Kinds of fields that Azure leaves out where they have the value that it documents: `Regular`, one node; and the tax
of an invoice of AWS, which is unknown then."""
SUMMED = frozenset({"invocations", "errors", "size_bytes", "error_count", "error_rate"})
"""Metrics of Google's that are made of several series: of one that is nobody's, each may be the one that lacks it."""


class Said(NamedTuple):
    """What one record says: of whom, what, and how much. A description says no number."""

    owner: str
    what: tuple[Any, ...]
    number: Any = None


def faults(standing: Standing, answer: Answer, place: Place, harm: Harm, found: Disturbed) -> Iterator[str]:
    """A line for each thing that is wrong."""
    yield from (f"the exception of another: {text}" for text in found.foreign)
    collected, whole = found.collected, standing.whole
    if not found.done:
        yield from () if _said(collected) == _said(whole) else ("it changes by itself",)
        return
    yield from _doubled(collected, whole)
    by_right = harm.quiet or _is_default(place, harm)
    if not (by_right or (harm.word and place.shape in NAMES)):
        yield from _invented(standing, answer, place, harm, collected)
    if collected.error is not None:
        yield from _lost_all(standing, answer, place, collected)
    elif gone := _said(whole) - _said(collected):
        told = _is_told(standing, collected)
        single = [one for one in gone if not (told and _is_sum(one))]
        # With another value in it, the item may contradict that of a neighbour.
        if not (told and (harm.number or harm.word)):
            yield from _lost_neighbours(standing, answer, place, single, told=told)
        if not (by_right or told):
            yield from _silent(standing, place, harm, collected)


def _is_default(place: Place, harm: Harm) -> bool:
    return place.shape in DEFAULTS and (harm.takes_away or isinstance(harm.value, dict))


def _said(collected: Collected) -> Counter[Said]:
    """Each thing that was said, of a resource once."""
    described = {
        Said(one.resource_id, (one.type, one.name, str(one.tags), str(one.attributes))) for one in collected.resources
    }
    return Counter([*described, *map(_of, _numbers(collected))])


def _is_told(standing: Standing, collected: Collected) -> bool:
    """Whether it is said that something is not known."""
    unknown = collected.report.unknown_prices > standing.whole.report.unknown_prices
    return bool(collected.report.partial) or unknown


def _is_sum(one: Said) -> bool:
    return one.owner.startswith("//") and one.what[0] in SUMMED


def _numbers(collected: Collected) -> list[Number]:
    return [*collected.points(), *collected.rates(), *collected.costs()]


def _of(record: Number) -> Said:
    if isinstance(record, MetricPoint):
        what = (record.metric, record.unit, record.statistic, record.start, record.period)
        return Said(record.resource.resource_id, what, record.value)
    if isinstance(record, CostRate):
        return Said(
            record.resource.resource_id, (record.start, record.period, record.basis, record.currency), record.amount
        )
    labels = (record.service_name, record.charge_type, record.charge_description, record.sub_account_id)
    more = (record.region_id, record.resource_id, record.sku_id, record.unit, str(record.tags), record.quantity)
    return Said(f"{record.breakdown} {labels} {more}", (record.start, record.end, record.currency), _amounts(record))


def _amounts(line: CostLine) -> tuple[Any, ...]:
    return (line.billed_cost, line.effective_cost, line.list_cost, tuple(sorted(line.amounts.items())))


def _doubled(collected: Collected, whole: Collected) -> Iterator[str]:
    """What is said twice of one thing. Lines of a bill may be alike, as many of them as there are."""
    known = Counter(map(_of, _numbers(whole)))
    for one, times in Counter(map(_of, _numbers(collected))).items():
        if times > max(1, known[one]):
            yield f"said {times} times: {one}"
    told: list[Number] = [*collected.points(), *collected.rates()]
    said = Counter(_of(one)._replace(number=None) for one in told)
    yield from (f"two numbers: {one}" for one, times in said.items() if times > 1)


def _invented(standing: Standing, answer: Answer, place: Place, harm: Harm, collected: Collected) -> Iterator[str]:
    """Numbers that are not those of the undisturbed collection, whoever has them now.

    Where it is another word now, that may be of another thing: then as if the item were not there.
    """
    known = _known(standing.whole)
    told = [one for one in map(_of, _numbers(collected)) if not known(one)]
    if told and harm.word:
        others = [_known(standing.without(answer, place, item)) for item in place.items]
        told = [one for one in told if not any(known(one) for known in others)]
    for one in told:
        if not harm.number:
            yield f"invented: {one}"
        elif _zeros(one) and not _is_zero(harm.value):
            yield f"a zero that was none: {one}"


def _known(whole: Collected) -> Callable[[Said], bool]:
    """Whether a number is one of these: of the same owner, or of one who has none among them."""
    numbers = set(map(_of, _numbers(whole)))
    owners = {one.owner for one in numbers}
    of_nobody = set(map(_nobody, numbers))
    return lambda one: one in numbers or (one.owner not in owners and _nobody(one) in of_nobody)


def _nobody(one: Said) -> Said:
    return one._replace(owner="")


def _zeros(one: Said) -> bool:
    number = one.number
    return any(value == 0 for value in (number if isinstance(number, tuple) else (number,)) if value is not None)


def _is_zero(value: Any) -> bool:
    return value is None or not isinstance(value, int | float) or abs(value) < 1


def _lost_all(standing: Standing, answer: Answer, place: Place, collected: Collected) -> Iterator[str]:
    """An item that ends the collection by an error. A bill may: it is read whole, or anew."""
    if not place.items or standing.whole.costs():
        return
    if all(standing.without(answer, place, item).error is None for item in place.items):
        yield f"one item ends the collection: {collected.error}"


def _lost_neighbours(
    standing: Standing, answer: Answer, place: Place, gone: Iterable[Said], *, told: bool
) -> Iterator[str]:
    """Of whom something is gone though the item is not theirs."""
    if not place.items:
        return
    own: set[str] = set()
    for item in reversed(place.items):
        without = standing.without(answer, place, item)
        if without.error is not None:
            return
        before, after = _said(standing.whole), _said(without)
        own = {one.owner for one in (before - after) + (after - before)}
        if own:
            break
    if not own and told:
        return  # whose the item is, nobody knows
    yield from (f"a neighbour lost {one}" for one in gone if one.owner not in own)


def _silent(standing: Standing, place: Place, harm: Harm, collected: Collected) -> Iterator[str]:
    """What is gone without a word."""
    if harm.number or harm.word:
        return
    numbers = Counter(map(_of, _numbers(standing.whole))), Counter(map(_of, _numbers(collected)))
    fewer = Counter(map(_nobody, numbers[0].elements())) - Counter(map(_nobody, numbers[1].elements()))
    if not fewer:
        return
    if not place.items and harm.name != TWICE:
        yield f"gone without a word: {next(iter(fewer))}"
    elif not harm.takes_away:
        yield f"gone without a word, where something odd was told: {next(iter(fewer))}"
    elif standing.whole.costs() and not (harm.name == DROP and place.path == place.items[-1]):
        yield from _smaller(standing.whole, collected)


def _smaller(whole: Collected, collected: Collected) -> Iterator[str]:
    before, after = _total(whole), _total(collected)
    yield from (f"the bill is smaller: {after[key]} {key}" for key in before if after[key] < before[key])


def _total(collected: Collected) -> Counter[str]:
    total: Counter[str] = Counter()
    for line in collected.costs(""):
        total[line.currency] += line.billed_cost or Decimal(0)  # type: ignore[assignment]  # a Counter of Decimal
    return total
