"""DescribeInstances and DescribeRegions."""

import base64
import re
from collections.abc import Callable

from emulators.aws.ec2 import xml
from emulators.aws.ec2.instances import STATES, Instance, InstanceStore
from emulators.aws.ec2.parameters import filters, matches, members
from emulators.aws.errors import AwsError
from emulators.aws.regions import Regions
from emulators.aws.request import AwsRequest

_LEAST_RESULTS, _MOST_RESULTS = 5, 1_000
_INSTANCE_ID = re.compile(r"i-(?:[0-9a-f]{8}|[0-9a-f]{17})")

_FIELDS: dict[str, Callable[[Instance], str]] = {
    "architecture": lambda one: one.architecture,
    "availability-zone": lambda one: one.zone,
    "image-id": lambda one: one.image_id,
    "instance-id": lambda one: one.instance_id,
    "instance-lifecycle": lambda one: one.lifecycle or "",
    "instance-state-code": lambda one: str(STATES[one.state]),
    "instance-state-name": lambda one: one.state,
    "instance-type": lambda one: one.instance_type,
    "platform-details": lambda one: one.platform,
    "private-ip-address": lambda one: one.private_ip,
    "reservation-id": lambda one: one.reservation_id,
    "tenancy": lambda one: one.tenancy,
}


def describe_instances(store: InstanceStore, request: AwsRequest) -> str:
    """A page of instances. Without MaxResults all of them, as EC2 does for an account of this age.

    Raises:
        AwsError: an unknown filter or id, a bad page size or token, or parameters that exclude each other.
    """
    form = request.form
    ids = members(form, "InstanceId")
    limit = _page_size(form)
    if ids and limit is not None:
        raise AwsError(
            "InvalidParameterCombination",
            "The parameter instancesSet cannot be used with the parameter maxResults",
        )
    found = instances_by_ids(store, request, ids) if ids else store.listing(request.account, request.region)
    wanted = filters(form)
    _known({name: [] for name in wanted if not name.startswith("tag:")}, {*_FIELDS, "tag-key"})
    found = [one for one in found if _passes(one, wanted)]
    first = _read_token(form.get("NextToken"))
    page = found[first:] if limit is None else found[first : first + limit]
    following = first + len(page)
    token = f"<nextToken>{_token(following)}</nextToken>" if following < len(found) else ""
    return xml.document("DescribeInstances", request.request_id, xml.reservations(request.account, page) + token)


def describe_regions(regions: Regions, request: AwsRequest) -> str:
    """The enabled regions; every region with AllRegions.

    Raises:
        AwsError: an unknown filter.
    """
    names = members(request.form, "RegionName")
    wanted = filters(request.form)
    _known(wanted, {"opt-in-status", "region-name", "endpoint"})
    shown = []
    for name, status in regions.listing():
        endpoint = f"ec2.{name}.amazonaws.com"
        fields = {"opt-in-status": status, "region-name": name, "endpoint": endpoint}
        if names and name not in names:
            continue
        if not names and request.form.get("AllRegions") != "true" and status == "not-opted-in":
            continue
        if all(matches(fields[field], patterns) for field, patterns in wanted.items()):
            shown.append(
                f"<regionName>{name}</regionName><regionEndpoint>{endpoint}</regionEndpoint>"
                f"<optInStatus>{status}</optInStatus>"
            )
    return xml.document("DescribeRegions", request.request_id, xml.items("regionInfo", shown))


def instances_by_ids(store: InstanceStore, request: AwsRequest, ids: list[str]) -> list[Instance]:
    """The instances of these ids.

    Raises:
        AwsError: one is malformed or not there; EC2 then answers for none of them.
    """
    if malformed := [one for one in ids if not _INSTANCE_ID.fullmatch(one)]:
        raise AwsError("InvalidInstanceID.Malformed", f'Invalid id: "{malformed[0]}"')
    found = {name: store.get(request.account, request.region, name) for name in ids}
    if absent := [name for name, one in found.items() if one is None]:
        which = f"ID '{absent[0]}' does" if len(absent) == 1 else f"IDs '{', '.join(absent)}' do"
        raise AwsError("InvalidInstanceID.NotFound", f"The instance {which} not exist")
    return [one for one in found.values() if one is not None]


def _page_size(form: dict[str, str]) -> int | None:
    text = form.get("MaxResults")
    if text is None:
        return None
    size = int(text) if text.isdecimal() else -1
    if not _LEAST_RESULTS <= size <= _MOST_RESULTS:
        raise AwsError(
            "InvalidParameterValue",
            f"Value ( {text} ) for parameter maxResults is invalid. Expecting a value between 5 and 1000.",
        )
    return size


def _passes(one: Instance, wanted: dict[str, list[str]]) -> bool:
    for name, patterns in wanted.items():
        if name.startswith("tag:"):
            value = one.tags.get(name.removeprefix("tag:"))
            if value is None or not matches(value, patterns):
                return False
        elif name == "tag-key":
            if not any(matches(key, patterns) for key in one.tags):
                return False
        elif not matches(_FIELDS[name](one), patterns):
            return False
    return True


def _known(wanted: dict[str, list[str]], names: set[str]) -> None:
    if unknown := sorted(set(wanted) - names):
        raise AwsError("InvalidParameterValue", f"The filter '{unknown[0]}' is invalid")


def _token(offset: int) -> str:
    return base64.urlsafe_b64encode(f"instances:{offset}".encode()).decode()


def _read_token(token: str | None) -> int:
    if not token:
        return 0
    try:
        prefix, _, offset = base64.urlsafe_b64decode(token).decode().partition(":")
    except ValueError:
        prefix, offset = "", ""
    if prefix != "instances" or not offset.isdecimal():
        raise AwsError("InvalidPaginationToken", "The provided pagination token is invalid or has expired")
    return int(offset)
