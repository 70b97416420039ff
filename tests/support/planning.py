"""What the tasks of a planner share, in the process of a test."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from storage.database import Database
from tasks.app import make_app
from tasks.results import open_carrier
from tasks.runtime import runtime
from tasks.targets import plan_targets
from telemetry.settings import load_settings
from tests.support import granting

_CONFIG = "aws: {services: [ec2], regions: [us-east-1], backfill: 1h}"


@contextmanager
def planning(database: Database, database_url: str, redis_url: str, directory: Path) -> Iterator[None]:
    """Have the tasks plan EC2 of one region, an hour of it."""
    path = directory / "telemetry.yaml"
    path.write_text(_CONFIG, encoding="utf-8")
    variables = {
        "FINFLEET_DATABASE_URL": database_url,
        "FINFLEET_BROKER_URL": redis_url,
        "FINFLEET_SIGNING_KEYS": granting.KEY.get_secret_value(),
    }
    settings = load_settings(path, variables)
    app = make_app(settings)
    with closing(open_carrier(SecretStr(redis_url))) as carrier, pytest.MonkeyPatch.context() as patch:
        patch.setattr(runtime, "settings", lambda: settings)
        patch.setattr(runtime, "database", lambda: database)
        patch.setattr(runtime, "carrier", lambda *_: carrier)
        patch.setattr(runtime, "planned", lambda: plan_targets(settings))
        yield
    app.close()
