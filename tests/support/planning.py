"""What the tasks of a planner share, in the process of a test."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from celery import Celery
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
def planning(
    database: Database, database_url: str, broker_url: str, directory: Path, config: str = _CONFIG
) -> Iterator[Celery]:
    """Have the tasks plan EC2 of one region, an hour of it; or what another configuration says."""
    path = directory / "telemetry.yaml"
    path.write_text(config, encoding="utf-8")
    variables = {
        "FINFLEET_DATABASE_URL": database_url,
        "FINFLEET_BROKER_URL": broker_url,
        "FINFLEET_SIGNING_KEYS": granting.KEY.get_secret_value(),
    }
    settings = load_settings(path, variables)
    app = make_app(settings)
    with closing(open_carrier(SecretStr(broker_url))) as carrier, pytest.MonkeyPatch.context() as patch:
        patch.setattr(runtime, "settings", lambda: settings)
        patch.setattr(runtime, "database", lambda: database)
        patch.setattr(runtime, "carrier", lambda *_: carrier)
        planned = plan_targets(settings)
        patch.setattr(runtime, "planned", lambda: planned)
        yield app
    app.close()
