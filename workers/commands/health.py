"""``finfleet health``: whether one process works; for probes and health checks.

The look at the sign of life imports next to nothing: it runs every few seconds, beside every process.
"""

from __future__ import annotations

import os

import click

from telemetry.terminal import say
from workers.groups import OneOf
from workers.health.heartbeat import HEARTBEAT_VARIABLE, Heartbeat

MAX_AGE = {"plan": 60.0, "worker": 60.0, "beat": 60.0, "ingest": 120.0, "forward": 180.0, "flower": 60.0}
"""Seconds. A forwarder may wait for a destination's answer, and an ingest for a long transaction."""


@click.command(
    name="health",
    epilog="""\b
Exit status: 0 healthy; 1 unhealthy, and the reason is printed; 2 wrong usage.""",
)
@click.argument("role", type=OneOf(list(MAX_AGE)))
@click.option(
    "--liveness", is_flag=True, help="Only check that it has worked or looked for work lately. If not, restart it."
)
@click.option(
    "--readiness", is_flag=True, help="Only check that the servers it needs respond. A restart would not help."
)
@click.option("--max-age", type=click.FloatRange(min=1), help="Maximum age of the heartbeat, in seconds.")
def command(role: str, liveness: bool, readiness: bool, max_age: float | None) -> int:
    """Check that a process of this role is healthy. Without an option, checks both liveness and readiness.

    Run it where the process runs, with the same variables: FINFLEET_HEARTBEAT names the file that the process touches.
    """
    both = liveness == readiness
    trouble = said = ""
    if liveness or both:
        trouble, said = _flower() if role == "flower" else _heartbeat(max_age or MAX_AGE[role])
    if not trouble and (readiness or both):
        from workers.health.readiness import look  # noqa: PLC0415 - see above

        trouble, ready = look(role)
        said = ready if not said else f"{said}; {ready}"
    say(f"{role}: {trouble or said}")
    return 1 if trouble else 0


def _heartbeat(max_age: float) -> tuple[str, str]:
    heartbeat = Heartbeat.from_environment()
    if heartbeat.path is None:
        return f"{HEARTBEAT_VARIABLE} is not set: it names the file that the process touches", ""
    age = heartbeat.age()
    if age is None:
        return f"no sign of life yet in {heartbeat.path}{_because(heartbeat)}", ""
    if age > max_age:
        return f"the last sign of life is {age:.0f} s old, more than {max_age:g} s{_because(heartbeat)}", ""
    return "", f"alive, {age:.0f} s ago"


def _because(heartbeat: Heartbeat) -> str:
    why = heartbeat.why()
    return f": {why}" if why else ""


def _flower() -> tuple[str, str]:
    import http.client  # noqa: PLC0415 - see above

    port = int(os.environ.get("FLOWER_PORT") or 5555)
    prefix = os.environ.get("FLOWER_URL_PREFIX", "").strip("/")
    path = f"/{prefix}/healthcheck" if prefix else "/healthcheck"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        status = connection.getresponse().status
    except OSError as error:
        return f"port {port} does not answer: {error}", ""
    finally:
        connection.close()
    return ("", f"port {port} answers") if status == http.client.OK else (f"port {port} answers {status}", "")
