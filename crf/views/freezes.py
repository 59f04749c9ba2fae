"""Freezing a site, a casebook, a visit or a form; what followed since; unfreezing. One page for each thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.models import LedgerEntry
from crf import actions
from crf.forms import ConfirmForm, sites_of
from crf.freezes import followed, freeze_label, freeze_url
from crf.layout.boxes import item_label
from crf.models import Freeze
from crf.places import casebook_place, form_place, spoken, visit_place
from crf.views.frames import frame
from trialmgr.people.forms import ReasonForm, acted, bound, status_of
from trialmgr.people.guards import permitted, person
from trialmgr.people.models import User
from trialmgr.studies.queries import current_definition


@dataclass(frozen=True, slots=True)
class Words:
    freeze: str | Promise
    unfreeze: str | Promise
    lead: str | Promise
    frozen: str | Promise
    unfrozen: str | Promise


OF_CASEBOOK = Words(
    gettext_lazy("Freeze the casebook"),
    gettext_lazy("Unfreeze the casebook"),
    gettext_lazy("No value of this participant can change until a data manager unfreezes the casebook."),
    gettext_lazy("The casebook is frozen."),
    gettext_lazy("The casebook is unfrozen."),
)
OF_VISIT = Words(
    gettext_lazy("Freeze the visit"),
    gettext_lazy("Unfreeze the visit"),
    gettext_lazy("Neither its day nor a value of its forms can change until a data manager unfreezes the visit."),
    gettext_lazy("The visit is frozen."),
    gettext_lazy("The visit is unfrozen."),
)
OF_FORM = Words(
    gettext_lazy("Freeze the form"),
    gettext_lazy("Unfreeze the form"),
    gettext_lazy("No value of this form at this visit can change until a data manager unfreezes it."),
    gettext_lazy("The form is frozen."),
    gettext_lazy("The form is unfrozen."),
)
OF_SITE = Words(
    gettext_lazy("Freeze the site"),
    gettext_lazy("Unfreeze the site"),
    gettext_lazy("No value of any participant of this site can change until a data manager unfreezes the site."),
    gettext_lazy("The site is frozen."),
    gettext_lazy("The site is unfrozen."),
)


@permitted("entries.freeze")
def freezes(request: HttpRequest) -> HttpResponse:
    """What is frozen, and the sites that may be."""
    user = person(request)
    sites = sites_of(user, "entries.freeze")
    rows = Freeze.objects.standing().select_related("site", "participant__site", "visit__participant__site")
    seen = [row for row in rows if row.of_site in sites and not (row.reveals_allocation and _is_blinded(user))]
    labels = (_("What"), _("Frozen by"), _("Frozen on"), _("Since then"))
    context = {
        "columns": [{"label": label} for label in labels],
        "rows": [_row(row, user) for row in seen],
        "sites": sites,
    }
    return render(request, "crf/freezes/list.html", context)


@permitted("entries.freeze")
def freeze(request: HttpRequest, number: str) -> HttpResponse:
    place = casebook_place(person(request), number)
    over = {"participant": place.participant}
    acts = (actions.freeze, actions.unfreeze)
    return _page(request, over, acts, OF_CASEBOOK, _frame(frame(place, ""), place.participant.number))


@permitted("entries.freeze")
def freeze_visit(request: HttpRequest, number: str, slug: str) -> HttpResponse:
    place = visit_place(person(request), number, slug)
    over, acts = {"visit": place.visit}, (actions.freeze_visit, actions.unfreeze_visit)
    return _page(request, over, acts, OF_VISIT, _frame(frame(place, ""), f"{number} · {place.label}"))


@permitted("entries.freeze")
def freeze_form(request: HttpRequest, number: str, slug: str, form: str) -> HttpResponse:
    place = form_place(person(request), number, slug, form)
    over = {"visit": place.visit, "form_key": form}
    acts = (actions.freeze_visit, actions.unfreeze_visit)
    caption = f"{number} · {place.label} · {place.form_label}"
    return _page(request, over, acts, OF_FORM, _frame(frame(place, ""), caption))


@permitted("entries.freeze")
def freeze_site(request: HttpRequest, place: str) -> HttpResponse:
    sites = {site.code: site for site in sites_of(person(request), "entries.freeze")}
    site = sites.get(place)
    if site is None:
        raise Http404
    crumbs = [{"label": _("Freezes"), "url": reverse("crf:freezes")}, {"label": ""}]
    context = {"breadcrumbs": crumbs, "back": reverse("crf:freezes"), "caption": site.name}
    return _page(request, {"site": site}, (actions.freeze_site, actions.unfreeze_site), OF_SITE, context)


def _frame(context: dict[str, Any], caption: str) -> dict[str, Any]:
    return context | {"caption": caption}


Acts = tuple[Callable[..., Freeze], Callable[..., Freeze]]


def _page(
    request: HttpRequest, over: dict[str, Any], acts: Acts, words: Words, context: dict[str, Any]
) -> HttpResponse:
    """Freeze what is not frozen; of what is, look at what followed, or unfreeze it with a reason."""
    user = person(request)
    standing = Freeze.objects.standing().filter(**{"form_key": ""} | over).first()
    # Pressed twice, the page before it was frozen: the act itself knows that it was done.
    if request.method == "POST" and not request.POST.keys() & {"act", "reason"}:
        standing = None
    heading = str(words.unfreeze if standing else words.freeze)
    context = context | {"heading": heading, "words": words, "standing": standing}
    context["breadcrumbs"][-1]["label"] = heading
    if standing is None:
        return _freeze(request, over, acts[0], words, context)
    if request.POST.get("act") == "notice":
        return _notice(request, standing, context)
    form = bound(ReasonForm, request)
    if acted(request, form, acts[1], by=user, **over):
        messages.success(request, str(words.unfrozen))
        return redirect(context["back"])
    context |= {"form": form, "columns": _columns(), "rows": _lines(standing, user)}
    return render(request, "crf/freezes/unfreeze.html", context, status=status_of(form))


def _freeze(
    request: HttpRequest, over: dict[str, Any], act: Callable[..., Freeze], words: Words, context: dict[str, Any]
) -> HttpResponse:
    form = bound(ConfirmForm, request)
    if acted(request, form, act, by=person(request), **over):
        messages.success(request, str(words.frozen))
        return redirect(context["back"])
    return render(request, "crf/freezes/freeze.html", context | {"form": form}, status=status_of(form))


def _notice(request: HttpRequest, standing: Freeze, context: dict[str, Any]) -> HttpResponse:
    form = bound(ConfirmForm, request)
    if acted(request, form, actions.notice_followed, by=person(request), freeze=standing):
        messages.success(request, _("What followed is noted as seen; the freeze stands."))
        return redirect(context["back"])
    context |= {"form": form, "columns": [], "rows": []}
    return render(request, "crf/freezes/unfreeze.html", context, status=status_of(form))


def _row(row: Freeze, user: User) -> list[dict[str, Any]]:
    count = followed(row, user).count()
    since = {"text": _("%(n)s values followed") % {"n": count}, "kind": "due"} if count else {"text": None}
    return [
        {"text": freeze_label(row, spoken()), "url": freeze_url(row)},
        {"text": row.frozen_by},
        {"text": date_format(localtime(row.frozen_at), "SHORT_DATE_FORMAT")},
        since,
    ]


def _is_blinded(user: User) -> bool:
    return user.sight(current_definition()).blinded


def _columns() -> list[dict[str, str]]:
    labels = (
        _("Time"),
        _("Participant"),
        _("Visit"),
        _("Form"),
        _("Item"),
        _("Old value"),
        _("New value"),
        _("Cause"),
    )
    return [{"label": label} for label in labels]


def _lines(standing: Freeze, user: User) -> list[list[dict[str, Any]]]:
    return [_line(line) for line in followed(standing, user)]


def _line(line: LedgerEntry) -> list[dict[str, Any]]:
    form = current_definition().form(line.form)
    item = item_label(form, line.item, spoken()) if form.has_item(line.item) else line.item
    texts = (line.participant, line.visit, form.label(spoken()), item, line.old, line.new, line.cause)
    time = date_format(localtime(line.at), "SHORT_DATETIME_FORMAT")
    return [{"text": time}, *({"text": text or None} for text in texts)]
