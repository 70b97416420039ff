"""How often Azure may be asked, by whom it counts; ``azure.quotas`` in the configuration has precedence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import MappingProxyType

from agents.azure.credentials import Identity
from agents.core.limits import Quota, Scope
from agents.core.quotas import configured_quota


@dataclass(frozen=True)
class _Rule:
    """A quota, and what it is counted by: ``{tenant}``, ``{principal}``, ``{subscription}``, ``{region}``."""

    counted_by: str
    quota: Quota


# Burst and rate together stay below what Azure takes in any window of its own.
_RULES: Mapping[str, tuple[_Rule, ...]] = MappingProxyType(
    {
        # 15 in 5 seconds: with room for calls that were held up on their way, and arrive together.
        "resourcegraph:*": (_Rule("{tenant}/{principal}", Quota(2, 2)),),
        # 360,000 an hour.
        "metrics:*": (_Rule("{subscription}/{region}", Quota(50, 50)),),
        # Of the whole tenant 12 in 10 seconds, 60 a minute and 600 an hour; of one scope fewer.
        "costmanagement:*": (
            _Rule("{tenant}/soon", Quota(0.75, 4)),
            _Rule("{tenant}/hour", Quota(0.08, 300)),
            _Rule("{subscription}", Quota(0.25, 20)),
        ),
        # 200 in 30 seconds.
        "logs:*": (_Rule("{tenant}/{principal}", Quota(5, 20)),),
        # Not published; counted by the caller's address.
        "retailprices:*": (_Rule("", Quota(1, 20)),),
    }
)
# The Resource Manager: a bucket of 250, and 25 a second.
_READS = (_Rule("{subscription}/{principal}", Quota(20, 200)),)


def scopes_of(api: str, identity: Identity, region: str, configured: Mapping[str, float]) -> tuple[Scope, ...]:
    """The quotas that a call of ``api`` (``metrics:getBatch``) takes from; the first is named in refusals.

    ``configured`` holds calls a second by patterns of such names, of which the longest counts.
    """
    group, rules = next(
        ((group, rules) for group, rules in _RULES.items() if fnmatchcase(api, group)),
        ("resource_manager:*", _READS),
    )
    own = configured_quota(api, configured, "azure.quotas")
    if own is not None:
        group, quota = own
        rules = (_Rule(rules[0].counted_by, quota),)
    parts = {
        "tenant": identity.tenant,
        "principal": identity.principal,
        "subscription": identity.subscription_id,
        "region": region,
    }
    return tuple(
        Scope("/".join(part for part in ("azure", rule.counted_by.format_map(parts), group) if part), rule.quota)
        for rule in rules
    )
