"""The providers' sections: accounts, regions, services, intervals, budgets."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, field_validator

from telemetry.closest import closest
from telemetry.settings.backfill import Backfill
from telemetry.settings.fields import Dollars, Duration, Endpoint, FilePath, Name, Section, check

DEFAULT_ACCOUNT = "default"
ALL_REGIONS = "all"
"""In place of a list: the regions that the account has enabled."""

_API = re.compile(r"\*|[A-Za-z*?][A-Za-z0-9.*?-]*:[A-Za-z0-9.*?/_-]+")
"""``ec2:DescribeInstances``, or a pattern of such names."""


_MOST_A_SECOND = 1_000_000


def _rate(value: float) -> float:
    if not (math.isfinite(value) and 0 < value <= _MOST_A_SECOND):
        raise ValueError("write calls a second, more than 0: 5, or 0.5 for one every two seconds")
    return value


Rate = Annotated[float, AfterValidator(_rate)]
"""Calls a second."""


def variables_by_field(environ: Mapping[str, str], variables: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """For each field the first of its variables that is set; without those of which none is."""
    found = {
        key: next((environ[name] for name in names if environ.get(name)), None) for key, names in variables.items()
    }
    return {key: value for key, value in found.items() if value is not None}


class Account(Section):
    """One account of a provider, with everything that its own entry or the provider's section says."""

    name: Name
    regions: tuple[Name, ...]
    services: tuple[Name, ...]
    #: The Celery queue of its collect tasks.
    queue: Name
    #: Length of a window, where it has one of its own.
    interval: Duration | None = None
    #: The provider's own id of it, where the configuration tells; empty: not known before it is asked.
    provider_id: str = ""
    #: The fields of its entry that only its provider knows: role_arn, external_id ...
    options: dict[str, Any] = Field(default_factory=dict, repr=False)


class AccountEntry(Section):
    """An entry of ``accounts:``; what it leaves out is taken from the provider's section."""

    name: Name
    regions: tuple[Name, ...] | None = Field(default=None, min_length=1)
    services: tuple[Name, ...] | None = Field(default=None, min_length=1)
    queue: Name | None = None


class PushSource(Section):
    """Sends by itself: the task ``finfleet.push``, or straight to its own queue or the results queue."""

    kind: Literal["push"]
    name: Name
    #: The push source whose records it adds to; where both tell of the same thing, that one wins.
    shares: Name | None = None
    #: What lies on the queue that all share, and on that of the results, is not taken for its own.
    own_queue_only: bool = False
    #: Messages that may wait for the ingest; more become dead letters.
    max_waiting: int = Field(default=200_000, ge=1, le=100_000_000)

    @field_validator("name")
    @classmethod
    def _no_other_queue(cls, name: str) -> str:
        if name.endswith(".dead"):
            raise ValueError("a name that ends in .dead is that of another queue: choose another one")
        return name


