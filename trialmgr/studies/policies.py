from __future__ import annotations

import datetime
from collections.abc import Sequence

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from audit.acts import ActionRefused, Actor
from trialmgr.protocol.differences import differences
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.clock import today
from trialmgr.studies.models import StudyApproval, StudyVersion
from trialmgr.studies.queries import approved_versions, is_locked, open_lock


def check_not_locked() -> None:
    """Source: ICH E6(R3) 3.16.1(r): edit access is withdrawn before the final analysis."""
    lock = open_lock() if is_locked() else None
    if lock is not None:
        raise ActionRefused(
            _("The study is locked since %(time)s UTC: a data manager can unlock it, with a reason.")
            % {"time": f"{lock.locked_at:%Y-%m-%d %H:%M}"}
        )


def check_may_follow(newest: StudyVersion | None, definition: StudyDefinition) -> None:
    """A definition is proposed once, of the one study, and changes nothing that data hang on for life."""
    if StudyVersion.objects.filter(sha256=definition.sha256).exists():
        raise ActionRefused(_("This study definition is published already."))
    if newest is not None and newest.definition.id != definition.id:
        raise ActionRefused(
            _("This installation runs the study “%(ours)s”, not “%(theirs)s”.")
            % {"ours": newest.definition.id, "theirs": definition.id}
        )
    reasons = dict.fromkeys(
        change.text(get_language() or "nl")
        for version in approved_versions()
        for change in differences(version.definition, definition)
        if change.forbidden
    )
    if reasons:
        raise ActionRefused(*reasons)


def check_approvable(version: StudyVersion, by: Actor) -> None:
    if StudyApproval.objects.filter(version=version).exists():
        raise ActionRefused(_("This version is approved already."))
    if version.proposer_id == by.actor_id:
        raise ActionRefused(_("Somebody else than who proposed a version approves it."))


def first_day(version: StudyVersion) -> datetime.date:
    """The day that the definition names; an amendment cannot begin before it is approved."""
    named = datetime.date.fromisoformat(version.definition.valid_from)
    return max(named, today()) if _is_amendment(version) else named


def check_sites_and_day(version: StudyVersion, sites: Sequence[str], day: datetime.date) -> None:
    """Raises ActionRefused for a site the definition does not name, or a past day in a running trial."""
    known = {site.code for site in version.definition.sites}
    reasons = [
        _("There is no site “%(code)s” in this version.") % {"code": code} for code in sites if code not in known
    ]
    if _is_amendment(version) and day < today():
        reasons.append(_("An amendment cannot take effect before today: give today or a later day."))
    if reasons:
        raise ActionRefused(*reasons)


def _is_amendment(version: StudyVersion) -> bool:
    return StudyApproval.objects.exclude(version=version).exists()
