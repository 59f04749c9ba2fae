from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from trialmgr.people.forms import ActForm as RefusableForm
from trialmgr.people.forms import DayField, ReasonForm

LARGEST_CAP = 100_000


class OnceForm(forms.Form):
    """The key of one opening of the page: sending it twice randomises once."""

    idempotency_key = forms.CharField(
        widget=forms.HiddenInput,
        max_length=32,
        validators=[RegexValidator(r"^[0-9a-f]{32}$")],
        initial=lambda: uuid.uuid4().hex,
    )


class ActForm(RefusableForm):
    """An act that asks for nothing but a yes."""


class EnvelopeForm(ReasonForm):
    """What stands on the envelope, and when and by whom it was opened."""

    envelope = forms.CharField(
        label=_("Envelope"), help_text=_("The name printed on it, such as 1-C-04."), max_length=30
    )
    opened_on = DayField(label=_("Day on which it was opened"))
    opened_time = forms.TimeField(
        label=_("Time at which it was opened"),
        help_text=_("On the clock at the site, such as 14:05."),
        input_formats=["%H:%M"],
    )
    opened_by = forms.CharField(label=_("Opened by"), max_length=150)
    field_order = ["envelope", "opened_on", "opened_time", "opened_by", "reason"]

    def act(self) -> dict[str, Any]:
        """What ``enter_envelope`` is told."""
        given = self.cleaned_data
        opened_at = timezone.make_aware(datetime.datetime.combine(given["opened_on"], given["opened_time"]))
        return {"opened_at": opened_at} | {name: given[name] for name in ("envelope", "opened_by", "reason")}


class CorrectionForm(ReasonForm):
    """``levels``: factor -> the levels it can have."""

    level = forms.ChoiceField(label=_("The true level"))
    field_order = ["level", "reason"]

    def __init__(self, *args: Any, levels: Mapping[str, Sequence[str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        pairs = [f"{factor}={level}" for factor, of_factor in levels.items() for level in of_factor]
        choices = [("", "–"), *((pair, pair.replace("=", ": ", 1)) for pair in pairs)]
        self.fields["level"] = forms.ChoiceField(label=self.fields["level"].label, choices=choices)

    def act(self) -> dict[str, str]:
        """What ``correct_stratum`` is told."""
        factor, _equals, level = self.cleaned_data["level"].partition("=")
        return {"factor": factor, "corrected": level, "reason": self.cleaned_data["reason"]}


class CapForm(ReasonForm):
    participants = forms.IntegerField(
        label=_("Most participants"),
        min_value=0,
        max_value=LARGEST_CAP,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "class": "tm-input--number"}),
    )
    field_order = ["participants", "reason"]
