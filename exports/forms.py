from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from trialmgr.people.forms import ActForm

WITH, WITHOUT = "with", "without"
_CHOICES = (
    (WITH, _("Everything, with the allocation")),
    (WITHOUT, _("Without the allocation and all that reveals it")),
)


class MakeForm(ActForm):
    """What goes into the release. ``sees_allocation`` False offers the one without the allocation alone."""

    def __init__(self, *args: Any, sees_allocation: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [choice for choice in _CHOICES if sees_allocation or choice[0] == WITHOUT]
        self.fields["content"] = forms.ChoiceField(
            label=_("What goes into it"), widget=forms.RadioSelect, choices=choices
        )
