"""Entering a form: the whole form on one page, judged by the server, with nothing that was typed ever lost.

A repeating form has a page that lists its rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.html import format_html
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _

from audit.acts import ActionRefused
from audit.ledger import canonical
from audit.once import DoneBefore
from crf import actions
from crf.actions import EntryRefused, Saved, mark_not_done, save_entry, store_file
from crf.actions.entries import ReasonWanted
from crf.casebook import entry_tag
from crf.foot import foot_of, next_form
from crf.forms import ChangeReasonForm, MoveFilter, MoveForm, NotDoneForm
from crf.layout.boxes import item_label, read_submission, rows_sent
from crf.layout.fields import ErrorLink, error_links, shown_value
from crf.models import FormEntry, Query, QueryStatus, Signature, Visit
from crf.places import FormPlace, file_of, form_place, spoken
from crf.policies import Outdated, check_role_enters
from crf.queries import query_at, visits_of
from crf.sheets import Sheet, follows_from, open_sheet
from crf.threads import named
from crf.views import drafts
from crf.views.frames import frame, show
from trialmgr.participants.models import Participant
from trialmgr.people.forms import ReasonForm, acted, bound
from trialmgr.people.guards import permitted, person
from trialmgr.protocol.model import Item, ItemType

SHOWN_ITEMS = 4


@dataclass(frozen=True, slots=True)
class Typed:
    """What came in with a POST, and what was wrong with it."""

    values: Mapping[str, str]
    missing: Mapping[str, str]
    errors: Mapping[str, str] = field(default_factory=dict)
    of_page: tuple[str, ...] = ()
    reason_wanted: bool = False
    follows: tuple[str, ...] = ()


@permitted("entries.view")
def entry(request: HttpRequest, number: str, slug: str, form: str) -> HttpResponse:
    """The one row of a form; the list of rows of a repeating one."""
    place = form_place(person(request), number, slug, form)
    if place.form.repeating:
        return redirect("crf:rows", number, slug, form)
    return _page(request, open_sheet(place, 1))


@permitted("entries.view")
def row(request: HttpRequest, number: str, slug: str, form: str, row: int) -> HttpResponse:
    place = form_place(person(request), number, slug, form)
    if not place.form.repeating:
        raise Http404
    return _page(request, open_sheet(place, row))


@permitted("entries.enter")
def new_row(request: HttpRequest, number: str, slug: str, form: str) -> HttpResponse:
    place = form_place(person(request), number, slug, form)
    if not place.form.repeating:
        raise Http404
    place.check_may("entries.enter")
    return _page(request, Sheet(place, None, None))


@permitted("entries.enter")
def form_not_done(request: HttpRequest, number: str, slug: str, form: str) -> HttpResponse:
    """The whole form was not done, for one reason."""
    place = form_place(person(request), number, slug, form)
    check_role_enters(place.user, place.visit, place.form)
    if place.form.repeating:
        raise Http404
    sheet = open_sheet(place, 1)
    codes = [(item.code, item.label(spoken())) for item in place.definition.missing_reasons.items]
    why = bound(NotDoneForm, request, codes=codes, changes=sheet.has_values)
    if acted(request, why, mark_not_done, by=place.user, visit=place.visit, form_key=place.form.key):
        messages.success(request, _("The form is recorded as not done."))
        return redirect(place.url)
    return show(request, "entries/not_done", frame(place, _("The whole form was not done"), form=why))


@permitted("entries.view")
def file(request: HttpRequest, number: str, slug: str, form: str, row: int, item: str) -> HttpResponse:
    """The file that a saved answer names: to keep, never to be shown by the browser as a page of this site."""
    place = form_place(person(request), number, slug, form)
    name, content = file_of(place, row, item)
    disposition = content_disposition_header(as_attachment=True, filename=name)
    return HttpResponse(content, content_type="application/octet-stream", headers={"Content-Disposition": disposition})


@permitted("entries.view")
def rows(request: HttpRequest, number: str, slug: str, form: str) -> HttpResponse:
    place = form_place(person(request), number, slug, form)
    if not place.form.repeating:
        raise Http404
    items = [item for item in place.form.items if place.sight.item(item)][:SHOWN_ITEMS]
    context = frame(
        place,
        place.form_label,
        columns=[{"label": label} for label in (_("Row"), *(item.label(spoken()) for item in items), _("Status"))],
        rows=_rows(place, items),
        sheet=Sheet(place, None, None, named=named(request.GET.dict())),
    )
    return render(request, "crf/entries/rows.html", context)


@permitted("entries.enter")
def remove_entry(request: HttpRequest, number: str, slug: str, form: str, row: int) -> HttpResponse:
    place = form_place(person(request), number, slug, form)
    place.check_may("entries.enter")
    entry = place.entry(row)
    why = bound(ReasonForm, request)
    if acted(request, why, actions.remove_entry, by=place.user, entry=entry):
        repeating = place.form.repeating
        messages.success(request, _("Row %(n)s is removed.") % {"n": row} if repeating else _("The form is removed."))
        return redirect("crf:rows", number, slug, form) if repeating else redirect(place.visit_url)
    heading = _("Remove row %(n)s") % {"n": row} if place.form.repeating else _("Remove what was entered")
    return show(request, "entries/remove", frame(place, heading, form=why))


@permitted("entries.enter")
def move_entry(request: HttpRequest, number: str, slug: str, form: str, row: int) -> HttpResponse:
    """It was entered at the wrong visit, or of the wrong participant, who is asked for first."""
    place = form_place(person(request), number, slug, form)
    place.check_may("entries.enter")
    entry, whose = place.entry(row), request.GET.get("participant") or number
    visits = _visits_with(place, whose)
    why = bound(MoveForm, request, visits=[(slug, visit.label(spoken())) for slug, visit in visits.items()])
    moved = acted(request, why, lambda visit, reason: _moved(place, entry, visits[visit], reason))
    if moved is not None:
        messages.success(request, _("Moved: it stands here now."))
        there = [whose, moved.visit.slug, form]
        return redirect("crf:row", *there, moved.occurrence) if place.form.repeating else redirect("crf:entry", *there)
    filter_form = MoveFilter(request.GET or None)
    context = frame(place, _("Move what was entered"), form=why, filter_form=filter_form, whose=whose, visits=visits)
    return show(request, "entries/move", context)


def _visits_with(place: FormPlace, number: str) -> dict[str, Visit]:
    """Of that participant, where this person meets them: the other visits that have this form."""
    participant = Participant.objects.for_user(place.user).select_related("site").filter(number=number).first()
    visits = visits_of(place.user, participant) if participant else []
    return {visit.slug: visit for visit in visits if place.form.key in visit.definition.forms and visit != place.visit}


def _moved(place: FormPlace, entry: FormEntry, to: Visit, reason: str) -> FormEntry:
    return actions.move_entry(by=place.user, entry=entry, to=to, reason=reason).entry


def _page(request: HttpRequest, sheet: Sheet) -> HttpResponse:
    if request.GET:
        sheet = replace(sheet, named=named(request.GET.dict()))
    if request.method == "POST":
        return _save(request, sheet)
    return _open_page(request, sheet) if sheet.can_write else _read_page(request, sheet)


def _read_page(request: HttpRequest, sheet: Sheet) -> HttpResponse:
    dangers = sheet.dangers(sheet.evaluation)
    context = _context(sheet, sections=sheet.sections(), draft=drafts.unusable(request, sheet), dangers=dangers)
    return render(request, "crf/entries/read.html", context)


def _open_page(request: HttpRequest, sheet: Sheet) -> HttpResponse:
    """As it is saved; or with what this person typed here and did not save."""
    found = drafts.waiting(sheet)
    if found and (choice := drafts.choice(request, sheet, found)):
        return choice
    if found:
        sheet, typing, draft = drafts.restored(request, sheet, found)
        sections = sheet.sections(typing.values, typing.missing)
        evaluation = sheet.judged(typing.values, typing.missing)
        reason_form = ChangeReasonForm(initial=dict(zip(("reason_choice", "reason_text"), typing.reason, strict=True)))
    else:
        sections, evaluation = sheet.sections(), sheet.evaluation
        reason_form, draft = ChangeReasonForm(), drafts.page_draft(request, sheet)
    context = _context(
        sheet,
        sections=sections,
        foot=foot_of(sheet, evaluation, sections),
        revision=sheet.revision,
        reason_form=reason_form,
        draft=draft,
        dangers=sheet.dangers(evaluation),
        unsaved=bool(found),
    )
    return render(request, "crf/entries/write.html", context)


def _write_page(request: HttpRequest, sheet: Sheet, typed: Typed, status: int = 422) -> HttpResponse:
    reason_form = ChangeReasonForm(request.POST)
    sections = sheet.sections(typed.values, typed.missing, typed.errors)
    evaluation = sheet.judged(typed.values, typed.missing)
    context = _context(
        sheet,
        sections=sections,
        foot=foot_of(sheet, evaluation, sections),
        errors=[*(ErrorLink("", text) for text in typed.of_page), *error_links(sections)],
        revision=request.POST.get("revision", ""),
        reason_form=reason_form.take_focus() if typed.reason_wanted else reason_form,
        reason_wanted=typed.reason_wanted,
        follows=typed.follows,
        follows_seen=_seen_mark(typed.follows),
        draft=drafts.page_draft(request, sheet),
        dangers=sheet.dangers(evaluation),
        unsaved=True,
    )
    return render(request, "crf/entries/write.html", context, status=status)


def _save(request: HttpRequest, sheet: Sheet) -> HttpResponse:
    post = dict(request.POST.lists())
    sheet = replace(sheet, sent=rows_sent(post), wants_row="add_row" in post)
    values, missing = read_submission(sheet.laid, post, hidden=sheet.hidden)
    refused = _store_files(request, sheet, values)
    if sheet.wants_row or refused:
        return _write_page(request, sheet, Typed(values, missing, refused), status=422 if refused else 200)
    follows = follows_from(sheet, values, missing)
    if follows and request.POST.get("follows_seen") != _seen_mark(follows):
        return _write_page(request, sheet, Typed(values, missing, follows=follows), status=200)
    try:
        saved = save_entry(
            by=sheet.place.user,
            visit=sheet.place.visit,
            form_key=sheet.form.key,
            values=sheet.whole(values),
            missing=sheet.whole(missing),
            occurrence=sheet.row,
            reason=ChangeReasonForm(request.POST).reason(),
            revision=_revision(request),
        )
    except DoneBefore as before:
        drafts.forget_sent(request, sheet)
        messages.info(request, str(before))
        return redirect(open_sheet(sheet.place, cast(FormEntry, before.made).occurrence).url)
    except ReasonWanted:
        return _write_page(request, sheet, Typed(values, missing, reason_wanted=True))
    except EntryRefused as refusal:
        return _write_page(request, sheet, _refused(sheet, values, missing, refusal))
    except Outdated as refusal:
        return _put_aside(request, sheet, Typed(values, missing, of_page=refusal.reasons))
    except ActionRefused as refusal:
        return _write_page(request, sheet, Typed(values, missing, of_page=refusal.reasons))
    drafts.forget_sent(request, sheet)
    return _saved(request, sheet.place, saved)


def _put_aside(request: HttpRequest, sheet: Sheet, typed: Typed) -> HttpResponse:
    """The page that asks what to choose; where what was typed cannot be kept, this one again, with every reason."""
    typing = drafts.typed_in(request, typed.values, typed.missing)
    try:
        return drafts.put_aside(request, sheet, typing, _revision(request))
    except ActionRefused as refusal:
        return _write_page(request, sheet, replace(typed, of_page=(*typed.of_page, *refusal.reasons)))


def _seen_mark(follows: Sequence[str]) -> str:
    """So that what is saved is what was looked at."""
    return hashlib.sha256(canonical(list(follows))).hexdigest() if follows else ""


def _store_files(request: HttpRequest, sheet: Sheet, values: dict[str, str]) -> dict[str, str]:
    """Keep each file that was sent, so that it is not lost if the form is refused; what could not be kept, by item.

    ``values`` gets the mark of each.
    """
    refused = {}
    wanted = {f"item.{item.key}": item for item in sheet.laid.items if item.key not in sheet.hidden}
    for name, sent in request.FILES.items():
        item = wanted.get(name)
        if item is None or item.type is not ItemType.FILE or not isinstance(sent, UploadedFile):
            raise BadRequest
        place, content = sheet.place, sent.read()
        try:
            values[item.key] = store_file(
                by=place.user, visit=place.visit, form=sheet.form, item=item.key, name=sent.name or "", content=content
            )
        except ActionRefused as refusal:
            refused[item.key] = " ".join(refusal.reasons)
    return refused


def _saved(request: HttpRequest, place: FormPlace, saved: Saved) -> HttpResponse:
    """Say what was reached, what is still wanting, and which checks now ask something; go on, where that was asked."""
    row = saved.entry.occurrence
    sheet = open_sheet(place, row)
    _say_what_is_wanting(request, sheet, goes_on="next" in request.POST)
    aside = [key for key in saved.changed if key in saved.entry.unasked and key not in sheet.hidden]
    if aside:
        labels = "; ".join(item_label(sheet.form, key, spoken()) for key in aside)
        messages.warning(
            request, _("Not asked, given the other answers, so kept aside: %(labels)s.") % {"labels": labels}
        )
    for query in _asked(sheet, saved):
        text = _("A check asks about “%(item)s”.") % {"item": item_label(sheet.form, query.item, spoken())}
        messages.warning(request, format_html('<a href="{}">{}</a>', query_at(query), text))
    return redirect(_onwards(sheet) if "next" in request.POST else sheet.url)


def _say_what_is_wanting(request: HttpRequest, sheet: Sheet, *, goes_on: bool) -> None:
    """On the page of another form the message names this one."""
    said = {"form": sheet.place.form_label, "labels": "; ".join(sheet.wanting)}
    if sheet.wanting:
        text = _("%(form)s is saved. Still missing: %(labels)s.") if goes_on else _("Saved. Still missing: %(labels)s.")
        messages.info(request, text % said)
    else:
        text = _("%(form)s is saved and complete.") if goes_on else _("Saved. The form is complete.")
        messages.success(request, text % said)


def _onwards(sheet: Sheet) -> str:
    """The next form of this person at the visit, or the visit, where they read what comes next."""
    following = next_form(sheet.forms, sheet.form.key)
    return following.url if following else sheet.place.visit_url


def _asked(sheet: Sheet, saved: Saved) -> list[Query]:
    """Queries of the soft checks that fire on what was saved, as far as this person sees queries."""
    firing = {(warning.check_key, warning.item_key) for warning in saved.evaluation.warnings}
    opened = [query for query in sheet.queries if query.state is QueryStatus.OPEN]
    return [query for query in opened if (query.check_key, query.item) in firing]


def _refused(sheet: Sheet, values: Mapping[str, str], missing: Mapping[str, str], refusal: EntryRefused) -> Typed:
    """Each problem at its own field; those of no field that is shown on top."""
    shown = {item.key for item in sheet.laid.items} - sheet.hidden
    errors = {problem.item_key: problem.message(spoken()) for problem in refusal.problems if problem.item_key in shown}
    of_page = tuple(problem.message(spoken()) for problem in refusal.problems if problem.item_key not in shown)
    return Typed(values, missing, {key: text for key, text in errors.items() if key is not None}, of_page)


def _revision(request: HttpRequest) -> int:
    """The revision the person saw; one that is no number fits none."""
    sent = request.POST.get("revision", "")
    return int(sent) if sent.isdecimal() else -1


def _context(sheet: Sheet, **context: Any) -> dict[str, Any]:
    if not sheet.place.form.repeating:
        return frame(sheet.place, sheet.place.form_label, sheet=sheet, **context)
    heading = _("Row %(n)s") % {"n": sheet.row} if sheet.row else _("New row")
    return frame(sheet.place, heading, sheet=sheet, **context)


def _rows(place: FormPlace, items: list[Item]) -> list[list[dict[str, Any]]]:
    entries = FormEntry.objects.for_user(place.user).filter(visit=place.visit, form_key=place.form.key)
    signatures = Signature.objects.for_user(place.user).filter(entry__visit=place.visit, lapsed_at=None)
    signed = set(signatures.values_list("entry_id", flat=True))
    return [
        [
            {"text": entry.occurrence, "url": place.row_url("row", entry.occurrence), "about": place.form_label},
            *({"text": _cell(place, entry, item)} for item in items),
            _status(entry, signed),
        ]
        for entry in entries.order_by("occurrence")
    ]


def _cell(place: FormPlace, entry: FormEntry, item: Item) -> str | None:
    reasons = {reason.code: reason.label(spoken()) for reason in place.definition.missing_reasons.items}
    value = shown_value(place.definition, item, entry.data.get(item.key, ""), spoken())
    return value or reasons.get(entry.missing.get(item.key, ""))


def _status(entry: FormEntry, signed: set[int]) -> dict[str, str]:
    tag = entry_tag(entry, signed=entry.pk in signed)
    return {"text": tag.text, "kind": tag.kind}