class ProviderSettings(Section):
    """What every provider's section can hold."""

    #: How the environment variables begin that the provider's own libraries read, credentials among them.
    variables: ClassVar[tuple[str, ...]] = ()
    #: Where an agent that runs alone finds what no file says: variables of the environment, by field.
    given_by: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType({})
    #: Names that ``endpoints`` may hold, which ``PROVIDER_ENDPOINT_NAME`` gives to such an agent; empty: any name.
    endpoint_names: ClassVar[tuple[str, ...]] = ()

    #: The regions that there are; empty: any name may be one.
    known_regions: ClassVar[frozenset[str]] = frozenset()

    enabled: bool = True
    services: tuple[Name, ...] = Field(default=(), description="empty: every service that is installed")
    collection_interval: Duration | None = None
    #: Per service, where one needs another interval than the rest.
    intervals: dict[str, Duration] = Field(default_factory=dict)
    #: How far before it is first enabled a target is collected: of every service, or of those that are named.
    backfill: Backfill = timedelta(0)
    queue: Name | None = None
    endpoints: dict[str, Endpoint] = Field(default_factory=dict)
    ca_file: FilePath | None = None
    #: Calls a second, per API, where the provider's published limits are not yours: {"ec2:DescribeInstances": 5}.
    quotas: dict[str, Rate] = Field(default_factory=dict)
    budget_usd_per_day: Dollars | None = None

    def _regions(self) -> tuple[str, ...]:
        return ("global",)

    def _entries(self) -> tuple[AccountEntry, ...]:
        return ()

    def _provider_id(self, entry: AccountEntry) -> str:
        del entry
        return ""

    def region_fault(self, region: str) -> str:
        """What is wrong with the name of a region, and what may have been meant; empty where nothing is."""
        unlisted: tuple[str, ...] = getattr(self, "unlisted_regions", ())
        if not self.known_regions or region in self.known_regions or region in {ALL_REGIONS, *unlisted}:
            return ""
        close = closest(region, sorted(self.known_regions))
        meant = f" did you mean {close}?" if close else ""
        newer = "one that is newer than this release also goes into unlisted_regions"
        return f"{region}: there is no such region;{meant} {newer}"

    @property
    def push_sources(self) -> tuple[PushSource, ...]:
        """The sources that push, where this provider has such."""
        return ()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> dict[str, Any]:
        """The fields that the variables of the environment give."""
        return variables_by_field(environ, cls.given_by)

    def interval(self, service: str) -> timedelta | None:
        """The configured interval of a service, if there is one."""
        return self.intervals.get(service, self.collection_interval)

    def backfill_of(self, service: str) -> timedelta:
        """How much of the past of a service a new target owes."""
        given = self.backfill
        return given if isinstance(given, timedelta) else given.get(service, timedelta(0))

    def accounts_of(self, provider: str) -> tuple[Account, ...]:
        """The accounts to collect, complete."""
        queue = self.queue or f"collect.{provider}"
        entries = self._entries() or (AccountEntry(name=DEFAULT_ACCOUNT),)
        return tuple(
            Account(
                name=entry.name,
                regions=entry.regions or self._regions(),
                services=entry.services or self.services,
                queue=entry.queue or queue,
                provider_id=self._provider_id(entry),
                options={
                    key: getattr(entry, key) for key in type(entry).model_fields.keys() - AccountEntry.model_fields
                },
            )
            for entry in entries
        )

    @field_validator("endpoints")
    @classmethod
    def _endpoints_are_known(cls, endpoints: dict[str, str]) -> dict[str, str]:
        unknown = sorted(endpoints.keys() - set(cls.endpoint_names)) if cls.endpoint_names else ()
        if unknown:
            close = closest(unknown[0], cls.endpoint_names)
            meant = f"did you mean {close}? " if close else ""
            raise ValueError(
                f"{unknown[0]}: there is no such endpoint; {meant}known are {', '.join(cls.endpoint_names)}"
            )
        return endpoints

    @field_validator("quotas")
    @classmethod
    def _quotas_name_apis(cls, quotas: dict[str, float]) -> dict[str, float]:
        for name in quotas:
            if not _API.fullmatch(name):
                raise ValueError(
                    f"{name!r}: write service:Operation, or a pattern of such: ec2:DescribeInstances, ec2:*"
                )
        return quotas

    @check
    def _regions_are_there(self) -> None:
        named = dict.fromkeys(self._regions(), "")
        for entry in self._entries():
            named |= {region: f"accounts: {entry.name}: " for region in entry.regions or () if region not in named}
        faults = [f"{where}{fault}" for region, where in named.items() if (fault := self.region_fault(region))]
        if faults:
            raise ValueError("\n".join(faults))

    @check
    def _accounts_are_distinct(self) -> None:
        names = [entry.name for entry in self._entries()]
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        if twice:
            raise ValueError(f"accounts: the name {twice[0]!r} is used twice; every account needs its own")
