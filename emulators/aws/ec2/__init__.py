"""EC2's instances and regions: moto needs 13 s for a page of an account with 10,000 instances, this a few ms."""

from emulators.aws.ec2.instances import Instance, InstanceStore
from emulators.aws.ec2.service import Ec2

__all__ = ["Ec2", "Instance", "InstanceStore"]
