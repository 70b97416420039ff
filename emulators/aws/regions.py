"""The regions of the local AWS: those every account has, and those it must ask for."""

DEFAULT_REGIONS = (
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
)
OPT_IN_REGIONS = ("af-south-1", "ap-east-1", "ap-southeast-3", "eu-south-1", "il-central-1", "me-south-1")


class Regions:
    """Which regions are enabled. `opted_in` may be changed at run time."""

    def __init__(self, opted_in: set[str] | None = None) -> None:
        self.opted_in = opted_in or set()

    def enabled(self, name: str) -> bool:
        """Whether credentials are good in this region. Global services sign for `us-east-1` or `aws-global`."""
        return name in DEFAULT_REGIONS or name in self.opted_in or name == "aws-global"

    def listing(self) -> list[tuple[str, str]]:
        """Every region with its opt-in status, in order of name."""
        statuses = dict.fromkeys(DEFAULT_REGIONS, "opt-in-not-required")
        statuses |= {name: "opted-in" if name in self.opted_in else "not-opted-in" for name in OPT_IN_REGIONS}
        return sorted(statuses.items())
