"""``aws:``: keys, roles, accounts, regions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, field_validator

from agents.aws.known_regions import REGIONS
from telemetry.closest import did_you_mean
from telemetry.settings.fields import Name, Section, check
from telemetry.settings.providers import ALL_REGIONS, DEFAULT_ACCOUNT, AccountEntry, ProviderSettings

_MOST_TAGS = 20
_MOST_EXPORTS = 100
_EXPORT_URL = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(?P<folder>[^\s?#]*[^\s?#/])/?")


def _all(value: Any) -> Any:
    return (ALL_REGIONS,) if value == ALL_REGIONS else value


def _alone(value: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if value is not None and ALL_REGIONS in value and len(value) > 1:
        raise ValueError("all stands for every enabled region: write regions: all, or a list without it")
    return value


def _distinct(value: tuple[str, ...]) -> tuple[str, ...]:
    twice = [key for index, key in enumerate(value) if key in value[:index]]
    if twice:
        raise ValueError(f"{twice[0]!r} is there twice: name each tag key once, each is paid for")
    return value


def _once(value: tuple[str, ...]) -> tuple[str, ...]:
    twice = [name for index, name in enumerate(value) if name in value[:index]]
    if twice:
        raise ValueError(f"{twice[0]!r} is there twice: name each account once")
    return value


def _folder(value: str) -> str:
    if not _EXPORT_URL.fullmatch(value):
        raise ValueError("write s3://BUCKET/PREFIX/EXPORT, the folder that AWS keeps this export in")
    return value.rstrip("/")


_Regions = Annotated[tuple[Name, ...], BeforeValidator(_all), AfterValidator(_alone)]
_TagKey = Annotated[str, Field(min_length=1, max_length=128)]


class AwsKeys(Section):
    """An access key, or a profile of the AWS configuration files; neither: boto3's own credential chain."""

    access_key_id: SecretStr | None = None
    secret_access_key: SecretStr | None = None
    session_token: SecretStr | None = None
    profile: str | None = None

    @check
    def _keys_come_in_pairs(self) -> None:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key go together: set both or neither")


class AwsAccountEntry(AccountEntry, AwsKeys):
    """An AWS account; without keys of its own it is reached with the section's, through ``role_arn``."""

    regions: Annotated[_Regions, Field(min_length=1)] | None = None
    role_arn: str | None = Field(
        default=None, pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/.+$", examples=["arn:aws:iam::123456789012:role/NAME"]
    )
    external_id: SecretStr | None = None


class RecommendationExport(Section):
    """An export of Data Exports: here of what the Cost Optimization Hub recommends."""

    #: Stands in place of a region wherever the export is named; another name is another export, read from the start.
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", examples=["cur"])
    #: The folder that AWS keeps it in: ``s3://BUCKET/PREFIX/EXPORT``.
    url: Annotated[str, Field(max_length=1200), AfterValidator(_folder)]
    #: Which of the accounts has the credentials that read it; left out: the first.
    account: Name | None = None
    #: Of the bucket; left out: ``region`` of the section.
    region: Name | None = None

    @property
    def bucket(self) -> str:
        """The name of the bucket."""
        return self.url.removeprefix("s3://").partition("/")[0]

    @property
    def folder(self) -> str:
        """What all keys of the export begin with, without the slash after it."""
        return self.url.removeprefix("s3://").partition("/")[2]

    @property
    def report(self) -> str:
        """AWS's name of the export: the last part of the folder."""
        return self.folder.rpartition("/")[2]


class BillExport(RecommendationExport):
    """An export of the bill: of Data Exports (CUR 2.0, FOCUS), or a Cost and Usage Report of the older kind."""

    #: What lines are added up to: a day of UTC, or an hour where the export has hours.
    granularity: Literal["daily", "hourly"] = "daily"


