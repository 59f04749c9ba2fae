"""Addresses of consent and contact. ``crf.urls`` joins them with the casebook under the name ``participants``."""

from __future__ import annotations

from django.urls import URLPattern, path

from trialmgr.participants import views

urlpatterns: list[URLPattern] = [
    path("participants/<slug:number>/consent/", views.consent, name="consent"),
    path("participants/<slug:number>/consent/<slug:version>/withdraw/", views.withdraw, name="withdraw"),
    path(
        "participants/<slug:number>/consent/<slug:version>/withdraw/undo/",
        views.undo_withdrawal,
        name="undo_withdrawal",
    ),
    path("participants/<slug:number>/consent/<slug:version>/correct/", views.correct, name="correct_consent"),
    path("participants/<slug:number>/contact/", views.contact, name="contact"),
    path("participants/<slug:number>/contact/erase/", views.erase_contact, name="erase_contact"),
]
