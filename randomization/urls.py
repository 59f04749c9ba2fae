from __future__ import annotations

from django.urls import path

from randomization.views import allocation, comparison, making

app_name = "randomization"
urlpatterns = [
    path("participants/<slug:number>/randomise/", allocation.randomise, name="randomise"),
    path("participants/<slug:number>/allocation/", allocation.allocation, name="allocation"),
    path("participants/<slug:number>/allocation/confirmation.pdf", allocation.confirmation, name="confirmation"),
    path("randomization/", making.lists, name="lists"),
    path("randomization/compare/", comparison.compare, name="compare"),
    path("randomization/compare/step/", comparison.compare_step, name="compare_step"),
    path("randomization/compare/file/", comparison.compare_file, name="compare_file"),
    path("randomization/make/", making.make, name="make"),
    path("randomization/<int:number>/", making.one_list, name="list"),
    path("randomization/<int:number>/activate/", making.activate, name="activate"),
]
