"""Records to batches: gathers what an agent yields, and cuts it into messages of bounded size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import chain
from operator import attrgetter

from telemetry import packed
from telemetry.batch import MAX_BATCH_RECORDS, Batch, Points, Rate, Run, Series
from telemetry.costs import TEXTS, CostLine
from telemetry.deliveries import Delivery
from telemetry.faults import size_of
from telemetry.fitting import fit_line, fit_recommendation, fit_resource
from telemetry.limits import MAX_BATCH_SIZE
from telemetry.recommendations import DOCUMENTS, Recommendation
from telemetry.recommendations import TEXTS as RECOMMENDED
from telemetry.records import AttributeValue, CostRate, MetricPoint, Record, Resource

_cost_texts = attrgetter(*TEXTS)
_recommended_texts = attrgetter(*RECOMMENDED, *DOCUMENTS)
# Bytes of msgpack beside the texts, rather too many than too few; amounts as providers write them.
_A_TEXT = 5
_A_POINT = sum(packed.SIZES.values())
_A_SERIES = 25
_A_RATE = 160
_A_RESOURCE = 60
_A_LINE = 100
_A_RECOMMENDATION = 300
_AN_AMOUNT = 30


class _Draft:
    """One batch in the making: columns, and the indexes of what it has seen."""

    def __init__(self) -> None:
        #: About so many bytes.
        self.size = 0
        self.resources: list[Resource] = []
        self.series: list[Series] = []
        self.points = Points(packed.column(packed.INDEX), packed.column(packed.SECONDS), packed.column(packed.VALUE))
        self.rates: list[Rate] = []
        self.costs: list[CostLine] = []
        self.deliveries: list[Delivery] = []
        self.recommendations: list[Recommendation] = []
        self._resource_index: dict[tuple[str, ...], int] = {}
        self._series_index: dict[Series, int] = {}

    def __len__(self) -> int:
        others = len(self.rates) + len(self.costs) + len(self.deliveries) + len(self.recommendations)
        return len(self.resources) + len(self.points.series) + others

    def add(self, record: Record) -> None:
        match record:
            case MetricPoint():
                self._add_point(record)
            case CostRate():
                index = self._resource(record.resource)
                start = int(record.start.timestamp())
                self.size += _A_RATE
                self.rates.append(Rate(index, start, record.period, record.amount, record.currency, record.basis))
            case CostLine():
                self._add_line(fit_line(record))
            case Resource():
                self._resource(record)
            case Delivery():
                self.deliveries.append(record)
                self.size += _A_LINE + sum(_A_LINE + size_of((file.name, file.etag)) for file in record.files)
            case Recommendation():
                self._add_recommendation(fit_recommendation(record))

    def _add_line(self, line: CostLine) -> None:
        self.costs.append(line)
        self.size += _A_LINE + size_of(_cost_texts(line))
        if line.tags:
            self.size += _size_of_entries(line.tags)
        if line.details:
            self.size += _size_of_entries(line.details)
        if line.amounts:
            self.size += _AN_AMOUNT * len(line.amounts) + size_of(line.amounts)

    def _add_recommendation(self, one: Recommendation) -> None:
        self.recommendations.append(one)
        self.size += _A_RECOMMENDATION + size_of(_recommended_texts(one))
        self.size += _size_of_entries(one.tags) + _size_of_entries(one.details)

    def _add_point(self, point: MetricPoint) -> None:
        index = self._resource(point.resource)
        key = Series(index, point.metric, point.source_metric, point.unit, point.statistic, point.period)
        series = self._series_index.get(key)
        if series is None:
            series = self._series_index[key] = len(self.series)
            self.series.append(key)
            self.size += _A_SERIES + size_of((key.metric, key.source_metric, key.unit, key.statistic))
        self.size += _A_POINT
        self.points.series.append(series)
        self.points.start.append(int(point.start.timestamp()))
        self.points.value.append(point.value)

    def _resource(self, resource: Resource) -> int:
        index = self._resource_index.get(resource.key)
        if index is None:
            index = self._resource_index[resource.key] = len(self.resources)
            fitted = fit_resource(resource)
            self.resources.append(fitted)
            self.size += _A_RESOURCE + size_of((*fitted.key, fitted.type, fitted.name)) + _size_of_entries(fitted.tags)
            self.size += _size_of_entries(fitted.attributes)
        elif resource.whole and not self.resources[index].whole:
            self.resources[index] = fit_resource(resource)
        return index

    def finish(
        self, run: Run, number: int, collected_at: datetime, *, final: bool, partial: tuple[str, ...] = ()
    ) -> Batch:
        parts = (self.resources, self.series, self.points, self.rates, self.costs)
        return Batch(run, number, final, collected_at, *parts, partial, self.deliveries, self.recommendations)


def _size_of_entries(entries: Mapping[str, AttributeValue]) -> int:
    texts = [*entries, *[value for value in entries.values() if isinstance(value, str)]]
    return size_of(texts) + 3 * _A_TEXT * len(entries)


def build_batches(
    run: Run,
    records: Iterable[Record],
    collected_at: datetime,
    limit: int = MAX_BATCH_RECORDS,
    *,
    missing: Callable[[], tuple[str, ...]] = tuple,
) -> Iterator[Batch]:
    """Cut ``records`` into batches of at most about ``limit`` records, numbered from 1, the last one marked final.

    A batch is full, too, when it has about MAX_BATCH_SIZE bytes: a reader takes more, whatever the records hold.
    Tags and attributes that no message can hold are left out, and counted (telemetry/fitting.py). The last one bears
    what is ``missing``, which is asked when the records are at their end.

    Lazy: at most one batch is held, so memory does not grow with the account. No records, no batch.
    """
    number = 1
    draft = _Draft()
    for record in records:
        # A record may bring its resource along, so leave room for both.
        if len(draft) + 1 >= limit or draft.size >= MAX_BATCH_SIZE:
            yield draft.finish(run, number, collected_at, final=False)
            number, draft = number + 1, _Draft()
        draft.add(record)
    if len(draft):
        yield draft.finish(run, number, collected_at, final=True, partial=missing())


def unpack(batch: Batch) -> Iterator[Record]:
    """The records of a batch again, in the order resources without more, points, rates, lines of costs and others."""
    used = {series.resource for series in batch.series} | {rate.resource for rate in batch.rates}
    alone = (resource for index, resource in enumerate(batch.resources) if index not in used)
    return chain(
        alone, _unpack_points(batch), _unpack_rates(batch), batch.costs, batch.deliveries, batch.recommendations
    )


def _unpack_points(batch: Batch) -> Iterator[MetricPoint]:
    columns = zip(batch.points.series, batch.points.start, batch.points.value, strict=True)
    for index, start, value in columns:
        series = batch.series[index]
        yield MetricPoint(
            resource=batch.resources[series.resource],
            metric=series.metric,
            source_metric=series.source_metric,
            unit=series.unit,
            statistic=series.statistic,
            start=datetime.fromtimestamp(start, tz=batch.run.window.start.tzinfo),
            period=series.period,
            value=value,
        )


def _unpack_rates(batch: Batch) -> Iterator[CostRate]:
    for rate in batch.rates:
        yield CostRate(
            resource=batch.resources[rate.resource],
            start=datetime.fromtimestamp(rate.start, tz=batch.run.window.start.tzinfo),
            period=rate.period,
            amount=rate.amount,
            currency=rate.currency,
            basis=rate.basis,
        )
