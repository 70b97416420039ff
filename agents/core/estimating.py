"""What a collection will take, before it is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar

from telemetry.deliveries import DeliveredFile
from telemetry.settings.providers import Account, ProviderSettings


@dataclass(frozen=True)
class Estimate:
    """What one window of one target takes: calls by API, and their price.

    It is exact, unless :attr:`more` or :attr:`less` say why it is not.
    """

    calls: Mapping[str, int]
    #: None where an API has no known price.
    cost_usd: Decimal | None
    #: What a collection takes beyond that, where nobody knows it before: ``a call for each further record type``.
    more: str = ""
    #: What it may not take of that: ``nothing is asked of instances that do not run``.
    less: str = ""
    #: Dollars by API; needed where several of the calls are paid.
    paid: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def bound(self) -> str:
        """How it is to be read: ``at least``, ``at most``, ``about``; empty where it is exact."""
        if self.more:
            return "about" if self.less else "at least"
        return "at most" if self.less else ""


class EstimatesParts:
    """What a service says of its parts (Service.parts), such as exports, each of which may be of another size."""

    #: It reads bills from files: their bytes are counted as well as the requests.
    reads_files: ClassVar[bool] = False

    def estimate_part(
        self, section: ProviderSettings, account: Account, part: str, files: Sequence[DeliveredFile] | None
    ) -> Estimate | None:
        """What a window of a part takes; None: what Service.estimate_for says.

        ``files`` are those of the newest delivery of that part; None where there is none, or their sizes are not known.
        """
        del section, account, part, files
        return None
