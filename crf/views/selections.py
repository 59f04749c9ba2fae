"""One act on what was ticked in a list: looked at once more by name, then done; what changed meanwhile is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.many import Many
from crf.actions import close_queries, sign_entries, verify_entries
from crf.figure_lists import Line, chosen_lines, lines
from crf.figures import Figure, Figures, Rows, figure_label
from crf.forms import ConfirmForm, MessageForm, sites_of
from crf.places import VisitPlace, visit_place
from crf.views.frames import frame
from trialmgr.people.forms import ActForm, acted, bound, status_of
from trialmgr.people.guards import permitted, person, signed_in_again
from trialmgr.people.models import User
from trialmgr.studies.queries import current_definition

MEANING = gettext_lazy("I have read this form and find it complete and right.")


@dataclass(frozen=True, slots=True)
class Deed:
    """What may be done with the things of a list. ``here``, ``ticked``: words on the buttons under it."""

    permission: str
    heading: str | Promise
    ticked: str | Promise
    here: str | Promise
    form: type[ActForm]
    act: Callable[..., Any]
    is_signature: bool = False


def _verify(*, by: User, chosen: Sequence[Line]) -> Any:
    return verify_entries(by=by, chosen=[(line.name, line.row, line.left) for line in chosen])


def _sign(*, by: User, chosen: Sequence[Line]) -> Any:
    return sign_entries(by=by, chosen=[(line.name, line.row) for line in chosen], meaning=str(MEANING))


def _close(*, by: User, chosen: Sequence[Line], text: str) -> Any:
    return close_queries(by=by, chosen=[(line.name, line.row) for line in chosen], text=text)


DEEDS = {
    Figure.UNVERIFIED: Deed(
        "entries.verify",
        gettext_lazy("Verified against the source"),
        gettext_lazy("Verify what is ticked"),
        gettext_lazy("Verify all on this page"),
        ConfirmForm,
        _verify,
    ),
    Figure.UNSIGNED: Deed(
        "entries.sign",
        gettext_lazy("Sign these forms"),
        gettext_lazy("Sign what is ticked"),
        gettext_lazy("Sign all on this page"),
        ConfirmForm,
        _sign,
        is_signature=True,
    ),
    Figure.ANSWERED: Deed(
        "queries.close",
        gettext_lazy("Close these queries"),
        gettext_lazy("Close what is ticked"),
        gettext_lazy("Close all on this page"),
        MessageForm,
        _close,
    ),
}


def deed_of(user: User, figure: Figure) -> Deed | None:
    """What this person may do with the things of a list, somewhere."""
    deed = DEEDS.get(figure)
    return deed if deed and user.may(deed.permission) else None


def sites_to_act(user: User, deed: Deed) -> frozenset[int]:
    return frozenset(site.pk for site in sites_of(user, deed.permission))


@permitted("sites.view")
def check(request: HttpRequest, figure: str) -> HttpResponse:
    """What was ticked, each by its name. Nothing is done yet."""
    chosen, deed = _known(request, figure)
    if request.method != "POST":
        return redirect("crf:figure", figure=chosen.value)
    tokens = request.POST.getlist("here" if "all" in request.POST else "chosen")
    if not tokens:
        messages.error(request, _("Nothing was ticked: tick what it is about first."))
        return _back(request, chosen)
    return _page(request, chosen, deed, deed.form(), tokens)


@permitted("sites.view")
def do(request: HttpRequest, figure: str) -> HttpResponse:
    chosen, deed = _known(request, figure)
    if request.method != "POST":
        return redirect("crf:figure", figure=chosen.value)
    return _signing(request, chosen, deed) if deed.is_signature else _doing(request, chosen, deed)


def _known(request: HttpRequest, key: str) -> tuple[Figure, Deed]:
    if key not in set(DEEDS):
        raise Http404
    figure = Figure(key)
    deed = deed_of(person(request), figure)
    if deed is None:
        raise PermissionDenied(_("Your role does not allow this."))
    return figure, deed


def _doing(request: HttpRequest, figure: Figure, deed: Deed) -> HttpResponse:
    tokens, user = request.POST.getlist("chosen"), person(request)
    found, gone = _chosen(user, figure, deed, tokens)
    form = bound(deed.form, request)
    done = acted(request, form, partial(deed.act, by=user, chosen=found))
    if done is None:
        return _page(request, figure, deed, form, tokens)
    tell(request, done, gone)
    return _back(request, figure)


_signing = signed_in_again(_doing)


def _chosen(user: User, figure: Figure, deed: Deed, tokens: Sequence[str]) -> tuple[list[Line], list[str]]:
    figures, places = Figures.of(user, sites_of(user, "sites.view")), sites_to_act(user, deed)
    found, gone = chosen_lines(figures, figure, tokens)
    return [line for line in found if line.site in places], gone


def _page(request: HttpRequest, figure: Figure, deed: Deed, form: ActForm, tokens: Sequence[str]) -> HttpResponse:
    found, gone = _chosen(person(request), figure, deed, tokens)
    crumbs = [
        {"label": _("Standing of sites"), "url": reverse("crf:sites")},
        {
            "label": figure_label(figure, current_definition()),
            "url": reverse("crf:figure", args=[figure.value]),
        },
        {"label": deed.heading},
    ]
    context = _context(deed, form, found, gone) | {
        "breadcrumbs": crumbs,
        "action": reverse("crf:do_chosen", args=[figure.value]),
        "back": reverse("crf:figure", args=[figure.value]),
        "filtered": request.POST.get("filtered", ""),
    }
    return render(request, "crf/selections/check.html", context, status=status_of(form))


def _context(deed: Deed, form: ActForm, found: Iterable[Line], gone: Sequence[str]) -> dict[str, Any]:
    return {
        "heading": deed.heading,
        "form": form,
        "chosen": list(found),
        "gone": gone,
        "meaning": MEANING if deed.is_signature else "",
    }


def tell(request: HttpRequest, done: Any, gone: Sequence[str]) -> None:
    """What was done, and what was left out and why; of what was sent before it is told already."""
    if isinstance(done, Many):
        messages.success(request, _("Done: %(n)s.") % {"n": len(done.made)})
        for refused in done.refused:
            messages.warning(request, _("Left out: %(what)s") % {"what": refused})
    for name in gone:
        messages.warning(request, _("Left out, for it changed in the meantime: %(what)s") % {"what": name})


def _back(request: HttpRequest, figure: Figure) -> HttpResponse:
    """The list as it was filtered and sorted."""
    kept = QueryDict(request.POST.get("filtered", "")).urlencode()
    return redirect(reverse("crf:figure", args=[figure.value]) + (f"?{kept}" if kept else ""))


@permitted("entries.sign")
@signed_in_again
def sign_visit(request: HttpRequest, number: str, slug: str) -> HttpResponse:
    """All forms of a visit that want a signature, each named, with one signature each."""
    place = visit_place(person(request), number, slug)
    place.check_may("entries.sign")
    deed = DEEDS[Figure.UNSIGNED]
    found = lines(_figures(place), Figure.UNSIGNED, _unsigned(place))
    gone: list[str] = []
    form = bound(ConfirmForm, request)
    if request.method == "POST":
        sent = request.POST.getlist("chosen")
        gone = [token.rpartition(":")[0] for token in sent if token not in {line.token for line in found}]
        found = [line for line in found if line.token in sent]
    done = acted(request, form, partial(_sign, by=place.user, chosen=found))
    if done is not None:
        tell(request, done, gone)
        return redirect(place.url)
    context = frame(place, str(deed.heading)) | _context(deed, form, found, gone)
    return render(request, "crf/selections/check.html", context, status=status_of(form))


def unsigned_at(place: VisitPlace) -> int:
    """How many forms of the visit want a signature."""
    return _unsigned(place).count()


def _unsigned(place: VisitPlace) -> Rows:
    return _figures(place).rows(Figure.UNSIGNED).filter(visit=place.visit)


def _figures(place: VisitPlace) -> Figures:
    return Figures.of(place.user, [place.participant.site])
