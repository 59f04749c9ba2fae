"""What is typed on a form and not saved: kept while it is filled in, back in its boxes, thrown away, or chosen between.

A page keeps its boxes here every few seconds; where scripts are off, what a save could not take is kept all the same.
"""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from audit.acts import ActionRefused
from crf.actions import forget_drafts, keep_draft
from crf.drafts import KEPT, Typing, browser_key, opened, person_mark
from crf.layout.boxes import read_submission, rows_sent
from crf.models import Draft
from crf.places import form_place
from crf.restored import (
    Difference,
    chosen,
    differ,
    differences,
    drafts_at,
    place_of,
    placed,
    saved_in,
    unplaced,
    with_rows_of,
)
from crf.sheets import Sheet, open_sheet
from crf.trail import trail_of
from crf.views.frames import frame
from trialmgr.people.guards import permitted, person


@dataclass(frozen=True, slots=True)
class PageDraft:
    """What a page that writes needs to know of drafts. ``slot``: its own name; ``taken``: what is in its boxes.

    ``at``: when that was typed, None where nothing is in the boxes but what is saved. ``lost``: what has no box any
    more. ``others``: more of this person's that wait here, with their addresses.
    """

    slot: str
    keep_url: str
    discard_url: str
    taken: tuple[str, ...] = ()
    at: datetime.datetime | None = None
    lost: tuple[str, ...] = ()
    others: tuple[tuple[datetime.datetime, str], ...] = ()


class Restored(NamedTuple):
    """A sheet with boxes for what was typed, and what to put into them."""

    sheet: Sheet
    typing: Typing
    draft: PageDraft


# --- for the page that writes -----------------------------------------------------------------------------------------


def page_draft(request: HttpRequest, sheet: Sheet) -> PageDraft:
    """For a page without a draft in its boxes, or with what was just sent and refused."""
    slot, taken = _sent(request)
    own = [draft.token for draft in drafts_at(sheet) if draft.slot == slot] if slot else []
    return PageDraft(secrets.token_hex(8), sheet.draft_url, f"{sheet.draft_url}discard/", (*taken, *own))


def waiting(sheet: Sheet) -> list[Draft]:
    """Drafts of this person that say something else than what is saved; those that do not are done with."""
    found, saved = drafts_at(sheet), saved_in(sheet)
    done = [draft.token for draft in found if opened(draft).is_same(saved)]
    if done:
        forget_drafts(by=sheet.place.user, place=place_of(sheet), taken=done)
    return [draft for draft in found if draft.token not in done]


def restored(request: HttpRequest, sheet: Sheet, drafts: list[Draft]) -> Restored:
    """The draft that is asked for, or the newest."""
    draft = next((one for one in drafts if one.slot == request.GET.get("draft")), drafts[0])
    typing = opened(draft)
    sheet = with_rows_of(sheet, [typing])
    others = tuple((one.typed_at, f"{sheet.url}?draft={one.slot}") for one in drafts if one is not draft)
    page = replace(
        page_draft(request, sheet),
        taken=(draft.token,),
        at=draft.typed_at,
        lost=tuple(unplaced(sheet, draft, typing)),
        others=others,
    )
    return Restored(sheet, placed(sheet, typing), page)


def choice(request: HttpRequest, sheet: Sheet, drafts: list[Draft]) -> HttpResponse | None:
    """Where there are more drafts, or the form was saved since: the page that asks, or the form with all of it.

    None where there is nothing to choose; two new rows are two rows.
    """
    if sheet.row is None or not differ(sheet, drafts):
        return None
    together = chosen(sheet, drafts, {})
    return _choice_page(request, sheet, drafts) if together is None else _put_together(request, sheet, drafts, together)


