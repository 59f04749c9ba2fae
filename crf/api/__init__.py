"""The casebook over HTTP: the same actions, scoping and sight as the pages."""

from crf.api.decisions import EligibilityJudgement, GateDecisionView
from crf.api.entries import (
    EntryDetail,
    EntryFile,
    EntryRemoval,
    EntryRows,
    EntrySigning,
    EntryVerification,
    FormNotDone,
)
from crf.api.queries import EntryQueries, QueryAnswer, QueryClosing, QueryDetail, QueryList, QueryReopening
from crf.api.visits import Participants, VisitDay, VisitDetail, VisitEntries, VisitNotDone, Visits

__all__ = [
    "EligibilityJudgement",
    "EntryDetail",
    "EntryFile",
    "EntryQueries",
    "EntryRemoval",
    "EntryRows",
    "EntrySigning",
    "EntryVerification",
    "FormNotDone",
    "GateDecisionView",
    "Participants",
    "QueryAnswer",
    "QueryClosing",
    "QueryDetail",
    "QueryList",
    "QueryReopening",
    "VisitDay",
    "VisitDetail",
    "VisitEntries",
    "VisitNotDone",
    "Visits",
]
