from __future__ import annotations

from collections.abc import Iterator

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from audit.acts import ActionRefused
from trialmgr.people.models import Membership, Site, Unblinding, User
from trialmgr.people.permissions import APART, ROLE_LABELS, SITE_ROLES, Role
from trialmgr.people.visibility import blinded_roles
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.clock import today
from trialmgr.studies.queries import NoStudyPublished, current_definition, timeline

# So that a user's name fits wherever the audit trail names what an act was about.
LONGEST_USERNAME = 120


def check_account_fits(user: User, password: str | None) -> None:
    """Every reason why this account cannot be made, raised together."""
    reasons = []
    if User.objects.filter(username__iexact=user.username).exists():
        reasons.append(_("The user name %(name)s has been used before: choose another.") % {"name": user.username})
    if len(user.username) > LONGEST_USERNAME:
        reasons.append(_("A user name has at most %(most)s characters.") % {"most": LONGEST_USERNAME})
    if password is not None:
        try:
            validate_password(password, user)
        except ValidationError as error:
            reasons += error.messages
    if reasons:
        raise ActionRefused(*reasons)


def roles_to_end(user: User) -> list[Membership]:
    """The blinded roles, now or to come, that a person cannot hold once they have learned an allocation."""
    blinded = blinded_roles(current_definition()) - {Role.ADMINISTRATOR}
    standing = Membership.objects.filter(user=user).not_ended(today()).select_related("site")
    return [one for one in standing if one.role in blinded]


def check_role_fits(*, user: User, role: Role, site: Site | None) -> None:
    """Every reason why this person may not hold this role, raised together."""
    standing = list(Membership.objects.filter(user=user).not_ended(today()))
    held = {Role(membership.role) for membership in standing}
    reasons = [*_site_reasons(role, site), *_duty_reasons(held, role), *_blinding_reasons(user, held, role)]
    if any(membership.role == role and membership.site_id in (None, site and site.pk) for membership in standing):
        reasons.append(_("This person holds this role already."))
    if reasons:
        raise ActionRefused(*reasons)


def _site_reasons(role: Role, site: Site | None) -> list[str]:
    label = {"role": ROLE_LABELS[role]}
    if role in SITE_ROLES and site is None:
        return [_("The role %(role)s is held at a site: name the site.") % label]
    if role not in SITE_ROLES and role is not Role.MONITOR and site is not None:
        return [_("The role %(role)s serves the whole trial: leave the site out.") % label]
    return []


def _duty_reasons(held: set[Role], role: Role) -> list[str]:
    clash = {
        other
        for one, others in APART
        for other in held
        if (role in one and other in others) or (other in one and role in others)
    }
    return [
        _("%(a)s and %(b)s are duties that one person may not hold together.")
        % {"a": ROLE_LABELS[role], "b": ROLE_LABELS[other]}
        for other in sorted(clash)
    ]


def _blinding_reasons(user: User, held: set[Role], role: Role) -> list[str]:
    """Whoever was ever unblinded can never work blinded in this trial, nor both at once."""
    try:
        blinded = blinded_roles(current_definition())
    except NoStudyPublished:
        return []
    if role in blinded and role is not Role.ADMINISTRATOR:
        if Unblinding.objects.filter(user=user).exists():
            return [_("This person has learned an allocation of this trial and cannot take a blinded role.")]
        if _held_unblinded(user, blinded):
            return [_("This person has worked unblinded in this trial and cannot take a blinded role.")]
    if role not in blinded and (held & blinded) - {Role.ADMINISTRATOR}:
        return [_("This person works blinded: end the blinded role first.")]
    return []


def _held_unblinded(user: User, blinded: frozenset[str]) -> bool:
    """Whether this person ever held a role that is unblinded now, or was so before an amendment blinded it."""
    return any(
        membership.role not in blinded
        or any(membership.role not in blinded_roles(definition) for definition in _in_force_during(membership))
        for membership in Membership.objects.filter(user=user).select_related("site")
    )


def _in_force_during(membership: Membership) -> Iterator[StudyDefinition]:
    """The definitions that counted, at the membership's site, on a day on which it was held."""
    here = [span for span in timeline().spans if membership.site is None or span.site in ("", membership.site.code)]
    last = min(membership.until or today(), today())
    for day in {membership.since} | {span.begins for span in here if membership.since < span.begins <= last}:
        begun = [span.version for span in here if span.begins <= day]
        if begun:
            yield max(begun, key=lambda version: version.number).definition