def _choice_page(request: HttpRequest, sheet: Sheet, drafts: list[Draft], *, wanting: bool = False) -> HttpResponse:
    typings = [opened(draft) for draft in drafts]
    lost = [line for draft, typing in zip(drafts, typings, strict=True) for line in unplaced(sheet, draft, typing)]
    context = frame(
        sheet.place,
        _("Choose between two values"),
        sheet=sheet,
        differences=_picked(request, [one for one in differences(sheet, drafts) if one.is_asked]),
        tokens=" ".join(draft.token for draft in drafts),
        revision=sheet.revision,
        lost=lost,
        wanting=wanting,
        choose_url=f"{sheet.draft_url}choose/",
        discard_url=f"{sheet.draft_url}discard/",
    )
    return render(request, "crf/drafts/choose.html", context, status=422 if wanting else 200)


def unusable(request: HttpRequest, sheet: Sheet) -> PageDraft | None:
    """For a page that cannot write now: what waits there, and stays out of the boxes."""
    found = drafts_at(sheet)
    if not found:
        return None
    page = page_draft(request, sheet)
    return replace(page, taken=tuple(draft.token for draft in found), at=found[0].typed_at)


def put_aside(request: HttpRequest, sheet: Sheet, typing: Typing, revision: int) -> HttpResponse:
    """Somebody saved the form meanwhile: what was sent becomes a draft, and its page asks what to choose.

    Raises ActionRefused where no draft can be kept.
    """
    slot, taken = _sent(request)
    place, saved = place_of(sheet), saved_in(sheet)
    slot = slot or secrets.token_hex(8)
    by = sheet.place.user
    if (
        keep_draft(by=by, place=place, slot=slot, typing=typing, saved=saved, revision=max(revision, 0), taken=taken)
        is None
    ):
        messages.info(request, _("What you typed is what is saved already."))
    return redirect(sheet.url)


def forget_sent(request: HttpRequest, sheet: Sheet) -> None:
    """The form was saved: what the page kept of it is done with."""
    slot, taken = _sent(request)
    forget_drafts(by=sheet.place.user, place=place_of(sheet), slot=slot, taken=taken)


def typed_in(request: HttpRequest, values: Mapping[str, str], missing: Mapping[str, str]) -> Typing:
    reason = (request.POST.get("reason_choice", "").strip(), request.POST.get("reason_text", "").strip())
    return Typing(values, missing, reason)


# --- addresses --------------------------------------------------------------------------------------------------------


@permitted("entries.enter")
@require_POST
def of_row(request: HttpRequest, number: str, slug: str, form: str, row: int) -> JsonResponse:
    return _keep(request, open_sheet(form_place(person(request), number, slug, form), row))


@permitted("entries.enter")
@require_POST
def of_new_row(request: HttpRequest, number: str, slug: str, form: str) -> JsonResponse:
    return _keep(request, _new_row(request, number, slug, form))


@permitted("entries.enter")
@require_POST
def discard(request: HttpRequest, number: str, slug: str, form: str, row: int) -> HttpResponse:
    return _discard(request, open_sheet(form_place(person(request), number, slug, form), row))


@permitted("entries.enter")
@require_POST
def discard_new_row(request: HttpRequest, number: str, slug: str, form: str) -> HttpResponse:
    return _discard(request, _new_row(request, number, slug, form))


@permitted("entries.enter")
@require_POST
def choose(request: HttpRequest, number: str, slug: str, form: str, row: int) -> HttpResponse:
    """What was chosen stands in the boxes then, and is not saved yet."""
    sheet = open_sheet(form_place(person(request), number, slug, form), row)
    drafts = [draft for draft in drafts_at(sheet) if draft.token in _sent(request)[1]]
    if not drafts or request.POST.get("revision") != str(sheet.revision):
        return redirect(sheet.url)  # which asks again, by what stands now
    typing = chosen(sheet, drafts, request.POST)
    if typing is None:
        return _choice_page(request, sheet, drafts, wanting=True)
    return _put_together(request, sheet, drafts, typing)


