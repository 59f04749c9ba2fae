from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from django import forms
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from audit.acts import ActionRefused

F = TypeVar("F", bound=forms.Form)


class DayWidget(forms.MultiWidget):
    """A date in three text boxes; what was typed comes back as typed."""

    use_fieldset = True

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        boxes = {name: forms.TextInput(attrs={"inputmode": "numeric"}) for name in ("day", "month", "year")}
        super().__init__(boxes, attrs)

    def decompress(self, value: Any) -> list[str]:
        text = value.isoformat() if isinstance(value, datetime.date) else value or ""
        year, month, day = (text.split("-", 2) + ["", ""])[:3]
        return [day, month, year]

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> str:
        day, month, year = (str(data.get(f"{name}_{part}", "")).strip() for part in ("day", "month", "year"))
        return f"{year}-{month}-{day}" if day or month or year else ""

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        # By the pages' own engine, so that the boxes look like those of a form's item.
        return render_to_string("participants/day.html", self.get_context(name, value, attrs))


class DayField(forms.Field):
    widget = DayWidget
    default_error_messages = {"invalid": _("Enter a day, month and year that exist, such as 31 5 2026.")}

    def to_python(self, value: Any) -> datetime.date | None:
        if not value:
            return None
        try:
            year, month, day = value.split("-", 2)
            return datetime.date(int(year), int(month), int(day))
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


def status_of(form: forms.Form) -> int:
    """422 for a page that comes back with errors. Source: RFC 9110 15.5.21."""
    return 422 if form.errors else 200


class ConsentForm(ActForm):
    version = forms.ChoiceField(label=_("Version of the consent form"))
    given_on = DayField(label=_("Day on which the participant signed"))

    def __init__(self, *args: Any, versions: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["version"] = forms.ChoiceField(label=self.fields["version"].label, choices=versions)


class WithdrawalForm(ActForm):
    on = DayField(label=_("Day on which the participant withdrew"))
    reason = forms.CharField(label=_("Reason"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))


class ReasonForm(ActForm):
    """An act that owes a reason and nothing else."""

    reason = forms.CharField(label=_("Reason"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))


class ContactForm(ActForm):
    name = forms.CharField(label=_("Name"), max_length=200, required=False)
    email = forms.EmailField(label=_("E-mail"), required=False)
    telephone = forms.CharField(label=_("Telephone"), max_length=40, required=False)
