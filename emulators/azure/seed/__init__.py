"""What a local Azure holds before anyone asks: the same for the same seed number."""

from emulators.azure.seed.costs import CostSeed, seed_costs
from emulators.azure.seed.managed import ResourceSeed, seed_aks, seed_functions, seed_storage
from emulators.azure.seed.ml import MlSeed, seed_ml
from emulators.azure.seed.vms import SeededVm, Shares, VmSeed, seed_vms

__all__ = [
    "CostSeed",
    "MlSeed",
    "ResourceSeed",
    "SeededVm",
    "Shares",
    "VmSeed",
    "seed_aks",
    "seed_costs",
    "seed_functions",
    "seed_ml",
    "seed_storage",
    "seed_vms",
]
