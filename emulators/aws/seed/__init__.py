"""What a local AWS holds before anyone asks: fleets, metrics and costs, the same for the same seed number."""

from emulators.aws.seed.costs import seed_costs
from emulators.aws.seed.ec2 import Ec2Seed, seed_ec2

__all__ = ["Ec2Seed", "seed_costs", "seed_ec2"]
