"""Addresses of the API, by natural keys; the version stands in the path."""

from __future__ import annotations

from csp.decorators import csp_update
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from crf.api import decisions, deviations, entries, files, participation, queries, signatures, verifications, visits
from exports import api as exports
from randomization import api as randomization
from trialmgr.overview import api as overview
from trialmgr.participants import api as participants

Patterns = list[URLPattern | URLResolver]

_row: Patterns = [
    path("", entries.EntryDetail.as_view(), name="entry"),
    path("move/", entries.EntryMove.as_view(), name="entry_move"),
    path("remove/", entries.EntryRemoval.as_view(), name="entry_remove"),
    path("files/<name:item>/", files.EntryFile.as_view(), name="entry_file"),
    path("verify/", verifications.EntryVerification.as_view(), name="entry_verify"),
    path("sign/", signatures.EntrySigning.as_view(), name="entry_sign"),
    *queries.OF_ROW,
]
_visit: Patterns = [
    path("", visits.VisitDetail.as_view(), name="visit"),
    path("day/", visits.VisitDay.as_view(), name="visit_day"),
    path("not-done/", visits.VisitNotDone.as_view(), name="visit_not_done"),
    path("reopen/", visits.VisitReopening.as_view(), name="visit_reopen"),
    path("entries/", visits.VisitEntries.as_view(), name="visit_entries"),
    *queries.OF_VISIT,
    path("deviations/", deviations.VisitDeviations.as_view(), name="visit_deviations"),
    path("deviations/explain/", deviations.DeviationExplanation.as_view(), name="deviation_explain"),
    path("deviations/weigh/", deviations.DeviationWeighing.as_view(), name="deviation_weigh"),
    path("forms/<slug:form>/", include(queries.OF_FORM)),
    path("forms/<slug:form>/rows/", entries.EntryRows.as_view(), name="rows"),
    path("forms/<slug:form>/not-done/", entries.FormNotDone.as_view(), name="form_not_done"),
    path("forms/<slug:form>/rows/<int:row>/", include(_row)),
]
_participant: Patterns = [
    path("", participants.ParticipantDetail.as_view(), name="participant"),
    path("consents/", participants.Consents.as_view(), name="consents"),
    path("consents/<slug:version>/withdraw/", participants.ConsentWithdrawal.as_view(), name="consent_withdraw"),
    path(
        "consents/<slug:version>/withdraw/undo/",
        participants.ConsentWithdrawalUndone.as_view(),
        name="consent_undo_withdrawal",
    ),
    path("consents/<slug:version>/correct/", participants.ConsentCorrection.as_view(), name="consent_correct"),
    path("visits/", visits.Visits.as_view(), name="visits"),
    path("visits/<slug:slug>/", include(_visit)),
    path("eligibility/", decisions.EligibilityJudgement.as_view(), name="eligibility"),
    path("eligibility/confirm/", decisions.EligibilityConfirmation.as_view(), name="eligibility_confirm"),
    path("phases/<slug:phase>/", decisions.GateDecisionView.as_view(), name="gate"),
    path("phases/<slug:phase>/confirm/", decisions.GateConfirmation.as_view(), name="gate_confirm"),
    path("phases/<slug:phase>/undo/", decisions.GateUndone.as_view(), name="gate_undo"),
    path("site/", participation.SiteChanged.as_view(), name="site"),
    path("void/", participation.RegistrationVoided.as_view(), name="void"),
    path("registration/", participation.RegistrationCorrected.as_view(), name="registration"),
    path("ending/undo/", participation.EndingUndone.as_view(), name="ending_undo"),
    path("allocation/", randomization.AllocationDetail.as_view(), name="allocation"),
    path("allocation/flag/", randomization.Flag.as_view(), name="flag"),
    path("allocation/flag/countersign/", randomization.FlagCountersigned.as_view(), name="flag_countersign"),
    path("allocation/flag/withdrawal/", randomization.FlagWithdrawal.as_view(), name="flag_withdrawal"),
    path("allocation/flag/withdrawal/countersign/", randomization.FlagWithdrawn.as_view(), name="flag_withdrawn"),
]
_version_1: Patterns = [
    path("study/", overview.Study.as_view(), name="study"),
    path("participants/", visits.Participants.as_view(), name="participants"),
    path("participants/<slug:number>/", include(_participant)),
    path("queries/", queries.QueryList.as_view(), name="queries"),
    path("deviations/", deviations.Deviations.as_view(), name="deviations"),
    path("open-points/", exports.OpenPoints.as_view(), name="open_points"),
    path("releases/", exports.Releases.as_view(), name="releases"),
    path("releases/<int:number>/", exports.ReleaseDetail.as_view(), name="release"),
    path("audit-trail/", overview.AuditTrail.as_view(), name="audit_trail"),
]

# Swagger UI writes style elements; scripts stay our own files alone.
_docs = csp_update({"style-src": ["'unsafe-inline'"]})(SpectacularSwaggerSplitView.as_view(url_name="api:schema"))

app_name = "api"
urlpatterns: Patterns = [
    path("v1/", include(_version_1)),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", _docs, name="docs"),
]
