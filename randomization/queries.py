"""Recomputing every allocation from the sealed list: the proof behind ``randomization verify``."""

from __future__ import annotations

from django.conf import settings

from randomization import sealing
from randomization.designs import design_from
from randomization.findings import Finding
from randomization.models import Allocation, RandomizationList
from randomization.verification import Allocated, verify_allocations, verify_manifest


def list_findings(listed: RandomizationList) -> list[Finding]:
    """Everything about a list and its allocations that its own secret does not bear out; empty when all agrees."""
    key = sealing.load_key(settings.TRIALMGR_LIST_KEY)
    secret = sealing.open_secret(key, str(listed.number), bytes(listed.sealed_secret))
    allocations = Allocation.objects.filter(row__stratum__list=listed).select_related("row__stratum")
    return verify_manifest(listed.manifest, secret) + verify_allocations(
        design_from(listed.design),
        secret=secret,
        trial_id=listed.manifest["trial_id"],
        purpose=listed.purpose,
        allocated=[Allocated(each.row.stratum.key, each.row.position, each.arm) for each in allocations],
    )
