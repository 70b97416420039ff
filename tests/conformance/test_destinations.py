"""What every kind of destination that is installed has to be, ours and others alike."""

import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from agents.core.destination import DestinationKind
from telemetry.settings.destinations import DestinationSettings, kinds, unusable_destinations
from telemetry.settings.places import is_secret, keys_at

_ROOT = Path(__file__).parents[2]
_DOCS = _ROOT / "docs"
_SECRET_WORDS = ("secret", "key", "token", "password", "headers")


def test_all_that_are_installed_can_be_used() -> None:
    assert unusable_destinations() == ()


@pytest.mark.parametrize("name", kinds())
def test_a_kind_is_what_the_registry_wants(name: str) -> None:
    kind = kinds()[name]
    assert isinstance(kind, DestinationKind)
    assert issubclass(kind.settings, DestinationSettings)
    assert get_args(kind.settings.model_fields["kind"].annotation) == (name,)


@pytest.mark.parametrize("name", kinds())
def test_what_is_called_a_secret_is_kept_as_one(name: str) -> None:
    for field in kinds()[name].settings.model_fields:
        if any(word in field for word in _SECRET_WORDS):
            place = ("destinations", "x", name, field)
            assert is_secret((*place, "X-Key") if field == "headers" else place), field
    assert "kind" in keys_at(("destinations", "x", name))


@pytest.mark.parametrize("name", kinds())
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
