from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from trialmgr.people import actions, queries
from trialmgr.people.forms import (
    ActForm,
    PasswordForm,
    ReasonForm,
    RoleForm,
    SiteDayForm,
    UserForm,
    acted,
    bound,
    status_of,
)
from trialmgr.people.guards import permitted, person
from trialmgr.people.middleware import seconds_left, stay
from trialmgr.people.models import Membership, Site, User
from trialmgr.people.permissions import ROLE_LABELS, Role
from trialmgr.studies.clock import today

PAGE = 50


@never_cache
@require_http_methods(["GET", "POST"])
def session(request: HttpRequest) -> JsonResponse:
    """How long until the idle sign-out: looked at by GET, which puts off nothing; put off by POST."""
    if request.method == "POST" and request.user.is_authenticated:
        stay(request)
    return JsonResponse({"left": seconds_left(request)})


@permitted("people.view")
def people_list(request: HttpRequest) -> HttpResponse:
    text = request.GET.get("text", "").strip()
    page_obj = Paginator(queries.people(text), PAGE).get_page(request.GET.get("page"))
    labels = (_("Name"), _("User name"), _("Roles"), _("Last sign-in"), _("Account"))
    page = {
        "text": text,
        "page_obj": page_obj,
        "columns": [{"label": label} for label in labels],
        "rows": [_user_row(user) for user in page_obj],
        "may_manage": person(request).may("people.manage"),
    }
    return render(request, "people/accounts/list.html", page)


def _user_row(user: User) -> list[dict[str, Any]]:
    roles = ", ".join(_role_name(held) for held in user.memberships.all() if _in_force(held))
    return [
        {"text": user.actor_name, "url": reverse("people:detail", args=[user.username])},
        {"text": user.username},
        {"text": roles or None},
        {"text": _time(user)},
        _account_tag(user),
    ]


def _account_tag(user: User) -> dict[str, Any]:
    if not user.is_active:
        return {"text": _("Deactivated"), "kind": "stop"}
    if not user.has_usable_password():
        return {"text": _("No password yet"), "kind": "todo"}
    return {"text": _("Open"), "kind": "done"}


def _time(user: User) -> str | None:
    return date_format(localtime(user.last_login), "Y-m-d H:i") if user.last_login else None


def _role_name(held: Membership) -> str:
    label = str(ROLE_LABELS[Role(held.role)])
    return f"{label} ({held.site.code})" if held.site else label


def _in_force(held: Membership) -> bool:
    return held.since <= today() and (held.until is None or today() < held.until)


@permitted("people.manage")
def add(request: HttpRequest) -> HttpResponse:
    form = bound(UserForm, request)
    if user := acted(request, form, actions.create_user, by=person(request), password=None):
        messages.success(request, _("The account is made. Now grant a role and hand over a link."))
        return redirect("people:detail", username=user.username)
    return _act_page(request, _("Add a person"), form, back=reverse("people:list"))


@permitted("people.view")
def detail(request: HttpRequest, username: str) -> HttpResponse:
    user = queries.person_called(username)
    may_manage = person(request).may("people.manage")
    labels = [_("Role"), _("From"), _("Until"), _("What you can do")]
    page = {
        "shown": user,
        "summary": _summary(user),
        "columns": [{"label": label} for label in labels],
        "roles": [_role_row(user, held, number, may_manage) for number, held in enumerate(user.memberships.all(), 1)],
        "may_manage": may_manage and user.is_active,
        "breadcrumbs": _crumbs(user.actor_name),
    }
    return render(request, "people/accounts/account.html", page)


def _summary(user: User) -> list[dict[str, Any]]:
    account = _account_tag(user)
    return [
        {"key": _("User name"), "value": user.username},
        {"key": _("E-mail"), "value": user.email},
        {"key": _("Account"), "value": account["text"], "kind": account["kind"]},
        {"key": _("Last sign-in"), "value": _time(user)},
    ]


def _role_row(user: User, held: Membership, number: int, may_manage: bool) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = [
        {"text": _role_name(held)},
        {"text": date_format(held.since)},
        {"text": date_format(held.until) if held.until else None},
    ]
    if not may_manage or held.until is not None:
        return [*cells, {"text": None}]
    url = reverse("people:end_role", args=[user.username, number])
    return [*cells, {"text": _("End this role"), "url": url, "about": _role_name(held)}]


@permitted("people.manage")
@require_POST
@never_cache
def link(request: HttpRequest, username: str) -> HttpResponse:
    """Shows, once, a link that the administrator hands over; whoever opens it sets the password."""
    user = queries.person_called(username)
    token = actions.make_password_link(by=person(request), user=user)
    url = request.build_absolute_uri(reverse("people:set_password", args=[username, token]))
    return render(
        request, "people/accounts/link.html", {"shown": user, "link": url, "breadcrumbs": _crumbs(user.actor_name)}
    )


