"""What machine types consist of, by their names."""

from decimal import Decimal

import pytest

from agents.gcp.machines import Shape, shape_of


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("n1-standard-1", Shape("n1", Decimal(1), Decimal("3.75"))),
        ("n1-highcpu-96", Shape("n1", Decimal(96), Decimal("86.4"))),
        ("n2-highmem-64", Shape("n2", Decimal(64), Decimal(512))),
        ("n2-highmem-128", Shape("n2", Decimal(128), Decimal(864))),
        ("n2d-highcpu-224", Shape("n2d", Decimal(224), Decimal(224))),
        ("e2-micro", Shape("e2", Decimal("0.25"), Decimal(1))),
        ("e2-small", Shape("e2", Decimal("0.5"), Decimal(2))),
        ("e2-medium", Shape("e2", Decimal(1), Decimal(4))),
        ("c3-highcpu-22", Shape("c3", Decimal(22), Decimal(44))),
        ("f1-micro", Shape("f1-micro", Decimal(1), Decimal(0), whole=True)),
        ("custom-4-5120", Shape("n1-custom", Decimal(4), Decimal(5))),
        ("n2-custom-8-16384", Shape("n2-custom", Decimal(8), Decimal(16))),
        ("n2-custom-2-32768-ext", Shape("n2-custom", Decimal(2), Decimal(16), Decimal(16))),
        ("n1-custom-2-20480-ext", Shape("n1-custom", Decimal(2), Decimal(13), Decimal(7))),
        ("e2-custom-small-3072", Shape("e2-custom", Decimal("0.5"), Decimal(3))),
        ("a2-highgpu-2g", Shape("a2", Decimal(24), Decimal(170), gpu=("nvidia-tesla-a100", 2))),
        ("g2-standard-24", Shape("g2", Decimal(24), Decimal(96), gpu=("nvidia-l4", 2))),
    ],
)
def test_a_name_tells_what_is_billed(name: str, shape: Shape) -> None:
    assert shape_of(name) == shape


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x4-megamem-960-metal",
        "n2-standard",
        "n2-giant-4",
        "c3-standard-4-lssd",  # its local SSDs are billed too
        "a3-highgpu-8g",
        "c4-standard-4",  # 3.75 GiB a vCPU in some sizes, not in all
        "e2-custom-2-32768-ext",
        "n2-custom-4",
        "g2-custom-4-16384",  # it has a GPU that its name does not tell
    ],
)
def test_a_name_that_does_not_tell_is_unknown(name: str) -> None:
    assert shape_of(name) is None
