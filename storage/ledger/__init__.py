"""The planning side of the ledger: which windows are owed, which are due, and who may collect them now.

Every function is safe to be called twice, and by several planners at once. Each works in a transaction of its own
(or inside the caller's), so what it returned is committed, and can be sent.
"""

from storage.ledger.backfill import (
    EARLIEST,
    Backfill,
    BackfillRefused,
    LedgerTarget,
    Preview,
    backfill,
    find_targets,
    preview,
)
from storage.ledger.backfills import (
    Asked,
    BackfillProgress,
    Cancelled,
    begin_backfill,
    cancel_backfills,
    list_backfills,
)
from storage.ledger.dispatch import Dispatch, give_back, take_due
from storage.ledger.heal import Healed, heal_gaps
from storage.ledger.plans import Synced, TargetPlan, disable_unknown, sync_targets
from storage.ledger.progress import count_states, is_settled
from storage.ledger.regions import REGIONS_SERVICE, EnabledRegions, collected_regions, enabled_regions
from storage.ledger.windows import LIVE_HORIZON, open_windows

__all__ = [
    "EARLIEST",
    "LIVE_HORIZON",
    "REGIONS_SERVICE",
    "Asked",
    "Backfill",
    "BackfillProgress",
    "BackfillRefused",
    "Cancelled",
    "Dispatch",
    "EnabledRegions",
    "Healed",
    "LedgerTarget",
    "Preview",
    "Synced",
    "TargetPlan",
    "backfill",
    "begin_backfill",
    "cancel_backfills",
    "collected_regions",
    "count_states",
    "disable_unknown",
    "enabled_regions",
    "find_targets",
    "give_back",
    "heal_gaps",
    "is_settled",
    "list_backfills",
    "open_windows",
    "preview",
    "sync_targets",
    "take_due",
]
