from __future__ import annotations

from django.urls import path

from randomization.views import (
    afterwards,
    allocation,
    balance,
    code_breaks,
    comparison,
    description,
    envelopes,
    handing_over,
    limits,
    making,
)

app_name = "randomization"
urlpatterns = [
    path("participants/<slug:number>/randomise/", allocation.randomise, name="randomise"),
    path("participants/<slug:number>/allocation/", allocation.allocation, name="allocation"),
    path("participants/<slug:number>/allocation/confirmation.pdf", allocation.confirmation, name="confirmation"),
    path("participants/<slug:number>/randomise/envelope/", envelopes.envelope, name="envelope"),
    path("participants/<slug:number>/allocation/correct/", afterwards.correct, name="correct"),
    path("participants/<slug:number>/allocation/in-error/", afterwards.flag, name="flag"),
    path("participants/<slug:number>/allocation/in-error/sign/", afterwards.countersign, name="countersign"),
    path("participants/<slug:number>/code-break/", code_breaks.code_break, name="code_break"),
    path("code-breaks/", code_breaks.code_breaks, name="code_breaks"),
    path("code-breaks/<int:number>/notice/", code_breaks.notice, name="notice"),
    path("randomization/limits/", limits.limits, name="limits"),
    path("randomization/limits/<slug:place>/cap/", limits.set_cap, name="set_cap"),
    path("randomization/limits/<slug:place>/hold/", limits.place_hold, name="place_hold"),
    path("randomization/limits/<slug:place>/hold/end/", limits.lift_hold, name="lift_hold"),
    path("randomization/", making.lists, name="lists"),
    path("randomization/balance/", balance.balance, name="balance"),
    path("randomization/balance/balance.csv", balance.balance_csv, name="balance_csv"),
    path("randomization/description/", description.description, name="description"),
    path("randomization/description/file/", description.description_file, name="description_file"),
    path("randomization/compare/", comparison.compare, name="compare"),
    path("randomization/compare/step/", comparison.compare_step, name="compare_step"),
    path("randomization/compare/file/", comparison.compare_file, name="compare_file"),
    path("randomization/make/", making.make, name="make"),
    path("randomization/import/", handing_over.bring, name="import"),
    path("randomization/<int:number>/", making.one_list, name="list"),
    path("randomization/<int:number>/activate/", making.activate, name="activate"),
    path("randomization/<int:number>/extend/", handing_over.extend, name="extend"),
    path(
        "randomization/<int:number>/extensions/<int:extension>/activate/",
        handing_over.activate_extension,
        name="activate_extension",
    ),
    path("randomization/<int:number>/envelopes/", handing_over.envelopes, name="envelopes"),
]
