"""Duties in the casebook: forms to fill in, queries to answer or close, signatures that are wanting."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

from django.db.models import Case, Count, Exists, F, IntegerField, OuterRef, Q, Value, When
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.timezone import localdate
from django.utils.translation import gettext as _

from crf.freezes import freeze_label, freeze_url, to_look_at
from crf.models import (
    EntryQuerySet,
    EntryStatus,
    FormEntry,
    Freeze,
    Query,
    QueryQuerySet,
    Signature,
    Visit,
    VisitQuerySet,
)
from crf.queries import query_at, stretches
from crf.turns import own_first, to_answer, to_close
from trialmgr.overview.duties.tasks import Desk, Duty, Link, Task, said_of, within
from trialmgr.participants.models import Consent, by_number
from trialmgr.participants.states import Status
from trialmgr.people.models import Site

_ACTIVE = (Status.SCREENING.value, Status.ON_STUDY.value)
_FROM_VISIT = {"participant": OuterRef("participant")}


def forms(desk: Desk) -> Duty:
    """Visits that have come or taken place and still lack a required form that this person enters."""
    waiting = visits_with_open_forms(desk)
    visits = list(waiting.select_related("participant")[: desk.limit])
    complete = _complete_forms(visits)
    tasks = [_visit_task(desk, visit, complete[visit.pk]) for visit in visits]
    return Duty("forms", _("Visits and forms to fill in"), waiting.count(), tasks)


def visits_with_open_forms(desk: Desk) -> VisitQuerySet:
    cases, done, frozen = [], Q(pk__in=[]), Q(pk__in=[])
    for place, wanted in _wanted_forms(desk):
        cases.append(When(place, then=Value(len(wanted))))
        done |= place & Q(entries__form_key__in=wanted)
        frozen |= place & Q(freezes__form_key__in=wanted)
    rows: VisitQuerySet = Visit.objects.for_user(desk.user).counted().filter(not_done_reason="")
    rows = rows.filter(
        Q(took_place_on__isnull=False) | Q(earliest_on__lte=desk.today, participant__status__in=_ACTIVE),
        Exists(Consent.objects.filter(**_FROM_VISIT)),
        ~Exists(Freeze.objects.over_casebook("participant", "participant__site")),
        ~Exists(Freeze.objects.standing().filter(visit=OuterRef("pk"), form_key="")),
    )
    complete = Q(entries__status=EntryStatus.COMPLETE.value, entries__occurrence=1)
    still = Exists(_complete_of(OuterRef("freezes__visit")).filter(form_key=OuterRef("freezes__form_key")))
    lacking: VisitQuerySet = rows.annotate(
        wanted=Case(*cases, default=Value(0), output_field=IntegerField()),
        done=Count("entries", filter=done & complete, distinct=True),
        frozen=Count("freezes", filter=frozen & Q(~still, freezes__unfrozen_at=None), distinct=True),
    ).filter(done__lt=F("wanted") - F("frozen"))
    return lacking.order_by(Coalesce("latest_on", "took_place_on"), *by_number("participant__"), "pk")


def _wanted_forms(desk: Desk) -> Iterator[tuple[Q, list[str]]]:
    """Which required forms this person enters, by site, visit and the version that the visit follows."""
    for (sites, entered), stretch in product(desk.entered, stretches()):
        by_forms: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for visit in desk.definition.visits:
            wanting = stretch.visit(visit.key).must_complete
            by_forms[tuple(form for form in wanting if form in entered)].append(visit.key)
        for wanted, keys in by_forms.items():
            if wanted:
                yield within(sites, "participant__site") & stretch.of_visits & Q(key__in=keys), list(wanted)


def _complete_forms(visits: Iterable[Visit]) -> dict[int, set[str]]:
    """With those that are frozen as they are."""
    shown = list(visits)
    rows = _complete_of(shown).order_by().values_list("visit_id", "form_key")
    frozen = Freeze.objects.standing().filter(visit__in=shown).order_by().values_list("visit_id", "form_key")
    found: dict[int, set[str]] = defaultdict(set)
    for visit, form in rows.union(frozen):
        found[visit].add(form)
    return found


def _complete_of(visits: Any) -> EntryQuerySet:
    rows: EntryQuerySet = FormEntry.objects.filter(occurrence=1, status=EntryStatus.COMPLETE.value)
    return rows.filter(visit__in=visits) if isinstance(visits, list) else rows.filter(visit=visits)


def _visit_task(desk: Desk, visit: Visit, complete: set[str]) -> Task:
    entered = {form for sites, forms in desk.entered for form in forms if _covers(sites, visit)}
    open_forms = [form for form in visit.definition.must_complete if form in entered and form not in complete]
    place = [visit.participant.number, visit.slug]
    status, kind = _visit_status(desk, visit)
    took_place = visit.took_place_on is not None
    return Task(
        about=desk.at(visit),
        link=Link(_("Open the visit"), reverse("crf:visit", args=place)),
        status=status,
        kind=kind,
        when=window_of(visit),
        more=tuple(
            Link(desk.form_label(form), reverse("crf:entry", args=[*place, form]) if took_place else "")
            for form in open_forms
        ),
    )


def window_of(visit: Visit) -> str:
    if visit.latest_on is not None:
        return said_of(visit.latest_on, _("until %(day)s"))
    return said_of(visit.took_place_on, _("took place on %(day)s")) if visit.took_place_on else ""


def _covers(sites: list[Site | None], visit: Visit) -> bool:
    return None in sites or visit.participant.site_id in {site.pk for site in sites if site is not None}


def _visit_status(desk: Desk, visit: Visit) -> tuple[str, str]:
    if visit.latest_on is not None and visit.latest_on < desk.today:
        return _("Overdue"), "late"
    if visit.took_place_on is not None:
        return _("Forms open"), "progress"
    return _("In its window"), "due"


def queries_to_answer(desk: Desk) -> Duty:
    return _queries(desk, "answer", _("Queries to answer"), to_answer(desk.user), _("Answer the query"))


def queries_to_close(desk: Desk) -> Duty:
    return _queries(desk, "close", _("Answered queries to close"), to_close(desk.user), _("Read the answer"))


def _queries(desk: Desk, key: str, heading: str, rows: QueryQuerySet, act: str) -> Duty:
    related = ("entry__visit__participant", "visit__participant")
    found = own_first(desk.user, rows).select_related(*related)[: desk.limit]
    tasks = [
        Task(
            about=_about(desk, query),
            link=Link(act, query_at(query)),
            status=_("Assigned to you") if query.assigned_to_id == desk.user.pk else query.get_status_display(),
            kind="query",
            when=said_of(localdate(query.raised_at), _("raised on %(day)s")),
        )
        for query in found
    ]
    return Duty(key, heading, rows.count(), tasks)


def _about(desk: Desk, query: Query) -> str:
    form = desk.form_label(query.of_form) if query.of_form else _("The visit as a whole")
    return f"{desk.at(query.of_visit)} · {form}"


def frozen(desk: Desk) -> Duty:
    """What this person froze and in which something followed from elsewhere since; gone once it was seen."""
    rows = to_look_at(desk.user) if desk.user.may("entries.freeze") else Freeze.objects.none()
    tasks = [
        Task(
            about=freeze_label(one, desk.language),
            link=Link(_("Look at what followed"), freeze_url(one)),
            status=_("Values followed"),
            kind="due",
            when=said_of(localdate(one.frozen_at), _("frozen on %(day)s")),
        )
        for one in rows[: desk.limit]
    ]
    return Duty("frozen", _("Frozen, and yet changed by what follows"), rows.count(), tasks)


def signatures(desk: Desk) -> Duty:
    """Complete forms that want this person's signature and carry none that stands.

    Not the eligibility form of somebody in screening: judging eligibility signs it.
    """
    roles = desk.user.roles
    keys = [form.key for form in desk.definition.forms if form.signed_by in roles]
    judged = [form.key for form in desk.definition.forms if form.eligibility]
    rows = (
        FormEntry.objects.for_user(desk.user)
        .counted()
        .filter(
            within(desk.sites_with("entries.sign"), "visit__participant__site"),
            form_key__in=keys,
            status=EntryStatus.COMPLETE.value,
        )
        .exclude(Exists(Signature.objects.filter(entry=OuterRef("pk"), lapsed_at=None)))
        .exclude(form_key__in=judged, visit__participant__status=Status.SCREENING.value)
    )
    found = rows.select_related("visit__participant").order_by("visit__took_place_on", "pk")[: desk.limit]
    tasks = [_signature_task(desk, entry) for entry in found]
    return Duty("signatures", _("Missing signatures"), rows.count(), tasks)


def _signature_task(desk: Desk, entry: FormEntry) -> Task:
    place = [entry.visit.participant.number, entry.visit.slug, entry.form_key, entry.occurrence]
    return Task(
        about=f"{desk.at(entry.visit)} · {desk.form_label(entry.form_key)}",
        link=Link(_("Sign"), reverse("crf:sign", args=place)),
        status=_("Not signed"),
        kind="todo",
        when=window_of(entry.visit),
    )
