"""What follows from answers that are not saved yet: which questions apply, and what is calculated. Nothing is stored.

The same evaluation as at a save is the only judge; a page asks it while it is filled in, and shows what comes back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.http import require_POST

from crf.foot import wanting_in_words
from crf.layout.boxes import read_submission, rows_sent
from crf.layout.fields import shown_value
from crf.places import form_place, spoken
from crf.policies import check_role_enters
from crf.sheets import Sheet, open_sheet
from trialmgr.people.guards import permitted, person
from trialmgr.protocol.evaluation import Problem


@permitted("entries.enter")
@require_POST
def of_row(request: HttpRequest, number: str, slug: str, form: str, row: int) -> JsonResponse:
    return _answer(request, open_sheet(form_place(person(request), number, slug, form), row))


@permitted("entries.enter")
@require_POST
def of_new_row(request: HttpRequest, number: str, slug: str, form: str) -> JsonResponse:
    place = form_place(person(request), number, slug, form)
    if not place.form.repeating:
        raise Http404
    return _answer(request, Sheet(place, None, None))


def _answer(request: HttpRequest, sheet: Sheet) -> JsonResponse:
    """For whoever could save this sheet now; the boxes come as they would to be saved, but for files."""
    sheet.place.check_may("entries.enter")
    check_role_enters(sheet.place.user, sheet.place.visit, sheet.form)
    if sheet.closed:
        raise PermissionDenied(" ".join(sheet.closed))
    post = dict(request.POST.lists())
    # A row without an answer in any box does not come in, but stands on the page.
    sheet = replace(sheet, sent=rows_sent(post), wants_row=True)
    return JsonResponse(_told(sheet, *read_submission(sheet.laid, post, hidden=sheet.hidden)))


def _told(sheet: Sheet, values: dict[str, str], missing: dict[str, str]) -> dict[str, dict[str, Any]]:
    """``asked``: whether each question with a rule applies; ``derived``: in words, empty while unknown.

    ``refused`` and ``queried``: by item, what a save would say of its answer. ``wanting``: in words, and the first.
    ``dangers``: what is dangerous among the answers, by item, with the label of the question and what to do.
    """
    evaluation = sheet.judged(values, missing)
    wanting = sheet.wanted(evaluation)
    not_asked = sheet.not_asked(evaluation)
    seen = [item for item in sheet.laid.items if item.key not in sheet.hidden]
    return {
        "asked": {item.key: item.key not in not_asked for item in seen if item.ask_if is not None},
        "derived": {
            item.key: shown_value(sheet.definition, item, evaluation.values.get(item.key, ""), spoken())
            for item in seen
            if item.is_derived
        },
        "refused": _said(sheet, evaluation.problems),
        "queried": _said(sheet, evaluation.warnings),
        "wanting": {"words": wanting_in_words(len(wanting)), "first": wanting[0] if wanting else ""},
        "dangers": {one.key: {"label": one.label, "message": one.message} for one in sheet.dangers(evaluation)},
    }


def _said(sheet: Sheet, problems: tuple[Problem, ...]) -> dict[str, str]:
    """By item that this person meets, the first thing there is to say of it."""
    said: dict[str, str] = {}
    for problem in problems:
        if problem.item_key is not None and problem.item_key not in sheet.hidden:
            said.setdefault(problem.item_key, problem.message(spoken()))
    return said
