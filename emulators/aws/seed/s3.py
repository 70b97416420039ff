"""Seeds S3: buckets, and the daily storage metrics that CloudWatch has of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from moto.s3.models import s3_backends

from emulators.aws.cloudwatch.store import MetricName, dimensions
from emulators.aws.server import DEFAULT_ACCOUNT, LocalAws

_DAY = 86_400
_GIB = 2**30
_PURPOSES = ("training-data", "models", "logs", "backups", "features", "exports")
# The storage types of one bucket, with the largest share of GiB that each is given.
_MIXES: tuple[dict[str, int], ...] = (
    {"StandardStorage": 90_000, "StandardIAStorage": 20_000, "GlacierStorage": 50_000},
    {"StandardStorage": 800},
    {"IntelligentTieringFAStorage": 3_000, "IntelligentTieringIAStorage": 9_000, "IntelligentTieringAIAStorage": 2_000},
    {"StandardStorage": 200, "DeepArchiveStorage": 40_000, "DeepArchiveObjectOverhead": 1, "OneZoneIAStorage": 500},
    {"StandardStorage": 2_000, "GlacierInstantRetrievalStorage": 7_000, "ReducedRedundancyStorage": 30},
)


@dataclass(frozen=True)
class BucketSeed:
    """A bucket and its newest daily figures: bytes by storage type, and objects. New buckets have none yet."""

    name: str
    region: str
    bytes_by_type: dict[str, float] = field(default_factory=dict)
    objects: int | None = None


def seed_s3(
    aws: LocalAws,
    buckets: int = 6,
    regions: Sequence[str] = ("us-east-1", "us-west-2"),
    *,
    account: str = DEFAULT_ACCOUNT,
    seed: int = 1,
    days: int = 3,
) -> list[BucketSeed]:
    """Make buckets, in turn in each region, with BucketSizeBytes and NumberOfObjects at the last `days` midnights.

    The last bucket is new: it has no metrics. Names end in the account, for a name may be taken once.
    """
    random = Random(f"{seed}/{account}/s3")
    midnight = int(aws.clock()) // _DAY * _DAY
    made = []
    for number in range(buckets):
        region = regions[number % len(regions)]
        name = f"{_PURPOSES[number % len(_PURPOSES)]}-{number:03d}-{account}"
        bucket = s3_backends[account]["aws"].create_bucket(name, region)
        bucket.creation_date = datetime.fromtimestamp(midnight, UTC) - timedelta(days=random.randint(30, 900))
        if number == buckets - 1 and number > 0:
            made.append(BucketSeed(name, region))
            continue
        mix = _MIXES[number % len(_MIXES)]
        sizes = {kind: float(int(most * random.uniform(0.2, 1) * _GIB)) for kind, most in mix.items()}
        made.append(BucketSeed(name, region, sizes, random.randint(1_000, 5_000_000)))
        _load(aws, (account, region), made[-1], [midnight - _DAY * back for back in range(days - 1, -1, -1)])
    return made


def _load(aws: LocalAws, place: tuple[str, str], bucket: BucketSeed, midnights: list[int]) -> None:
    """The newest midnight has the seed's figures, each day before it 1 % less."""
    shares = [0.99**back for back in range(len(midnights) - 1, -1, -1)]
    for kind, size in bucket.bytes_by_type.items():
        dims = dimensions({"BucketName": bucket.name, "StorageType": kind})
        metric = MetricName("AWS/S3", "BucketSizeBytes", dims)
        aws.metrics.load(place, metric, (midnights, [float(int(size * share)) for share in shares]), "Bytes")
    dims = dimensions({"BucketName": bucket.name, "StorageType": "AllStorageTypes"})
    objects = [float(int((bucket.objects or 0) * share)) for share in shares]
    aws.metrics.load(place, MetricName("AWS/S3", "NumberOfObjects", dims), (midnights, objects), "Count")
