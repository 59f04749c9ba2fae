"""The randomisation in words, for the statistician to read and to hand out."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from randomization.methods.descriptions.documents import Document
from randomization.methods.findings import DesignRefused
from randomization.queries.descriptions import KINDS, described
from randomization.views.frames import list_crumbs
from trialmgr.people.guards import permitted


@permitted("lists.view")
def description(request: HttpRequest) -> HttpResponse:
    """One of the three texts; also the public one is read here by who may hand it out."""
    kind = _kind(request)
    page = {
        "document": _document(kind),
        "kind": kind,
        "kinds": [(key, label, key == kind) for key, label in _labels().items()],
        "breadcrumbs": list_crumbs(_("In words")),
    }
    return render(request, "randomization/descriptions.html", page)


@permitted("lists.view")
def description_file(request: HttpRequest) -> HttpResponse:
    kind = _kind(request)
    document = _document(kind)
    if document is None:
        raise Http404
    answer = HttpResponse(document.markdown(), content_type="text/markdown; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="randomisation-{kind}.md"'
    return answer


def _kind(request: HttpRequest) -> str:
    kind = request.GET.get("kind", "public")
    if kind not in KINDS:
        raise Http404
    return kind


def _document(kind: str) -> Document | None:
    """None where the study describes no randomisation."""
    try:
        return described(kind, "en" if get_language() == "en" else "nl")
    except DesignRefused:
        return None


def _labels() -> dict[str, str]:
    return {
        "public": _("Public description"),
        "restricted": _("Restricted description"),
        "consort": _("Texts for the report (CONSORT)"),
    }
