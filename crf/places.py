"""From the address of a page to the row it is about, through the sight of the person who asks.

The order is the same everywhere: participant of another site 404, unknown key 404, key out of sight 403, then the row.
So a blinded person gets the same answer whether a revealing visit exists for this participant or not.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from crf.models import EntryQuerySet, FormEntry, StoredFile, Visit
from trialmgr.participants.contact import unseal_bytes
from trialmgr.participants.models import Participant
from trialmgr.participants.queries import definition_for, form_for, participant_for, planned_as
from trialmgr.people.models import User
from trialmgr.people.visibility import Sight
from trialmgr.protocol.model import Form, Phase, StudyDefinition
from trialmgr.studies.queries import current_definition, timeline


def spoken() -> str:
    """The language of the page, for the texts of the study."""
    return get_language() or "nl"


@dataclass(frozen=True, slots=True, kw_only=True)
class CasebookPlace:
    user: User
    participant: Participant
    definition: StudyDefinition  # across all versions; what is begun anew follows ``FormPlace.fresh``
    sight: Sight

    def may(self, permission: str) -> bool:
        return self.user.may(permission, site=self.participant.site)

    def check_may(self, permission: str) -> None:
        self.user.check_may(permission, site=self.participant.site)

    @property
    def url(self) -> str:
        return reverse("participants:detail", args=[self.participant.number])

    def sees_form(self, key: str) -> bool:
        return key in self.sight.forms

    def phase(self, key: str) -> Phase:
        phases = {phase.key: phase for phase in definition_for(self.participant, None).phases}
        if key not in phases:
            raise Http404
        return phases[key]


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitPlace(CasebookPlace):
    visit: Visit

    @property
    def url(self) -> str:
        return reverse("crf:visit", args=[self.participant.number, self.visit.slug])

    @property
    def label(self) -> str:
        return self.visit.label(spoken())


@dataclass(frozen=True, slots=True, kw_only=True)
class FormPlace(VisitPlace):
    """``form``: with the items of all versions; ``fresh``: the version that an entry begun now would follow."""

    form: Form
    fresh: StudyDefinition

    @property
    def fresh_form(self) -> Form:
        return form_for(self.participant, self.fresh, self.form.key)

    def form_of_row(self, row: int | None) -> Form:
        """The form by the version of a saved row, or by that of a row still to be begun."""
        entry = None if timeline().only else self.rows.filter(occurrence=row or 0).first()
        return form_for(self.participant, entry.study_version.definition, self.form.key) if entry else self.fresh_form

    @property
    def rows(self) -> EntryQuerySet:
        """Those that are saved."""
        rows: EntryQuerySet = FormEntry.objects.for_user(self.user).with_version()
        return rows.filter(visit=self.visit, form_key=self.form.key)

    @property
    def url(self) -> str:
        return reverse("crf:entry", args=[self.participant.number, self.visit.slug, self.form.key])

    @property
    def form_label(self) -> str:
        return self.form.label(spoken())

    @property
    def visit_url(self) -> str:
        return reverse("crf:visit", args=[self.participant.number, self.visit.slug])

    def row_url(self, page: str, row: int, *rest: object) -> str:
        """The address of one of the pages about a row: row, history, sign, verify, remove, query ..."""
        return reverse(f"crf:{page}", args=[self.participant.number, self.visit.slug, self.form.key, row, *rest])

    def entry(self, row: int) -> FormEntry:
        """The saved row, or 404. Its visit is this one, so that nothing is read twice."""
        entry: FormEntry = get_object_or_404(self.rows, occurrence=row)
        entry.visit = self.visit
        return entry

    def sees_item(self, key: str) -> bool:
        """404 for a key the form does not know."""
        if not self.form.has_item(key):
            raise Http404
        return self.sight.item(self.form.item(key))


def casebook_place(user: User, number: str) -> CasebookPlace:
    participant = participant_for(user, number)
    definition = current_definition()
    return CasebookPlace(user=user, participant=participant, definition=definition, sight=user.sight(definition))


def visit_place(user: User, number: str, slug: str) -> VisitPlace:
    book = casebook_place(user, number)
    return VisitPlace(
        user=user,
        participant=book.participant,
        definition=book.definition,
        sight=book.sight,
        visit=_visit(book, slug),
    )


def form_place(user: User, number: str, slug: str, form_key: str) -> FormPlace:
    book = casebook_place(user, number)
    if not book.definition.has_form(form_key):
        raise Http404
    if not book.sees_form(form_key):
        raise PermissionDenied(_("Your role does not give access to this form."))
    visit = _visit(book, slug)
    fresh = definition_for(book.participant, visit.took_place_on)
    if form_key not in visit.definition.forms or not fresh.has_form(form_key):
        fresh = _version_begun(visit, form_key)
    return FormPlace(
        user=user,
        participant=book.participant,
        definition=book.definition,
        sight=book.sight,
        visit=visit,
        form=form_for(book.participant, book.definition, form_key),
        fresh=fresh,
    )


def _version_begun(visit: Visit, form_key: str) -> StudyDefinition:
    """The version of an entry of a form that the visit no longer holds; 404 where there is none."""
    begun: FormEntry | None = FormEntry.objects.with_version().filter(visit=visit, form_key=form_key).first()
    if begun is None:
        raise Http404
    return begun.study_version.definition


def _visit(book: CasebookPlace, slug: str) -> Visit:
    key, _dash, ordinal = slug.partition("-")
    if not book.definition.has_visit(key):
        raise Http404
    defined = book.definition.visit(key)
    if not book.sight.visit(defined):
        raise PermissionDenied(_("Your role does not give access to this visit."))
    number = int(ordinal) if ordinal.isdecimal() and len(ordinal) < 5 else 1
    rows = Visit.objects.for_user(book.user)
    visit: Visit = get_object_or_404(rows, participant=book.participant, key=key, ordinal=number)
    visit.participant = book.participant
    visit.definition = planned_as(book.participant, key, visit.took_place_on)
    if visit.slug != slug:
        raise Http404
    return visit


def file_of(place: FormPlace, row: int, item: str) -> tuple[str, bytes]:
    """Name and content. 404 where no file is named, 403 for an item out of sight."""
    entry = place.entry(row)
    if not entry.form.has_item(item):
        raise Http404
    if not place.sight.item(entry.form.item(item)):
        raise PermissionDenied(_("Your role does not give access to this item."))
    digest, _slash, name = entry.data.get(item, "").removeprefix("sha256:").partition("/")
    kept = get_object_or_404(StoredFile, participant=place.participant, sha256=digest)
    return name, unseal_bytes(kept.sealed)
