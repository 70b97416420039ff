"""The whole configuration as one object."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from pydantic import Field, create_model

from telemetry.broker import Address, parse
from telemetry.push.sources import Pushers
from telemetry.settings.answers import AllocationSettings, AnomalySettings, CurrencySettings, ForecastSettings
from telemetry.settings.destinations import DestinationSettings, destination_fields, sections_of
from telemetry.settings.fields import (
    BrokerUrl,
    DatabaseUrl,
    Duration,
    FilePath,
    OptionalDuration,
    RedisUrl,
    Section,
    SigningKeys,
    check,
    span,
)
from telemetry.settings.providers import ProviderSettings, PushSource
from telemetry.settings.registry import providers

S = TypeVar("S", bound=Section)


class DatabaseSettings(Section):
    """``database:``. FINFLEET_DATABASE_URL has precedence."""

    url: DatabaseUrl | None = None


class BrokerSettings(Section):
    """``broker:``. FINFLEET_BROKER_URL has precedence."""

    url: BrokerUrl | None = None
    #: Of authorities to trust with rediss:// and amqps://, instead of those of the system.
    ca_file: FilePath | None = None
    #: Where the fleet's rate limit and the price cache live, when the broker is not Redis itself.
    redis_url: RedisUrl | None = None

    @property
    def address(self) -> Address | None:
        """The broker; None where none is configured. ConfigError where its certificates cannot be verified."""
        return None if self.url is None else parse(self.url, self.ca_file)

    @property
    def redis_address(self) -> Address | None:
        """That of ``redis_url``."""
        return None if self.redis_url is None else parse(self.redis_url, self.ca_file)


class LedgerSettings(Section):
    """``ledger:``: how long the fleet waits, and how often it tries."""

    sweep_interval: Duration = timedelta(seconds=30)
    #: From handing out an attempt until it is taken for lost.
    lease: Duration = timedelta(minutes=15)
    max_attempts: int = Field(default=8, ge=1, le=1000)
    #: Attempts of one provider that are out at the same time; None: as many as keep its workers busy.
    max_in_flight: int | None = Field(default=None, ge=1, le=1_000_000)
    #: Back-pressure: no new attempts while the results queue holds more messages, or older ones.
    max_backlog: int = Field(default=2000, ge=1, le=100_000_000)
    max_backlog_age: Duration = timedelta(minutes=10)
    #: With the first the planner signs what it hands out; the ingest takes results of any. FINFLEET_SIGNING_KEYS.
    signing_keys: SigningKeys = ()


class CollectSettings(Section):
    """``collect:``: one collection in a worker."""

    concurrency: int = Field(default=8, ge=1, le=256)
    #: One collection may take so long; it gives up in order, before the ledger takes it for lost.
    deadline: Duration = timedelta(minutes=10)


class IngestSettings(Section):
    """``ingest:``: one transaction of the ingest consumer."""

    #: A transaction takes what waits until it has so many records ...
    max_records: int = Field(default=50_000, ge=1, le=1_000_000)
    #: ... or messages. A small one follows the last one after a tenth of a second.
    max_messages: int = Field(default=512, ge=1, le=1000)
    flush_interval: Duration = timedelta(milliseconds=500)
    #: A message that a consumer held so long without a commit is taken over by another.
    claim_after: Duration = timedelta(seconds=60)


class RetentionSettings(Section):
    """``retention:``: what the database forgets, and when. Zero: never."""

    #: Points and rates; points of closed hours are sealed, and go a month at a time.
    points: OptionalDuration = timedelta(0)
    #: Rollups of points, which are made when they are sealed: longer than the points.
    hourly: OptionalDuration = timedelta(0)
    daily: OptionalDuration = timedelta(0)
    runs: OptionalDuration = timedelta(days=90)
    #: Lines of bills that a later reading replaced; they go with their run at the latest.
    history: OptionalDuration = timedelta(0)
    sent: OptionalDuration = timedelta(days=1)
    #: How old what is pushed may be. What came before is known for as long, so that the same again changes nothing.
    pushes: OptionalDuration = timedelta(days=400)


class Settings(Section):
    """``config/telemetry.yaml`` and the environment, as one frozen object.

    Made by :meth:`model_validate`, with a section for each provider of this install, under the provider's name, and
    those that its kinds of destinations bring.
    """

    database: DatabaseSettings = DatabaseSettings()
    broker: BrokerSettings = BrokerSettings()
    ledger: LedgerSettings = LedgerSettings()
    collect: CollectSettings = CollectSettings()
    ingest: IngestSettings = IngestSettings()
    retention: RetentionSettings = RetentionSettings()
    anomalies: AnomalySettings = AnomalySettings()
    forecasts: ForecastSettings = ForecastSettings()
    allocation: AllocationSettings = AllocationSettings()
    currencies: CurrencySettings = CurrencySettings()

    @check
    def _a_collection_ends_before_its_lease(self) -> None:
        if self.collect.deadline >= self.ledger.lease:
            raise ValueError(
                f"collect.deadline ({span(self.collect.deadline)}) must be shorter than "
                f"ledger.lease ({span(self.ledger.lease)}): "
                "else an attempt that still works is taken for lost"
            )

    @check
    def _destinations_have_names_of_their_own(self) -> None:
        sections_of(self)

    if TYPE_CHECKING:  # pydantic's own is for what is no field

        def __getattr__(self, name: str) -> Any:
            """A section that is composed."""

    @classmethod
    def model_validate(cls, obj: Any, **keywords: Any) -> Self:
        """Check the sections; pydantic.ValidationError lists the faults."""
        if cls is Settings:
            return cast("Self", settings_model().model_validate(obj, **keywords))
        return super().model_validate(obj, **keywords)

    def section(self, kind: type[S]) -> S | None:
        """The section of that kind; None where the configuration has none."""
        sections = (getattr(self, name) for name in type(self).model_fields)
        return next((section for section in sections if isinstance(section, kind)), None)

    def provider(self, name: str) -> ProviderSettings | None:
        """The section of an enabled provider, or None."""
        section: ProviderSettings | None = getattr(self, name, None) if name in providers() else None
        return section if section is not None and section.enabled else None

    def providers(self) -> Iterator[tuple[str, ProviderSettings]]:
        """The enabled providers, by name."""
        for name in providers():
            section = self.provider(name)
            if section is not None:
                yield name, section

    @property
    def push_sources(self) -> tuple[str, ...]:
        """Names of the sources that may push."""
        return self.pushers.names

    @property
    def pushers(self) -> Pushers:
        """The sources that may push."""
        return Pushers(
            {source.name: source.shares or source.name for source in self._pushing},
            self.retention.pushes,
            frozenset(source.name for source in self._pushing if source.own_queue_only),
        )

    @property
    def max_waiting(self) -> dict[str, int]:
        """By source that pushes, how many of its messages may wait."""
        return {source.name: source.max_waiting for source in self._pushing}

    @property
    def _pushing(self) -> tuple[PushSource, ...]:
        return tuple(source for _, section in self.providers() for source in section.push_sources)

    @property
    def destinations(self) -> tuple[str, ...]:
        """Where every committed batch is forwarded to."""
        return tuple(name for name, section in self.known_destinations.items() if section.enabled)

    @property
    def known_destinations(self) -> dict[str, DestinationSettings]:
        """Every destination of the configuration by name, be it enabled or not."""
        return sections_of(self)


@cache
def settings_model() -> type[Settings]:
    """The settings of this install: ours, a section for each provider, and what the kinds of destinations bring."""
    sections: dict[str, Any] = {name: (provider.settings | None, None) for name, provider in providers().items()}
    return create_model("Settings", __base__=Settings, __module__=__name__, **sections, **destination_fields())
