"""What a local Azure holds before anyone asks: the same for the same seed number."""

from emulators.azure.seed.vms import SeededVm, VmSeed, seed_vms

__all__ = ["SeededVm", "VmSeed", "seed_vms"]
