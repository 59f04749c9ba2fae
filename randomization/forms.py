from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.core.validators import RegexValidator
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from randomization.methods.lists.extensions import wanted_lengths
from randomization.methods.lists.rows import LONGEST_LIST
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
    """``levels``: factor -> the levels it can have; ``labels``: factor -> what people read."""

    level = forms.ChoiceField(label=_("The true level"))
    field_order = ["level", "reason"]

    def __init__(
        self, *args: Any, levels: Mapping[str, Sequence[str]], labels: Mapping[str, str], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        pairs = [(factor, level) for factor, of_factor in levels.items() for level in of_factor]
        named = [(f"{factor}={level}", f"{labels[factor]}: {level}") for factor, level in pairs]
        choices = [("", "–"), *named]
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


class ExtendForm(ReasonForm):
    """More rows: for every stratum, or for those named."""

    to = forms.IntegerField(
        label=_("Rows in each stratum"),
        help_text=_("Of strata that are shorter. Left out: the number in the study definition."),
        required=False,
        min_value=1,
        max_value=LONGEST_LIST,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "class": "tm-input--number"}),
    )
    strata = forms.CharField(
        label=_("Strata with a number of their own"),
        help_text=_("One a line, such as site=UMCG=240. Without a number above, only these are extended."),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    field_order = ["to", "strata", "reason"]

    def act(self) -> dict[str, Any]:
        """What ``extend_list`` is told. Raises DesignRefused for a line that cannot be read."""
        given = self.cleaned_data
        each = wanted_lengths(line for line in given["strata"].splitlines() if line.strip())
        return {"reason": given["reason"], "to": given["to"], "each": each}


class ImportForm(RefusableForm):
    """A file that is read in memory alone: a larger one would be laid on the disk."""

    file = forms.FileField(
        label=_("File"),
        help_text=_("CSV with a column for each factor, position, arm and, where there are blocks, block."),
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
        error_messages={"required": _("Choose the file. After signing in again it has to be chosen anew.")},
    )

    def clean_file(self) -> bytes:
        given = self.cleaned_data["file"]
        if given.size > settings.FILE_UPLOAD_MAX_MEMORY_SIZE:
            raise forms.ValidationError(_("This file is too large for the page: import it with the command."))
        content: bytes = given.read()
        return content


class PackForm(RefusableForm):
    site = forms.ChoiceField(label=_("Site"), required=False)

    def __init__(self, *args: Any, sites: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", _("All sites")), *sites]
        self.fields["site"] = forms.ChoiceField(label=self.fields["site"].label, required=False, choices=choices)
