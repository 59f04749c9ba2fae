from __future__ import annotations

import getpass
import os
from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from audit.acts import ActionRefused
from audit.commands import Answer, RoomCommand, Subcommand, WrongUsage
from trialmgr.people.actions import create_site, create_user, grant_role, make_api_key
from trialmgr.people.models import SYSTEM, Membership, Site, User
from trialmgr.people.permissions import Role
from trialmgr.studies.clock import today
from trialmgr.studies.queries import NoStudyPublished, current_definition

PASSWORD_VARIABLE = "TRIALMGR_NEW_PASSWORD"  # noqa: S105  the name of a variable, not a password


class Command(RoomCommand):
    help = "People: the first administrator, accounts, roles, sites, API keys."
    refusals = (NoStudyPublished,)

    def subcommands(self) -> Iterable[Subcommand]:
        yield Subcommand(
            "create-administrator", "Make the first administrator, while there is none.", create_administrator, _account
        )
        yield Subcommand("create", "Make an account without a role.", create, _account, as_user=True)
        yield Subcommand("grant", "Give a person a role.", grant, _role, as_user=True)
        yield Subcommand(
            "api-key", "Make a key with which a program acts as a person.", api_key, _username, as_user=True
        )
        yield Subcommand("add-sites", "Make the sites of the study in force that are new.", add_sites, as_user=True)
        yield Subcommand("list", "Everybody with the roles they hold today.", list_people)


def _account(parser: ArgumentParser) -> None:
    parser.description = f"{parser.description} The password comes from {PASSWORD_VARIABLE}, or is asked for."
    parser.add_argument("username", help="a name to sign in with, never used before")
    for name in ("--first-name", "--last-name", "--email"):
        parser.add_argument(name, required=True)
    parser.add_argument("--no-input", action="store_true", help="never ask for the password")


def _username(parser: ArgumentParser) -> None:
    parser.add_argument("username", help="the person")


def _role(parser: ArgumentParser) -> None:
    _username(parser)
    parser.add_argument("role", choices=[role.value for role in Role])
    parser.add_argument("--site", metavar="CODE", help="the site, for a role held at one")


def create_administrator(*, username: str, no_input: bool, **names: str) -> Answer:
    if Membership.objects.filter(role=Role.ADMINISTRATOR.value).in_force(today()).exists():
        raise ActionRefused("There is an administrator, who makes further accounts: people create --as USERNAME")
    user = create_user(by=SYSTEM, username=username, password=_password(username, no_input), **names)
    grant_role(by=SYSTEM, user=user, role=Role.ADMINISTRATOR)
    return Answer((f"{username} is the administrator.",), {"username": username, "role": Role.ADMINISTRATOR.value})


def create(*, by: Any, username: str, no_input: bool, **names: str) -> Answer:
    create_user(by=by, username=username, password=_password(username, no_input), **names)
    return Answer((f"{username} has an account, and no role yet: people grant.",), {"username": username})


def grant(*, by: Any, username: str, role: str, site: str | None) -> Answer:
    user = _user(username)
    grant_role(by=by, user=user, role=Role(role), site=_site(site))
    at = f" at {site}" if site else ""
    return Answer((f"{username} holds the role {role}{at}.",), {"username": username, "role": role, "site": site})


def api_key(*, by: Any, username: str) -> Answer:
    key = make_api_key(by=by, user=_user(username))
    return Answer((f"API key of {username}, shown this once: {key}",), {"username": username, "api_key": key})


def add_sites(*, by: Any) -> Answer:
    """An administrator activates them on the page of sites."""
    known = set(Site.objects.values_list("code", flat=True))
    new = [site for site in current_definition().sites if site.code not in known]
    for site in new:
        create_site(by=by, site=site)
    lines = [f"{site.code} {site.name}: made, not active yet" for site in new]
    return Answer(tuple(lines or ["Every site of the study is there."]), {"sites": [site.code for site in new]})


def list_people() -> Answer:
    people = [
        {
            "username": user.username,
            "name": user.actor_name,
            "active": user.is_active,
            "roles": [f"{one.role}@{one.site.code}" if one.site else one.role for one in user.memberships_now],
        }
        for user in User.objects.order_by("username")
    ]
    lines = [f"{one['username']}: {', '.join(one['roles']) or 'no role'}{_state(one)}" for one in people]
    return Answer(tuple(lines or ["Nobody has an account yet: people create-administrator"]), {"people": people})


def _state(person: dict[str, Any]) -> str:
    return "" if person["active"] else " (deactivated)"


def _password(username: str, no_input: bool) -> str:
    password = os.environ.get(PASSWORD_VARIABLE) or ("" if no_input else getpass.getpass(f"Password for {username}: "))
    if not password:
        raise WrongUsage(f"Set {PASSWORD_VARIABLE}, or leave --no-input out to be asked for a password.")
    try:
        validate_password(password)
    except ValidationError as invalid:
        raise ActionRefused(*invalid.messages) from None
    return password


def _user(username: str) -> User:
    user: User | None = User.objects.filter(username=username).first()
    if user is None:
        raise WrongUsage(f"There is no account with the user name “{username}”.")
    return user


def _site(code: str | None) -> Site | None:
    site = Site.objects.filter(code=code).first() if code else None
    if code and site is None:
        raise WrongUsage(f"There is no site with the code “{code}”.")
    return site
