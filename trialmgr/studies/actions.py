from __future__ import annotations

import datetime
from collections.abc import Sequence

from django.utils import timezone
from django.utils.translation import gettext as _

from audit.actions import action, itself
from audit.acts import ActionRefused, Actor, record
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies import policies
from trialmgr.studies.models import StudyActivation, StudyApproval, StudyVersion
from trialmgr.studies.queries import WHOLE_TRIAL, forget_version


@action("study.proposed", permission="study.publish")
def propose_version(*, by: Actor, definition: StudyDefinition, reason: str = "") -> StudyVersion:
    """Lay a definition down for good; a second person puts it in force. Refused when this one was proposed before."""
    newest = StudyVersion.objects.order_by("number").last()
    policies.check_may_follow(newest, definition)
    version = StudyVersion(
        number=newest.number + 1 if newest else 1,
        label=definition.version,
        sha256=definition.sha256,
        document=definition.canonical_json(),
        proposer_id=by.actor_id,
        proposed_by=by.actor_name,
        proposed_at=timezone.now(),
        reason=reason,
    )
    version.save()
    record(
        object_type="study_version",
        object_id=str(version.number),
        new=version.sha256,
        detail={"study": definition.id, "version": definition.version},
    )
    return version


@action("study.approved", permission="study.approve", makes=itself)
def approve_version(
    *,
    by: Actor,
    version: StudyVersion,
    effective_from: datetime.date | None = None,
    sites: Sequence[str] = (),
    reason: str = "",
) -> StudyApproval:
    """A second person puts a version in force: at the sites named by code, or at all of them.

    ``effective_from``: left out, the day that the definition names, or today where that has passed in a running trial.
    """
    policies.check_approvable(version, by)
    approval = StudyApproval(
        version=version,
        proposer_id=version.proposer_id,
        approver_id=by.actor_id,
        approved_by=by.actor_name,
        approved_at=timezone.now(),
    )
    day = effective_from or policies.first_day(version)
    policies.check_sites_and_day(version, sites, day)
    approval.save()
    record(object_type="study_version", object_id=str(version.number), new=version.sha256)
    _put_in_force(by, approval, sites, day)
    return approval


@action("study.put_in_force", permission="study.approve")
def put_in_force(
    *,
    by: Actor,
    approval: StudyApproval,
    sites: Sequence[str] = (),
    effective_from: datetime.date,
    reason: str = "",
) -> StudyApproval:
    """An approved version takes effect at further sites (when their committee agreed), or at all that are left."""
    policies.check_sites_and_day(approval.version, sites, effective_from)
    _put_in_force(by, approval, sites, effective_from)
    return approval


def _put_in_force(by: Actor, approval: StudyApproval, sites: Sequence[str], day: datetime.date) -> None:
    standing = set(approval.activations.values_list("site", flat=True))
    for site in sites or [WHOLE_TRIAL]:
        if site in standing:
            raise ActionRefused(_("This version has its day of effect there already."))
        row = StudyActivation(
            approval=approval,
            site=site,
            effective_from=day,
            activated_by=by.actor_name,
            activated_at=timezone.now(),
        )
        row.save()
        record(
            action="study.put_in_force",
            object_type="study_version",
            object_id=str(approval.version.number),
            site=site,
            new=day.isoformat(),
        )
    forget_version()
