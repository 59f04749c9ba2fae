"""Freezing a site, a casebook, a visit or a form, and unfreezing it. It binds people: what is worked out goes on."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext as _

from audit.actions import action, itself
from audit.acts import ActionRefused, record
from crf import policies
from crf.actions.trail import note_visit
from crf.freezes import followed
from crf.models import Freeze, Visit
from trialmgr.participants.models import Participant
from trialmgr.people.models import Site, User


@action("casebook.frozen", permission="entries.freeze", makes=itself)
def freeze(*, by: User, participant: Participant) -> Freeze:
    policies.lock_casebook(participant.pk)
    policies.check_not_frozen_already(Freeze.objects.filter(participant=participant), participant)
    return _freeze(Freeze(participant=participant), by)


# The audit trail keeps the name that this act had in the first version.
@action("casebook.thawed", permission="entries.freeze")
def unfreeze(*, by: User, participant: Participant, reason: str) -> Freeze:
    policies.lock_casebook(participant.pk)
    return _unfreeze(Freeze.objects.standing().filter(participant=participant).first(), by, reason)


@action("visit.frozen", permission="entries.freeze", site=lambda visit, **_k: visit.participant.site, makes=itself)
def freeze_visit(*, by: User, visit: Visit, form_key: str = "") -> Freeze:
    """A visit with its day and forms, or one form of it, whether it was entered or not."""
    policies.lock_visit(visit)
    if form_key:
        policies.check_form_here(visit, form_key)
    policies.check_not_frozen_already(
        Freeze.objects.filter(visit=visit, form_key=form_key), visit.participant, visit, form_key
    )
    return _freeze(Freeze(visit=visit, form_key=form_key), by)


@action("visit.unfrozen", permission="entries.freeze", site=lambda visit, **_k: visit.participant.site)
def unfreeze_visit(*, by: User, visit: Visit, form_key: str = "", reason: str) -> Freeze:
    policies.lock_visit(visit)
    return _unfreeze(Freeze.objects.standing().filter(visit=visit, form_key=form_key).first(), by, reason)


@action("site.frozen", permission="entries.freeze", site=lambda site, **_k: site, makes=itself)
def freeze_site(*, by: User, site: Site) -> Freeze:
    """All casebooks of a site; acts under way in one of them end first."""
    policies.lock_site_casebooks(site)
    if Freeze.objects.standing().filter(site=site).exists():
        raise ActionRefused(str(policies.SITE_FROZEN))
    return _freeze(Freeze(site=site), by)


@action("site.unfrozen", permission="entries.freeze", site=lambda site, **_k: site)
def unfreeze_site(*, by: User, site: Site, reason: str) -> Freeze:
    policies.lock_site_casebooks(site)
    return _unfreeze(Freeze.objects.standing().filter(site=site).first(), by, reason)


@action("freeze.noticed", permission="entries.freeze", site=lambda freeze, **_k: freeze.of_site)
def notice_followed(*, by: User, freeze: Freeze) -> Freeze:
    """Whoever froze has seen what followed since from other forms; the freeze stands."""
    freeze = Freeze.objects.select_for_update().get(pk=freeze.pk)
    if not followed(freeze, by).exists():
        raise ActionRefused(_("Nothing has followed here since it was last seen."))
    freeze.noticed_at, freeze.noticed_by = timezone.now(), by.actor_name
    freeze.save()
    _note(freeze, "seen")
    return freeze


def _freeze(row: Freeze, by: User) -> Freeze:
    row.frozen_at, row.frozen_by, row.freezer = timezone.now(), by.actor_name, by
    row.save()
    _note(row, "frozen")
    return row


def _unfreeze(row: Freeze | None, by: User, reason: str) -> Freeze:
    if row is None or not reason.strip():
        raise ActionRefused(_("Only what is frozen can be unfrozen, with a reason."))
    row.unfrozen_at, row.unfrozen_by = timezone.now(), by.actor_name
    row.save()
    _note(row, "unfrozen")
    return row


def _note(row: Freeze, new: str) -> None:
    if row.visit is not None:
        of_form = {"object_type": "form", "object_id": row.name, "form": row.form_key} if row.form_key else {}
        note_visit(row.visit, item="freeze", new=new, restricted=row.reveals_allocation, **of_form)
    elif row.participant is not None:
        number, site = row.participant.number, row.participant.site.code
        record(object_type="participant", object_id=number, site=site, participant=number, item="casebook", new=new)
    else:
        record(object_type="site", object_id=row.name, site=row.name, item="freeze", new=new)
