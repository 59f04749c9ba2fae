from __future__ import annotations

from django.urls import path

from exports import views

app_name = "exports"
urlpatterns = [
    path("releases/", views.releases, name="releases"),
    path("releases/lock/", views.lock, name="lock"),
    path("releases/make/", views.make, name="make"),
    path("releases/<int:number>/", views.release, name="release"),
    path("releases/<int:number>/<name:name>/", views.file, name="file"),
]
