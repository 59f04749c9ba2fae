"""Addresses of the casebook. Natural keys only: a gap in database ids could tell the arm.

The list and the casebook belong under the name ``participants``, together with consent and contact of that room.
"""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from crf.views import (
    casebooks,
    decisions,
    deviations,
    drafts,
    entries,
    evaluation,
    freezes,
    participation,
    queries,
    selections,
    signatures,
    sites,
    trail,
    verifications,
    visits,
)
from trialmgr.participants.urls import urlpatterns as of_participants

_participants: list[URLPattern] = [
    path("participants/", casebooks.participants, name="list"),
    path("participants/register/", casebooks.register, name="register"),
    path("participants/<slug:number>/", casebooks.detail, name="detail"),
    *of_participants,
]

_row: list[URLPattern] = [
    path("", entries.row, name="row"),
    path("live/", evaluation.of_row, name="live"),
    path("draft/", drafts.of_row, name="draft"),
    path("draft/choose/", drafts.choose, name="choose_draft"),
    path("draft/discard/", drafts.discard, name="discard_draft"),
    path("history/", trail.history, name="history"),
    path("history/<name:item>/", trail.item_history, name="item_history"),
    path("files/<name:item>/", entries.file, name="file"),
    path("sign/", signatures.sign, name="sign"),
    path("verify/", verifications.verify, name="verify"),
    path("move/", entries.move_entry, name="move"),
    path("remove/", entries.remove_entry, name="remove"),
    path("queries/raise/<name:item>/", queries.raise_one, name="raise_query"),
    path("queries/<int:n>/", queries.thread, name="query"),
]

_form: list[URLPattern | URLResolver] = [
    path("", entries.entry, name="entry"),
    path("not-done/", entries.form_not_done, name="form_not_done"),
    path("rows/", entries.rows, name="rows"),
    path("rows/new/", entries.new_row, name="new_row"),
    path("rows/new/live/", evaluation.of_new_row, name="live_new_row"),
    path("rows/new/draft/", drafts.of_new_row, name="draft_new_row"),
    path("rows/new/draft/discard/", drafts.discard_new_row, name="discard_draft_new_row"),
    path("rows/<int:row>/", include(_row)),
    path("freeze/", freezes.freeze_form, name="freeze_form"),
    path("queries/raise/", queries.raise_on_form, name="raise_form_query"),
    path("queries/<int:n>/", queries.thread_of_form, name="form_query"),
]

_casebook: list[URLPattern | URLResolver] = [
    path("visits/add/", visits.add_visit, name="add_visit"),
    path("visits/<slug:slug>/", visits.visit, name="visit"),
    path("visits/<slug:slug>/not-done/", visits.visit_not_done, name="visit_not_done"),
    path("visits/<slug:slug>/reopen/", visits.reopen_visit, name="reopen_visit"),
    path("visits/<slug:slug>/sign/", selections.sign_visit, name="sign_visit"),
    path("visits/<slug:slug>/freeze/", freezes.freeze_visit, name="freeze_visit"),
    path("visits/<slug:slug>/deviations/explain/", deviations.explain, name="explain_deviation"),
    path("visits/<slug:slug>/deviations/weigh/", deviations.weigh, name="weigh_deviation"),
    path("visits/<slug:slug>/queries/raise/", queries.raise_on_visit, name="raise_visit_query"),
    path("visits/<slug:slug>/queries/<int:n>/", queries.thread_of_visit, name="visit_query"),
    path("visits/<slug:slug>/forms/<slug:form>/", include(_form)),
    path("eligibility/", decisions.eligibility, name="eligibility"),
    path("eligibility/judge/", decisions.judge, name="judge"),
    path("eligibility/confirm/", decisions.confirm_eligibility, name="confirm_eligibility"),
    path("phases/<slug:phase>/", decisions.phase, name="phase"),
    path("phases/<slug:phase>/undo/", decisions.undo_phase, name="undo_phase"),
    path("phases/<slug:phase>/confirm/", decisions.confirm_phase, name="confirm_phase"),
    path("ending/undo/", participation.undo_ending, name="undo_ending"),
    path("site/", participation.change_site, name="change_site"),
    path("void/", casebooks.void, name="void"),
    path("registration/", casebooks.correct_registration, name="correct_registration"),
    path("freeze/", freezes.freeze, name="freeze"),
]

_crf: list[URLPattern | URLResolver] = [
    path("participants/<slug:number>/", include(_casebook)),
    path("drafts/key/", drafts.key, name="draft_key"),
    path("queries/", queries.queries, name="queries"),
    path("standing/", sites.sites, name="sites"),
    path("standing/<slug:figure>/", sites.figure, name="figure"),
    path("standing/<slug:figure>/check/", selections.check, name="check_chosen"),
    path("standing/<slug:figure>/do/", selections.do, name="do_chosen"),
    path("deviations/", deviations.deviations, name="deviations"),
    path("freezes/", freezes.freezes, name="freezes"),
    path("freezes/sites/<slug:place>/", freezes.freeze_site, name="freeze_site"),
]

urlpatterns = [
    path("", include((_participants, "participants"))),
    path("", include((_crf, "crf"))),
]
