"""From the keys in an address of the API to the row it is about: the same way as the pages go (``crf.places``)."""

from __future__ import annotations

from django.db.models import QuerySet

from crf.models import FormEntry, Visit
from crf.places import CasebookPlace, FormPlace, VisitPlace, casebook_place, form_place, visit_place
from trialmgr.people.api import ApiView, person


class CasebookView(ApiView):
    """A view on something of one casebook. Each loader answers 404 or 403, see ``crf.places``."""

    def casebook(self, number: str) -> CasebookPlace:
        place = casebook_place(person(self.request), number)
        self.check_at(place.participant.site)
        return place

    def visit(self, number: str, slug: str) -> VisitPlace:
        place = visit_place(person(self.request), number, slug)
        self.check_at(place.participant.site)
        return place

    def form(self, number: str, slug: str, form: str) -> FormPlace:
        place = form_place(person(self.request), number, slug, form)
        self.check_at(place.participant.site)
        return place

    def entry(self, number: str, slug: str, form: str, row: int) -> FormEntry:
        return self.form(number, slug, form).entry(row)

    def entries(self, visit: Visit) -> QuerySet[FormEntry]:
        """The entries of a visit in this person's sight, with what their documents show."""
        rows: QuerySet[FormEntry] = FormEntry.objects.for_user(person(self.request)).with_version().filter(visit=visit)
        return rows.select_related("visit__participant__site").prefetch_related(
            "signatures", "verifications", "queries"
        )
