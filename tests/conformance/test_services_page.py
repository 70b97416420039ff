"""The page of services: current, and complete."""

from pathlib import Path

from click.testing import CliRunner

from agents.core.service import services
from workers.commands.services import command

_PAGE = Path(__file__).parents[2] / "docs" / "services.md"


def test_the_page_is_current() -> None:
    done = CliRunner().invoke(command, ["--markdown"])
    assert done.exit_code == 0
    assert _PAGE.read_text(encoding="utf-8") == done.stdout, "finfleet services --markdown > docs/services.md"


def test_every_service_is_in_the_table_and_in_the_json() -> None:
    table = CliRunner().invoke(command).stdout
    listed = CliRunner().invoke(command, ["--json"]).stdout
    for provider, name in services():
        assert f"\n{provider}/{name} " in table
        assert f'"service": "{name}"' in listed
