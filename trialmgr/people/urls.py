from __future__ import annotations

from django.urls import path

from trialmgr.people import views

app_name = "people"
urlpatterns = [
    path("people/", views.people_list, name="list"),
    # A user name has at least four letters, so nobody can be called this.
    path("people/add/", views.add, name="add"),
    path("people/<name:username>/", views.detail, name="detail"),
    path("people/<name:username>/link/", views.link, name="link"),
    path("people/<name:username>/deactivate/", views.deactivate, name="deactivate"),
    path("people/<name:username>/roles/", views.grant, name="grant"),
    path("people/<name:username>/roles/<int:number>/end/", views.end, name="end_role"),
    path("sites/", views.sites, name="sites"),
    path("sites/<slug:code>/activate/", views.activate, name="activate_site"),
    path("sites/<slug:code>/close/", views.close, name="close_site"),
    path("account/session/", views.session, name="session"),
    path("account/set-password/<name:username>/<slug:token>/", views.set_password, name="set_password"),
]
