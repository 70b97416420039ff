"""What every kind of destination that is installed has to be, ours and others alike."""

import subprocess
import sys
from pathlib import Path

import pytest

from agents.testing.destinations import DestinationConformance
from telemetry.settings.destinations import kinds, unusable_destinations

_ROOT = Path(__file__).parents[2]
_DOCS = _ROOT / "docs"
_OURS = [name for name, kind in kinds().items() if type(kind).__module__.startswith("agents.")]


def test_all_that_are_installed_can_be_used() -> None:
    assert unusable_destinations() == ()


class TestDestinations(DestinationConformance):
    """Every kind of this install."""


@pytest.mark.parametrize(
    "name", [name for name, kind in kinds().items() if type(kind).__module__.startswith("agents.")]
)
def test_each_key_is_documented(name: str) -> None:
    pages = [(_DOCS / page).read_text(encoding="utf-8") for page in ("destinations.md", "configuration.md")]
    assert f"| `{name}` |" in pages[0]
    for field in kinds()[name].settings.model_fields:
        assert any(f"{field}:" in page or f"`{field}`" in page for page in pages), field


def test_who_does_not_forward_loads_nothing_of_them() -> None:
    code = (
        "import sys; from telemetry.settings.destinations import kinds; kinds();"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'httpx', 'google', 'opentelemetry', 'msgpack'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=_ROOT)
    assert done.stdout.strip() == "[]"
