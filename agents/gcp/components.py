"""What an instance's own description names that costs more than cores, memory and GPUs of the usual kind.

A list price is given where each component is one that the price list is known to have a price of. What a description
holds in a word that is not known here is no "no": it may cost something, and then the price is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agents.gcp.fields import Fields

STANDARD, SPOT = "standard", "spot"
_MODELS = {"STANDARD": STANDARD, "SPOT": SPOT}
_LICENSE = re.compile(r"(?:^|/)projects/([^/]+)/global/licenses/")
# Whose licenses Google takes nothing for.
_FREE = frozenset(
    {
        "almalinux-cloud",
        "centos-cloud",
        "cos-cloud",
        "cos-cloud-shielded",
        "debian-cloud",
        "fedora-cloud",
        "fedora-coreos-cloud",
        "freebsd-org-cloud-dev",
        "gke-node-images",
        "opensuse-cloud",
        "rocky-linux-cloud",
        "ubuntu-os-cloud",
        "ubuntu-os-gke-cloud",
        "vm-options",
    }
)
# Those that are billed as the machine itself is.
_RESERVATIONS = frozenset({"", "ANY_RESERVATION", "NO_RESERVATION", "SPECIFIC_RESERVATION"})
_AUTOPILOT = re.compile(r"gk3-")


def provisioning_of(fields: Fields) -> str:
    """``standard`` or ``spot``; another one in Google's own word; empty where it is not told."""
    scheduling = fields.item("scheduling")
    model, preemptible = scheduling.text("provisioningModel"), scheduling.flag("preemptible")
    if preemptible:
        return SPOT
    if not model:
        return "" if preemptible is None else STANDARD
    return _MODELS.get(model, model.lower())


def unpriced(fields: Fields, provisioning: str) -> str:
    """Why its price would be a part of it only, or of something else; empty where nothing is against it."""
    reasons = (*_by_machine(fields, provisioning), *_by_disks(fields))
    if reasons:
        return reasons[0]
    return "a part of its description cannot be read" if fields.faults else ""


def _by_machine(fields: Fields, provisioning: str) -> Iterator[str]:
    if provisioning not in {STANDARD, SPOT}:
        yield f"its provisioning is {provisioning or 'not told'}: no list price is known for it"
    if fields.item("scheduling").length("nodeAffinities"):
        yield "it runs on a sole-tenant node, which is billed as a whole"
    if is_confidential(fields.item("confidentialInstanceConfig")):
        yield "it is a Confidential VM, which has a price of its own"
    tier = fields.item("networkPerformanceConfig").text("totalEgressBandwidthTier")
    if tier not in {"", "DEFAULT"}:
        yield f"its network is {tier}, which is billed beside it"
    reservation = fields.item("reservationAffinity").text("consumeReservationType")
    if reservation not in _RESERVATIONS:
        yield f"its reservation is {reservation}: no list price is known for it"
    if any(
        not (one.text("acceleratorType") and one.number("acceleratorCount"))
        for one in fields.items("guestAccelerators")
    ):
        yield "kind or number of its GPUs is not told"
    if _AUTOPILOT.match(fields.text("name")) and any(name.startswith("goog-gke") for name in fields.tags("labels")):
        yield "it is a node of GKE Autopilot, which bills pods"


def is_confidential(config: Fields) -> bool:
    """Whether it is a Confidential VM, or may be one."""
    kind = config.text("confidentialInstanceType")
    return bool(config.flag("enableConfidentialCompute")) or kind not in {"", "CONFIDENTIAL_INSTANCE_TYPE_UNSPECIFIED"}


def _by_disks(fields: Fields) -> Iterator[str]:
    for disk in fields.items("disks"):
        kind = disk.text("type")
        if kind != "PERSISTENT" and (kind or not disk.has("source")):
            yield (
                "it has local SSDs, which are billed with it" if kind == "SCRATCH" else "the kind of a disk is not told"
            )
        for license_ in disk.texts("licenses"):
            project = _LICENSE.search(license_)
            if project is None or project[1] not in _FREE:
                yield f"it bears the license {'/'.join(license_.split('/')[-4:])}, which may be billed with it"
