"""The one door for writes to the casebook."""

from crf.actions.amendments import migrate_entries, plan_added_visits, plan_migration, visits_to_plan
from crf.actions.consequences import settle_casebook
from crf.actions.decisions import confirm_judgement, decide_gate, judge_eligibility, undo_gate
from crf.actions.deviations import DeviationAsked, explain_deviation, judge_deviation
from crf.actions.drafts import expire_dead_drafts, expire_drafts, forget_drafts, keep_draft
from crf.actions.entries import EntryRefused, Saved, mark_not_done, move_entry, remove_entry, save_entry, undo_ending
from crf.actions.files import store_file
from crf.actions.freezes import (
    freeze,
    freeze_site,
    freeze_visit,
    notice_followed,
    unfreeze,
    unfreeze_site,
    unfreeze_visit,
)
from crf.actions.participation import move_participant, void_registration
from crf.actions.queries import (
    answer_query,
    assign_query,
    close_queries,
    close_query,
    raise_query,
    raise_query_on_form,
    raise_query_on_visit,
    reopen_query,
)
from crf.actions.signatures import sign_entries, sign_entry
from crf.actions.verifications import verify_entries, verify_items
from crf.actions.visits import (
    add_unscheduled_visit,
    correct_registration,
    mark_visit_not_done,
    open_visits,
    register_participant,
    reopen_visit,
    set_visit_day,
)

__all__ = [
    "DeviationAsked",
    "EntryRefused",
    "Saved",
    "add_unscheduled_visit",
    "answer_query",
    "assign_query",
    "close_queries",
    "close_query",
    "confirm_judgement",
    "correct_registration",
    "decide_gate",
    "expire_dead_drafts",
    "expire_drafts",
    "explain_deviation",
    "forget_drafts",
    "freeze",
    "freeze_site",
    "freeze_visit",
    "judge_deviation",
    "judge_eligibility",
    "keep_draft",
    "mark_not_done",
    "mark_visit_not_done",
    "migrate_entries",
    "move_entry",
    "move_participant",
    "notice_followed",
    "open_visits",
    "plan_added_visits",
    "plan_migration",
    "raise_query",
    "raise_query_on_form",
    "raise_query_on_visit",
    "register_participant",
    "remove_entry",
    "reopen_query",
    "reopen_visit",
    "save_entry",
    "set_visit_day",
    "settle_casebook",
    "sign_entries",
    "sign_entry",
    "store_file",
    "undo_ending",
    "undo_gate",
    "unfreeze",
    "unfreeze_site",
    "unfreeze_visit",
    "verify_entries",
    "verify_items",
    "visits_to_plan",
    "void_registration",
]