@permitted("entries.enter")
@require_GET
@never_cache
def key(request: HttpRequest) -> JsonResponse:
    """With which this person's browser, while they are signed in, encrypts what it cannot send; see js/drafts.js."""
    user = person(request)
    return JsonResponse({"who": person_mark(user), "key": browser_key(user), "csrf": get_token(request)})


def _put_together(request: HttpRequest, sheet: Sheet, drafts: list[Draft], typing: Typing) -> HttpResponse:
    """One draft in the place of all, and the form with it in its boxes."""
    kept = keep_draft(
        by=sheet.place.user,
        place=place_of(sheet),
        slot=secrets.token_hex(8),
        typing=typing,
        saved=saved_in(sheet),
        revision=sheet.revision,
        taken=[draft.token for draft in drafts],
    )
    if kept is None:
        messages.info(request, _("The form stays as it was saved."))
    return redirect(sheet.url)


def _new_row(request: HttpRequest, number: str, slug: str, form: str) -> Sheet:
    place = form_place(person(request), number, slug, form)
    if not place.form.repeating:
        raise Http404
    return Sheet(place, None, None)


def _keep(request: HttpRequest, sheet: Sheet) -> JsonResponse:
    """Every box of the page, hidden ones too; ``seconds``: how long ago it was typed."""
    post = dict(request.POST.lists())
    sheet = replace(sheet, sent=rows_sent(post), wants_row=True)
    slot, taken = _sent(request)
    try:
        if not slot:
            raise ActionRefused(_("This page cannot keep a draft: load it again."))
        kept = keep_draft(
            by=sheet.place.user,
            place=place_of(sheet),
            slot=slot,
            typing=typed_in(request, *read_submission(sheet.laid, post, hidden=sheet.hidden)),
            saved=saved_in(sheet),
            revision=_number(request, "revision"),
            taken=taken,
            age=datetime.timedelta(seconds=min(_number(request, "seconds"), int(KEPT.total_seconds()))),
        )
    except (ActionRefused, PermissionDenied) as refusal:
        reasons = refusal.reasons if isinstance(refusal, ActionRefused) else [str(refusal)]
        return JsonResponse({"refused": " ".join(reasons)}, status=409)
    return JsonResponse({"kept": _clock(kept.typed_at) if kept else "", "news": _saved_since(request, sheet)})


def _discard(request: HttpRequest, sheet: Sheet) -> HttpResponse:
    slot, taken = _sent(request)
    forget_drafts(by=sheet.place.user, place=place_of(sheet), slot=slot, taken=taken)
    messages.success(request, _("What was typed and not saved is thrown away."))
    return redirect(sheet.url)


def _saved_since(request: HttpRequest, sheet: Sheet) -> str:
    """By whom and when, where the form was saved since the page was opened."""
    if sheet.row is None or _number(request, "revision") == sheet.revision:
        return ""
    line = trail_of(sheet.place, sheet.row).filter(action__in=["entry.saved", "entry.removed"]).last()
    if line is None:
        return ""
    said = _("%(who)s saved this form at %(time)s. When you save, both values are shown and you choose.")
    who = _("You") if line.actor_id == sheet.place.user.actor_id else line.actor
    return said % {"who": who, "time": _clock(line.at)}


def _picked(request: HttpRequest, found: list[Difference]) -> list[Difference]:
    """With what was picked on a page that comes back because something is wanting."""
    return [replace(one, picked=request.POST.get(one.name, one.picked)) for one in found]


def _sent(request: HttpRequest) -> tuple[str, tuple[str, ...]]:
    """The name of the page, and tokens of the drafts in its boxes."""
    slot = request.POST.get("draft_slot", "")
    return slot if slot.isascii() and slot.isalnum() and len(slot) <= 32 else "", tuple(
        request.POST.get("draft_taken", "").split()
    )


def _number(request: HttpRequest, name: str) -> int:
    sent = request.POST.get(name, "")
    return int(sent) if sent.isdecimal() and len(sent) < 10 else 0


def _clock(at: datetime.datetime) -> str:
    return date_format(localtime(at), "TIME_FORMAT")
