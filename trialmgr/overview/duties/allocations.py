"""Duties around allocations: no place left, a broken code, a flag without its second signature, strata that differ."""

from __future__ import annotations

from django.db.models import Q
from django.urls import reverse
from django.utils.timezone import localdate
from django.utils.translation import gettext as _

from randomization.methods.definition import factor_label
from randomization.models import Allocation, CodeBreak, RandomisedInError
from randomization.queries.allocations import in_screening, waiting_by_stratum
from randomization.queries.corrections import Difference, strata_that_differ
from trialmgr.overview.duties.tasks import Band, Desk, Duty, Link, Task, said_of, within
from trialmgr.participants.models import Participant


def waiting(desk: Desk) -> Duty:
    """Strata without a place for somebody who is ready; told in numbers to those who see the lists."""
    found = waiting_by_stratum(in_screening(Participant.objects.all())) if desk.user.may("lists.view") else {}
    tasks = [
        Task(
            place=stratum,
            link=Link(_("Open the lists"), reverse("randomization:lists")),
            status=_("%(count)s wait for a place") % {"count": count},
            kind="late",
            turn=desk.turn_with("lists.make"),
        )
        for stratum, count in sorted(found.items())
    ]
    return Duty("waiting", _("Participants for whom the list has no place"), len(tasks), tasks[: desk.limit])


def code_breaks(desk: Desk) -> Duty:
    """Code breaks of which nobody of the sponsor has taken notice; never told to somebody who works blinded."""
    rows = CodeBreak.objects.none()
    if desk.user.may("breaks.notice") and not desk.user.sight(desk.definition).blinded:
        rows = CodeBreak.objects.filter(noticed_at=None).select_related("participant").order_by("number")
    tasks = [
        Task(
            participant=broken.participant.number,
            link=Link(_("Acknowledge"), reverse("randomization:notice", args=[broken.number])),
            status=_("Code broken"),
            kind="late",
            since=localdate(broken.broken_at),
            when=said_of(localdate(broken.broken_at), _("broken on %(day)s")),
            turn=desk.turn_with("breaks.notice"),
            band=Band.SAFETY,
        )
        for broken in rows[: desk.limit]
    ]
    return Duty("breaks", _("Code breaks to acknowledge"), rows.count(), tasks)


def countersignatures(desk: Desk) -> Duty:
    """Participants whom somebody else flagged as randomised in error, or whose flag somebody else asked to withdraw."""
    site = "allocation__participant__site"
    flagged = Q(withdrawal_asked_at=None, countersigned_at=None) & ~Q(flagged_by=desk.user)
    asked = Q(withdrawal_asked_at__isnull=False) & ~Q(withdrawal_asked_by=desk.user)
    rows = RandomisedInError.objects.filter(within(desk.sites_with("allocation.countersign"), site), flagged | asked)
    found = rows.select_related("allocation__participant").order_by("flagged_at", "pk")
    tasks = [
        Task(
            participant=flag.allocation.participant.number,
            link=Link(
                _("Countersign"),
                reverse(f"randomization:{_page_of(flag)}", args=[flag.allocation.participant.number]),
            ),
            status=_("Withdrawal asked") if flag.withdrawal_asked_at else _("Flagged"),
            kind="due",
            since=localdate(flag.flagged_at),
            when=said_of(localdate(flag.flagged_at), _("flagged on %(day)s")),
            turn=desk.turn_with("allocation.countersign"),
        )
        for flag in found[: desk.limit]
    ]
    return Duty("countersign", _("Randomised in error: to countersign"), rows.count(), tasks)


def _page_of(flag: RandomisedInError) -> str:
    return "withdraw_flag" if flag.withdrawal_asked_at else "countersign"


def strata(desk: Desk) -> Duty:
    """Participants whose casebook has another level now than the one as randomised or corrected."""
    rows = Allocation.objects.none()
    if not desk.user.sight(desk.definition).blinded:
        rows = Allocation.objects.filter(within(desk.sites_with("allocation.view"), "participant__site"))
    found = strata_that_differ(rows)
    tasks = [_difference(desk, one) for one in found[: desk.limit]]
    return Duty("strata", _("Strata that differ from the casebook"), len(found), tasks)


def _difference(desk: Desk, one: Difference) -> Task:
    number = one.allocation.participant.number
    factor = factor_label(desk.definition, one.factor, desk.language)
    return Task(
        participant=number,
        place=factor,
        link=Link(_("Open the allocation"), reverse("randomization:allocation", args=[number])),
        status=_("%(held)s, now %(now)s") % {"held": one.held, "now": one.now or _("no value")},
        kind="late",
        turn=desk.turn_with("allocation.correct"),
        band=Band.WAITING,
    )
