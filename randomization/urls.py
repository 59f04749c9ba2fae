from __future__ import annotations

from django.urls import path

from randomization.views import (
    allocations,
    balance,
    code_breaks,
    comparison,
    confirmations,
    corrections,
    descriptions,
    envelopes,
    extensions,
    flags,
    limits,
    lists,
)

app_name = "randomization"
urlpatterns = [
    path("participants/<slug:number>/randomise/", allocations.randomise, name="randomise"),
    path("participants/<slug:number>/allocation/", allocations.allocation, name="allocation"),
    path("participants/<slug:number>/allocation/confirmation.pdf", confirmations.confirmation, name="confirmation"),
    path("participants/<slug:number>/randomise/envelope/", envelopes.envelope, name="envelope"),
    path("participants/<slug:number>/allocation/correct/", corrections.correct, name="correct"),
    path("participants/<slug:number>/allocation/in-error/", flags.flag, name="flag"),
    path("participants/<slug:number>/allocation/in-error/sign/", flags.countersign, name="countersign"),
    path("participants/<slug:number>/allocation/in-error/withdraw/", flags.ask_withdrawal, name="ask_flag_withdrawal"),
    path("participants/<slug:number>/allocation/in-error/withdraw/sign/", flags.withdraw, name="withdraw_flag"),
    path("participants/<slug:number>/code-break/", code_breaks.code_break, name="code_break"),
    path("code-breaks/", code_breaks.code_breaks, name="code_breaks"),
    path("code-breaks/<int:number>/notice/", code_breaks.notice, name="notice"),
    path("randomization/limits/", limits.limits, name="limits"),
    path("randomization/limits/<slug:place>/cap/", limits.set_cap, name="set_cap"),
    path("randomization/limits/<slug:place>/hold/", limits.place_hold, name="place_hold"),
    path("randomization/limits/<slug:place>/hold/end/", limits.lift_hold, name="lift_hold"),
    path("randomization/", lists.lists, name="lists"),
    path("randomization/balance/", balance.balance, name="balance"),
    path("randomization/balance/balance.csv", balance.balance_csv, name="balance_csv"),
    path("randomization/description/", descriptions.description, name="description"),
    path("randomization/description/file/", descriptions.description_file, name="description_file"),
    path("randomization/compare/", comparison.compare, name="compare"),
    path("randomization/compare/step/", comparison.compare_step, name="compare_step"),
    path("randomization/compare/file/", comparison.compare_file, name="compare_file"),
    path("randomization/make/", lists.make, name="make"),
    path("randomization/import/", lists.import_list, name="import"),
    path("randomization/<int:number>/", lists.one_list, name="list"),
    path("randomization/<int:number>/activate/", lists.activate, name="activate"),
    path("randomization/<int:number>/extend/", extensions.extend, name="extend"),
    path(
        "randomization/<int:number>/extensions/<int:extension>/activate/",
        extensions.activate_extension,
        name="activate_extension",
    ),
    path("randomization/<int:number>/envelopes/", envelopes.envelopes, name="envelopes"),
]
