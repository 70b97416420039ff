"""The providers' sections: accounts, regions, services, intervals, budgets."""

from __future__ import annotations

import math
import re
from collections import Counter
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from telemetry.limits import MAX_BACKFILL
from telemetry.settings.fields import Dollars, Duration, Endpoint, FilePath, Name, OptionalDuration, Section

DEFAULT_ACCOUNT = "default"

_API = re.compile(r"\*|[A-Za-z*?][A-Za-z0-9.*?-]*:[A-Za-z0-9.*?/_-]+")
"""``ec2:DescribeInstances``, or a pattern of such names."""


_MOST_A_SECOND = 1_000_000


def _rate(value: float) -> float:
    if not (math.isfinite(value) and 0 < value <= _MOST_A_SECOND):
        raise ValueError("write calls a second, more than 0: 5, or 0.5 for one every two seconds")
    return value


def _backfill(value: timedelta) -> timedelta:
    if value > MAX_BACKFILL:
        raise ValueError(f"at most {MAX_BACKFILL.days}d; what is older is collected with finfleet backfill")
    return value


Rate = Annotated[float, AfterValidator(_rate)]
"""Calls a second."""


class Account(Section):
    """One account of a provider, with everything that its own entry or the provider's section says."""

    name: Name
    regions: tuple[Name, ...]
    services: tuple[Name, ...]
    #: The Celery queue of its collect tasks.
    queue: Name
    #: Length of a window, where it has one of its own.
    interval: Duration | None = None
    #: The fields of its entry that only its provider knows: role_arn, external_id ...
    options: dict[str, Any] = Field(default_factory=dict, repr=False)


class AccountEntry(Section):
    """An entry of ``accounts:``; what it leaves out is taken from the provider's section."""

    name: Name
    regions: tuple[Name, ...] | None = Field(default=None, min_length=1)
    services: tuple[Name, ...] | None = Field(default=None, min_length=1)
    queue: Name | None = None


class ProviderSettings(Section):
    """What every provider's section can hold."""

    #: How the environment variables begin that the provider's own libraries read, credentials among them.
    variables: ClassVar[tuple[str, ...]] = ()

    enabled: bool = True
    services: tuple[Name, ...] = Field(default=(), description="empty: every service that is installed")
    collection_interval: Duration | None = None
    #: Per service, where one needs another interval than the rest.
    intervals: dict[str, Duration] = Field(default_factory=dict)
    #: How far before it is first enabled a target is collected.
    backfill: Annotated[OptionalDuration, AfterValidator(_backfill)] = timedelta(0)
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

    def interval(self, service: str) -> timedelta | None:
        """The configured interval of a service, if there is one."""
        return self.intervals.get(service, self.collection_interval)

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
                options={
                    key: getattr(entry, key) for key in type(entry).model_fields.keys() - AccountEntry.model_fields
                },
            )
            for entry in entries
        )

    @field_validator("quotas")
    @classmethod
    def _quotas_name_apis(cls, quotas: dict[str, float]) -> dict[str, float]:
        for name in quotas:
            if not _API.fullmatch(name):
                raise ValueError(
                    f"{name!r}: write service:Operation, or a pattern of such: ec2:DescribeInstances, ec2:*"
                )
        return quotas

    @model_validator(mode="after")
    def _accounts_are_distinct(self) -> Self:
        names = [entry.name for entry in self._entries()]
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        if twice:
            raise ValueError(f"accounts: the name {twice[0]!r} is used twice; every account needs its own")
        return self
