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
from storage.ledger.dispatch import (
    Choice,
    Dispatch,
    Found,
    Kind,
    Room,
    count_out,
    count_targets,
    find_due,
    give_back,
    is_any_due,
    settle_overdue,
    take,
    take_due,
)
from storage.ledger.heal import Healed, heal_gaps
from storage.ledger.plans import Synced, TargetPlan, digest_of, disable_unknown, sync_targets, was_planned
from storage.ledger.progress import count_states, is_settled
from storage.ledger.queues import LastLook, last_looks, note_looks
from storage.ledger.regions import REGIONS_SERVICE, EnabledRegions, collected_regions, enabled_regions
from storage.ledger.windows import LIVE_HORIZON, open_closed, open_windows

__all__ = [
    "EARLIEST",
    "LIVE_HORIZON",
    "REGIONS_SERVICE",
    "Asked",
    "Backfill",
    "BackfillProgress",
    "BackfillRefused",
    "Cancelled",
    "Choice",
    "Dispatch",
    "EnabledRegions",
    "Found",
    "Healed",
    "Kind",
    "LastLook",
    "LedgerTarget",
    "Preview",
    "Room",
    "Synced",
    "TargetPlan",
    "backfill",
    "begin_backfill",
    "cancel_backfills",
    "collected_regions",
    "count_out",
    "count_states",
    "count_targets",
    "digest_of",
    "disable_unknown",
    "enabled_regions",
    "find_due",
    "find_targets",
    "give_back",
    "heal_gaps",
    "is_any_due",
    "is_settled",
    "last_looks",
    "list_backfills",
    "note_looks",
    "open_closed",
    "open_windows",
    "preview",
    "settle_overdue",
    "sync_targets",
    "take",
    "take_due",
    "was_planned",
]
