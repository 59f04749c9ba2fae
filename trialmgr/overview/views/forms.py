"""Blank forms, to be filled in by hand where no screen is at hand. They hold nothing of anybody."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from trialmgr.overview.papers.forms import blank_paper, sheets_of, visits_in_sight
from trialmgr.overview.papers.frames import handed_out
from trialmgr.people.guards import permitted, person
from trialmgr.people.visibility import Sight
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.clock import today
from trialmgr.studies.queries import current_definition, current_version, version_at


@permitted("participants.view")
@require_GET
def blank_forms(request: HttpRequest) -> HttpResponse:
    """Every form that this person meets; ``visit`` and ``form`` of the address narrow it, ``site`` says whose version.

    404 for a key that the study does not know, 403 for one out of sight: the same whoever has been in which arm.
    """
    user, across = person(request), current_definition()
    visit, form, site = (request.GET.get(name, "") for name in ("visit", "form", "site"))
    sight = user.sight(across)
    _check_known(across, sight, visit, form)
    definition = _definition_at(across, site)
    visits = [one for one in visits_in_sight(definition, sight) if visit in ("", one.key)]
    sheets = sheets_of(definition, sight, visits, form)
    if not sheets:
        raise Http404
    paper = blank_paper(user, definition, sheets, timezone.now())
    return handed_out(paper, "-".join(filter(None, (_("blank-forms"), visit, form))))


def _check_known(definition: StudyDefinition, sight: Sight, visit: str, form: str) -> None:
    if (visit and not definition.has_visit(visit)) or (form and not definition.has_form(form)):
        raise Http404
    if visit and not sight.visit(definition.visit(visit)):
        raise PermissionDenied(_("Your role does not give access to this visit."))
    if form and form not in sight.forms:
        raise PermissionDenied(_("Your role does not give access to this form."))


def _definition_at(across: StudyDefinition, site: str) -> StudyDefinition:
    """What an entry begun today at that site would follow; without a site, the newest in force."""
    if site and site not in {one.code for one in across.sites}:
        raise Http404
    return (version_at(site, today()) if site else current_version()).definition
