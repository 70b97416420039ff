"""SageMaker's products: hosting by the hour, and the same instances dearer or cheaper for training and notebooks."""

from collections.abc import Iterator
from decimal import Decimal
from functools import cache

from emulators.aws.data import load
from emulators.aws.pricing.product import Product, Tier
from emulators.aws.pricing.regions import PricedRegion, priced_regions

_CODE = "AmazonSageMaker"
_FAMILIES = ("m5", "c5", "r5", "g5", "p3", "p4d")
# (component, usage, factor on the price of the EC2 instance)
_COMPONENTS = (
    ("Hosting", "Host", Decimal("1.2")),
    ("Training", "Train", Decimal("1.2")),
    ("Notebook", "Notebk", Decimal("1.15")),
    ("Batch Transform", "Tsform", Decimal("1.25")),
)
_SERVERLESS_USD_PER_GB_SECOND = Decimal("0.00002")
_SERVERLESS_GB = (1, 2, 3, 4, 5, 6)


@cache
def sagemaker_products() -> tuple[Product, ...]:
    """Every SageMaker product of the sample data."""
    return tuple(product for region in priced_regions() for product in (*_instances(region), *_serverless(region)))


def _instances(region: PricedRegion) -> Iterator[Product]:
    for name, facts in load("ec2_prices.json")["types"].items():
        if name.partition(".")[0] not in _FAMILIES:
            continue
        for component, usage, factor in _COMPONENTS:
            attributes = region.attributes(
                _CODE,
                f"{region.code}{usage}:ml.{name}",
                "RunInstance",
                instanceName=f"ml.{name}",
                instanceType=f"ml.{name}-{component.replace(' ', '')}",
                platoinstancename=f"ml.{name}",
                platoinstancetype=component,
                component=component,
                vCpu=str(facts["vcpu"]),
                memory=f"{facts['memory_gib']:g} GiB",
                servicename="Amazon SageMaker",
            )
            tiers = (Tier(region.usd(Decimal(facts["linux_usd_per_hour"]) * factor)),)
            description = f"{component} ml.{name} hour"
            yield Product(_CODE, "ML Instance", attributes, "Hrs", description, tiers)


def _serverless(region: PricedRegion) -> Iterator[Product]:
    for memory in _SERVERLESS_GB:
        attributes = region.attributes(
            _CODE,
            f"{region.code}ServerlessInf:Mem-{memory}GB",
            "Invoke-Endpoint",
            component="ServerlessInference",
            memory=f"{memory} GB",
            servicename="Amazon SageMaker",
        )
        tiers = (Tier(region.usd(_SERVERLESS_USD_PER_GB_SECOND * memory)),)
        yield Product(_CODE, "ML Serverless", attributes, "Sec", f"second of {memory} GB serverless inference", tiers)
