from __future__ import annotations

from django.urls import path

from trialmgr.overview.views import (
    calendars,
    casebooks,
    duties,
    forms,
    language,
    recruitment,
    trail,
    versions,
    weeks,
)

app_name = "overview"
urlpatterns = [
    path("", duties.duties, name="home"),
    path("duties/<slug:key>/", duties.one_duty, name="duty"),
    path("week/", weeks.planned_week, name="week"),
    path("week/calendar/<slug:code>/", calendars.of_site, name="site_calendar"),
    path("participants/<slug:number>/calendar/", calendars.of_participant, name="participant_calendar"),
    path("recruitment/", recruitment.recruitment, name="recruitment"),
    path("recruitment/flow/", recruitment.flow, name="flow"),
    path("recruitment/flow/file/", recruitment.flow_file, name="flow_file"),
    path("audit/", trail.trail, name="trail"),
    path("audit/<int:number>/", trail.act, name="trail_act"),
    path("audit/export/", trail.export, name="trail_export"),
    path("participants/<slug:number>/casebook.pdf", casebooks.casebook_paper, name="casebook_paper"),
    path("participants/<slug:number>/audit-trail.pdf", trail.trail_paper, name="trail_paper"),
    path("study/", versions.versions, name="versions"),
    path("study/forms.pdf", forms.blank_forms, name="blank_forms"),
    path("study/<int:number>/", versions.version, name="version"),
    path("study/<int:number>/approve/", versions.approve, name="approve_version"),
    path("language/", language.set_language, name="set_language"),
]
