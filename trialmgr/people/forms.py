from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.password_validation import password_validators_help_text_html, validate_password
from django.core.validators import RegexValidator
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from audit.acts import ActionRefused
from audit.once import DoneBefore
from trialmgr.people.models import Site, User
from trialmgr.people.permissions import ROLE_LABELS, Role
from trialmgr.protocol.values import ValueProblem, iso_day
from trialmgr.studies.clock import today

F = TypeVar("F", bound=forms.Form)
R = TypeVar("R")
_ROLES = [("", "–"), *((role.value, label) for role, label in ROLE_LABELS.items())]


class DayWidget(forms.MultiWidget):
    """A date in three text boxes; what was typed comes back as typed."""

    use_fieldset = True

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        boxes: dict[str, forms.Widget | type[forms.Widget]] = {
            name: forms.TextInput(attrs={"inputmode": "numeric"}) for name in ("day", "month", "year")
        }
        super().__init__(boxes, attrs)

    def decompress(self, value: Any) -> list[str]:
        text = value.isoformat() if isinstance(value, datetime.date) else value or ""
        if re.search(r"[/. ]", text):
            return [text, "", ""]
        year, month, day = [*text.split("-", 2), "", ""][:3]
        return [day, month, year]

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        """``today`` is a button: it sends the form with the day of today, whatever stands in the boxes."""
        if f"{name}_today" in data:
            return today().isoformat()
        day, month, year = (str(data.get(f"{name}_{part}", "")).strip() for part in ("day", "month", "year"))
        if day and not (month or year or day.isdigit()):
            return day  # pasted whole
        return f"{year}-{month}-{day}" if day or month or year else ""

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        # By the pages' own engine, so that the boxes look like those of a form's item.
        return render_to_string("people/frames/day.html", self.get_context(name, value, attrs))


class DayField(forms.Field):
    widget = DayWidget
    default_error_messages = {"invalid": _("Enter a day, month and year that exist, such as 31 5 2026.")}

    def to_python(self, value: Any) -> datetime.date | None:
        if not value:
            return None
        try:
            year, month, day = (iso_day(value) or value).split("-", 2)
            return datetime.date(int(year), int(month), int(day))
        except ValueProblem as problem:
            raise forms.ValidationError(problem.text(get_language() or "nl"), code="ambiguous") from None
        except ValueError:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from None


class ActForm(forms.Form):
    """A form whose action may refuse: the reasons join the errors of the page, and what was typed stays."""

    def refuse(self, refusal: ActionRefused) -> None:
        for reason in refusal.reasons:
            self.add_error(None, reason)


def bound(form: type[F], request: HttpRequest, **kwargs: Any) -> F:
    """The form with what was sent, or empty."""
    return form(request.POST if request.method == "POST" else None, **kwargs)


def acted(request: HttpRequest, form: ActForm, act: Callable[..., R], **given: Any) -> R | None:
    """What the act gave, done with what the form holds. None before that, and when refused: the form then says why.

    What was done when the same page was sent before counts as done now, and the next page says so.
    """
    if request.method != "POST" or not form.is_valid():
        return None
    try:
        return act(**given, **form.cleaned_data)
    except DoneBefore as before:
        messages.info(request, str(before))
        return cast(R, before.made)
    except ActionRefused as refusal:
        form.refuse(refusal)
        return None


def status_of(form: forms.Form) -> int:
    """422 for a page that comes back with errors. Source: RFC 9110 15.5.21."""
    return 422 if form.errors else 200


class ReasonForm(ActForm):
    """An act that owes a reason and nothing else."""

    reason = forms.CharField(label=_("Reason"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))


class SiteDayForm(ReasonForm):
    """The day from which a site works, or no longer does, and what that rests on."""

    on = DayField(label=_("From day"))
    field_order = ["on", "reason"]


class UserForm(ActForm):
    """An account of one person. It has no password: the person sets it, by a link that works once."""

    username = forms.CharField(
        label=_("User name"),
        help_text=_("Small letters, digits, full stops and hyphens; at least four. It is never used again."),
        max_length=60,
        validators=[RegexValidator(r"^[a-z][a-z0-9.-]{3,}$", _("Use at least four small letters, digits, . or -."))],
    )
    first_name = forms.CharField(label=_("First name"), max_length=150)
    last_name = forms.CharField(label=_("Last name"), max_length=150)
    email = forms.EmailField(label=_("E-mail"))


class RoleForm(ActForm):
    role = forms.ChoiceField(label=_("Role"), choices=_ROLES)
    site = forms.ModelChoiceField(
        label=_("Site"),
        queryset=Site.objects.all(),
        required=False,
        empty_label=_("The whole trial"),
        to_field_name="code",
    )
    since = DayField(label=_("From day"), required=False, help_text=_("Leave empty for today."))

    def clean_role(self) -> Role:
        return Role(self.cleaned_data["role"])


class PasswordForm(ActForm):
    """The person's own choice, typed twice; the rules are the installation's password validators."""

    password = forms.CharField(
        label=_("New password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=password_validators_help_text_html(),
    )
    again = forms.CharField(
        label=_("New password, once more"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password, self.user)
        return password

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if "password" in given and given.get("again") != given["password"]:
            self.add_error("again", _("The two passwords are not the same: type both again."))
        return given
