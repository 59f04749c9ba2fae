from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from crf.models import QUERY_STATUS_LABELS, WEIGHT_LABELS
from crf.turns import TURN_LABELS
from trialmgr.participants.states import STATUS_LABELS
from trialmgr.people.forms import ActForm, DayField, ReasonForm
from trialmgr.people.models import Site, User

Choices = Sequence[tuple[str, Any]]

EVERY: tuple[str, Any] = ("", _("All"))

COMMON_REASONS = {
    "typing": _("Typing error"),
    "source": _("The source says otherwise"),
    "later": _("Information that came later"),
    "query": _("Answer to a query"),
    "place": _("Entered at the wrong visit or participant"),
    "other": _("Other reason, explained below"),
}


def sites_of(user: User, permission: str) -> list[Site]:
    """Sites at which this person holds the permission, in order of code."""
    sites = Site.objects.all() if user.works_everywhere else Site.objects.filter(pk__in=user.site_ids())
    return [site for site in sites if user.may(permission, site=site)]


class ParticipantFilter(forms.Form):
    number = forms.CharField(label=_("Number"), required=False)
    site = forms.ChoiceField(label=_("Site"), required=False)
    status = forms.ChoiceField(
        label=_("Status"),
        required=False,
        choices=[EVERY, *((status.value, label) for status, label in STATUS_LABELS.items())],
    )

    def __init__(self, *args: Any, sites: Sequence[Site], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer(self, "site", [EVERY, *((site.code, site.name) for site in sites)])


class QueryFilter(forms.Form):
    status = forms.ChoiceField(label=_("Status"), required=False)
    turn = forms.ChoiceField(
        label=_("Whose turn"), required=False, choices=[EVERY, ("mine", _("Mine")), *TURN_LABELS.items()]
    )
    site = forms.ChoiceField(label=_("Site"), required=False)
    form = forms.ChoiceField(label=_("Form"), required=False)
    author = forms.ChoiceField(
        label=_("Raised by"),
        required=False,
        choices=[EVERY, ("check", _("Edit check")), ("person", _("A person"))],
    )
    assigned = forms.ChoiceField(label=_("Assigned to"), required=False, choices=[EVERY, ("me", _("Me"))])
    days = forms.IntegerField(
        label=_("At least this many days old"),
        required=False,
        min_value=0,
        max_value=9999,
        widget=forms.TextInput(attrs={"inputmode": "numeric"}),
    )

    sort = forms.ChoiceField(label=_("In order of"), required=False)

    def __init__(self, *args: Any, sites: Sequence[Site], studied: Choices, orders: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        states = [(status.value, label) for status, label in QUERY_STATUS_LABELS.items()]
        _offer(self, "status", [("", _("Not closed")), *states])
        _offer(self, "site", [EVERY, *((site.code, site.name) for site in sites)])
        _offer(self, "form", [EVERY, *studied])
        _offer(self, "sort", [("", _("Age, oldest first")), *orders])


class FigureFilter(forms.Form):
    """Which of the things that a figure counts."""

    site = forms.ChoiceField(label=_("Site"), required=False)
    participant = forms.CharField(label=_("Participant"), required=False, max_length=20)
    visit = forms.ChoiceField(label=_("Visit"), required=False)
    form = forms.ChoiceField(label=_("Form"), required=False)

    def __init__(self, *args: Any, sites: Sequence[Site], visits: Choices, forms: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer(self, "site", [EVERY, *((site.code, site.name) for site in sites)])
        for name, offered in (("visit", visits), ("form", forms)):
            if offered:
                _offer(self, name, [EVERY, *offered])
            else:
                del self.fields[name]


class SiteFilter(forms.Form):
    site = forms.ChoiceField(label=_("Site"), required=False)

    def __init__(self, *args: Any, sites: Sequence[Site], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer(self, "site", [EVERY, *((site.code, site.name) for site in sites)])


class ExplainForm(ReasonForm):
    """Which days, and why it happened so."""

    finding = forms.ChoiceField(label=_("What does not go together"), widget=forms.RadioSelect)
    field_order = ["finding", "reason"]

    def __init__(self, *args: Any, findings: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer(self, "finding", findings)


class WeighForm(ExplainForm):
    weight = forms.ChoiceField(
        label=_("How much does it weigh?"),
        widget=forms.RadioSelect,
        choices=[(weight.value, label) for weight, label in WEIGHT_LABELS.items()],
    )
    field_order = ["finding", "weight", "reason"]


class MoveFilter(forms.Form):
    """Of whom the form is."""

    participant = forms.CharField(label=_("Number of the participant"), required=False)


class MoveForm(ReasonForm):
    """At which visit it belongs."""

    visit = forms.ChoiceField(label=_("The visit at which it belongs"), widget=forms.RadioSelect)
    field_order = ["visit", "reason"]

    def __init__(self, *args: Any, visits: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer(self, "visit", visits)


class SiteForm(ReasonForm):
    site = forms.ChoiceField(label=_("Site"))
    field_order = ["site", "reason"]

    def __init__(self, *args: Any, sites: Sequence[Site], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer(self, "site", [(site.code, site.name) for site in sites])


class RegisterForm(ActForm):
    site = forms.ChoiceField(label=_("Site"))
    on = DayField(label=_("Day of registration"))

    def __init__(self, *args: Any, sites: Sequence[Site], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer(self, "site", [(site.code, site.name) for site in sites])


class RegisteredForm(ReasonForm):
    on = DayField(label=_("Day of registration"))
    field_order = ["on", "reason"]


class AddVisitForm(ActForm):
    key = forms.ChoiceField(label=_("Visit"))
    on = DayField(label=_("Day on which the visit took place"))
    reason = forms.CharField(label=_("Reason, if the day is an unexpected one"), max_length=500, required=False)

    def __init__(self, *args: Any, visits: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer(self, "key", visits)


class VisitDayForm(ActForm):
    """``reason`` is owed where a saved day changes, and where the day does not go with the others."""

    on = DayField(label=_("Day on which the visit took place"))
    reason = forms.CharField(label=_("Reason for the change"), max_length=500, required=False)

    def __init__(self, *args: Any, changes: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = changes
        if not changes:
            self.fields["reason"].label = _("Reason, if the day is an unexpected one")


class ChangeReasonForm(forms.Form):
    """Why saved values change: one of the common reasons, own words, or both."""

    reason_choice = forms.ChoiceField(
        label=_("Reason for the change"), required=False, choices=[("", _("Choose")), *COMMON_REASONS.items()]
    )
    reason_text = forms.CharField(
        label=_("Explanation"), required=False, max_length=500, widget=forms.Textarea(attrs={"rows": 2})
    )

    def take_focus(self) -> Self:
        """The page opens at this question."""
        self.fields["reason_choice"].widget.attrs |= {"autofocus": True, "aria-describedby": "reason-error"}
        return self

    def reason(self) -> str:
        """In one line; empty where none was given, or "other" without words."""
        self.full_clean()
        choice, text = (self.cleaned_data.get(name, "") for name in ("reason_choice", "reason_text"))
        label = str(COMMON_REASONS[choice]) if choice and choice != "other" else ""
        return ": ".join(part for part in (label, text) if part)


class NotDoneForm(ActForm):
    code = forms.ChoiceField(label=_("Why is there no value?"), widget=forms.RadioSelect)
    reason = forms.CharField(label=_("Reason for the change"), max_length=500, required=False)

    def __init__(self, *args: Any, codes: Choices, changes: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer(self, "code", codes)
        if changes:
            self.fields["reason"].required = True
        else:
            del self.fields["reason"]


class MessageForm(ActForm):
    text = forms.CharField(label=_("Message"), max_length=2000, widget=forms.Textarea(attrs={"rows": 4}))


class AssignForm(ActForm):
    """Who is to deal with a query; empty for nobody in particular."""

    to = forms.ModelChoiceField(
        User.objects.filter(is_active=True),
        to_field_name="username",
        required=False,
        error_messages={"invalid_choice": _("Nobody of this user name has an open account: choose somebody else.")},
    )


class ConfirmForm(ActForm):
    """Nothing to fill in: the answers stand above the button."""


def _offer(form: forms.Form, name: str, choices: Choices) -> None:
    cast(forms.ChoiceField, form.fields[name]).choices = choices
