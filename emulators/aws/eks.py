"""EKS's versions of Kubernetes, which moto does not know; the rest of EKS is moto's."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from emulators.aws.request import AwsRequest
from emulators.core.reply import Reply

# (version, end of standard support, end of extended support): sample data.
VERSIONS = (
    ("1.35", "2027-03-27", "2028-03-27"),
    ("1.34", "2026-12-02", "2027-12-02"),
    ("1.33", "2026-07-29", "2027-07-29"),
    ("1.32", "2026-03-23", "2027-03-23"),
    ("1.31", "2025-11-26", "2026-11-26"),
)


class Eks:
    """DescribeClusterVersions."""

    def handle(self, request: AwsRequest) -> Reply | None:
        """Answer DescribeClusterVersions; None leaves the request to moto."""
        if request.action != "DescribeClusterVersions":
            return None
        answer = {"clusterVersions": [_version(*one) for one in VERSIONS]}
        return Reply(200, msgspec.json.encode(answer), "application/json")


def _version(version: str, standard: str, extended: str) -> dict[str, Any]:
    return {
        "clusterVersion": version,
        "clusterType": "eks",
        "endOfStandardSupportDate": _seconds(standard),
        "endOfExtendedSupportDate": _seconds(extended),
    }


def _seconds(day: str) -> float:
    return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()
