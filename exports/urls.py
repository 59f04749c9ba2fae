from __future__ import annotations

from django.urls import path

from exports.views import locks, open_points, releases

app_name = "exports"
urlpatterns = [
    path("open-points/", open_points.open_points, name="open_points"),
    path("open-points/<slug:kind>/", open_points.open_points_of, name="open_points_of"),
    path("releases/", releases.releases, name="releases"),
    path("releases/lock/", locks.lock, name="lock"),
    path("releases/make/", releases.make, name="make"),
    path("releases/<int:number>/", releases.release, name="release"),
    path("releases/<int:number>/<name:name>/", releases.file, name="file"),
]
