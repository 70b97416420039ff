"""What beat counts."""

from __future__ import annotations

from prometheus_client import Counter

from workers.metrics.registry import REGISTRY

SENT = Counter("finfleet_beat_ticks", "Ticks of the schedule that the broker took", registry=REGISTRY)
FAILED = Counter("finfleet_beat_failed_ticks", "Ticks that the broker did not take", registry=REGISTRY)
