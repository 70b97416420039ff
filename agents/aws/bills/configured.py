"""The exports of the configuration, as targets name them."""

from __future__ import annotations

from typing import TypeVar

from agents.aws.bills.bucket import Bucket
from agents.aws.settings import AwsSettings, BillExport, RecommendationExport
from agents.core.context import Context
from telemetry.errors import CollectionFailed
from telemetry.settings.providers import Account, ProviderSettings
from telemetry.target import Target

E = TypeVar("E", bound=RecommendationExport)


def names_of(section: ProviderSettings, account: Account) -> tuple[str, ...]:
    """The names of the exports of bills that an account's credentials read."""
    exports = section.bill_exports_of(account.name) if isinstance(section, AwsSettings) else ()
    return tuple(one.name for one in exports)


def recommendation_names_of(section: ProviderSettings, account: Account) -> tuple[str, ...]:
    """The names of the exports of recommendations that they read."""
    exports = section.recommendation_exports_of(account.name) if isinstance(section, AwsSettings) else ()
    return tuple(one.name for one in exports)


def named_export(context: Context, target: Target) -> tuple[BillExport, str]:
    """The export of a bill that a target is about, and the region of its bucket."""
    section = context.shared.settings.section(AwsSettings)
    exports = section.bill_exports_of(target.account) if section is not None else ()
    return _named(section, exports, target, "bill_exports")


def named_recommendation_export(context: Context, target: Target) -> tuple[RecommendationExport, str]:
    """The export of recommendations that a target is about, and the region of its bucket."""
    section = context.shared.settings.section(AwsSettings)
    exports = section.recommendation_exports_of(target.account) if section is not None else ()
    return _named(section, exports, target, "recommendation_exports")


def _named(section: AwsSettings | None, exports: tuple[E, ...], target: Target, field: str) -> tuple[E, str]:
    for one in exports:
        if section is not None and one.name == target.region:
            return one, one.region or section.region
    raise CollectionFailed(
        f"aws.{field} has no {target.region!r} of account {target.account!r} on this worker: add it to its "
        "configuration, or take it out of the planner's"
    )


def named_bucket(context: Context, url: str) -> Bucket:
    """The bucket of a URL that no export is configured of, as somebody names it who brings a file."""
    section = context.shared.settings.section(AwsSettings)
    # Without the checks of an export: a file may be at the top of its bucket.
    export = BillExport.model_construct(name="import", url=url.rstrip("/"), region=None)
    return Bucket(context, export, section.region if section is not None else "")