@permitted("people.manage")
def deactivate(request: HttpRequest, username: str) -> HttpResponse:
    user, form = queries.person_called(username), bound(ReasonForm, request)
    back = reverse("people:detail", args=[username])
    if acted(request, form, actions.deactivate_user, by=person(request), user=user):
        messages.success(request, _("The account is deactivated."))
        return redirect(back)
    warning = _("This person can no longer sign in. The account and all they did stay in the records.")
    return _act_page(request, _("Deactivate this account"), form, back, user.actor_name, warning)


@permitted("people.manage")
def grant(request: HttpRequest, username: str) -> HttpResponse:
    user, form = queries.person_called(username), bound(RoleForm, request)
    back = reverse("people:detail", args=[username])
    if acted(request, form, actions.grant_role, by=person(request), user=user):
        messages.success(request, _("The role is granted."))
        return redirect(back)
    return _act_page(request, _("Grant a role"), form, back, user.actor_name)


@permitted("people.manage")
def end(request: HttpRequest, username: str, number: int) -> HttpResponse:
    user, form = queries.person_called(username), bound(ReasonForm, request)
    held, back = queries.membership_of(user, number), reverse("people:detail", args=[username])
    if acted(request, form, actions.end_role, by=person(request), membership=held):
        messages.success(request, _("The role has ended."))
        return redirect(back)
    return _act_page(request, _("End a role"), form, back, f"{user.actor_name}: {_role_name(held)}")


@permitted("people.view")
def sites(request: HttpRequest) -> HttpResponse:
    may_manage = person(request).may("sites.manage")
    labels = (_("Site"), _("Code"), _("Active from"), _("Closed on"), _("Status"), _("What you can do"))
    page = {
        "columns": [{"label": label} for label in labels],
        "rows": [_site_row(site, may_manage) for site in Site.objects.all()],
    }
    return render(request, "people/sites.html", page)


def _site_row(site: Site, may_manage: bool) -> list[dict[str, Any]]:
    active = site.is_active(today())
    return [
        {"text": site.name},
        {"text": site.code},
        {"text": date_format(site.active_from) if site.active_from else None},
        {"text": date_format(site.closed_on) if site.closed_on else None},
        {"text": _("Active"), "kind": "done"} if active else {"text": _("Not active"), "kind": "none"},
        _site_link(site, active) if may_manage else {"text": None},
    ]


def _site_link(site: Site, active: bool) -> dict[str, Any]:
    name, label = ("people:close_site", _("Close")) if active else ("people:activate_site", _("Activate"))
    return {"text": label, "url": reverse(name, args=[site.code]), "about": site.name}


@permitted("sites.manage")
def activate(request: HttpRequest, code: str) -> HttpResponse:
    """A site starts after its approvals, which the reason names."""
    site, form = queries.site_called(code), bound(SiteDayForm, request)
    if acted(request, form, actions.activate_site, by=person(request), site=site):
        messages.success(request, _("The site is activated."))
        return redirect("people:sites")
    lead = _("Name the approvals in the reason: ethics committee, contract, training.")
    return _act_page(request, _("Activate a site"), form, reverse("people:sites"), site.name, lead)


@permitted("sites.manage")
def close(request: HttpRequest, code: str) -> HttpResponse:
    site, form = queries.site_called(code), bound(SiteDayForm, request)
    if acted(request, form, actions.close_site, by=person(request), site=site):
        messages.success(request, _("The site is closed."))
        return redirect("people:sites")
    warning = _("From that day nobody can be registered or randomised at this site. Entry goes on.")
    return _act_page(request, _("Close a site"), form, reverse("people:sites"), site.name, warning)


@never_cache
@sensitive_post_parameters()
def set_password(request: HttpRequest, username: str, token: str) -> HttpResponse:
    """The first step of a new person, without an account's password: the link is the proof, once."""
    user = queries.user_of_link(username, token)
    if user is None:
        return render(request, "people/accounts/link_over.html", status=410)
    form = bound(PasswordForm, request, user=user)
    if request.method == "POST" and form.is_valid():
        actions.change_password(by=user, password=form.cleaned_data["password"])
        messages.success(request, _("Your password is set. Sign in with it."))
        return redirect("account_login")
    return render(request, "people/accounts/set_password.html", {"form": form, "shown": user}, status=status_of(form))


def _act_page(
    request: HttpRequest, heading: str, form: ActForm, back: str, caption: str = "", lead: str = ""
) -> HttpResponse:
    page = {"heading": heading, "form": form, "cancel_url": back, "caption": caption, "lead": lead}
    return render(request, "people/frames/act.html", page, status=status_of(form))


def _crumbs(label: str) -> list[dict[str, str]]:
    return [{"label": _("People"), "url": reverse("people:list")}, {"label": label}]
