from __future__ import annotations

from django.urls import path

from trialmgr.people import views

app_name = "people"
urlpatterns = [
    path("people/", views.people_list, name="list"),
    # A user name has at least four letters, so nobody can be called this.
    path("people/add/", views.add, name="add"),
    path("people/<str:username>/", views.detail, name="detail"),
    path("people/<str:username>/link/", views.link, name="link"),
    path("people/<str:username>/deactivate/", views.deactivate, name="deactivate"),
    path("people/<str:username>/roles/", views.grant, name="grant"),
    path("people/<str:username>/roles/<int:number>/end/", views.end, name="end_role"),
    path("sites/", views.sites, name="sites"),
    path("sites/<str:code>/activate/", views.activate, name="activate_site"),
    path("sites/<str:code>/close/", views.close, name="close_site"),
    path("account/set-password/<str:username>/<str:token>/", views.set_password, name="set_password"),
]
