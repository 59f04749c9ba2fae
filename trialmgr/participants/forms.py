from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from audit.acts import ActionRefused
from trialmgr.participants.contact import FIELDS
from trialmgr.participants.policies import SamePerson
from trialmgr.people.forms import ActForm, DayField


class ConsentForm(ActForm):
    version = forms.ChoiceField(label=_("Version of the consent form"))
    given_on = DayField(label=_("Day on which the participant signed"))

    def __init__(self, *args: Any, versions: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["version"] = forms.ChoiceField(label=self.fields["version"].label, choices=versions)


class ConsentCorrectionForm(ConsentForm):
    reason = forms.CharField(label=_("Reason for the change"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))


class WithdrawalForm(ActForm):
    on = DayField(label=_("Day on which the participant withdrew"))
    reason = forms.CharField(label=_("Reason"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))


class ContactForm(ActForm):
    """``other_person`` is asked for once the details turned out to be those of another participant."""

    refused_same_person = False

    name = forms.CharField(label=_("Name"), max_length=200, required=False)
    born_on = DayField(label=_("Day of birth"), required=False)
    email = forms.EmailField(label=_("E-mail"), required=False)
    telephone = forms.CharField(label=_("Telephone"), max_length=40, required=False)
    other_person = forms.CharField(
        label=_("How do you know that this is another person?"),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    @property
    def met_same_person(self) -> bool:
        """Whether the question has to be asked, or was asked before."""
        return "other_person" in self.data or self.refused_same_person

    def refuse(self, refusal: ActionRefused) -> None:
        super().refuse(refusal)
        self.refused_same_person = isinstance(refusal, SamePerson)

    def details(self) -> dict[str, str]:
        """What was filled in, as text."""
        given = {name: self.cleaned_data[name] or "" for name in FIELDS}
        return {name: value if isinstance(value, str) else value.isoformat() for name, value in given.items()}
