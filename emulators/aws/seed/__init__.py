"""What a local AWS holds before anyone asks: fleets, metrics and costs, the same for the same seed number."""

from emulators.aws.seed.costs import seed_costs
from emulators.aws.seed.ec2 import Ec2Seed, seed_ec2
from emulators.aws.seed.managed import seed_eks, seed_lambda, seed_rds
from emulators.aws.seed.s3 import BucketSeed, seed_s3
from emulators.aws.seed.sagemaker import EndpointSeed, VariantSeed, seed_sagemaker

__all__ = [
    "BucketSeed",
    "Ec2Seed",
    "EndpointSeed",
    "VariantSeed",
    "seed_costs",
    "seed_ec2",
    "seed_eks",
    "seed_lambda",
    "seed_rds",
    "seed_s3",
    "seed_sagemaker",
]
