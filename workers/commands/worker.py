"""``finfleet worker``: a Celery worker of the planner, or of a provider's collections."""

from __future__ import annotations

import click

from tasks.schedule import PLAN_QUEUE
from tasks.targets import plan_targets
from telemetry.errors import ConfigError
from telemetry.settings import Settings
from workers.health_sign import Sign
from workers.health_worker import WorkerWatch
from workers.metrics import REGISTRY, metrics_options, serve
from workers.metrics_worker import WorkerMetrics
from workers.process import fleet_settings, required_broker_url, required_database_url


@click.command(name="worker")
@click.argument("role", metavar="plan|PROVIDER")
@click.option("--queue", "queues", multiple=True, help="Only this queue of the provider; may be given several times.")
@click.option("--concurrency", type=click.IntRange(1, 256), help="Threads [default: collect.concurrency].")
@click.option("--name", help="Of the node, as Flower shows it [default: the role]; different for two on one machine.")
@metrics_options
def command(
    role: str,
    *,
    queues: tuple[str, ...],
    concurrency: int | None,
    name: str | None,
    metrics_port: int,
    metrics_address: str,
) -> None:
    """Run the planner's tasks, or collect a provider: aws, azure, gcp, generic. Any number may run.

    The planner needs the database; a collector only needs the broker and its provider's credentials. It takes the
    queues of all accounts of the provider. Runs until SIGTERM or Ctrl-C, and then finishes the tasks at hand.
    """
    from tasks.app import app  # noqa: PLC0415 - it reads the configuration, which --help must not need

    settings = fleet_settings(stores=role == PLAN_QUEUE)
    required_broker_url(settings)
    if role == PLAN_QUEUE:
        required_database_url(settings)
    chosen = _queues(settings, role, queues, {queue.name for queue in app.conf.task_queues})
    threads = concurrency or settings.collect.concurrency
    WorkerWatch(app, Sign.from_environment(), settings.ledger.lease.total_seconds()).install()
    WorkerMetrics(threads)
    if role == PLAN_QUEUE and metrics_port:
        from workers.metrics_fleet import FleetCollector  # noqa: PLC0415 - collectors need no database

        REGISTRY.register(FleetCollector(settings, app))
    with serve(role, metrics_port, metrics_address):
        app.worker_main(
            [
                "worker",
                *("--queues", ",".join(chosen)),
                *("--hostname", f"{name or role}@%h"),
                *("--concurrency", str(threads)),
                *("--loglevel", "INFO"),
                # Workers tell each other nothing: at a thousand of them, that alone would keep the broker busy.
                "--without-gossip",
                "--without-mingle",
            ]
        )


def _queues(settings: Settings, role: str, only: tuple[str, ...], every: set[str]) -> tuple[str, ...]:
    """Those that such a worker consumes, of ``every`` queue that there is."""
    planned = plan_targets(settings)
    collected = {target.queue for plan in planned.values() for target in plan.targets}
    if role == PLAN_QUEUE:
        # What no target is collected by, is the planner's.
        known = every - collected
    else:
        plans = [plan for (provider, _), plan in planned.items() if provider == role]
        known = {target.queue for plan in plans for target in plan.targets}
    if not known:
        there = ", ".join([PLAN_QUEUE, *(provider for provider, _ in settings.providers())])
        raise ConfigError("configuration", (f"{role}: there is nothing for such a worker to do; there are: {there}",))
    if unknown := sorted(set(only) - known):
        raise ConfigError(
            "configuration",
            (f"{unknown[0]}: no account of {role} has this queue; there are: {', '.join(sorted(known))}",),
        )
    return only or tuple(sorted(known))