class AwsSettings(ProviderSettings, AwsKeys):
    """``aws:``."""

    variables = ("AWS_", "BOTO_")
    # Keys, profiles and addresses: boto3 reads them by itself.
    given_by = MappingProxyType({"region": ("AWS_REGION", "AWS_DEFAULT_REGION")})

    known_regions = REGIONS

    region: Name = "us-east-1"
    #: A list, or ``all``: those that the account has enabled.
    regions: _Regions = ()
    #: Regions that are newer than this release, which would take them for a mistake.
    unlisted_regions: tuple[Name, ...] = ()
    accounts: tuple[AwsAccountEntry, ...] = ()
    #: Dimensions that the CloudWatch agent publishes ``mem_used_percent`` under.
    memory_dimensions: tuple[str, ...] = ("InstanceId",)

    #: Keys of cost allocation tags that costs are also cut by; each is one more paid call of Cost Explorer a reading.
    cost_tags: Annotated[tuple[_TagKey, ...], Field(max_length=_MOST_TAGS), AfterValidator(_distinct)] = ()

    #: Bills that AWS writes into a bucket, which are read whole and without a paid call.
    bill_exports: Annotated[tuple[BillExport, ...], Field(max_length=_MOST_EXPORTS)] = ()

    #: Recommendations of the Cost Optimization Hub that AWS writes into a bucket.
    recommendation_exports: Annotated[tuple[RecommendationExport, ...], Field(max_length=_MOST_EXPORTS)] = ()

    #: The accounts whose invoices are read: those that AWS sends one to, which of an organization is the payer.
    invoice_accounts: Annotated[tuple[Name, ...], AfterValidator(_once)] = ()

    def bill_exports_of(self, account: str) -> tuple[BillExport, ...]:
        """The exports of bills that the credentials of ``account`` read."""
        return tuple(one for one in self.bill_exports if (one.account or self._first) == account)

    def recommendation_exports_of(self, account: str) -> tuple[RecommendationExport, ...]:
        """The exports of recommendations that they read."""
        return tuple(one for one in self.recommendation_exports if (one.account or self._first) == account)

    @property
    def _first(self) -> str:
        return next((entry.name for entry in self.accounts), DEFAULT_ACCOUNT)

    @property
    def _exports(self) -> Mapping[str, tuple[RecommendationExport, ...]]:
        return {"bill_exports": self.bill_exports, "recommendation_exports": self.recommendation_exports}

    @check
    def _exports_are_distinct(self) -> None:
        for field, exports in self._exports.items():
            for key in ("name", "url"):
                values = [getattr(one, key) for one in exports]
                twice = next((value for index, value in enumerate(values) if value in values[:index]), None)
                if twice is not None:
                    raise ValueError(f"{field}: the {key} {twice!r} is there twice: name each export once")

    @check
    def _exports_name_accounts(self) -> None:
        for field, exports in self._exports.items():
            for one in exports:
                if one.account is not None:
                    self._check_account(f"{field}: {one.name}: account", one.account)
                if one.region and (fault := self.region_fault(one.region)):
                    raise ValueError(f"{field}: {one.name}: region: {fault}")

    @check
    def _invoices_are_of_accounts(self) -> None:
        for name in self.invoice_accounts:
            self._check_account("invoice_accounts", name)

    def _check_account(self, where: str, name: str) -> None:
        known = [entry.name for entry in self.accounts] or [DEFAULT_ACCOUNT]
        if name not in known:
            raise ValueError(f"{where}: there is no account {name!r} in aws.accounts: {did_you_mean(name, known)}")

    @field_validator("memory_dimensions")
    @classmethod
    def _dimensions_are_named_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        seen: set[str] = set()
        for index, name in enumerate(names):
            if not name.strip():
                raise ValueError(f"entry {index + 1} is empty: name a dimension, such as InstanceId, or leave it out")
            if name in seen:
                raise ValueError(f"{name!r} is there twice: name each dimension once")
            seen.add(name)
        return names

    def _regions(self) -> tuple[str, ...]:
        return self.regions or (self.region,)

    def _entries(self) -> tuple[AccountEntry, ...]:
        return self.accounts

    def _provider_id(self, entry: AccountEntry) -> str:
        role = entry.role_arn if isinstance(entry, AwsAccountEntry) else None
        return role.split(":")[4] if role else ""
