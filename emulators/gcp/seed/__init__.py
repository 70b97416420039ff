"""What can be put into a local Google Cloud, described well enough to compute what must be found."""

from emulators.gcp.seed.billing import BillingSeed, seed_billing
from emulators.gcp.seed.compute import ComputeSeed, seed_compute
from emulators.gcp.seed.managed import seed_functions, seed_gke, seed_storage
from emulators.gcp.seed.vertex import VertexSeed, seed_vertex

__all__ = [
    "BillingSeed",
    "ComputeSeed",
    "VertexSeed",
    "seed_billing",
    "seed_compute",
    "seed_functions",
    "seed_gke",
    "seed_storage",
    "seed_vertex",
]
