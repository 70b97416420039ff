"""``finfleet worker``: a Celery worker of the planner, of a provider's collections, or of what is pushed."""

from __future__ import annotations

import click
from celery import Celery
from celery.signals import worker_ready, worker_shutting_down
from celery.utils.nodenames import host_format

from agents.core.provider import providers
from agents.core.unattended import never_ask
from storage.timeouts import WRITE
from tasks.foreign.rules import push_queues
from tasks.lanes import LANES, queue_of, queues_of
from tasks.maintenance import check_rules
from tasks.schedule import PLAN_QUEUE, PUSH_QUEUE
from tasks.targets import plan_targets
from telemetry.closest import did_you_mean
from telemetry.errors import ConfigError
from telemetry.settings import Settings
from workers import completion
from workers.ending import WorkerEnding, at_end
from workers.health.heartbeat import Heartbeat
from workers.health.presence import ByBroker, Presence, Tell, by_database
from workers.health.worker import WorkerWatch
from workers.log_options import log_options
from workers.metrics.registry import REGISTRY, metrics_options, serve
from workers.metrics.worker import WorkerMetrics
from workers.process import fleet_settings, open_database, required_broker, required_database_url, required_signing_keys


@click.command(name="worker")
@click.argument("role", metavar="plan|push|PROVIDER", shell_complete=completion.roles)
@click.option(
    "--queue",
    "queues",
    multiple=True,
    shell_complete=completion.queues,
    help="Consume only this queue of the role, with its lanes, or this lane alone; can be repeated.",
)
@click.option("--concurrency", type=click.IntRange(1, 256), help="Number of threads [default: collect.concurrency].")
@click.option("--name", help="Name in Flower [default: the role]; must be unique on a machine.")
@metrics_options
@log_options
def command(
    role: str,
    *,
    queues: tuple[str, ...],
    concurrency: int | None,
    name: str | None,
    metrics_port: int,
    metrics_address: str,
) -> int:
    """Run the tasks of the planner, process pushed messages, or collect a provider (see `finfleet services`).

    You can run any number of workers. The planner needs the database. A collector needs only the broker and the
    credentials of its provider, and consumes the queues of all accounts of the provider, with their lanes for live,
    paid and slow work. The role push needs only the broker, because untrusted producers write to its queues. Runs until
    SIGTERM or Ctrl-C, then finishes running tasks.
    """
    never_ask()
    if role not in (roles := (PLAN_QUEUE, PUSH_QUEUE, *providers())):
        raise ConfigError("configuration", (f"{role}: there is no such worker; {did_you_mean(role, roles)}",))
    from tasks.app import app  # noqa: PLC0415 - it reads the configuration, which --help must not need

    settings = fleet_settings(stores=role == PLAN_QUEUE)
    required_broker(settings)
    if role == PLAN_QUEUE:
        required_database_url(settings)
        required_signing_keys(settings)
        check_rules(settings)
    chosen = _queues(settings, role, queues)
    if role in providers():
        providers()[role].require()
    threads = concurrency or settings.collect.concurrency
    WorkerWatch(app, Heartbeat.from_environment(), settings.ledger.lease.total_seconds()).install()
    WorkerMetrics(threads)
    if role == PLAN_QUEUE and metrics_port:
        from workers.metrics.fleet import FleetCollector  # noqa: PLC0415 - collectors need no database

        REGISTRY.register(FleetCollector(settings, app))
    presence = Presence(f"worker {role}", chosen, _tell(settings, role), threads=threads)
    # Not before: until then a signal ends the process without a word.
    worker_ready.connect(lambda **_: presence.start(), weak=False)
    at_end(presence.stopped)
    if role == PLAN_QUEUE:
        _hand_out(app)
    ending = WorkerEnding(role, chosen, threads)
    with serve(role, metrics_port, metrics_address):
        # Not by Celery's command line, which loads Flower, a shell and all of its commands first.
        app.Worker(
            hostname=host_format(f"{name or role}@%h"),
            queues=[*chosen],
            concurrency=threads,
            quiet=True,  # no banner: standard output is for nobody
            # Workers tell each other nothing: at a thousand of them, that alone would keep the broker busy.
            without_gossip=True,
            without_mingle=True,
        ).start()
    if (status := ending.status()) == 0:
        presence.stopped()
    return status


def _hand_out(app: Celery) -> None:
    """Have the planner look for what is due by itself, from its start to its end."""
    from tasks.handing import HandOutThread  # noqa: PLC0415 - the planner's own
    from tasks.plan import keeper  # noqa: PLC0415

    thread = HandOutThread(app, keeper)
    worker_ready.connect(lambda **_: thread.start(), weak=False)
    worker_shutting_down.connect(lambda **_: thread.stop(), weak=False)


def _tell(settings: Settings, role: str) -> Tell:
    """How such a worker says that it lives: only the planner has a database."""
    if role == PLAN_QUEUE:
        return by_database(open_database(settings, "finfleet plan", size=1, timeouts=WRITE))
    return ByBroker(required_broker(settings))


def _queues(settings: Settings, role: str, only: tuple[str, ...]) -> tuple[str, ...]:
    """Those that such a worker consumes."""
    if role == PLAN_QUEUE:
        known = {PLAN_QUEUE}
    elif role == PUSH_QUEUE:
        known = {name for name, _ in push_queues(settings.push_sources)}
        if not known:
            problem = "push: nobody may push: name a source of kind push under generic.sources"
            raise ConfigError("configuration", (problem,))
    else:
        plans = [plan for (provider, _), plan in plan_targets(settings).items() if provider == role]
        known = {queue for plan in plans for queue in queues_of(plan)}
    if not known:
        push = [PUSH_QUEUE] if settings.push_sources else []
        roles = [PLAN_QUEUE, *push, *(provider for provider, _ in settings.providers())]
        problem = f"{role}: there is nothing for such a worker to do; {did_you_mean(role, roles)}"
        raise ConfigError("configuration", (problem,))
    if unknown := sorted(set(only) - known):
        raise ConfigError(
            "configuration",
            (f"{unknown[0]}: no account of {role} has this queue; {did_you_mean(unknown[0], sorted(known))}",),
        )
    # Whoever is for one account alone takes all of its work: a lane that others take from is used, whoever else waits.
    chosen = {queue_of(queue, lane) for queue in only for lane in ("", *LANES)}
    return tuple(sorted(known & chosen if only else known))
