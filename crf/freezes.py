"""What followed in frozen things from values elsewhere, since whoever froze them last looked.

Read from the audit trail when it is asked for: nothing is written beside a consequence, so that an act in which one
falls on something frozen asks as much of the database as any other.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.urls import reverse

from audit.models import LedgerEntry
from crf.models import Freeze, FreezeQuerySet
from trialmgr.people.models import User
from trialmgr.studies.queries import current_definition

FOLLOWED = "entry.followed"


def followed(freeze: Freeze, user: User) -> QuerySet[LedgerEntry]:
    """The lines of the audit trail that say so, oldest first, as far as this person may know."""
    here: dict[str, Any] = {"site": freeze.site.code} if freeze.site else {}
    if freeze.casebook is not None:
        here["participant"] = freeze.casebook.number
    if freeze.visit is not None:
        here["visit"] = freeze.visit.slug
    if freeze.form_key:
        here["form"] = freeze.form_key
    return _lines(user).filter(at__gt=freeze.noticed_at or freeze.frozen_at, **here).order_by("seq")


def to_look_at(user: User) -> FreezeQuerySet:
    """Freezes of this person, or of somebody who cannot look any more, in which something followed."""
    since = Coalesce(OuterRef("noticed_at"), OuterRef("frozen_at"))
    lines = _lines(user).filter(at__gt=since)
    of_visit = lines.filter(participant=OuterRef("visit__participant__number"), visit=OuterRef("visit__slug"))
    somewhere = (
        Exists(lines.filter(site=OuterRef("site__code")))
        | Exists(lines.filter(participant=OuterRef("participant__number")))
        | Q(Exists(of_visit), form_key="")
        | Exists(of_visit.filter(form=OuterRef("form_key")))
    )
    own = Q(freezer=user) | Q(freezer=None) | Q(freezer__is_active=False)
    rows: FreezeQuerySet = Freeze.objects.standing().filter(own, somewhere)
    return rows.select_related("site", "participant__site", "visit__participant__site").order_by("frozen_at", "pk")


def _lines(user: User) -> QuerySet[LedgerEntry]:
    """Of forms in this person's sight; a blinded one learns of nothing that reveals the allocation."""
    sight = user.sight(current_definition())
    lines = LedgerEntry.objects.filter(action=FOLLOWED, form__in=sight.forms)
    return lines.open_part() if sight.blinded else lines


def freeze_url(freeze: Freeze) -> str:
    """The page of what is frozen, by natural keys."""
    if freeze.site is not None:
        return reverse("crf:freeze_site", args=[freeze.site.code])
    if freeze.visit is None:
        return reverse("crf:freeze", args=[freeze.name])
    place = [freeze.visit.participant.number, freeze.visit.slug]
    if freeze.form_key:
        return reverse("crf:freeze_form", args=[*place, freeze.form_key])
    return reverse("crf:freeze_visit", args=place)


def freeze_label(freeze: Freeze, language: str) -> str:
    """What is frozen, in words."""
    if freeze.site is not None:
        return freeze.site.name
    if freeze.visit is None:
        return freeze.name
    form = [current_definition().form(freeze.form_key).label(language)] if freeze.form_key else []
    return " · ".join([freeze.visit.participant.number, freeze.visit.label(language), *form])
