"""Duties in the casebook: forms to fill in, queries, signatures, dangerous answers, and what was not saved."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

from django.db.models import Case, Count, Exists, F, IntegerField, OuterRef, Q, Value, When
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localdate, localtime
from django.utils.translation import gettext as _

from crf.dangers import DangerousAnswer, dangerous_answers, may_be_dangerous
from crf.drafts import KEPT, draft_url, form_of, living_drafts
from crf.freezes import freeze_label, freeze_url, to_look_at
from crf.layout.boxes import item_label
from crf.models import (
    Draft,
    EntryQuerySet,
    EntryStatus,
    FormEntry,
    Freeze,
    Query,
    QueryQuerySet,
    QueryStatus,
    Signature,
    Visit,
    VisitQuerySet,
)
from crf.queries import entry_url, query_at, stretches, with_definitions
from crf.turns import own_first, to_answer, to_close, with_assignees
from trialmgr.overview.duties.tasks import Band, Desk, Duty, Link, Task, said_of, within
from trialmgr.participants.models import Consent, by_number
from trialmgr.participants.states import ACTIVE, Status
from trialmgr.people.models import Site
from trialmgr.people.permissions import ROLE_LABELS, Role

_FROM_VISIT = {"participant": OuterRef("participant")}


def forms(desk: Desk) -> Duty:
    """Visits that have come or taken place and still lack a required form that this person enters."""
    waiting = list(visits_with_open_forms(desk).values_list("pk", flat=True))  # asked once: it looks at every form
    found = Visit.objects.select_related("participant__site").in_bulk(waiting[: desk.limit])
    visits = [found[pk] for pk in waiting[: desk.limit]]
    with_definitions(visits)
    complete = _complete_forms(visits)
    tasks = [_visit_task(desk, visit, complete[visit.pk]) for visit in visits]
    return Duty("forms", _("Visits and forms to fill in"), len(waiting), tasks)


def coming(desk: Desk) -> Duty:
    """Of each participant the next visit whose window opens later, with forms that this person enters."""
    mine = Q(pk__in=[])
    for place, _wanted in _wanted_forms(desk):
        mine |= place
    ahead = _open_visits(desk).filter(
        mine, earliest_on__gt=desk.today, took_place_on=None, participant__status__in=ACTIVE
    )
    earlier = Q(earliest_on__lt=OuterRef("earliest_on")) | Q(earliest_on=OuterRef("earliest_on"), pk__lt=OuterRef("pk"))
    sooner = ahead.order_by().filter(earlier, participant=OuterRef("participant"))
    rows = ahead.exclude(Exists(sooner)).order_by("earliest_on", *by_number("participant__"), "pk")
    visits = list(rows.select_related("participant__site")[: desk.limit])
    with_definitions(visits)
    return Duty("coming", _("Visits to come"), rows.count(), [_coming_task(desk, visit) for visit in visits])


def _coming_task(desk: Desk, visit: Visit) -> Task:
    forms = [form for form in visit.definition.must_complete if form in _entered_at(desk, visit)]
    band = desk.band(visit.earliest_on, visit.latest_on)
    return Task(
        participant=visit.participant.number,
        place=desk.at(visit),
        link=Link(_("Open the visit"), reverse("crf:visit", args=[visit.participant.number, visit.slug])),
        status=_("Next") if band is Band.NEXT else _("Later"),
        kind="todo",
        begins=visit.earliest_on,
        until=visit.latest_on,
        turn=desk.turn_on(*forms),
        band=band,
        more=tuple(Link(desk.form_label(form), "") for form in forms),
    )


def visits_with_open_forms(desk: Desk) -> VisitQuerySet:
    """What is for today first, then what is late, each by the end of its window."""
    cases, done, frozen = [], Q(pk__in=[]), Q(pk__in=[])
    for place, wanted in _wanted_forms(desk):
        cases.append(When(place, then=Value(len(wanted))))
        done |= place & Q(entries__form_key__in=wanted)
        frozen |= place & Q(freezes__form_key__in=wanted)
    rows = _open_visits(desk).filter(
        Q(took_place_on__isnull=False) | Q(earliest_on__lte=desk.today, participant__status__in=ACTIVE)
    )
    complete = Q(entries__status=EntryStatus.COMPLETE.value, entries__occurrence=1)
    still = Exists(_complete_of(OuterRef("freezes__visit")).filter(form_key=OuterRef("freezes__form_key")))
    lacking: VisitQuerySet = rows.annotate(
        wanted=Case(*cases, default=Value(0), output_field=IntegerField()),
        done=Count("entries", filter=done & complete, distinct=True),
        frozen=Count("freezes", filter=frozen & Q(~still, freezes__unfrozen_at=None), distinct=True),
    ).filter(done__lt=F("wanted") - F("frozen"))
    is_late = Case(When(latest_on__lt=desk.today, then=Value(1)), default=Value(0))
    return lacking.order_by(is_late, Coalesce("latest_on", "took_place_on"), *by_number("participant__"), "pk")


def _open_visits(desk: Desk) -> VisitQuerySet:
    """Neither recorded as not done nor frozen, in a casebook in which things may be entered."""
    rows: VisitQuerySet = Visit.objects.for_user(desk.user).counted().filter(not_done_reason="")
    return rows.filter(
        Exists(Consent.objects.filter(**_FROM_VISIT)),
        ~Exists(Freeze.objects.over_casebook("participant", "participant__site")),
        ~Exists(Freeze.objects.standing().filter(visit=OuterRef("pk"), form_key="")),
    )


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
    entered = _entered_at(desk, visit)
    open_forms = [form for form in visit.definition.must_complete if form in entered and form not in complete]
    place = [visit.participant.number, visit.slug]
    status, kind = _visit_status(desk, visit)
    took_place = visit.took_place_on is not None
    return Task(
        participant=visit.participant.number,
        place=desk.at(visit),
        link=Link(_("Open the visit"), reverse("crf:visit", args=place)),
        status=status,
        kind=kind,
        since=visit.took_place_on or visit.earliest_on,
        until=visit.latest_on,
        when=said_of(visit.took_place_on, _("took place on %(day)s")) if visit.took_place_on else "",
        turn=desk.turn_on(*open_forms),
        band=Band.LATE if kind == "late" else Band.TODAY,
        more=tuple(
            Link(desk.form_label(form), reverse("crf:entry", args=[*place, form]) if took_place else "")
            for form in open_forms
        ),
    )


def _entered_at(desk: Desk, visit: Visit) -> set[str]:
    return {form for sites, forms in desk.entered for form in forms if _covers(sites, visit)}


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
    related = ("entry__visit__participant__site", "entry__study_version", "visit__participant__site")
    found = rows.select_related(*related).defer("entry__study_version__document").prefetch_related("messages")
    shown = with_assignees(own_first(desk.user, found)[: desk.limit])
    with_definitions(query.of_visit for query in shown)
    return Duty(key, heading, rows.count(), [_query_task(desk, query, act) for query in shown])


def _query_task(desk: Desk, query: Query, act: str) -> Task:
    """With the question, and what was said last of it: the answer that is to be judged, or what is asked once more."""
    messages = list(query.messages.all())
    return Task(
        participant=query.of_visit.participant.number,
        place=_about(desk, query),
        said="\n".join(one.shown(desk.language) for one in dict.fromkeys((messages[0], messages[-1]))),
        link=Link(act, query_at(query)),
        status=_("Assigned to you") if query.assignee == desk.user else query.get_status_display(),
        kind="query",
        since=localdate(query.raised_at),
        when=said_of(localdate(query.raised_at), _("raised on %(day)s")),
        turn=query.assignee.actor_name if query.assignee else _turn(desk, query),
        band=Band.WAITING,
    )


def _turn(desk: Desk, query: Query) -> str:
    if query.status != QueryStatus.OPEN.value:
        return desk.turn_with("queries.close")
    return desk.turn_on(query.of_form) if query.of_form else desk.turn_with("visits.plan")


def _about(desk: Desk, query: Query) -> str:
    if not query.of_form:
        return desk.at(query.of_visit, _("The visit as a whole"))
    item = ""
    if query.entry is not None and query.entry.form.has_item(query.item):
        item = item_label(query.entry.form, query.item, desk.language)
    return " · ".join(filter(None, (desk.at(query.of_visit, desk.form_label(query.of_form)), item)))


def frozen(desk: Desk) -> Duty:
    """What this person froze and in which something followed from elsewhere since; gone once it was seen."""
    rows = to_look_at(desk.user) if desk.user.may("entries.freeze") else Freeze.objects.none()
    tasks = [
        Task(
            participant=one.casebook.number if one.casebook else "",
            place=_frozen_place(one, desk.language),
            link=Link(_("Look at what followed"), freeze_url(one)),
            status=_("Values followed"),
            kind="due",
            since=localdate(one.frozen_at),
            when=said_of(localdate(one.frozen_at), _("frozen on %(day)s")),
            turn=desk.turn_with("entries.freeze"),
            band=Band.WAITING,
        )
        for one in rows[: desk.limit]
    ]
    return Duty("frozen", _("Frozen, and yet changed by what follows"), rows.count(), tasks)


def _frozen_place(freeze: Freeze, language: str) -> str:
    number = freeze.casebook.number if freeze.casebook else ""
    return freeze_label(freeze, language).removeprefix(number).removeprefix(" · ") or _("The whole casebook")


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
    found = rows.select_related("visit__participant__site").order_by("visit__took_place_on", "pk")
    shown = list(found.defer("data", "missing", "unasked", "rows_used")[: desk.limit])
    with_definitions(entry.visit for entry in shown)
    return Duty("signatures", _("Missing signatures"), rows.count(), [_signature_task(desk, entry) for entry in shown])


def _signature_task(desk: Desk, entry: FormEntry) -> Task:
    place = [entry.visit.participant.number, entry.visit.slug, entry.form_key, entry.occurrence]
    day = entry.visit.took_place_on
    return Task(
        participant=entry.visit.participant.number,
        place=desk.at(entry.visit, desk.form_label(entry.form_key)),
        link=Link(_("Sign"), reverse("crf:sign", args=place)),
        status=_("Not signed"),
        kind="todo",
        since=day,
        when=said_of(day, _("took place on %(day)s")) if day else "",
        turn=str(ROLE_LABELS[Role(desk.definition.form(entry.form_key).signed_by or "")]),
        band=Band.WAITING,
    )


# --- what is dangerous, and what was typed and not saved --------------------------------------------------------------

SHOWN_DANGER = datetime.timedelta(days=7)


def dangers(desk: Desk) -> Duty:
    """Answers marked as dangerous, of the last week or saved in it, at the sites where this person enters forms."""
    where = desk.sites_with("entries.enter")
    rows = may_be_dangerous(desk.user, desk.definition, desk.today - SHOWN_DANGER)
    rows = rows.filter(within(where, "visit__participant__site")).with_version()
    entries = list(
        rows.select_related("study_version", "visit__participant__site").order_by("-visit__took_place_on", "pk")
    )
    with_definitions(entry.visit for entry in entries)
    sight = desk.user.sight(desk.definition)
    found = [answer for entry in entries for answer in dangerous_answers(entry, sight)]
    return Duty(
        "dangers", _("Dangerous answers"), len(found), [_danger_task(desk, answer) for answer in found[: desk.limit]]
    )


def _danger_task(desk: Desk, answer: DangerousAnswer) -> Task:
    entry, visit = answer.entry, answer.entry.visit
    return Task(
        participant=visit.participant.number,
        place=desk.at(visit, desk.form_label(entry.form_key)),
        said=f"{item_label(entry.form, answer.key, desk.language)}: {answer.danger.message(desk.language)}",
        link=Link(_("Look at the answer"), entry_url(entry)),
        status=_("Dangerous answer"),
        kind="stop",
        since=visit.took_place_on,
        turn=desk.turn_with("participants.judge"),
        band=Band.SAFETY,
    )


def drafts(desk: Desk) -> Duty:
    """What this person typed and did not save; nobody else learns of it."""
    found = {(draft.visit_id, draft.form_key, draft.occurrence): draft for draft in reversed(living_drafts(desk.user))}
    newest = sorted(found.values(), key=lambda draft: draft.typed_at)
    with_definitions(draft.visit for draft in newest)
    tasks = [_draft_task(desk, draft) for draft in newest[: desk.limit]]
    return Duty("drafts", _("Typed and not saved"), len(found), tasks)


def _draft_task(desk: Desk, draft: Draft) -> Task:
    typed = localtime(draft.typed_at)
    return Task(
        participant=draft.visit.participant.number,
        place=desk.at(draft.visit, form_of(draft).label(desk.language)),
        link=Link(_("Go on typing"), draft_url(draft)),
        status=_("Not saved"),
        kind="progress",
        since=typed.date(),
        until=(typed + KEPT).date(),
        when=_("typed on %(moment)s") % {"moment": date_format(typed, "DATETIME_FORMAT")},
        turn=_("You"),
        band=Band.TODAY,
    )
