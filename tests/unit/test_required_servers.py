"""What is said where no server is named."""

from pathlib import Path

import pytest

from telemetry.errors import ConfigError
from telemetry.settings import Settings
from workers.process import required_database_url


def test_whoever_asks_about_a_finfleet_up_hears_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as alone:
        required_database_url(Settings())
    assert "finfleet up" not in str(alone.value)
    (tmp_path / ".finfleet").mkdir()
    (tmp_path / ".finfleet" / "up.json").write_text("{}")
    with pytest.raises(ConfigError) as beside:
        required_database_url(Settings())
    assert "how to name those of the finfleet up here: docs/operations.md" in str(beside.value)
