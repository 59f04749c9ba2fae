from __future__ import annotations

from django.urls import path

from trialmgr.overview.views import home, language

app_name = "overview"
urlpatterns = [
    path("", home.home, name="home"),
    path("language/", language.set_language, name="set_language"),
]
