"""From the keys in an address to a visit, a form, an entry, as this person may meet them.

The keys are held against the study definition before any row is looked for: what reveals the allocation is refused in
the same words whether this participant has it or not.
"""

from __future__ import annotations

import re

from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from rest_framework.exceptions import PermissionDenied

from crf.models import FormEntry, Visit
from trialmgr.participants.api import ParticipantView
from trialmgr.people.api import person
from trialmgr.people.visibility import Sight
from trialmgr.studies.queries import current_definition

_SLUG = re.compile(r"([a-z][a-z0-9_]{0,39})(?:-([1-9][0-9]{0,5}))?")


class VisitView(ParticipantView):
    """A view on something of one visit."""

    @property
    def sight(self) -> Sight:
        return person(self.request).sight(current_definition())

    def visit(self, number: str, slug: str, form_key: str | None = None) -> Visit:
        """404 for no such participant or key; 403 for what is out of this person's sight; then 404 for no such row."""
        participant = self.participant(number)
        key, ordinal = _parts(slug)
        self.check_keys(key, form_key)
        rows = Visit.objects.for_user(person(self.request)).select_related("participant__site")
        visit: Visit = get_object_or_404(rows, participant=participant, key=key, ordinal=ordinal)
        if visit.slug != slug or form_key not in {None, *visit.definition.forms}:
            raise Http404
        return visit

    def check_keys(self, key: str, form_key: str | None = None) -> None:
        definition = current_definition()
        if not definition.has_visit(key) or (form_key is not None and not definition.has_form(form_key)):
            raise Http404
        if not self.sight.visit(definition.visit(key)):
            raise PermissionDenied(_("Your role does not see this visit."))
        if form_key is not None and form_key not in self.sight.forms:
            raise PermissionDenied(_("Your role does not see this form."))


class EntryView(VisitView):
    """A view on one row of one form at one visit."""

    def rows(self, visit: Visit) -> QuerySet[FormEntry]:
        """The entries of a visit in this person's sight, with what their documents show."""
        entries: QuerySet[FormEntry] = FormEntry.objects.for_user(person(self.request)).filter(visit=visit)
        return entries.select_related("visit__participant__site", "study_version").prefetch_related(
            "signatures", "verifications", "queries"
        )

    def entry(self, number: str, slug: str, form: str, row: int) -> FormEntry:
        visit = self.visit(number, slug, form)
        return get_object_or_404(self.rows(visit), form_key=form, occurrence=row)


def _parts(slug: str) -> tuple[str, int]:
    match = _SLUG.fullmatch(slug)
    if match is None:
        raise Http404
    return match[1], int(match[2] or 1)
