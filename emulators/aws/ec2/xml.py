"""Instances as the EC2 protocol writes them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import groupby
from xml.sax.saxutils import escape

from emulators.aws.ec2.instances import STATES, Instance

NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"


def document(action: str, request_id: str, body: str) -> str:
    """A whole answer."""
    name = f"{action}Response"
    return f'<{name} xmlns="{NAMESPACE}"><requestId>{request_id}</requestId>{body}</{name}>'


def stamp(moment: datetime) -> str:
    """A time as EC2 writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def items(name: str, parts: Iterable[str]) -> str:
    """A list."""
    return f"<{name}>" + "".join(f"<item>{part}</item>" for part in parts) + f"</{name}>"


def state(name: str, tag: str = "instanceState") -> str:
    """A state with its code."""
    return f"<{tag}><code>{STATES[name]}</code><name>{name}</name></{tag}>"


def reservations(account: str, instances: list[Instance]) -> str:
    """Instances in their reservations. A reservation that two pages share is on both."""
    return items(
        "reservationSet",
        (
            f"<reservationId>{name}</reservationId><ownerId>{account}</ownerId><groupSet/>"
            + items("instancesSet", (_instance(account, one) for one in group))
            for name, group in groupby(instances, key=lambda one: one.reservation_id)
        ),
    )


def _instance(account: str, one: Instance) -> str:
    suffix = one.instance_id.removeprefix("i-")
    launched = stamp(one.launch_time)
    spot = f"<instanceLifecycle>{one.lifecycle}</instanceLifecycle>" if one.lifecycle else ""
    windows = "<platform>windows</platform>" if one.platform.startswith("Windows") else ""
    why = "Client.UserInitiatedShutdown: User initiated shutdown"
    reason = (
        f"<stateReason><code>Client.UserInitiatedShutdown</code><message>{why}</message></stateReason>"
        if one.stopped_at
        else ""
    )
    tags = items(
        "tagSet", (f"<key>{escape(key)}</key><value>{escape(value)}</value>" for key, value in one.tags.items())
    )
    root = (
        f"<deviceName>/dev/xvda</deviceName><ebs><volumeId>vol-{suffix}</volumeId><status>attached</status>"
        f"<attachTime>{launched}</attachTime><deleteOnTermination>true</deleteOnTermination></ebs>"
    )
    disk = items("blockDeviceMapping", [root])
    return (
        f"<instanceId>{one.instance_id}</instanceId><imageId>{one.image_id}</imageId>{state(one.state)}"
        f"<privateDnsName>ip-{one.private_ip.replace('.', '-')}.ec2.internal</privateDnsName><dnsName/>"
        f"<reason>{one.transition_reason}</reason><amiLaunchIndex>0</amiLaunchIndex><productCodes/>"
        f"<instanceType>{one.instance_type}</instanceType><launchTime>{launched}</launchTime>"
        f"<placement><availabilityZone>{one.zone}</availabilityZone><groupName/>"
        f"<tenancy>{one.tenancy}</tenancy></placement>{windows}"
        f"<monitoring><state>disabled</state></monitoring>"
        f"<subnetId>subnet-{account}{one.zone[-1]}</subnetId><vpcId>vpc-{account}</vpcId>"
        f"<privateIpAddress>{one.private_ip}</privateIpAddress><sourceDestCheck>true</sourceDestCheck>"
        f"<groupSet/>{reason}<architecture>{one.architecture}</architecture><rootDeviceType>ebs</rootDeviceType>"
        f"<rootDeviceName>/dev/xvda</rootDeviceName>{disk}<virtualizationType>hvm</virtualizationType>"
        f"<clientToken/>{tags}<hypervisor>xen</hypervisor><networkInterfaceSet/>{spot}"
        f"<ebsOptimized>true</ebsOptimized><enaSupport>true</enaSupport>"
        f"<platformDetails>{one.platform}</platformDetails><usageOperation>{one.usage_operation}</usageOperation>"
        f"<usageOperationUpdateTime>{launched}</usageOperationUpdateTime>"
    )
