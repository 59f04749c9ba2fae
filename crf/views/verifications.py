"""Verifying the values of a saved form against their source."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from audit.acts import ActionRefused
from crf.actions import verify_items
from crf.forms import ConfirmForm
from crf.models import FormEntry, Verification
from crf.monitoring import Plan
from crf.places import form_place
from crf.sheets import open_sheet
from crf.views.frames import frame, show
from trialmgr.people.forms import acted, bound
from trialmgr.people.guards import permitted, person
from trialmgr.people.models import User


@permitted("entries.verify")
def verify(request: HttpRequest, number: str, slug: str, form: str, row: int) -> HttpResponse:
    """A monitor says of all that is planned, or ticks, what was held against its source."""
    place = form_place(person(request), number, slug, form)
    place.check_may("entries.verify")
    entry, sheet = place.entry(row), open_sheet(place, row)
    fields, found = sheet.answered(), sheet.verification
    confirm, mark = bound(ConfirmForm, request), Plan(place.definition, place.sight).mark(entry)
    left = found.left if found else ()
    wanted = left if "planned" in request.POST else request.POST.getlist("items")
    chosen = [field.key for field in fields if field.key in wanted]
    as_shown = request.POST.get("mark", mark) == mark
    if acted(request, confirm, partial(_verify, by=place.user, entry=entry, items=chosen, as_shown=as_shown)):
        messages.success(request, _("Verified: %(n)s.") % {"n": len(chosen)})
        return redirect(sheet.url)
    context = frame(place, _("Verify against the source"), form=confirm, fields=fields, left=left, mark=mark)
    return show(request, "verifications", context | {"planned": bool(found)})


def _verify(*, by: User, entry: FormEntry, items: Sequence[str], as_shown: bool) -> list[Verification]:
    if not as_shown:
        raise ActionRefused(_("This form changed since the page was shown: hold it against the source once more."))
    return verify_items(by=by, entry=entry, items=items)
