"""DescribeSpotPriceHistory: prices that change every few hours, the same ones for whoever asks again."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import NamedTuple

from emulators.aws.data import load
from emulators.aws.ec2 import xml
from emulators.aws.ec2.parameters import filters, matches, members
from emulators.aws.errors import AwsError
from emulators.aws.request import AwsRequest

ZONES = "abc"
_CHANGE_SECONDS = 6 * 3600
_HISTORY_SECONDS = 90 * 86_400
_MOST_RESULTS = 1_000
_PRODUCTS = {"Linux/UNIX": Decimal(1), "Red Hat Enterprise Linux": Decimal("1.3"), "Windows": Decimal("1.5")}
_FILTERS = {
    "availability-zone": "zone",
    "instance-type": "instance_type",
    "product-description": "product",
    "spot-price": "price",
}


class SpotPrice(NamedTuple):
    """A price that holds from `since` (epoch seconds) until the next of the same series."""

    since: int
    instance_type: str
    product: str
    zone: str
    price: str


def spot_price_history(request: AwsRequest, now: float) -> str:
    """A page of the changes between StartTime and EndTime, newest first, with those in force at StartTime.

    Raises:
        AwsError: unreadable times, an unknown filter, or a page token that is not ours.
    """
    form = request.form
    end = min(_time(form, "EndTime", now), now)
    oldest = now - _HISTORY_SECONDS
    start = max(_time(form, "StartTime", oldest), oldest)
    wanted = filters(form)
    if unknown := sorted(set(wanted) - set(_FILTERS)):
        raise AwsError("InvalidParameterValue", f"The filter '{unknown[0]}' is invalid")
    found = [
        price
        for price in _history(request, start, end)
        if all(matches(getattr(price, _FILTERS[name]), patterns) for name, patterns in wanted.items())
    ]
    found.sort(key=lambda price: (-price.since, price))
    first = _offset(form.get("NextToken"))
    limit = min(int(form.get("MaxResults") or _MOST_RESULTS), _MOST_RESULTS)
    page = found[first : first + limit]
    # As in EC2, the token of the last page is there, and empty.
    following = f"spot:{first + limit}" if first + limit < len(found) else ""
    rows = xml.items("spotPriceHistorySet", (_row(price) for price in page))
    body = f"{rows}<nextToken>{following}</nextToken>"
    return xml.document("DescribeSpotPriceHistory", request.request_id, body)


def spot_price(instance_type: str, product: str, zone: str, at: float) -> Decimal | None:
    """The price in force at an instant (epoch seconds); None for a type that has none."""
    facts = load("ec2_prices.json")["types"].get(instance_type)
    if facts is None or product not in _PRODUCTS:
        return None
    price = next(_changes(instance_type, product, zone, at, at), None)
    return None if price is None else Decimal(price.price)


def _history(request: AwsRequest, start: float, end: float) -> Iterator[SpotPrice]:
    types = members(request.form, "InstanceType") or list(load("ec2_prices.json")["types"])
    # `Linux/UNIX (Amazon VPC)` is another name of the same product.
    asked = [name.removesuffix(" (Amazon VPC)") for name in members(request.form, "ProductDescription")]
    zones = [request.form["AvailabilityZone"]] if "AvailabilityZone" in request.form else None
    for instance_type in types:
        for product in asked or _PRODUCTS:
            for zone in zones or [request.region + letter for letter in ZONES]:
                yield from _changes(instance_type, product, zone, start, end)


def _changes(instance_type: str, product: str, zone: str, start: float, end: float) -> Iterator[SpotPrice]:
    facts = load("ec2_prices.json")["types"].get(instance_type)
    factor = _PRODUCTS.get(product)
    if facts is None or factor is None:
        return
    key = f"{instance_type}/{product}/{zone}"
    phase = _draw(key) % _CHANGE_SECONDS
    since = (int(start) - phase) // _CHANGE_SECONDS * _CHANGE_SECONDS + phase
    while since <= end:
        share = Decimal(25 + _draw(f"{key}/{since}") % 40) / 100
        price = Decimal(facts["linux_usd_per_hour"]) * factor * share
        yield SpotPrice(since, instance_type, product, zone, f"{price:.6f}")
        since += _CHANGE_SECONDS


def _draw(text: str) -> int:
    return int.from_bytes(sha256(text.encode()).digest()[:4])


def _row(price: SpotPrice) -> str:
    since = xml.stamp(datetime.fromtimestamp(price.since, UTC))
    return (
        f"<instanceType>{price.instance_type}</instanceType><productDescription>{price.product}</productDescription>"
        f"<spotPrice>{price.price}</spotPrice><timestamp>{since}</timestamp>"
        f"<availabilityZone>{price.zone}</availabilityZone>"
    )


def _time(form: dict[str, str], name: str, default: float) -> float:
    text = form.get(name)
    if text is None:
        return default
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise AwsError("InvalidParameterValue", f"Value ( {text} ) for parameter {name} is invalid.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _offset(token: str | None) -> int:
    prefix, _, offset = (token or "spot:0").partition(":")
    if prefix != "spot" or not offset.isdecimal():
        raise AwsError("InvalidPaginationToken", "The provided pagination token is invalid or has expired")
    return int(offset)
