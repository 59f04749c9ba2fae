from __future__ import annotations

from django.urls import path

from randomization import views

app_name = "randomization"
urlpatterns = [
    path("participants/<slug:number>/randomise/", views.randomise, name="randomise"),
    path("participants/<slug:number>/allocation/", views.allocation, name="allocation"),
    path("randomization/", views.lists, name="lists"),
    path("randomization/make/", views.make, name="make"),
    path("randomization/<int:number>/", views.one_list, name="list"),
    path("randomization/<int:number>/activate/", views.activate, name="activate"),
]
