"""StartInstances, StopInstances, TerminateInstances: at once, without the states in between."""

from collections.abc import Callable
from datetime import UTC, datetime

from emulators.aws.ec2 import xml
from emulators.aws.ec2.describe import instances_by_ids
from emulators.aws.ec2.instances import InstanceStore
from emulators.aws.ec2.parameters import members
from emulators.aws.errors import AwsError
from emulators.aws.request import AwsRequest

CHANGES = {"StartInstances": "running", "StopInstances": "stopped", "TerminateInstances": "terminated"}


def change_state(store: InstanceStore, request: AwsRequest, clock: Callable[[], float]) -> str:
    """Bring the named instances to the state that the action asks for.

    Raises:
        AwsError: no ids, an unknown one, or an instance that is terminated already.
    """
    after = CHANGES[request.action]
    ids = members(request.form, "InstanceId")
    if not ids:
        raise AwsError("MissingParameter", "The request must contain the parameter InstanceId")
    now = datetime.fromtimestamp(int(clock()), UTC)
    changed = []
    with store.lock:
        for one in instances_by_ids(store, request, ids):
            if one.state == "terminated" and after != "terminated":
                raise AwsError("IncorrectInstanceState", f"The instance '{one.instance_id}' is terminated.")
            before, one.state = one.state, after
            if after == "running":
                one.launch_time, one.stopped_at = now, None
            elif before == "running":
                one.stopped_at = now
            changed.append(
                f"<instanceId>{one.instance_id}</instanceId>{xml.state(after, 'currentState')}"
                f"{xml.state(before, 'previousState')}"
            )
    return xml.document(request.action, request.request_id, xml.items("instancesSet", changed))
