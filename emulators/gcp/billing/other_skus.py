"""SKUs of the services beside Compute Engine, some of them tiered."""

from collections.abc import Iterator
from decimal import Decimal

from emulators.gcp.billing.catalog import Catalog, Service, Sku
from emulators.gcp.billing.compute_skus import COMPUTE, compute_skus, rate
from emulators.gcp.billing.places import PLACES

VERTEX = "C7E2-9256-1C43"
STORAGE = "95FF-2EF5-5EA1"
KUBERNETES = "CCD8-9BF1-090E"
FUNCTIONS = "29E7-DA93-CA13"
BIGQUERY = "24E6-581D-38E5"

SERVICES = (
    Service(COMPUTE, "Compute Engine"),
    Service(VERTEX, "Vertex AI"),
    Service(STORAGE, "Cloud Storage"),
    Service(KUBERNETES, "Kubernetes Engine"),
    Service(FUNCTIONS, "Cloud Functions"),
    Service(BIGQUERY, "BigQuery"),
)
PREDICTION_CORE = Decimal("0.036353")
PREDICTION_MEMORY = Decimal("0.004873")
PREDICTION_T4 = Decimal("0.4025")
CLUSTER_HOUR = Decimal("0.10")
STORAGE_MONTH = {
    "Standard": Decimal("0.020"),
    "Nearline": Decimal("0.010"),
    "Coldline": Decimal("0.004"),
    "Archive": Decimal("0.0012"),
}


def sample_catalog() -> Catalog:
    """The catalogue that a local Google Cloud begins with."""
    return Catalog(SERVICES, [*compute_skus(), *_vertex(), *_storage(), *_kubernetes(), *_functions(), *_bigquery()])


def _vertex() -> Iterator[Sku]:
    words = "Vertex AI: Online/Batch Prediction"
    for place, (regions, _) in PLACES.items():
        for what, unit, amount in (
            ("N1 Predefined Instance Core", "h", PREDICTION_CORE),
            ("N1 Predefined Instance Ram", "GiBy.h", PREDICTION_MEMORY),
            ("Nvidia Tesla T4 GPU", "h", PREDICTION_T4),
        ):
            tiers = ((0.0, rate(amount, place)),)
            yield Sku(
                VERTEX, f"{words} {what} running in {place}", "Compute", "Prediction", "OnDemand", regions, unit, tiers
            )
            training = f"Vertex AI: Training/Pipelines on {what} running in {place}"
            dearer = ((0.0, rate(amount * Decimal("1.05"), place)),)
            yield Sku(VERTEX, training, "Compute", "Training", "OnDemand", regions, unit, dearer)


def _storage() -> Iterator[Sku]:
    for place, (regions, _) in PLACES.items():
        for name, amount in STORAGE_MONTH.items():
            # The first five GiB of Standard in the Americas are free.
            free = ((0.0, Decimal(0)), (5.0, rate(amount, place)))
            tiers = free if (name, place) == ("Standard", "Americas") else ((0.0, rate(amount, place)),)
            yield Sku(
                STORAGE, f"{name} Storage {place}", "Storage", "RegionalStorage", "OnDemand", regions, "GiBy.mo", tiers
            )
    multi = ("us",)
    tiers = ((0.0, Decimal("0.026")),)
    yield Sku(
        STORAGE, "Standard Storage US Multi-region", "Storage", "MultiRegionalStorage", "OnDemand", multi, "GiBy.mo",
        tiers,
    )  # fmt: skip
    operations = ((0.0, Decimal(0)), (5000.0, Decimal("0.000005")))
    yield Sku(
        STORAGE, "Standard Class A Operations", "Storage", "RegionalOps", "OnDemand", ("global",), "count", operations
    )


def _kubernetes() -> Iterator[Sku]:
    for kind in ("Zonal", "Regional"):
        for place, (regions, _) in PLACES.items():
            description = f"{kind} Kubernetes Clusters {place}"
            tiers = ((0.0, CLUSTER_HOUR),)
            yield Sku(KUBERNETES, description, "Compute", "Kubernetes", "OnDemand", regions, "h", tiers)


def _functions() -> Iterator[Sku]:
    invocations = ((0.0, Decimal(0)), (2_000_000.0, Decimal("0.0000004")))
    yield Sku(
        FUNCTIONS, "Invocations", "ApplicationServices", "Functions", "OnDemand", ("global",), "count", invocations
    )
    for place, (regions, _) in PLACES.items():
        for what, unit, amount in (("CPU Time", "s", "0.00001"), ("Memory Time", "GiBy.s", "0.0000025")):
            tiers = ((0.0, rate(Decimal(amount), place)),)
            description = f"{what} {place}"
            yield Sku(FUNCTIONS, description, "ApplicationServices", "Functions", "OnDemand", regions, unit, tiers)


def _bigquery() -> Iterator[Sku]:
    tiers = ((0.0, Decimal(0)), (1.0, Decimal("6.25")))
    yield Sku(BIGQUERY, "Analysis", "ApplicationServices", "OnDemandAnalysis", "OnDemand", ("us",), "TiBy", tiers)
