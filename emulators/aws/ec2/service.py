"""EC2's door: instances and regions are ours, the rest is moto's."""

from collections.abc import Callable

from emulators.aws.ec2.change import CHANGES, change_state
from emulators.aws.ec2.describe import describe_instances, describe_regions
from emulators.aws.ec2.instances import InstanceStore
from emulators.aws.ec2.spot import spot_price_history
from emulators.aws.errors import AwsError, xml_reply
from emulators.aws.regions import Regions
from emulators.aws.request import AwsRequest
from emulators.core.reply import Reply

_MOTO_KNOWS = {"DescribeInstanceTypes", "DescribeInstanceTypeOfferings"}


class Ec2:
    """EC2 over its form-and-XML protocol."""

    def __init__(self, store: InstanceStore, regions: Regions, clock: Callable[[], float]) -> None:
        self._store = store
        self._regions = regions
        self._clock = clock

    def handle(self, request: AwsRequest) -> Reply | None:
        """Answer what is ours; None leaves the request to moto.

        Raises:
            AwsError: EC2 refuses, or the request is about instances in a way that is not served here.
        """
        if request.action == "DescribeInstances":
            return xml_reply(describe_instances(self._store, request))
        if request.action == "DescribeRegions":
            return xml_reply(describe_regions(self._regions, request))
        if request.action == "DescribeSpotPriceHistory":
            return xml_reply(spot_price_history(request, self._clock()))
        if request.action in CHANGES:
            return xml_reply(change_state(self._store, request, self._clock))
        if "Instance" in request.action and request.action not in _MOTO_KNOWS:
            # moto would answer for instances of its own, of which there are none: a wrong answer, not an empty one.
            raise AwsError(
                "UnsupportedOperation",
                f"The local EC2 does not serve {request.action}. Instances are made with emulators.aws.seed.",
            )
        return None
