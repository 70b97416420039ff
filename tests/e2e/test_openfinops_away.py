"""OpenFinOps stopped for the whole run and started after it: everything arrives, in order, once per batch."""

from pathlib import Path

import pytest

from tests.support.pipeline import running_pipeline, small_aws

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("pipeline")]


def test_what_was_stored_meanwhile_arrives_in_order_and_once(short_path: Path) -> None:
    with small_aws() as (aws, _), running_pipeline(short_path, aws, receiving=False) as pipeline:
        pipeline.until_settled(forwarded=False)
        waiting = pipeline.query("SELECT state FROM finfleet.outbox WHERE state <> 'pending'")
        assert waiting == [], "something was sent to a server that was not there"
        stored = pipeline.stored()
        assert sum(map(len, stored.values())) >= 20
        pipeline.openfinops.start()
        pipeline.until_settled(within=90)
        assert pipeline.received() == stored
