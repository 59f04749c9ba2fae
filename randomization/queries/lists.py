"""Lists: their manifests, secret and rows opened, and the proof behind ``randomization verify``."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from randomization.methods.designs import Minimisation
from randomization.methods.findings import Finding
from randomization.methods.lists import sealing
from randomization.methods.lists.rows import UNSTRATIFIED, Listed, Manifest, Row
from randomization.methods.lists.verification import (
    Allocated,
    reserved_in,
    rows_of,
    verify_allocations,
    verify_extension,
    verify_levels,
    verify_log,
    verify_manifest,
    verify_sealed,
)
from randomization.models import (
    Allocation,
    ListOrigin,
    ListRow,
    RandomizationList,
)


def manifests_of(listed: RandomizationList) -> list[Manifest]:
    """What was published of a list: at its making, then with each extension, the newest last."""
    return [listed.manifest, *(each.manifest for each in listed.extensions.order_by("number"))]


def manifest_in_force(listed: RandomizationList) -> Manifest:
    """That of the list with the extensions that a second person has activated."""
    activated = listed.extensions.exclude(activated_at=None).order_by("number").last()
    manifest: Manifest = activated.manifest if activated is not None else listed.manifest
    return manifest


def secret_of(listed: RandomizationList) -> bytes:
    """The master secret of a list, opened. Raises KeyUnusable or SealBroken."""
    key = sealing.load_key(settings.TRIALMGR_LIST_KEY)
    return sealing.open_secret(key, str(listed.number), bytes(listed.sealed_secret))


def opened_rows(listed: RandomizationList) -> dict[str, list[Row]]:
    """The rows as they are kept, opened; a row that does not open has no arm. For verification and the reveal."""
    key = sealing.load_key(settings.TRIALMGR_LIST_KEY)
    rows: dict[str, list[Row]] = {stratum.key: [] for stratum in listed.strata.all()}
    for row in ListRow.objects.filter(stratum__list=listed).select_related("stratum").order_by("position"):
        rows[row.stratum.key].append(Row(row.position, 0, _arm_in(row, listed, key)))
    return rows


def _arm_in(row: ListRow, listed: RandomizationList, key: bytes) -> str:
    try:
        return sealing.open_row(key, str(listed.number), row.stratum.key, row.position, bytes(row.sealed))
    except sealing.SealBroken:
        return ""


def allocations_from(listed: RandomizationList) -> QuerySet[Allocation]:
    """Everybody who was allocated from this list, by stratum and place."""
    found = Allocation.objects.filter(row__stratum__list=listed).select_related("row__stratum", "participant")
    return found.order_by("row__stratum__key", "row__position")


def list_findings(listed: RandomizationList) -> list[Finding]:
    """Everything about a list and its allocations that its own secret does not bear out; empty when all agrees.

    Raises KeyUnusable or SealBroken when the secret does not open, DesignRefused when the design cannot be read.
    """
    secret, kept, manifests = secret_of(listed), opened_rows(listed), manifests_of(listed)
    imported = kept if listed.origin == ListOrigin.IMPORTED else None
    findings = [fault for manifest in manifests for fault in verify_manifest(manifest, secret, imported)]
    findings += [fault for before, after in pairwise(manifests) for fault in verify_extension(before, after)]
    if listed.design["method"] == Minimisation.method:
        return findings + _findings_of_log(listed, secret, kept)
    rows = rows_of(manifests[-1], secret) if imported is None else imported
    in_force = manifest_in_force(listed)
    usable = {key: rows.get(key, [])[: entry["rows"]] for key, entry in in_force["strata"].items()}
    findings += verify_allocations(usable, _allocated(listed), reserved_in(in_force))
    return findings + verify_sealed(rows, kept)


def _findings_of_log(listed: RandomizationList, secret: bytes, kept: Listed) -> list[Finding]:
    """Minimisation: the log is replayed, and allocations and rows are what it says."""
    allocations = list(allocations_from(listed))
    log: list[Any] = [each.log for each in allocations]
    rows = {UNSTRATIFIED: [Row(place, 0, str((line or {}).get("arm"))) for place, line in enumerate(log, start=1)]}
    findings = verify_log(manifest_in_force(listed), secret, log)
    findings += verify_levels(log, [each.levels for each in allocations])
    return findings + verify_allocations(rows, _allocated(listed)) + verify_sealed(rows, kept)


def _allocated(listed: RandomizationList) -> list[Allocated]:
    return [Allocated(each.row.stratum.key, each.row.position, each.arm) for each in allocations_from(listed)]
