from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from trialmgr.people.forms import ActForm, DayField


class ConsentForm(ActForm):
    version = forms.ChoiceField(label=_("Version of the consent form"))
    given_on = DayField(label=_("Day on which the participant signed"))

    def __init__(self, *args: Any, versions: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["version"] = forms.ChoiceField(label=self.fields["version"].label, choices=versions)


class WithdrawalForm(ActForm):
    on = DayField(label=_("Day on which the participant withdrew"))
    reason = forms.CharField(label=_("Reason"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))


class ContactForm(ActForm):
    name = forms.CharField(label=_("Name"), max_length=200, required=False)
    email = forms.EmailField(label=_("E-mail"), required=False)
    telephone = forms.CharField(label=_("Telephone"), max_length=40, required=False)
