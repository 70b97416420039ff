"""Which region an account is asked in, where what is asked is the whole account's."""

from __future__ import annotations

from agents.aws.calls import AwsCalls
from agents.aws.settings import AwsSettings
from agents.core.context import Context
from telemetry.errors import CollectionFailed
from telemetry.settings.providers import ALL_REGIONS

# Elsewhere a partition has Cost Explorer in its own region, if at all.
_COST_EXPLORER = {"aws": "us-east-1", "aws-cn": "cn-northwest-1"}


def home_calls(context: Context) -> AwsCalls:
    """To ask in the first region that is configured for the account, else in ``aws.region``."""
    section = context.shared.settings.section(AwsSettings)
    if section is None:
        raise CollectionFailed("aws is not configured on this worker: add a section aws: to its configuration")
    named = (region for region in context.account.regions if region != ALL_REGIONS)
    return AwsCalls(context, next(named, section.region))


def cost_calls(context: Context) -> AwsCalls:
    """To ask where Cost Explorer is, for the account's partition."""
    home = home_calls(context)
    return AwsCalls(context, _COST_EXPLORER.get(home.partition, home.region))
